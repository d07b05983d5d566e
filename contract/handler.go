package contract

import (
	"bufio"
	"bytes"
	"net"
	"net/http"
)

// Handler returns a handler that passes requests to next and calls report with every
// [*Violation] of the request and of the response, in that order, in the request's
// goroutine. If the body of a request cannot be read, report gets the reader's
// error. The client gets the response unchanged. A response that next breaks off (by
// a panic, or by hijacking the connection) is not checked.
//
// Bodies stay in memory until next has returned.
func (c *Checker) Handler(next http.Handler, report func(error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		// next may change the request.
		original := req.Clone(req.Context())
		original.Body = nil
		if err := c.CheckRequest(req); err != nil {
			report(err)
		}
		recorder := &recorder{ResponseWriter: w}
		next.ServeHTTP(recorder, req)
		if recorder.hijacked {
			return
		}
		recorder.begin(http.StatusOK) // as net/http does if a handler writes nothing
		if err := c.CheckResponse(original, recorder.status, recorder.header, recorder.body.Bytes()); err != nil {
			report(err)
		}
	})
}

// recorder keeps a copy of the response that passes through it.
type recorder struct {
	http.ResponseWriter
	status   int
	header   http.Header // as it was when the status was sent
	body     bytes.Buffer
	hijacked bool
}

// Hijack notes that the response will not pass through the recorder.
func (r *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(r.ResponseWriter).Hijack()
	r.hijacked = err == nil
	return conn, buffered, err
}

// FlushError sends the status, if none was sent before.
func (r *recorder) FlushError() error {
	r.begin(http.StatusOK)
	return http.NewResponseController(r.ResponseWriter).Flush()
}

// Flush makes the recorder an http.Flusher.
func (r *recorder) Flush() { _ = r.FlushError() }

// Unwrap lets http.ResponseController reach the other methods of the writer.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *recorder) begin(status int) {
	if r.status == 0 && status >= http.StatusOK { // 1xx: the real status follows
		r.status, r.header = status, r.Header().Clone()
	}
}

func (r *recorder) WriteHeader(status int) {
	r.begin(status)
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	r.begin(http.StatusOK)
	n, err := r.ResponseWriter.Write(p)
	r.body.Write(p[:n])
	return n, err
}
