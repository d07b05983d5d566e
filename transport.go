package connix

import (
	"net"
	"net/http"
	"time"
)

// The limits of the default transport. `go run . -only http2` in bench/ measures
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
