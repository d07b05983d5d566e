package connixtest

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/connix-io/connix-go/internal/fake/journal"
	"github.com/connix-io/connix-go/internal/fake/pattern"
)

// Request is one request that the server received, and its response.
type Request struct {
	// Time is when it had been received, by the server's clock.
	Time   time.Time
	Method string
	// Route is the template of the path without its prefix, such as
	// "/projects/{id}"; for a path that the API does not have, the path itself.
	Route string
	// Path is the whole path and Query what follows its question mark, both as
	// they were sent: escaped.
	Path, Query string
	// Header is as it came, credentials included, with Host added.
	Header http.Header
	Body   []byte
	// Status is that of the response: 0 while there is none, and where there never
	// was.
	Status         int
	ResponseHeader http.Header
	// Response is the body of the response, up to its first 256 KiB; it is unpacked
	// where it was sent compressed.
	Response []byte
	// Fault says that the response was not left to the API.
	Fault bool
}

// Match says which requests are meant. What is zero matches anything, so the
// zero Match matches every request.
type Match struct {
	Method string
	// Route is a template such as "/projects/{id}", or a path such as
	// "/projects/123". One without a leading slash, or with a parameter of another
	// name, is an error: nothing could match it.
	Route string
	// Body is the JSON value that the request's body is equal to: anything that
	// marshals to it, or JSON as a json.RawMessage or []byte.
	Body any
	// Status is that of the response.
	Status int
}

// Requests returns the requests that the journal holds, in the order in which
// they arrived: the newest of them, as many as [WithJournalSize] says.
func (s *Server) Requests() []Request { return requests(s.fake.Journal().Entries()) }

// AwaitRequests waits until the journal holds at least n requests that match,
// and returns these. Where ctx ends before, it returns those there are and the
// error of ctx. A Match without a Status is met when a request arrives, one with
// a Status when it is answered.
func (s *Server) AwaitRequests(ctx context.Context, m Match, n int) ([]Request, error) {
	matcher, err := m.compile()
	if err != nil {
		return nil, err
	}
	var found []journal.Entry
	_, err = s.fake.Journal().Await(ctx, func(all []journal.Entry) bool {
		found = matcher.filter(all)
		return len(found) >= n
	})
	if err != nil {
		err = fmt.Errorf("connixtest: %d of %d requests came that match %s: %w%s", len(found), n, m, err, s.droppedNote())
	}
	return requests(found), err
}

// Expect fails the test unless the journal holds exactly n requests that match.
// The failure shows what came instead, with credentials masked.
func (s *Server) Expect(tb testing.TB, m Match, n int) {
	tb.Helper()
	matcher, err := m.compile()
	if err != nil {
		tb.Fatalf("%v", err)
	}
	all := s.fake.Journal().Entries()
	if found := matcher.filter(all); len(found) != n {
		tb.Errorf("connixtest: %d requests match %s, want %d%s\n%s", len(found), m, n, s.droppedNote(), report(requests(all), matcher))
	}
}

// droppedNote says where a count may be off.
func (s *Server) droppedNote() string {
	n := s.fake.Journal().Dropped()
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" (the journal was full and has dropped the %d oldest requests: see WithJournalSize)", n)
}

func requests(entries []journal.Entry) []Request {
	all := make([]Request, len(entries))
	for i, e := range entries {
		r := Request(e)
		// The journal keeps its own: what a test does to a request it was given
		// must not change what another one is given.
		r.Header, r.ResponseHeader = r.Header.Clone(), r.ResponseHeader.Clone()
		r.Body, r.Response = bytes.Clone(r.Body), unpacked(r.ResponseHeader, r.Response)
		all[i] = r
	}
	return all
}

// unpacked returns a body as it was before it was compressed: as much of it as
// can be had, for a fault may have cut it.
func unpacked(h http.Header, body []byte) []byte {
	if h.Get("Content-Encoding") != "gzip" {
		return bytes.Clone(body)
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return bytes.Clone(body)
	}
	plain, _ := io.ReadAll(z)
	return plain
}

// String describes the match for failures.
func (m Match) String() string {
	var parts []string
	add := func(format string, value any, given bool) {
		if given {
			parts = append(parts, fmt.Sprintf(format, value))
		}
	}
	add("%s", m.Method, m.Method != "")
	add("%s", m.Route, m.Route != "")
	if m.Body != nil {
		body, err := bodyJSON(m.Body)
		add("body %s", maskSecrets(string(body)), err == nil)
	}
	add("status %d", m.Status, m.Status != 0)
	if len(parts) == 0 {
		return "anything"
	}
	return strings.Join(parts, " ")
}

// matcher is a Match that has been read.
type matcher struct {
	Match
	meant pattern.Pattern
	body  any
}

// compile refuses what no request can match: nobody would notice that none does.
func (m Match) compile() (*matcher, error) {
	meant, err := pattern.New(m.Method, m.Route)
	if err != nil {
		return nil, fmt.Errorf("connixtest: Match: %w", err)
	}
	c := &matcher{Match: m, meant: meant}
	if m.Body == nil {
		return c, nil
	}
	raw, err := bodyJSON(m.Body)
	if err == nil {
		c.body, err = decodeJSON(raw)
	}
	if err != nil {
		return nil, fmt.Errorf("connixtest: the Body of the Match is no JSON: %w", err)
	}
	return c, nil
}

func bodyJSON(body any) ([]byte, error) {
	if raw, ok := body.([]byte); ok {
		return raw, nil
	}
	return json.Marshal(body)
}
