package connix_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

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
