package connix

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// AgentStateError says that an agent ended in a state that was not waited for.
type AgentStateError struct {
	// Agent is the agent as it was last seen.
	Agent *Agent
	// Want lists the states that were waited for.
	Want []Status
}

// Error names the agent, its state and the ones that were waited for.
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

// The pauses of WaitFor: 1, 2, 4 … 30 s.
const (
	firstPoll = time.Second
	maxPoll   = 30 * time.Second
	minLook   = 100 * time.Millisecond // what a look is given before a deadline, at least
)

// WaitFor polls GET /api/v1/agents/{id} until the agent is in one of the given
// states, or in any in which it has ended where none is given, and returns it
// then. An agent that ends otherwise gives an [*Error] whose Err is an
// [*AgentStateError], with the agent.
//
// It asks at once and then after 1, 2, 4 … 30 seconds, through the rate
// limiter, until ctx ends, and once more shortly before a deadline of ctx. A call
// that fails, after its retries, ends the wait, and an empty status is an
// [*ArgumentError]. Each poll costs a call: to follow many agents, register a
// webhook instead.
func (s *AgentsService) WaitFor(ctx context.Context, id ID, statuses ...Status) (*Agent, error) {
	if slices.Contains(statuses, "") {
		return nil, &ArgumentError{Name: "statuses", Issue: "holds an empty one"}
	}
	var cfg callConfig
	for pause := firstPoll; ; pause = min(2*pause, maxPoll) {
		asked := time.Now()
		agent := new(Agent)
		response, err := s.client.doResolved(ctx, getAgent.at(id), agent, &cfg)
		if err != nil {
			return nil, err
		}
		switch {
		case slices.Contains(statuses, agent.Status), len(statuses) == 0 && agent.Status.Ended():
			return agent, nil
		case agent.Status.Ended():
			return nil, s.waitError(&AgentStateError{Agent: agent, Want: statuses}, response)
		}
		if err := sleep(ctx, pause, time.Since(asked)); err != nil {
			return nil, s.waitError(fmt.Errorf("the agent is still %s: %w", printable(string(agent.Status), maxText), err), response)
		}
	}
}

// waitError is a failure of the wait, not of its last look, which the request id
// names.
func (s *AgentsService) waitError(err error, response responseID) error {
	return &Error{
		RequestID: response.requestID,
		Method:    getAgent.method, Route: getAgent.route, Err: err, credential: s.client.credential.masked(),
	}
}

// sleep pauses until d has passed or ctx ends. Where a deadline of ctx comes before,
// it pauses until there is just time for one more look, which takes about as long
// as the last one did; it fails at once where there is none.
func sleep(ctx context.Context, d, look time.Duration) error {
	if deadline, ok := ctx.Deadline(); ok {
		if until := time.Until(deadline); until <= d {
			d = until - max(min(2*look, until/2), minLook)
		}
		if d <= 0 {
			return fmt.Errorf("the next look would come after the context's deadline: %w", context.DeadlineExceeded)
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
