package connix

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/connix-io/connix-go/internal/headers"
)

// AgentStateError reports an agent that ended in a state that was not waited for.
type AgentStateError struct {
	// Agent is the agent as it was last seen.
	Agent *Agent
	// Want lists the states that were waited for.
	Want []Status
}

// Error names the agent, its state and the states that were waited for.
func (e *AgentStateError) Error() string {
	if e == nil || e.Agent == nil {
		return "connix: the agent ended in another state"
	}
	return fmt.Sprintf("connix: agent %s is %s and will not become %s", printable(string(e.Agent.ID), maxText), printable(string(e.Agent.Status), maxText), oneOf(e.Want))
}

func oneOf(statuses []Status) string {
	text := ""
	for i, s := range statuses {
		if i > 0 {
			text += " or "
		}
		text += string(s)
	}
	return text
}

// waitConfig is how to wait for agents.
type waitConfig struct {
	until       []Status
	least, most time.Duration
}

// WithUntil makes a wait end when the agent is in one of the states. Without it, or
// without states, a wait ends when the agent has ended, in whatever state. An empty
// status is an [*ArgumentError]. Only methods that wait take the option.
func WithUntil(statuses ...Status) CallOption {
	statuses = slices.Clone(statuses)
	return func(cfg *callConfig) error {
		if slices.Contains(statuses, "") {
			return &ArgumentError{Name: "WithUntil", Issue: "holds an empty status"}
		}
		cfg.waiting().until = statuses
		cfg.given |= optionUntil
		return nil
	}
}

// WithPollInterval bounds the pauses between the polls of a wait: the first is
// least, and none is longer than most. Both must be positive, and least not greater
// than most. Without it they are between 1 second and 1 minute. Only methods that
// wait take the option.
func WithPollInterval(least, most time.Duration) CallOption {
	return func(cfg *callConfig) error {
		if least <= 0 || most < least {
			return &ArgumentError{Name: "WithPollInterval", Issue: "must be positive, and least not greater than most"}
		}
		wait := cfg.waiting()
		wait.least, wait.most = least, most
		cfg.given |= optionPollInterval
		return nil
	}
}

// waiting returns the part of the options that waits have.
func (cfg *callConfig) waiting() *waitConfig {
	if cfg.wait == nil {
		cfg.wait = &waitConfig{}
	}
	return cfg.wait
}

// WaitFor polls GET /api/v1/agents/{id} until the agent is in one of the states of
// [WithUntil], or has ended if there are none, and returns the agent. If it ends in
// another state, the error is an [*Error] whose Err is an [*AgentStateError].
//
// It polls at once and then after growing pauses: about an eighth of the time that
// it has waited, from 1 to 30 seconds, and longer, up to a minute, if the rate
// limit that the responses state would otherwise be used up by polls. It polls once
// more shortly before a deadline of ctx. [WithPollInterval] bounds the pauses.
//
// An outage does not end the wait: after a 5xx, a lost response or a 429, and after
// the refusal of the rate limiter, it goes on until ctx ends, and the final error
// holds the last failure. Every other failure ends it, such as a 4xx or a response
// that cannot be read. Each poll costs a call: to follow many agents, register a
// webhook.
func (s *AgentsService) WaitFor(ctx context.Context, id ID, opts ...CallOption) (*Agent, error) {
	var cfg callConfig
	if err := cfg.resolve(opts, takenByWaits); err != nil {
		return nil, err
	}
	w := agentWait{service: s, id: id, config: cfg, until: cfg.waiting().until, pause: newPause(cfg.wait)}
	for {
		agent, err := w.poll(ctx)
		if agent != nil || err != nil {
			return agent, err
		}
	}
}

// agentWait is one wait for one agent.
type agentWait struct {
	service  *AgentsService
	id       ID
	config   callConfig
	until    []Status
	pause    pause
	status   Status     // last seen, "" if not yet
	response responseID // the last one
	failure  error      // of the last poll
}

// poll looks at the agent once, and pauses if that does not end the wait.
func (w *agentWait) poll(ctx context.Context) (*Agent, error) {
	agent, meta, began := new(Agent), w.config.response, time.Now()
	if meta == nil {
		meta = new(Response)
	}
	cfg := w.config
	cfg.response = meta
	response, err := w.service.client.doResolved(ctx, getAgent.at(w.id), agent, &cfg)
	switch {
	case err != nil && w.failure == nil && w.status == "" && ctx != nil && ctx.Err() != nil:
		return nil, err
	case err != nil && ctx != nil && ctx.Err() != nil:
		return nil, w.error(w.unfinished(contextError(ctx)))
	case err != nil && !isOutage(err):
		return nil, err
	case err != nil:
		w.failure = err
	case slices.Contains(w.until, agent.Status), len(w.until) == 0 && agent.Status.Ended():
		return agent, nil
	default:
		w.failure, w.status, w.response = nil, agent.Status, response
		if agent.Status.Ended() {
			return nil, w.error(&AgentStateError{Agent: agent, Want: w.until})
		}
	}
	d := max(w.pause.next(time.Now(), budgetPause(meta)), min(retryAfter(err), maxBudgetPause))
	if err := sleep(ctx, d, time.Since(began)); err != nil {
		return nil, w.error(w.unfinished(err))
	}
	return nil, nil
}

// unfinished adds to the reason why the wait ends what is known of the agent.
func (w *agentWait) unfinished(why error) error {
	if w.status != "" {
		why = fmt.Errorf("agent %s is still %s: %w", printable(string(w.id), maxText), printable(string(w.status), maxText), why)
	}
	if w.failure != nil {
		why = fmt.Errorf("%w; the last poll failed: %w", why, w.failure)
	}
	return why
}

// error returns the error of a wait that ended without a failed call. Its request
// id is that of the last response that showed the agent.
func (w *agentWait) error(err error) error {
	return &Error{
		RequestID: w.response.requestID,
		Method:    getAgent.method, Route: getAgent.route, Err: err, credential: w.service.client.credential.masked(),
	}
}

// isOutage reports whether a failed call says nothing of what it asked for, and a
// later one may succeed: a 5xx, a lost or cut response, a refusal of a rate limit.
func isOutage(err error) bool {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return false
	}
	if is[*RateLimitError](err) || e.StatusCode == http.StatusTooManyRequests || e.StatusCode >= http.StatusInternalServerError {
		return true
	}
	if e.StatusCode >= http.StatusMultipleChoices || errors.Is(err, ErrRedirectRefused) || errors.Is(err, ErrResponseTooLarge) {
		return false
	}
	if unsent, ok := errors.AsType[credentialError](err); ok {
		return unsent.UnsentRetryable()
	}
	// The response did not come, or not whole.
	return e.StatusCode == 0 || len(e.Attempts) > 0 && e.Attempts[len(e.Attempts)-1].Err != nil
}

// retryAfter returns how long the server or the rate limiter asked to wait, 0 if
// they did not.
func retryAfter(err error) time.Duration {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return 0
	}
	if limit, ok := errors.AsType[*RateLimitError](err); ok {
		return max(e.RetryAfter, limit.Wait)
	}
	return e.RetryAfter
}

// The pauses between polls.
const (
	firstPoll      = time.Second
	maxPoll        = 30 * time.Second
	maxBudgetPause = time.Minute
	minPoll        = 100 * time.Millisecond // what a poll is given before a deadline, at least
)

// pause paces polls.
type pause struct {
	began                time.Time
	least, most, longest time.Duration // most by age, longest in any case
	last                 time.Duration
}

func newPause(cfg *waitConfig) pause {
	p := pause{began: time.Now(), least: firstPoll, most: maxPoll, longest: maxBudgetPause}
	if cfg.least > 0 {
		p.least, p.most, p.longest = cfg.least, cfg.most, cfg.most
	}
	return p
}

// next returns the pause after a poll: an eighth of the time since the first one,
// or the one that the budget asks for if that is longer, but at most twice the one
// before.
func (p *pause) next(now time.Time, budget time.Duration) time.Duration {
	d := max(min(now.Sub(p.began)/8, p.most), min(budget, p.longest), p.least)
	if p.last == 0 {
		d = p.least
	}
	p.last = min(d, 2*max(p.last, p.least))
	return p.last
}

// budgetPause returns the pause between polls that take a quarter of what the rate
// limit leaves until it is reset, 0 if the response does not state that.
func budgetPause(r *Response) time.Duration {
	limit := r.RateLimits.Requests
	if limit.Remaining == nil || limit.Reset.IsZero() {
		return 0
	}
	rest := min(max(limit.Reset.Sub(headers.ServerTime(r.Header, time.Now())), 0), time.Hour)
	return 4 * rest / time.Duration(max(*limit.Remaining, 1))
}

// sleep pauses until d has passed or ctx ends. If a deadline of ctx comes before, it
// pauses until there is just time for one more poll, which takes about as long as
// the last one did; it fails at once if there is none.
func sleep(ctx context.Context, d, poll time.Duration) error {
	if deadline, ok := ctx.Deadline(); ok {
		if until := time.Until(deadline); until <= d {
			d = until - max(min(2*poll, until/2), minPoll)
		}
		if d <= 0 {
			return fmt.Errorf("the next poll would come after the context's deadline: %w", context.DeadlineExceeded)
		}
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return contextError(ctx)
	case <-timer.C:
		return nil
	}
}
