package connix

import (
	"io"
	"net/http"
	"runtime"
	"sync"
)

// foreignExchange is an exchange through a transport of the caller's, on a
// goroutine of its own.
type foreignExchange struct {
	done     chan struct{}
	result   exchange // once done is closed
	returned bool     // else the transport ended in a panic, or by runtime.Goexit
	panicked any

	mu        sync.Mutex
	abandoned bool
	body      io.Closer // of the response that is being read
}

func (e *foreignExchange) run(c *Client, hop *http.Request) {
	defer close(e.done)
	defer func() {
		if !e.returned {
			e.panicked = recover()
		}
	}()
	resp, err := c.transport.RoundTrip(hop)
	if e.begin(resp) {
		e.result = c.readExchange(hop, resp, err)
	} else {
		_ = resp.Body.Close()
	}
	e.returned = true
}

// outcome returns the result on the caller's goroutine, where a panic of the
// transport can be recovered.
func (e *foreignExchange) outcome() exchange {
	switch {
	case e.returned:
	case e.panicked != nil:
		panic(e.panicked)
	default:
		runtime.Goexit()
	}
	return e.result
}

// begin has abandon close the body that is read from now on. It returns false if
// the exchange was abandoned before the response came.
func (e *foreignExchange) begin(resp *http.Response) bool {
	if resp == nil || resp.Body == nil {
		return true
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.body = resp.Body
	return !e.abandoned
}

// abandon leaves the exchange to itself. Closing the body ends most reads; that
// may block, too.
func (e *foreignExchange) abandon() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.abandoned = true
	if e.body != nil {
		go func(body io.Closer) { _ = body.Close() }(e.body)
	}
}
