package deliveries

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/connix-io/connix-go/internal/fake/await"
)

// State is how far a delivery is.
type State int

// The states. All but Pending are ends.
const (
	// Pending: it waits for its turn, for a response or for its next attempt.
	Pending State = iota
	// Delivered: the receiver responded with a 2xx.
	Delivered
	// Failed: the receiver responded with 410, or the last attempt failed too.
	Failed
	// Dropped: the webhook was disabled or deleted, or the server reset or closed.
	Dropped
)

// Delivery is one event on its way to one webhook. It is a snapshot: nothing
// writes to it any more.
type Delivery struct {
	// ID is the same in every attempt, and in a redelivery.
	ID        string
	WebhookID string
	EventID   string
	EventType string
	CreatedAt time.Time
	Body      []byte
	State     State
	Reason    string // why it failed or was dropped
	Attempts  []Attempt
	// Redelivery says that it was asked for by Redeliver.
	Redelivery bool
}

// delivery is one in the making.
type delivery struct {
	Delivery
	resource string
}

// journal holds the deliveries, oldest first, under the engine's lock: all that
// are pending, and the newest of those that have ended.
type journal struct {
	size     int
	entries  []*delivery
	over     int // how many of the entries have ended
	finished int // deliveries that have ended since the start, forgotten ones too
	attempts int // attempts since the start
	changes  await.Changes
}

func (j *journal) add(d *delivery) {
	j.entries = append(j.entries, d)
	j.changes.Wake()
}

// end ends a delivery, and forgets the oldest that has ended where there are
// too many of them.
func (j *journal) end(d *delivery, state State, reason string) {
	d.State, d.Reason = state, reason
	j.over++
	j.finished++
	if j.over > j.size {
		oldest := slices.IndexFunc(j.entries, func(d *delivery) bool { return d.State != Pending })
		j.entries = slices.Delete(j.entries, oldest, oldest+1)
		j.over--
	}
	j.changes.Wake()
}

// ended returns the newest delivery with the id.
func (j *journal) ended(id string) (*delivery, error) {
	for _, d := range slices.Backward(j.entries) {
		switch {
		case d.ID != id:
		case d.State == Pending:
			return nil, fmt.Errorf("deliveries: %s is still under way", id)
		default:
			return d, nil
		}
	}
	return nil, fmt.Errorf("deliveries: there is no delivery %q in the journal", id)
}

func (j *journal) forget() {
	j.entries, j.over, j.finished, j.attempts = nil, 0, 0, 0
	j.changes.Wake()
}

func (j *journal) snapshot() []Delivery {
	all := make([]Delivery, len(j.entries))
	for i, d := range j.entries {
		all[i] = d.Delivery
		// Later attempts are appended behind this length.
		all[i].Attempts = slices.Clip(d.Attempts)
	}
	return all
}

// Deliveries returns what the journal holds, in the order of publication.
func (e *Engine) Deliveries() []Delivery {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.snapshot()
}

// Progress is how much was done since the start or the last Reset.
type Progress struct {
	Ended    int // deliveries
	Attempts int
}

// Await returns the deliveries as soon as enough says so of the progress, or
// those there are when ctx ends or the engine is closed, with the reason.
func (e *Engine) Await(ctx context.Context, enough func(Progress) bool) ([]Delivery, error) {
	done := false
	err := e.changes.Until(ctx, &e.mu, func() bool {
		done = enough(Progress{e.finished, e.attempts})
		return done || e.closed
	})
	defer e.mu.Unlock()
	if err == nil && !done {
		err = ErrClosed
	}
	return e.snapshot(), err
}
