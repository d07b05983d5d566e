package connix

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/connix-io/connix-go/internal/retry"
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
		OnProxyConnectResponse: func(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
			if resp.StatusCode != http.StatusOK {
				return retry.ProxyRefused{Status: resp.StatusCode}
			}
			return nil
		},
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

// protocol is what is known of the protocol that the transport speaks with the
// API: it decides how net/http can be kept from repeating a request by itself.
type protocol struct{ version atomic.Int32 }

const (
	protocolUnknown = iota
	protocolHTTP1
	protocolHTTP2
)

// connTrace is what the transport says of its connections during one attempt. A
// dial that is abandoned may still report, on a goroutine of the transport's.
type connTrace struct {
	wanted   atomic.Bool
	got      atomic.Int32 // connections
	written  atomic.Int32 // requests whose headers were written
	stopped  atomic.Bool  // net/http was about to repeat the request, and was stopped
	early    atomic.Bool  // the request was stopped before it was written: see attach
	attached int32        // the protocol version that the request is made for
	write    bool
	protocol *protocol
	cancel   context.CancelFunc // of the attempt
	hooks    httptrace.ClientTrace
}

// errRepeatedByTransport is the error of a request that net/http would have sent
// once more, after the server had reset its stream or left the connection.
var errRepeatedByTransport = errors.New("the server reset the HTTP/2 stream or left the connection")

// saw takes the protocol of a response, if no connection has told it.
func (p *protocol) saw(major int) {
	if major > 0 && p.version.Load() == protocolUnknown {
		p.version.Store(int32(min(major, protocolHTTP2)))
	}
}

// mayRepeat reports whether net/http may send the request once more: if nothing of
// it was sent, and a read over HTTP/1.1.
func (t *connTrace) mayRepeat() bool {
	return t.written.Load() == 0 || !t.write && t.protocol.version.Load() == protocolHTTP1
}

func newConnTrace(p *protocol, method string, cancel context.CancelFunc) *connTrace {
	return &connTrace{protocol: p, cancel: cancel, attached: p.version.Load(), write: retry.IsWrite(method)}
}

// watch returns a context under which the transport tells the trace.
func (t *connTrace) watch(ctx context.Context) context.Context {
	t.hooks.GetConn = func(string) { t.wanted.Store(true) }
	t.hooks.GotConn = t.gotConn
	t.hooks.WroteHeaders = func() { t.written.Add(1) }
	return httptrace.WithClientTrace(ctx, &t.hooks)
}

// gotConn runs before the request is written to the connection. Over HTTP/2,
// net/http repeats a request whose stream was refused, and in some versions one
// that the server has processed. It is stopped here: whether to repeat is decided
// with the rate limit, the retry policy and the caller's hooks in view. Over
// HTTP/1.1 it repeats reads, see unseen, writes of which nothing was sent, and
// those to which a transport of the caller's adds an Idempotency-Key.
func (t *connTrace) gotConn(info httptrace.GotConnInfo) {
	t.wanted.Store(true)
	first := t.got.Add(1) == 1
	if !first || !info.Reused || t.protocol.version.Load() == protocolUnknown {
		t.learn(info) // of this connection: others may speak another protocol
	}
	switch {
	case first && t.write && t.attached == protocolUnknown && t.protocol.version.Load() == protocolHTTP2:
		// The first write of a client: it was made before the protocol was known.
		t.early.Store(true)
		t.cancel()
	case !first && !t.mayRepeat():
		t.stopped.Store(true)
		t.cancel()
		if t.protocol.version.Load() == protocolHTTP1 && info.Conn != nil {
			// HTTP/1.1 looks at the context too late. The connection is this
			// request's alone.
			_ = info.Conn.Close()
		}
	}
}

// stoppedEarly reports whether the request was stopped before anything of it was
// written, to be made anew for HTTP/2.
func (t *connTrace) stoppedEarly() bool { return t != nil && t.early.Load() && t.written.Load() == 0 }

// learn reads the protocol off a TLS connection. A plain one does not tell: a
// response does.
func (t *connTrace) learn(info httptrace.GotConnInfo) {
	secure, ok := info.Conn.(interface{ ConnectionState() tls.ConnectionState })
	switch {
	case !ok:
	case secure.ConnectionState().NegotiatedProtocol == "h2":
		t.protocol.version.Store(protocolHTTP2)
	default:
		t.protocol.version.Store(protocolHTTP1)
	}
}

// repeated reports whether net/http was kept from repeating the request.
func (t *connTrace) repeated() bool { return t != nil && t.stopped.Load() }

// unseen returns how often net/http has sent the request besides the exchange
// that it returned.
func (t *connTrace) unseen() int {
	if t == nil || t.stopped.Load() {
		return 0
	}
	return max(int(t.written.Load())-1, 0)
}
