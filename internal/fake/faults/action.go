package faults

import (
	"context"
	"net/http"
	"time"
)

// Action is what a fault does to a request. It writes to w, with or without the
// help of api, the handler that would have responded.
//
// The body of r has been read from the connection, so the context of r ends as
// soon as the client gives up.
type Action func(w http.ResponseWriter, r *http.Request, api http.Handler)

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

// AfterProcessing lets the API process the request, throws its response away
// and does next instead. A nil next panics.
func AfterProcessing(next Action) Action {
	if next == nil {
		panic("connixtest: fault AfterProcessing without a next action")
	}
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
