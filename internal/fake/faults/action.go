package faults

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"time"
)

// Action is what a fault does to a request. It answers w, with or without the
// help of api, the handler that would have answered.
//
// When it runs, the request has arrived whole (up to a mebibyte of body), so
// the context of r ends as soon as the client gives up.
type Action func(w http.ResponseWriter, r *http.Request, api http.Handler)

// arrivedMax is how much of a body arrived keeps; the rest is left on the
// connection. It is far above what the API takes.
const arrivedMax = 1 << 20

// arrived reads the request's body ahead. Until a body has been read to its
// end, net/http does not notice that the client has gone.
func arrived(r *http.Request) *http.Request {
	if r.Body == nil || r.Body == http.NoBody {
		return r
	}
	var head bytes.Buffer
	rest := r.Body
	_, err := io.CopyN(&head, rest, arrivedMax)
	tail := io.Reader(rest)
	if err != nil { // io.EOF: that was all
		tail = failing{err}
	}
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(&head, tail), rest}
	return r
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// Delay waits d, then does next; nil stands for the API. A request whose
// client gives up meanwhile does not reach next.
func Delay(d time.Duration, next Action) Action {
	return func(w http.ResponseWriter, r *http.Request, api http.Handler) {
		switch {
		case !wait(r.Context(), d):
			hangUp(w)
		case next == nil:
			api.ServeHTTP(w, r)
		default:
			next(w, r, api)
		}
	}
}

// AfterProcessing lets the API process the request, throws its answer away
// and does next instead.
func AfterProcessing(next Action) Action {
	return func(w http.ResponseWriter, r *http.Request, api http.Handler) {
		capture(w, r, api)
		next(w, r, api)
	}
}

// wait waits d and reports true, or false when ctx ended before.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
