package contract

import (
	"bufio"
	"bytes"
	"net"
	"net/http"
)

// Handler passes requests to next and gives report every [*Violation] of the
// request and of the answer, in that order; report is called from the goroutine
// of the request. The client gets the answer unchanged. An answer that next
// breaks off (by a panic or by taking over the connection) is not checked.
//
// Bodies are kept in memory until next has returned.
func (c *Checker) Handler(next http.Handler, report func(error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		// Not every handler leaves the request as it came.
		asked := req.Clone(req.Context())
		asked.Body = nil
		if err := c.CheckRequest(req); err != nil {
			report(err)
		}
		recorder := &recorder{ResponseWriter: w}
		next.ServeHTTP(recorder, req)
		if recorder.hijacked {
			return
		}
		recorder.begin(http.StatusOK) // as net/http does for a handler that writes nothing
		if err := c.CheckResponse(asked, recorder.status, recorder.header, recorder.body.Bytes()); err != nil {
			report(err)
		}
	})
}

// recorder keeps what passes through it.
type recorder struct {
	http.ResponseWriter
	status   int
	header   http.Header // as it was when the status was sent
	body     bytes.Buffer
	hijacked bool
}

// Hijack notes that the answer will not pass through the recorder.
func (r *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(r.ResponseWriter).Hijack()
	r.hijacked = err == nil
	return conn, buffered, err
}

// FlushError sends the status, where none was sent before.
func (r *recorder) FlushError() error {
	r.begin(http.StatusOK)
	return http.NewResponseController(r.ResponseWriter).Flush()
}

// Flush is FlushError for those who ask for an http.Flusher.
func (r *recorder) Flush() { _ = r.FlushError() }

// Unwrap lets http.ResponseController reach what else the writer can do.
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
