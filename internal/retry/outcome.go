// Package retry decides what follows an attempt: nothing, a retry, a redirect.
// It decides from values alone, without a clock, a lock or I/O. The caller
// sends, waits and counts.
package retry

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
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
	// RetryAfter is the server's, 0 if none came.
	RetryAfter time.Duration
	// HasRetryAfter tells a Retry-After of 0 from none.
	HasRetryAfter bool
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

// Classify returns the outcome of one exchange. A status of 0 means that no
// response came. err is why none came, or why its body could not be read whole.
// neverConnected is what the trace of the transport shows.
func Classify(method string, status int, err error, neverConnected bool) Outcome {
	switch {
	case status == 0 && (neverConnected || BeforeSending(err)):
		return NotSent
	case status == 0:
		return Unknown
	case status >= 200 && status < 300:
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
	case status == http.StatusRequestTimeout, status >= 500:
		return Unknown
	}
	return Rejected
}

// Unsent is implemented by the failures that precede the transport: nothing was
// sent, and there was no attempt.
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

// IsUnsent reports whether err precedes the transport.
func IsUnsent(err error) bool { return is[Unsent](err) }

// BeforeSending recognizes the failures that come before the first byte
// of a request: no credential, no address, no connection, no trust.
func BeforeSending(err error) bool {
	if op, ok := errors.AsType[*net.OpError](err); ok && (op.Op == "dial" || op.Op == "proxyconnect") {
		return true
	}
	return is[Unsent](err) || is[*net.DNSError](err) || isHopeless(err)
}

// isHopeless recognizes failures that the next attempt would meet again.
func isHopeless(err error) bool {
	return is[*tls.CertificateVerificationError](err) || errors.Is(err, http.ErrSchemeMismatch)
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}
