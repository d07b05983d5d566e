package state

import (
	"strconv"
	"sync"
	"time"

	"github.com/connix-io/connix-go/internal/fake/clock"
	"github.com/connix-io/connix-go/internal/fake/table"
)

// Config is what a store is made from.
type Config struct {
	Clock clock.Clock
	// Skew is how far the server's clock is ahead of Clock.
	Skew time.Duration
	// Observe, if any, is told of every event, in order, one at a time.
	Observe func(Event)
	// IDs gives out the ids; nil: the store has its own.
	IDs *IDs
	// StringIDs gives new projects ids such as "proj_1" in place of 1.
	StringIDs bool
}

// Store holds the records. It is safe for concurrent use.
type Store struct {
	clock     clock.Clock
	skew      time.Duration
	observe   func(Event)
	stringIDs bool
	ids       *IDs

	mu       sync.RWMutex // readers share it: see view
	pending  []Event
	draining bool
	records
}

// records is what Reset empties.
type records struct {
	projects table.Table[*Project]
	agents   table.Table[*Agent]
	webhooks table.Table[*Webhook]
	keys     table.Table[*APIKey]

	byProject map[ID]*table.Table[*Agent] // the agents again, by their project

	keyIDs   map[string]ID // by the key itself
	using    *sync.Mutex   // guards lastUsed, which every request changes
	lastUsed map[ID]time.Time
	plans    plans
}

// New returns an empty store.
func New(c Config) *Store {
	if c.IDs == nil {
		c.IDs = new(IDs)
	}
	return &Store{ids: c.IDs, clock: c.Clock, skew: c.Skew, observe: c.Observe, stringIDs: c.StringIDs, records: emptyRecords()}
}

func emptyRecords() records {
	return records{byProject: map[ID]*table.Table[*Agent]{}, keyIDs: map[string]ID{}, using: new(sync.Mutex), lastUsed: map[ID]time.Time{}, plans: plans{of: map[ID]*clock.Item[transition]{}}}
}

// Reset forgets every record and plan. Ids begin again.
func (s *Store) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.plans.stop()
	onLaunch := s.plans.onLaunch
	s.records = emptyRecords()
	s.plans.onLaunch = onLaunch
	s.ids.reset()
	s.pending = nil
}

// Close stops every timer.
func (s *Store) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.plans.stop()
	s.plans.closed = true
}

// Now returns the server's time: the clock's, with the skew.
func (s *Store) Now() time.Time { return s.clock.Now().Add(s.skew).UTC() }

// begin locks the store, brings every agent to its present state, and returns
// the time. Each begin needs an end.
func (s *Store) begin() time.Time {
	s.mu.Lock()
	now := s.Now()
	s.settle(now)
	return now
}

// view locks the store for reading, which readers do together, with every agent in its
// present state. The caller calls done.
func (s *Store) view() (done func()) {
	s.mu.RLock()
	if t := s.plans.queue.First(); t != nil && !t.Due.After(s.Now()) {
		s.mu.RUnlock()
		s.begin()
		s.end()
		s.mu.RLock()
	}
	return s.mu.RUnlock
}

// page returns a page of a table. A search looks at every record; it does so without the
// lock, so that nobody waits for it.
func page[R table.Record](s *Store, t *table.Table[R], q table.Query[R]) ([]R, int) {
	done := s.view()
	if order, scans := t.Snapshot(q); scans {
		done()
		return q.Scan(order)
	}
	defer done()
	return t.Page(q)
}

// stamp returns a time as records keep it: no finer than a millisecond, which
// is what services of this kind store.
func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

func (s *Store) newID(prefix string) ID { return s.ids.next(prefix) }

func (s *Store) newProjectID() ID {
	id := ID(strconv.FormatInt(s.ids.nextProject(), 10))
	if s.stringIDs {
		return "proj_" + id
	}
	return id
}
