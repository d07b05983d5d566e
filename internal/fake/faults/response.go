package faults

import (
	"maps"
	"net/http"
	"strconv"

	"github.com/connix-io/connix-go/internal/fake/recorder"
)

// response is a response of the API, held back for an action to spoil.
type response struct {
	status int
	header http.Header
	body   []byte
}

// capture lets the API process r and returns its response, not compressed.
func capture(w http.ResponseWriter, r *http.Request, api http.Handler) response {
	plain := r.WithContext(r.Context()) // a copy
	plain.Header = r.Header.Clone()
	plain.Header.Del("Accept-Encoding")
	rec := recorder.New(-1)
	maps.Copy(rec.Header(), w.Header().Clone())
	api.ServeHTTP(rec, plain)
	result := rec.Result()
	_ = result.Body.Close() // it is a buffer
	return response{result.StatusCode, result.Header, rec.Body.Bytes()}
}

// start writes the response's status and header; length is the Content-Length,
// and a negative one leaves it out.
func (a response) start(w http.ResponseWriter, length int) {
	clear(w.Header())
	maps.Copy(w.Header(), a.header)
	w.Header().Del("Content-Length")
	if length >= 0 && a.status != http.StatusNoContent && a.status != http.StatusNotModified {
		w.Header().Set("Content-Length", strconv.Itoa(length))
	}
	w.WriteHeader(a.status)
}

// send writes the whole response.
func (a response) send(w http.ResponseWriter) {
	a.start(w, len(a.body))
	_, _ = w.Write(a.body) // a client that is gone does not need it
}

// write sends p at once and reports whether the client was still there.
func write(w http.ResponseWriter, p []byte) bool {
	if _, err := w.Write(p); err != nil {
		return false
	}
	return http.NewResponseController(w).Flush() == nil
}
