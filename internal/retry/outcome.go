// Package retry decides what follows an attempt: nothing, a retry, a redirect.
// It decides from values alone, without a clock, a lock or I/O. The caller
// sends, waits and counts.
package retry

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// Outcome is what is known of an attempt's effect on the server.
type Outcome uint8

// The outcomes of an attempt.
const (
	// NotSent: the request certainly never reached the server.
	NotSent Outcome = iota
	// Rejected: the server says that it did nothing.
	Rejected
	// Succeeded: the server says that it did it, and its response was read.
	Succeeded
	// Unknown: the request was sent, and no certain response came back.
	Unknown
)

func (o Outcome) String() string {
	return [...]string{"not sent", "rejected", "succeeded", "unknown"}[o]
}

// Attempt is one exchange with the server, once it is over.
type Attempt struct {
	// Status is the response's, 0 if none came.
	Status int
	// Err is why no response came, or why its body could not be read whole.
	Err error
	// Final marks an Err that every further attempt would meet again.
	Final bool
	// Outcome is what [Classify] made of it.
	Outcome Outcome
	// Location is that of a redirect.
	Location string
	// RetryAfter is the server's, 0 if none came or if it has passed. If there was
	// no credential to send, it is the source's.
	RetryAfter time.Duration
}

// IsWrite reports whether a method may change something, so that the outcome of
// its attempts matters to the caller.
func IsWrite(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return false
	}
	return true
}

// IsIdempotent reports whether a request with this method has the same effect
// if it is sent twice.
func IsIdempotent(method string) bool {
	return !IsWrite(method) || method == http.MethodPut || method == http.MethodDelete
}

// Evidence is what was seen of one attempt besides its response.
type Evidence struct {
	// Refused says that the transport was not asked: see [Unsent].
	Refused bool
	// Traced says that the transport asked for a connection and told the trace.
	Traced bool
	// Connected says that the attempt had a connection at some time.
	Connected bool
	// Written says that the headers of the request were written at some time.
	Written bool
	// Ended says that the attempt's context has ended: the transport may have
	// been about to write.
	Ended bool
	// Abandoned says that the transport has not returned: it may still send.
	Abandoned bool
}

// notSent reports whether the evidence alone proves that nothing was sent. A
// request whose headers were not written cannot have been processed.
func (e Evidence) notSent() bool {
	return e.Traced && !e.Written && !e.Abandoned && !(e.Connected && e.Ended)
}

// Classify returns the outcome of one exchange. A status of 0 means that no
// response came. err is why none came, or why its body could not be read whole.
//
// The type of an error proves nothing about a write: a transport may send, fail,
// and then fail to dial another host. Only the trace proves that a write was not
// sent, or the server's own word that it has not processed the stream.
func Classify(method string, status int, err error, e Evidence) Outcome {
	switch {
	case status == 0 && (e.Refused || e.notSent() || refusedStream(err)):
		return NotSent
	case status == 0 && !IsWrite(method) && !e.Connected && FailedToConnect(err):
		return NotSent
	case status == 0:
		return Unknown
	case status < 200:
		return Unknown // 101 and the like: no response to the request
	case status < 300:
		if err != nil {
			return Unknown
		}
		return Succeeded
	case status == http.StatusTemporaryRedirect, status == http.StatusPermanentRedirect:
		return Rejected
	case status < 400:
		// A write whose response says "see there" may have been done before.
		if IsWrite(method) {
			return Unknown
		}
		return Rejected
	case status == http.StatusRequestTimeout, status == statusClientClosed, status >= 500:
		return Unknown
	}
	return Rejected
}

// statusClientClosed is what nginx and others log, and some answer, if the client
// was gone before the response: what the server did is not known.
const statusClientClosed = 499

// Unsent is implemented by the failures that precede the transport: nothing was
// sent, and there was no attempt. Their attempt is marked as [Evidence] Refused.
type Unsent interface {
	error
	// UnsentRetryable reports whether a later try may succeed.
	UnsentRetryable() bool
}

// Refusal is an Unsent that no retry mends.
type Refusal struct{ Err error }

// Error returns the text of Err.
func (e Refusal) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e Refusal) Unwrap() error { return e.Err }

// UnsentRetryable returns false.
func (Refusal) UnsentRetryable() bool { return false }

// FailedToConnect recognizes the failures to get a connection: no address, no
// route, no trust.
func FailedToConnect(err error) bool {
	if op, ok := errors.AsType[*net.OpError](err); ok && (op.Op == "dial" || op.Op == "proxyconnect") {
		return true
	}
	return is[*net.DNSError](err) || IsHopeless(err)
}

// IsHopeless reports whether err is a failure that the next attempt would meet again.
func IsHopeless(err error) bool {
	return is[*tls.CertificateVerificationError](err) || errors.Is(err, http.ErrSchemeMismatch) || isProxyAuth(err)
}

// ProxyRefused is a proxy's response to CONNECT, if it is not a success.
type ProxyRefused struct{ Status int }

// Error names the status.
func (e ProxyRefused) Error() string {
	return strings.TrimSpace(fmt.Sprintf("the proxy refused the connection: %d %s", e.Status, http.StatusText(e.Status)))
}

// isProxyAuth recognizes a proxy's 407 to CONNECT. Without a [ProxyRefused],
// net/http returns the reason phrase alone.
func isProxyAuth(err error) bool {
	if refused, ok := errors.AsType[ProxyRefused](err); ok {
		return refused.Status == http.StatusProxyAuthRequired
	}
	return err != nil && strings.EqualFold(err.Error(), http.StatusText(http.StatusProxyAuthRequired))
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}
