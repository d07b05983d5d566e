package connix_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connix-io/connix-go"
)

func zipped(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, text)
	_ = z.Close()
	return b.String()
}

// Names of codings have no case, and gzip has two.
func TestBody_codings(t *testing.T) {
	const project = `{"id":1,"name":"packed"}`
	for _, c := range []struct {
		encoding []string
		body     string
		fine     bool
	}{
		{[]string{"gzip"}, zipped(project), true},
		{[]string{"GZIP"}, zipped(project), true},
		{[]string{"x-gzip"}, zipped(project), true},
		{[]string{" X-Gzip "}, zipped(project), true},
		{[]string{"identity, gzip"}, zipped(project), true},
		{[]string{"identity", "Gzip"}, zipped(project), true},
		{[]string{"identity"}, project, true},
		{[]string{"Identity"}, project, true},
		{[]string{""}, project, true},
		{[]string{"br"}, "\x1b\x03", false},
		{[]string{"gzip"}, project, false},
	} {
		client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Encoding"] = c.encoding
			writeJSON(w, 200, c.body)
		})
		got, err := client.Projects.Get(t.Context(), "1")
		if c.fine && (err != nil || got.Name != "packed") || !c.fine && !errors.Is(err, connix.ErrInvalidResponse) {
			t.Errorf("%q: %+v, %v", c.encoding, got, err)
		}
	}
}

// countingBody counts what is read of it.
type countingBody struct {
	io.Reader
	read int
}

func (b *countingBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	b.read += n
	return n, err
}
func (b *countingBody) Close() error { return nil }

// Of an error's body no more is read than is kept, and no more is kept than is
// shown.
func TestBody_errorIsCapped(t *testing.T) {
	const kept = 64 << 10
	for _, length := range []int64{-1, 8 << 20} {
		body := &countingBody{Reader: io.LimitReader(endless{}, 8<<20)}
		client := must(connix.NewClient(connix.WithAPIKey("key"), connix.WithRetryPolicy(connix.RetryPolicy{}), connix.WithHTTPClient(&http.Client{
			Transport: roundTripper(func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: 502, Header: http.Header{}, Body: body, ContentLength: length}, nil
			}),
		})))(t)
		var meta connix.Response
		e := mustError(t, second(client.Projects.Get(t.Context(), "1", connix.WithResponse(&meta))), connix.ErrServer)
		if errors.Is(e, connix.ErrResponseTooLarge) || len(e.Body) != kept || cap(e.Body) > kept+kept/4 || len(meta.Body) != kept || body.read > kept+1 {
			t.Errorf("%v: %d bytes of %d kept, %d bytes read", e, len(e.Body), cap(e.Body), body.read)
		}
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return copy(p, strings.Repeat("x", len(p))), nil }

// TestStream_readerBlocks has a reader that does not return: the call ends with
// its context or its attempt, and says that the reader is still being read.
func TestStream_readerBlocks(t *testing.T) {
	for name, early := range map[string]bool{"the server waits": false, "the server refuses at once": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := serve(t, func(w http.ResponseWriter, r *http.Request) {
					if early {
						_ = http.NewResponseController(w).EnableFullDuplex() // else it reads the body first
						writeJSON(w, 400, `{"error":{"code":"INVALID_REQUEST","message":"no"}}`)
						return
					}
					_, _ = io.Copy(io.Discard, r.Body)
				}, connix.WithTimeout(5*time.Second))
				s := newStuck(t)
				began := time.Now()
				err := client.Do(t.Context(), "POST", "uploads", s, nil)
				e := mustError(t, err)
				if early && e.StatusCode != 400 || !early && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v", err)
				}
				if !strings.Contains(err.Error(), "reader given to Do") {
					t.Errorf("the error does not name the reader: %v", err)
				}
				equal(t, "took", time.Since(began), 5*time.Second)
				time.Sleep(time.Second) // the server takes half of one to close the connection
				equal(t, "reads", s.reads.Load(), 1)
			})
		})
	}
}

// slowReader is a reader that says whether it is read after the call.
type slowReader struct {
	data  io.Reader
	pause time.Duration
	over  atomic.Bool
	late  atomic.Int64
}

func (c *slowReader) Read(p []byte) (int, error) {
	if c.over.Load() {
		c.late.Add(1)
	}
	time.Sleep(c.pause)
	return c.data.Read(p[:min(len(p), 10)])
}

// TestStream_notReadAfterReturn has the server refuse an upload early: net/http
// would go on reading the body for a while.
func TestStream_notReadAfterReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := serve(t, func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).EnableFullDuplex() // else it reads the body first
			_, _ = r.Body.Read(make([]byte, 1))
			writeJSON(w, 400, `{"error":{"code":"INVALID_REQUEST","message":"no"}}`)
		})
		reader := &slowReader{data: bytes.NewReader(make([]byte, 1<<20)), pause: 10 * time.Millisecond}
		err := client.Do(t.Context(), "POST", "uploads", reader, nil)
		reader.over.Store(true)
		if e := mustError(t, err, connix.ErrInvalidRequest); e.StatusCode != 400 {
			t.Errorf("%v", err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		equal(t, "reads after the call", reader.late.Load(), 0)
	})
}

// TestStream_whole sends what the reader gives, byte by byte.
func TestStream_whole(t *testing.T) {
	want := strings.Repeat("0123456789abcdef", 10_000)
	for name, reader := range map[string]func() io.Reader{
		"of known length":   func() io.Reader { return strings.NewReader(want) },
		"of unknown length": func() io.Reader { return io.MultiReader(strings.NewReader(want)) },
		"in small pieces":   func() io.Reader { return &slowReader{data: strings.NewReader(want)} },
		"data with the end": func() io.Reader { return &atOnce{data: []byte(want)} },
	} {
		synctest.Test(t, func(t *testing.T) {
			var got string
			client := serve(t, func(w http.ResponseWriter, r *http.Request) {
				got = string(must(io.ReadAll(r.Body))(t))
				writeJSON(w, 200, `{}`)
			})
			if err := client.Do(t.Context(), "POST", "uploads", reader(), nil); err != nil || got != want {
				t.Errorf("%s: %d bytes came, want %d; %v", name, len(got), len(want), err)
			}
		})
	}
}

// atOnce returns its last bytes together with io.EOF.
type atOnce struct{ data []byte }

func (r *atOnce) Read(p []byte) (int, error) {
	n := copy(p, r.data)
	if r.data = r.data[n:]; len(r.data) == 0 {
		return n, io.EOF
	}
	return n, nil
}

// panicking is a reader with a bug.
type panicking struct{}

func (panicking) Read([]byte) (int, error) { panic("of the reader") }

// TestStream_readerPanics does not end the program: the transport reads on a
// goroutine that nobody can recover.
func TestStream_readerPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := serve(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
		err := client.Do(t.Context(), "POST", "uploads", panicking{}, nil)
		mustErrorIs(t, err, connix.ErrUnknownOutcome)
		if !strings.Contains(err.Error(), "panicked: of the reader") {
			t.Errorf("%v", err)
		}
		time.Sleep(time.Second) // the server takes half of one to close the connection
	})
}
