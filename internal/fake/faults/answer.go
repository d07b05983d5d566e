package faults

import (
	"bytes"
	"maps"
	"net/http"
	"strconv"
)

// answer is what the API said, held back for an action to spoil.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// capture lets the API process r and returns its answer, not compressed.
func capture(w http.ResponseWriter, r *http.Request, api http.Handler) answer {
	plain := r.WithContext(r.Context()) // a copy
	plain.Header = r.Header.Clone()
	plain.Header.Del("Accept-Encoding")
	rec := recorder{header: w.Header().Clone()}
	api.ServeHTTP(&rec, plain)
	if rec.sent == nil {
		rec.WriteHeader(http.StatusOK)
	}
	return answer{rec.status, rec.sent, rec.body.Bytes()}
}

// recorder is an http.ResponseWriter that keeps what it is given.
type recorder struct {
	header http.Header
	sent   http.Header // as it was when the status was written
	status int
	body   bytes.Buffer
}

func (rec *recorder) Header() http.Header { return rec.header }

func (rec *recorder) WriteHeader(status int) {
	if rec.sent == nil && status >= http.StatusOK {
		rec.status, rec.sent = status, rec.header.Clone()
	}
}

func (rec *recorder) Write(p []byte) (int, error) {
	if rec.sent == nil {
		rec.WriteHeader(http.StatusOK)
	}
	return rec.body.Write(p)
}

// start writes the answer's status and header; length is what Content-Length
// will say, and a negative one leaves it out.
func (a answer) start(w http.ResponseWriter, length int) {
	clear(w.Header())
	maps.Copy(w.Header(), a.header)
	w.Header().Del("Content-Length")
	if length >= 0 && a.status != http.StatusNoContent && a.status != http.StatusNotModified {
		w.Header().Set("Content-Length", strconv.Itoa(length))
	}
	w.WriteHeader(a.status)
}

// send writes the whole answer.
func (a answer) send(w http.ResponseWriter) {
	a.start(w, len(a.body))
	_, _ = w.Write(a.body) // who has gone does not need it
}

// write sends p at once and reports whether the client was still there.
func write(w http.ResponseWriter, p []byte) bool {
	if _, err := w.Write(p); err != nil {
		return false
	}
	return http.NewResponseController(w).Flush() == nil
}
