package connix

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"unicode/utf8"
)

// DedupState is the state of an event in a [Dedup].
type DedupState int

const (
	// DedupNew means that the event is new and that the caller now has the claim
	// to it. It is the zero value.
	DedupNew DedupState = iota
	// DedupInFlight means that another delivery of the event is being processed.
	DedupInFlight
	// DedupDone means that the event was processed.
	DedupDone
)

// String returns the state's name.
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
// Implementations must be safe for concurrent use. They should return soon after
// ctx ends; a [WebhookHandler] does not wait longer.
type Dedup interface {
	// Begin claims the event for the caller if it is new: it returns the claim and
	// [DedupNew]. Of several callers that begin the same id at once, one gets it.
	// Otherwise the claim is nil and the state says why.
	//
	// An implementation that outlives its callers should let a claim lapse after
	// a while: otherwise a crash keeps the event from being processed.
	Begin(ctx context.Context, id string) (DedupClaim, DedupState, error)
}

// DedupClaim is the right to process one event. It ends with the first call of
// one of its methods. A claim that has lapsed must not affect the claim that
// another caller has obtained since.
type DedupClaim interface {
	// Commit marks the event as processed.
	Commit(ctx context.Context) error
	// Abort releases the event: its next delivery is new again.
	Abort(ctx context.Context) error
}

const defaultDedupSize = 10000

// NewMemoryDedup returns a Dedup that remembers the last max processed events,
// 10,000 if max is 0 or below: at most about 2 MB for IDs of usual length. Each
// further event replaces the one that was committed longest ago, whose next
// delivery would be processed again. Choose max well above the number of events
// that can arrive between an event and its last retry.
//
// Events in flight are kept beside those, one for each running callback, and are
// never forgotten: a claim does not lapse. Nothing expires by time, and nothing
// outlives the process. No method fails or blocks.
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

// memoryClaim is a claim to one event of a memoryDedup.
type memoryClaim struct {
	dedup *memoryDedup
	id    string
	ended bool
}

// Begin implements [Dedup].
func (d *memoryDedup) Begin(_ context.Context, id string) (DedupClaim, DedupState, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if state := d.states[id]; state != DedupNew {
		return nil, state, nil
	}
	d.states[id] = DedupInFlight
	return &memoryClaim{dedup: d, id: id}, DedupNew, nil
}

// Commit implements [DedupClaim].
func (c *memoryClaim) Commit(context.Context) error {
	d := c.dedup
	d.mu.Lock()
	defer d.mu.Unlock()
	if c.ended {
		return nil
	}
	c.ended = true
	d.states[c.id] = DedupDone
	if len(d.done) < d.max {
		d.done = append(d.done, c.id)
		return nil
	}
	delete(d.states, d.done[d.oldest])
	d.done[d.oldest] = c.id
	d.oldest = (d.oldest + 1) % d.max
	return nil
}

// Abort implements [DedupClaim].
func (c *memoryClaim) Abort(context.Context) error {
	d := c.dedup
	d.mu.Lock()
	defer d.mu.Unlock()
	if !c.ended {
		c.ended = true
		delete(d.states, c.id)
	}
	return nil
}

// key returns the id by which an event is remembered, "" for none. Nobody but a
// holder of the secret can choose it.
func (h *webhookHandler) key(event *Event, body []byte) string {
	// JSON replaces invalid UTF-8: different ids become one.
	usable := func(id string) bool { return id != "" && !strings.ContainsRune(id, utf8.RuneError) }
	scheme, _ := h.verifier.scheme().(interface{ SignsDeliveryID() bool })
	switch {
	case usable(event.ID):
		return event.ID
	case scheme != nil && scheme.SignsDeliveryID() || h.noDigest:
		return event.Delivery.ID
	}
	sum := sha256.New()
	if stamp := event.Delivery.Timestamp; !stamp.IsZero() {
		fmt.Fprintf(sum, "%d.", stamp.Unix())
	}
	sum.Write(body)
	return "sha256:" + base64.RawURLEncoding.EncodeToString(sum.Sum(nil))
}

// begun is the result of a Begin.
type begun struct {
	claim DedupClaim
	state DedupState
}

// begin calls the Dedup's Begin. A claim that comes after ctx has ended is
// released.
func (h *webhookHandler) begin(ctx context.Context, id string) (DedupClaim, DedupState, error) {
	if d, ok := h.dedup.(*memoryDedup); ok {
		return d.Begin(ctx, id) // it never blocks
	}
	b, err := watched(ctx, 0, func() (b begun, err error) {
		defer recoverDedup(&err)
		b.claim, b.state, err = h.dedup.Begin(ctx, id)
		return b, err
	}, func(b begun) {
		if b.claim != nil {
			defer func() { _ = recover() }() // nobody is left to tell
			_ = b.claim.Abort(context.WithoutCancel(ctx))
		}
	})
	return b.claim, b.state, err
}

// end calls a method of a claim.
func (h *webhookHandler) end(ctx context.Context, claim DedupClaim, method func(DedupClaim, context.Context) error) error {
	if _, ok := claim.(*memoryClaim); ok {
		return method(claim, ctx)
	}
	_, err := watched(ctx, 0, func() (none struct{}, err error) {
		defer recoverDedup(&err)
		return none, method(claim, ctx)
	}, nil)
	return err
}

// recoverDedup makes a panic of a Dedup an error.
func recoverDedup(err *error) {
	if v := recover(); v != nil {
		*err = &WebhookPanicError{Value: v, Stack: debug.Stack()}
	}
}
