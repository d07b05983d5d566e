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
	size, maxBytes int

	mu      sync.Mutex
	entered []*Exchange // oldest first
	bytes   int         // of the bodies of what is entered
	dropped int         // entries that newer ones have displaced
	changes await.Changes
}

// New returns a journal of at most size entries, one or more, whose bodies take at most
// maxBytes. The newest entry is there whatever its size.
func New(size, maxBytes int) *Journal { return &Journal{size: size, maxBytes: maxBytes} }

// Entries returns what the journal holds, oldest first.
func (j *Journal) Entries() []Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.entries()
}

func (j *Journal) entries() []Entry {
	all := make([]Entry, 0, len(j.entered))
	for _, x := range j.entered {
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
	for _, x := range j.entered {
		x.gone = true
	}
	j.entered, j.bytes, j.dropped = nil, 0, 0
	j.changes.Wake()
}

// Add enters a request. The exchange then receives its response.
func (j *Journal) Add(e Entry) *Exchange {
	x := &Exchange{journal: j, entry: e}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entered = append(j.entered, x)
	j.bytes += len(e.Body)
	j.trim()
	j.changes.Wake()
	return x
}

// trim drops the oldest entries while there are too many of them, or too many bytes.
func (j *Journal) trim() {
	for len(j.entered) > j.size || j.bytes > j.maxBytes && len(j.entered) > 1 {
		x := j.entered[0]
		x.gone = true
		j.bytes -= len(x.entry.Body) + len(x.entry.Response)
		j.entered[0] = nil // append moves to a new array now and again; this one is garbage
		j.entered = j.entered[1:]
		j.dropped++
	}
}

// Exchange is an entry in the making.
type Exchange struct {
	journal *Journal
	entry   Entry
	gone    bool // from the journal
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
	if x.gone {
		return
	}
	kept := p[:min(len(p), maxResponse-len(x.entry.Response))]
	x.entry.Response = append(x.entry.Response, kept...)
	x.journal.bytes += len(kept)
	x.journal.trim()
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
