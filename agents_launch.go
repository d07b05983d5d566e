package connix

import (
	"context"
	"errors"
	"iter"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// defaultConcurrency is enough to use up the rate limit at latencies of nearly
// five seconds.
const defaultConcurrency = 8

// maxConcurrency is the number of calls that the API allows in a minute.
const maxConcurrency = 100

// WithConcurrency sets how many calls a method makes at a time, 8 by default. It
// must be positive; more than 100 counts as 100. Only methods that make many calls
// at a time take the option.
func WithConcurrency(n int) CallOption {
	return func(cfg *callConfig) error {
		if n < 1 {
			return &ArgumentError{Name: "WithConcurrency", Issue: "must be positive"}
		}
		cfg.concurrency = min(n, maxConcurrency)
		cfg.given |= optionConcurrency
		return nil
	}
}

// StopAll calls POST /api/v1/agents/{id}/stop for every agent, several at a time,
// and yields each agent once as it has stopped, in any order. An ID that is given
// twice is taken once, and an agent that has ended otherwise counts as stopped. An
// error that concerns one agent comes with an [Agent] that has its ID, and the
// others are still stopped. If the credential is refused, one error comes, with a
// nil agent, and ends the iteration; so does an invalid argument, before anything
// is sent.
//
// An outage does not end it: after a 5xx, a lost response, a 429 or a refusal of
// the rate limiter, it tries again until ctx ends. To stop an agent twice does no
// harm. If ctx ends, the agents that were not stopped come with its error. If the
// loop ends, the calls that were sent are awaited, and the others are dropped.
//
// It costs a call for each agent, and a second one for an agent that has ended
// otherwise. The API overview does not document the endpoint.
func (s *AgentsService) StopAll(ctx context.Context, ids []ID, opts ...CallOption) iter.Seq2[*Agent, error] {
	return func(yield func(*Agent, error) bool) {
		var cfg callConfig
		unique, err := s.prepareStops(ctx, ids, opts, &cfg)
		if err != nil {
			yield(nil, err)
			return
		}
		stop := func(waiting context.Context, i int) stopResult {
			own := cfg
			own.waitCtx = waiting
			agent, err := s.stopForSure(ctx, waiting, unique[i], &own)
			return stopResult{agent, err}
		}
		for r := range concurrently(ctx, len(unique), cfg.concurrency, stop) {
			if endsEverything(r.err) {
				yield(nil, r.err)
				return
			}
			if !yield(r.agent, r.err) {
				return
			}
		}
	}
}

type stopResult struct {
	agent *Agent // has an ID at least
	err   error
}

// prepareStops refuses what cannot be sent as it was meant, and returns each id
// once.
func (s *AgentsService) prepareStops(ctx context.Context, ids []ID, opts []CallOption, cfg *callConfig) ([]ID, error) {
	if ctx == nil {
		return nil, &ArgumentError{Name: "ctx", Issue: "is nil"}
	}
	if err := cfg.resolve(opts, takenByBulk); err != nil {
		return nil, err
	}
	if cfg.response != nil {
		return nil, &ArgumentError{Name: "WithResponse", Issue: "is for one call at a time"}
	}
	if cfg.concurrency == 0 {
		cfg.concurrency = defaultConcurrency
	}
	// The loop around the calls repeats them, so that it can end between them.
	cfg.maxRetries, cfg.retriesSet = 0, true
	var unique []ID
	given := make(map[ID]bool, len(ids))
	for _, id := range ids {
		if r := stopAgent.at(id); r.err != nil {
			return nil, r.err
		}
		if !given[id] {
			given[id] = true
			unique = append(unique, id)
		}
	}
	return unique, nil
}

// stopForSure stops one agent, and tries until it is known what became of it or
// ctx ends, or waiting between two tries.
func (s *AgentsService) stopForSure(ctx, waiting context.Context, id ID, cfg *callConfig) (*Agent, error) {
	r := stopAgent.at(id)
	r.bodyOptional = true
	pause := newPause(&waitConfig{})
	for {
		agent, meta := new(Agent), new(Response)
		cfg.response = meta
		_, err := s.client.doResolved(ctx, r, agent, cfg)
		if errors.Is(err, ErrConflict) {
			// It has ended already, or it is in a state in which it cannot be stopped.
			now, failure := new(Agent), error(nil)
			if _, failure = s.client.doResolved(ctx, getAgent.at(id), now, cfg); failure == nil && now.Status.Ended() {
				return now, nil
			}
			if isOutage(failure) {
				err = failure
			}
		}
		if err == nil {
			if agent.ID == "" { // the response had no body
				agent.ID = id
			}
			return agent, nil
		}
		if !isOutage(err) || waiting.Err() != nil {
			return &Agent{ID: id}, err
		}
		d := max(pause.next(time.Now(), 0), min(retryAfter(err), maxBudgetPause))
		if why := sleep(waiting, d, 0); why != nil {
			return &Agent{ID: id}, alsoFailed(err, why)
		}
	}
}

// endsEverything reports whether an error would meet every other call too: the
// credential is refused, or there is none.
func endsEverything(err error) bool {
	if errors.Is(err, ErrUnauthorized) {
		return true
	}
	unsent, ok := errors.AsType[credentialError](err)
	return ok && !unsent.UnsentRetryable()
}

// alsoFailed returns a failed call's error with another reason in it.
func alsoFailed(err, also error) error {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return join(err, also)
	}
	both := *e
	both.Err = join(e.Err, also)
	return &both
}

// concurrently calls do for 0 to n-1, several at a time, and yields the results as
// they come. The context that do is given ends with ctx, and also when the loop is
// left; the iterator returns when no call is under way. A panic in do comes out of
// the loop.
func concurrently[T any](ctx context.Context, n, workers int, do func(waiting context.Context, i int) T) iter.Seq[T] {
	return func(yield func(T) bool) {
		waiting, leave := context.WithCancel(ctx)
		b := bulk[T]{n: n, results: make(chan bulkResult[T]), left: make(chan struct{}), do: func(i int) T { return do(waiting, i) }}
		var running sync.WaitGroup
		defer func() {
			leave()
			close(b.left)
			running.Wait()
		}()
		for range min(workers, n) {
			running.Go(func() {
				for b.step() {
				}
			})
		}
		for range n {
			r := <-b.results
			switch {
			case r.returned:
			case r.panicked != nil:
				panic(r.panicked)
			default:
				runtime.Goexit()
			}
			if !yield(r.value) {
				return
			}
		}
	}
}

// bulk is what the goroutines of concurrently share.
type bulk[T any] struct {
	do      func(int) T
	n       int
	next    atomic.Int64
	results chan bulkResult[T]
	left    chan struct{} // closed when nobody reads results any more
}

// bulkResult is how a call of do ended.
type bulkResult[T any] struct {
	value    T
	returned bool // else it panicked, or called runtime.Goexit
	panicked any
}

// step calls do once, and reports whether there may be more to do.
func (b *bulk[T]) step() (more bool) {
	i := int(b.next.Add(1)) - 1
	select {
	case <-b.left:
		return false
	default:
	}
	if i >= b.n {
		return false
	}
	var r bulkResult[T]
	defer func() {
		if !r.returned {
			r.panicked = recover()
		}
		select {
		case b.results <- r:
			more = r.returned
		case <-b.left:
			more = false
		}
	}()
	r.value = b.do(i)
	r.returned = true
	return true
}
