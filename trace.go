package connix

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http/httptrace"
	"sync/atomic"

	"github.com/connix-io/connix-go/internal/retry"
)

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

// mayRepeat reports whether net/http repeats the request only if nothing of it
// was sent.
func (t *connTrace) mayRepeat() bool {
	return t.written.Load() == 0 || t.protocol.version.Load() == protocolHTTP1
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
// HTTP/1.1 it repeats writes of which nothing was sent, and reads: see unseen.
func (t *connTrace) gotConn(info httptrace.GotConnInfo) {
	t.wanted.Store(true)
	if !info.Reused || t.protocol.version.Load() == protocolUnknown {
		t.learn(info)
	}
	switch first := t.got.Add(1) == 1; {
	case first && t.write && t.attached == protocolUnknown && t.protocol.version.Load() == protocolHTTP2:
		// The first write of a client: it was made before the protocol was known.
		t.early.Store(true)
		t.cancel()
	case !first && !t.mayRepeat():
		t.stopped.Store(true)
		t.cancel()
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
