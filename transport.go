package connix

import (
	"io"
	"net"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// The limits of the default transport. `go run . -only HTTP/2` in bench/ measures
// what they cost and gain; docs/benchmarks.md has the figures.
const (
	// maxConnections bounds the connections to one host. Without a bound, a burst of
	// goroutines over HTTP/1.1 opens one each. Over HTTP/2 one connection carries
	// all calls.
	maxConnections = 64

	// idleConnections leaves room for a second host, such as a token endpoint.
	idleConnections = 2 * maxConnections

	dialTimeout           = 10 * time.Second
	tlsHandshakeTimeout   = 10 * time.Second
	expectContinueTimeout = time.Second

	// keepAliveInterval is that of TCP, which notices a host that is gone if no call
	// does.
	keepAliveInterval = 30 * time.Second

	// idleConnTimeout is below the idle timeouts of common load balancers, of which
	// most are minutes.
	idleConnTimeout = 90 * time.Second

	// pingAfter and pingTimeout bound how long a dead HTTP/2 connection takes calls.
	// If no frame arrives for pingAfter, the transport sends a ping; without a reply
	// within pingTimeout it closes the connection, and the calls on it can be
	// retried on another one. The sum is half of the default timeout of an attempt,
	// so that a call finds out before its attempt is over. A slow response costs a
	// ping, and so does an idle connection every pingAfter, 17 bytes each.
	pingAfter   = 10 * time.Second
	pingTimeout = 5 * time.Second

	// headerTable is the size of the table with which HTTP/2 compresses request
	// headers. An entry takes more than 32 bytes, so nothing enters the table. Each
	// call has another X-Request-ID, which would enter it and evict an older entry,
	// here and on the server. That costs more than the repeated headers do, which
	// are about 100 bytes longer.
	headerTable = 1
)

// newTransport returns the transport of a client that was given none.
func newTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: keepAliveInterval}
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		ForceAttemptHTTP2:     true, // which a DialContext would turn off
		MaxIdleConns:          idleConnections,
		MaxIdleConnsPerHost:   maxConnections,
		MaxConnsPerHost:       maxConnections,
		IdleConnTimeout:       idleConnTimeout,
		TLSHandshakeTimeout:   tlsHandshakeTimeout,
		ExpectContinueTimeout: expectContinueTimeout,
		HTTP2: &http.HTTP2Config{
			SendPingTimeout:           pingAfter,
			PingTimeout:               pingTimeout,
			MaxEncoderHeaderTableSize: headerTable,
		},
	}
}

// ownTransport is the transport of a client that was given none. If an attempt over
// HTTP/2 took too long, its connection may be dead although nobody has said so:
// later attempts use new connections, and those of other attempts stay.
type ownTransport struct {
	current atomic.Pointer[http.Transport]
	create  func() *http.Transport
}

func newOwnTransport(create func() *http.Transport) *ownTransport {
	t := &ownTransport{create: create}
	t.current.Store(create())
	return t
}

// RoundTrip implements [http.RoundTripper].
func (t *ownTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	return t.current.Load().RoundTrip(r)
}

// CloseIdleConnections closes the connections that no request uses.
func (t *ownTransport) CloseIdleConnections() { t.current.Load().CloseIdleConnections() }

// leave has later requests use other connections than those of failed. The requests
// that are under way keep theirs, which close when they are idle.
func (t *ownTransport) leave(failed *http.Transport) {
	if t.current.CompareAndSwap(failed, t.create()) {
		failed.CloseIdleConnections()
	}
}

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
