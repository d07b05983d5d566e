package connix

import (
	"context"
	"sync"
)

// DedupState is what a [Dedup] knows of an event.
type DedupState int

const (
	// DedupNew means that nobody has seen the event: the caller now has it, and
	// owes the Dedup a Commit or an Abort. It is the zero value.
	DedupNew DedupState = iota
	// DedupInFlight means that another delivery of the event is being processed.
	DedupInFlight
	// DedupDone means that the event was processed.
	DedupDone
)

// String names the state.
func (s DedupState) String() string {
	switch s {
	case DedupNew:
		return "new"
	case DedupInFlight:
		return "in flight"
	case DedupDone:
		return "done"
	}
	return "unknown"
}

// Dedup remembers which events were processed, so that one delivered twice is
// processed once. The one of this package, [NewMemoryDedup], lives in one
// process; several that share the work need one that they share.
//
// Implementations must be safe for concurrent use: of the callers that Begin
// the same id at once, one gets [DedupNew].
type Dedup interface {
	// Begin claims the event for the caller, if nobody has it. An implementation
	// that outlives its callers should let a claim lapse after a while, or a
	// crash would hold the event back for good.
	Begin(ctx context.Context, id string) (DedupState, error)
	// Commit marks a claimed event as processed.
	Commit(ctx context.Context, id string) error
	// Abort gives the claim up: the next delivery of the event is new again.
	Abort(ctx context.Context, id string) error
}

const defaultDedupSize = 10000

// NewMemoryDedup returns a Dedup that remembers the last max processed events,
// 10,000 if max is 0 or below: some 2 MB at most with ids of usual length. When
// one more is committed, the one committed longest ago is forgotten, and a
// delivery of it would be processed again; choose max well above the number of
// events that can come between an event and its last retry.
//
// Events in flight are kept besides those and never forgotten: there are as
// many as callbacks running. Nothing expires by time, and nothing outlives the
// process. No method fails or waits.
func NewMemoryDedup(max int) Dedup {
	if max <= 0 {
		max = defaultDedupSize
	}
	return &memoryDedup{max: max, states: map[string]DedupState{}}
}

type memoryDedup struct {
	max int

	mu     sync.Mutex
	states map[string]DedupState
	done   []string // a ring of the processed ids, once it has max of them
	oldest int      // where the ring begins
}

func (d *memoryDedup) Begin(_ context.Context, id string) (DedupState, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	state := d.states[id]
	if state == DedupNew {
		d.states[id] = DedupInFlight
	}
	return state, nil
}

func (d *memoryDedup) Commit(_ context.Context, id string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.states[id] == DedupDone {
		return nil
	}
	d.states[id] = DedupDone
	if len(d.done) < d.max {
		d.done = append(d.done, id)
		return nil
	}
	delete(d.states, d.done[d.oldest])
	d.done[d.oldest] = id
	d.oldest = (d.oldest + 1) % d.max
	return nil
}

func (d *memoryDedup) Abort(_ context.Context, id string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.states[id] == DedupInFlight {
		delete(d.states, id)
	}
	return nil
}
