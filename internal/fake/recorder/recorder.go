// Package recorder records the response of a handler in memory.
package recorder

import (
	"math"
	"net/http"
	"net/http/httptest"
)

// Recorder is an [httptest.ResponseRecorder] that waits for the final status after
// a 1xx, as a server does, and that bounds how much of the body it keeps.
type Recorder struct {
	*httptest.ResponseRecorder
	room int
}

// New returns a recorder that keeps at most the first maxBody bytes of the body, all
// of it where maxBody is negative.
func New(maxBody int) *Recorder {
	if maxBody < 0 {
		maxBody = math.MaxInt
	}
	return &Recorder{httptest.NewRecorder(), maxBody}
}

// WriteHeader ignores a 1xx: the final status follows.
func (r *Recorder) WriteHeader(status int) {
	if status >= http.StatusOK {
		r.ResponseRecorder.WriteHeader(status)
	}
}

// Write takes all of p.
func (r *Recorder) Write(p []byte) (int, error) {
	kept := p[:min(len(p), r.room)]
	r.room -= len(kept)
	if _, err := r.ResponseRecorder.Write(kept); err != nil {
		return 0, err
	}
	return len(p), nil
}

// WriteString is Write for a string.
func (r *Recorder) WriteString(s string) (int, error) { return r.Write([]byte(s)) }
