// Package journal records the requests to a server and its responses.
package journal

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/connix-io/connix-go/internal/fake/await"
)

// Entry is one request and its response. It is a snapshot: nothing writes to it
// any more.
type Entry struct {
	Time                       time.Time
	Method, Route, Path, Query string // the last two escaped, as they were sent
	Header                     http.Header
	Body                       []byte
	Status                     int // 0: no response, or none yet
	ResponseHeader             http.Header
	Response                   []byte // as it went over the wire
	Fault                      bool
}

// Journal holds the newest entries, in the order in which the requests arrived.
type Journal struct {
	size int

	mu      sync.Mutex
	ring    []*Exchange // of at most size
	next    int         // where in a full ring the next one goes
	dropped int         // entries that newer ones have displaced
	changes await.Changes
}

// New returns a journal of at most size entries, one or more.
func New(size int) *Journal { return &Journal{size: size} }

// Entries returns what the journal holds, oldest first.
func (j *Journal) Entries() []Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.entries()
}

func (j *Journal) entries() []Entry {
	all := make([]Entry, 0, len(j.ring))
	for i := range j.ring {
		x := j.ring[(j.next+i)%len(j.ring)]
		e := x.entry
		// Later writes append behind this length, so the bytes stay as they are.
		e.Response = slices.Clip(e.Response)
		all = append(all, e)
	}
	return all
}

// Dropped returns how many entries newer ones have displaced.
func (j *Journal) Dropped() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.dropped
}

// Await returns the entries as soon as enough says so of them, or those there
// are when ctx ends, with its error.
func (j *Journal) Await(ctx context.Context, enough func([]Entry) bool) (all []Entry, err error) {
	err = j.changes.Until(ctx, &j.mu, func() bool {
		all = j.entries()
		return enough(all)
	})
	j.mu.Unlock()
	return all, err
}

// Reset forgets every entry.
func (j *Journal) Reset() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.ring, j.next, j.dropped = nil, 0, 0
	j.changes.Wake()
}

// Add enters a request. The exchange then receives its response.
func (j *Journal) Add(e Entry) *Exchange {
	x := &Exchange{journal: j, entry: e}
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.ring) < j.size {
		j.ring = append(j.ring, x)
	} else {
		j.dropped++
		j.ring[j.next] = x
		j.next = (j.next + 1) % j.size
	}
	j.changes.Wake()
	return x
}

// Exchange is an entry in the making.
type Exchange struct {
	journal *Journal
	entry   Entry
}

// maxResponse bounds what is kept of one response: a test may have one that never
// ends.
const maxResponse = 256 << 10

// Respond notes the status and headers of the response.
func (x *Exchange) Respond(status int, header http.Header) {
	x.journal.mu.Lock()
	defer x.journal.mu.Unlock()
	x.entry.Status, x.entry.ResponseHeader = status, header.Clone()
	x.journal.changes.Wake()
}

// Wrote notes a part of the response's body.
func (x *Exchange) Wrote(p []byte) {
	x.journal.mu.Lock()
	defer x.journal.mu.Unlock()
	room := maxResponse - len(x.entry.Response)
	x.entry.Response = append(x.entry.Response, p[:min(len(p), room)]...)
}

// MarkFault notes that the response was not left to the API.
func (x *Exchange) MarkFault() {
	x.journal.mu.Lock()
	defer x.journal.mu.Unlock()
	x.entry.Fault = true
	x.journal.changes.Wake()
}

type contextKey struct{}

// NewContext returns a context that carries the exchange.
func NewContext(ctx context.Context, x *Exchange) context.Context {
	return context.WithValue(ctx, contextKey{}, x)
}

// FromContext returns the exchange that ctx carries, nil for none.
func FromContext(ctx context.Context) *Exchange {
	x, _ := ctx.Value(contextKey{}).(*Exchange)
	return x
}
