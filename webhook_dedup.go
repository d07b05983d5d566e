package connix

import (
	"context"
	"sync"
)

// DedupState is the state of an event in a [Dedup].
type DedupState int

const (
	// DedupNew means that the event was not seen before. The caller now has a
	// claim to it and must end that with Commit or Abort. It is the zero value.
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

// Dedup remembers which events were processed, so that an event that is
// delivered twice is processed once. [NewMemoryDedup] keeps them in one process;
// several processes that share the work need a shared implementation.
//
// Implementations must be safe for concurrent use: of the callers that Begin
// the same id at once, one gets [DedupNew].
type Dedup interface {
	// Begin claims the event for the caller if it is new. An implementation that
	// outlives its callers should let a claim lapse after a while: otherwise a
	// crash keeps the event from being processed.
	Begin(ctx context.Context, id string) (DedupState, error)
	// Commit marks a claimed event as processed.
	Commit(ctx context.Context, id string) error
	// Abort ends the claim: the next delivery of the event is new again.
	Abort(ctx context.Context, id string) error
}

const defaultDedupSize = 10000

// NewMemoryDedup returns a Dedup that remembers the last max processed events,
// 10,000 if max is 0 or below: at most about 2 MB for IDs of usual length. Each
// further event replaces the one that was committed longest ago, whose next
// delivery would be processed again. Choose max well above the number of events
// that can arrive between an event and its last retry.
//
// Events in flight are kept beside those, one for each running callback, and are
// never forgotten. Nothing expires by time, and nothing outlives the process. No
// method fails or blocks.
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
