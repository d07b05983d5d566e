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

	"github.com/connix-io/connix-go/internal/fake"
	"github.com/connix-io/connix-go/internal/fake/journal"
	"github.com/connix-io/connix-go/internal/fake/pattern"
)

// Request is a request that the server received, and the response to it.
type Request struct {
	// Time is when the server had read the request, by the server's clock.
	Time   time.Time
	Method string
	// Route is the template of the path without the prefix /api/v1, such as
	// "/projects/{id}". It is the path itself if the API has no such path.
	Route string
	// Path is the whole path and Query the text after the question mark, both
	// escaped as they were sent.
	Path, Query string
	// Header is the request's header, credentials included, with Host added.
	Header http.Header
	Body   []byte
	// Status is the status of the response; 0 while there is none, or if the server
	// sent none.
	Status         int
	ResponseHeader http.Header
	// Response is the body of the response, up to its first 256 KiB, decompressed.
	Response []byte
	// Fault reports whether a [Fault] hit the request.
	Fault bool
}

// Match selects requests. A zero field matches anything, so the zero Match matches
// every request.
type Match struct {
	Method string
	// Route is a template such as "/projects/{id}", or a path such as "/projects/123";
	// "" matches any. A route that the API does not have is an error.
	Route string
	// Body is a value whose JSON equals the request's body, or that JSON as a
	// json.RawMessage or []byte. Nil matches any body.
	Body any
	// Status is the status of the response; 0 matches any.
	Status int
}

// Requests returns the requests in the journal in the order of their arrival. The
// journal keeps the newest ones; see [WithJournalSize].
func (s *Server) Requests() []Request { return requests(s.fake.Journal().Entries()) }

// AwaitRequests waits until the journal has at least n matching requests and returns
// them. If ctx ends first, it returns the matching requests so far and the error of
// ctx. A Match without a Status matches when the request arrives, one with a Status
// when the response starts.
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
		err = fmt.Errorf("connixtest: %d of %d requests match %s: %w%s", len(found), n, m, err, s.droppedNote())
	}
	return requests(found), err
}

// Expect fails the test unless exactly n requests in the journal match. The failure
// lists the requests that arrived, with credentials masked.
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

// String describes the match for failure messages, with secrets masked.
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

// compile returns an error for a match that no request can have.
func (m Match) compile() (*matcher, error) {
	meant, err := pattern.New(m.Method, m.Route, fake.HasRoute)
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
