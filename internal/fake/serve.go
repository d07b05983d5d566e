package fake

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/connix-io/connix-go/internal/fake/journal"
	"github.com/connix-io/connix-go/internal/fake/problem"
)

// maxBody is the largest request body that is read.
const maxBody = 1 << 20

// ServeHTTP serves one request.
func (f *Fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	id, validID := requestID(r)
	if r.Body == nil { // of a request that no server made
		r.Body = http.NoBody
	}
	body, readErr := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	x := f.journal.Add(journal.Entry{
		Time: f.Now(), Method: r.Method, Route: Route(r), Path: r.URL.EscapedPath(), Query: r.URL.RawQuery,
		Header: headerWithHost(r), Body: body,
	})
	ctx := context.WithValue(journal.NewContext(r.Context(), x), requestIDKey{}, id)
	ctx = problem.NewContext(ctx, f.writeProblem)
	out := &exchangeWriter{ResponseWriter: w, fake: f, exchange: x, start: start, requestID: id}
	r = r.WithContext(ctx)
	r.Body = io.NopCloser(bytes.NewReader(body))

	allowOrigin(out.Header(), r)
	if isPreflight(r) {
		preflight(out, r)
		return
	}
	if err := f.check(r, body); err != nil {
		f.fail(out, r, internalError("the request check refused the request: "+err.Error()))
		return
	}
	if !f.hold(ctx) {
		abort(r)
		return
	}
	if bad := requestProblem(validID, body, readErr); bad != nil {
		if IsOAuth(r) {
			f.fail(out, r, bad)
			return
		}
		r = r.WithContext(context.WithValue(ctx, requestProblemKey{}, bad))
	}
	f.api.ServeHTTP(out, r)
	if !out.wrote && !out.hijacked {
		out.WriteHeader(http.StatusOK) // as net/http would, unseen by the journal
	}
}

// requestProblemKey is where a request that is bad whatever it asks for carries the
// problem, until it is its turn.
type requestProblemKey struct{}

func requestProblem(validID bool, body []byte, readErr error) error {
	switch {
	case !validID:
		return badRequest("X-Request-ID", "must be 1 to 128 visible ASCII characters, given once")
	case len(body) > maxBody:
		// net/http reads the rest, or closes the connection where it is long.
		return badRequest("body", fmt.Sprintf("is larger than %d bytes", maxBody))
	case readErr != nil:
		return badRequest("body", "could not be read to its end")
	}
	return nil
}

// headerWithHost returns the headers of a request as they came, with the Host
// that net/http moves out of them.
func headerWithHost(r *http.Request) http.Header {
	h := r.Header.Clone()
	if h == nil {
		h = http.Header{}
	}
	if r.Host != "" {
		h.Set("Host", r.Host)
	}
	return h
}

// check shows the request to the configured check. It returns the check's error
// unless CheckFailed takes it.
func (f *Fake) check(r *http.Request, body []byte) error {
	if f.config.Check == nil || IsOAuth(r) {
		return nil
	}
	seen := r.Clone(r.Context())
	seen.Body = io.NopCloser(bytes.NewReader(body))
	seen.ContentLength = int64(len(body))
	err := f.config.Check(seen)
	if err == nil || f.config.CheckFailed == nil {
		return err
	}
	f.config.CheckFailed(r, err)
	return nil
}

// hold waits out the latency. It reports false where the client or the fake went
// away meanwhile.
func (f *Fake) hold(ctx context.Context) bool {
	wait := f.config.MinLatency
	if spread := f.config.MaxLatency - wait; spread > 0 {
		wait += mathrand.N(spread + 1)
	}
	if wait <= 0 {
		return true
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-f.closed.Done():
	}
	return false
}

// abort ends an exchange without a response. A handler that merely returns would
// have responded with 200.
func abort(r *http.Request) {
	if r.Context().Value(http.ServerContextKey) != nil {
		panic(http.ErrAbortHandler)
	}
}

type requestIDKey struct{}

// requestID returns the id that a request came with, or a new one if it has none or one
// that is not valid.
func requestID(r *http.Request) (id string, valid bool) {
	const longest = 128
	sent := r.Header.Values("X-Request-ID")
	if len(sent) == 1 && sent[0] != "" && len(sent[0]) <= longest &&
		!strings.ContainsFunc(sent[0], func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
		return sent[0], true
	}
	random := make([]byte, 8)
	_, _ = rand.Read(random)
	return "req_" + hex.EncodeToString(random), len(sent) == 0
}

// exchangeWriter is the response writer that everything behind the journal writes to.
// It adds the headers that every response has, and keeps the journal.
type exchangeWriter struct {
	http.ResponseWriter
	fake      *Fake
	exchange  *journal.Exchange
	start     time.Time
	requestID string
	wrote     bool
	hijacked  bool
}

// Unwrap lets http.ResponseController reach the connection.
func (a *exchangeWriter) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// Hijack notes that the connection is gone, and no response to come.
func (a *exchangeWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffer, err := http.NewResponseController(a.ResponseWriter).Hijack()
	a.hijacked = a.hijacked || err == nil
	return conn, buffer, err
}

func (a *exchangeWriter) WriteHeader(status int) {
	if status >= 200 && !a.wrote {
		a.wrote = true
		h := a.Header()
		setDefault(h, "X-Request-Id", a.requestID)
		setDefault(h, "X-Response-Time", strconv.FormatInt(time.Since(a.start).Milliseconds(), 10)+"ms")
		setDefault(h, "Date", a.fake.Now().Format(http.TimeFormat))
		a.exchange.Respond(status, h)
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *exchangeWriter) Write(p []byte) (int, error) {
	if !a.wrote {
		a.WriteHeader(http.StatusOK)
	}
	a.exchange.Wrote(p)
	return a.ResponseWriter.Write(p)
}

// setDefault sets a header that is not there. One that is there and empty was
// taken away on purpose.
func setDefault(h http.Header, name, value string) {
	if _, ok := h[name]; !ok {
		h.Set(name, value)
	}
}
