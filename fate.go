package connix

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
)

// fate is what is known of one attempt's effect on the server.
type fate uint8

const (
	// fateUnsent: the request certainly never reached the server.
	fateUnsent fate = iota
	// fateDeclined: the server says that it did nothing.
	fateDeclined
	// fateDone: the server says that it did it, and its answer was read.
	fateDone
	// fateUnknown: sent, and no certain word came back.
	fateUnknown
)

func (f fate) String() string {
	return [...]string{"unsent", "declined", "done", "unknown"}[f]
}

// isWrite reports whether a method may change something, so that its fate
// matters to the caller.
func isWrite(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return false
	}
	return true
}

// isIdempotent reports whether doing it twice is the same as doing it once.
func isIdempotent(method string) bool {
	return !isWrite(method) || method == http.MethodPut || method == http.MethodDelete
}

// fateOf judges one exchange. status is 0 where no answer came; err is why none
// came, or why its body could not be read whole; neverConnected is what the
// transport's trace saw.
func fateOf(method string, status int, err error, neverConnected bool) fate {
	switch {
	case status == 0 && (neverConnected || failedBeforeSending(err)):
		return fateUnsent
	case status == 0:
		return fateUnknown
	case status >= 200 && status < 300:
		if err != nil {
			return fateUnknown
		}
		return fateDone
	case status == http.StatusTemporaryRedirect, status == http.StatusPermanentRedirect:
		return fateDeclined
	case status < 400:
		// A write answered by "see there" may have been done before.
		if isWrite(method) {
			return fateUnknown
		}
		return fateDeclined
	case status == http.StatusRequestTimeout, status >= 500:
		return fateUnknown
	}
	return fateDeclined
}

// failedBeforeSending recognizes the failures that come before the first byte
// of a request: no credential, no address, no connection, no trust. What it
// cannot tell from the error alone, the transport's trace tells for writes.
func failedBeforeSending(err error) bool {
	if op, ok := errors.AsType[*net.OpError](err); ok && (op.Op == "dial" || op.Op == "proxyconnect") {
		return true
	}
	return is[credentialError](err) || is[unsentError](err) || is[*net.DNSError](err) || isHopeless(err)
}

// isHopeless recognizes failures that the next attempt would meet again.
func isHopeless(err error) bool {
	return is[*tls.CertificateVerificationError](err) || errors.Is(err, http.ErrSchemeMismatch)
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// unsentError marks a failure of our own, before the transport was asked.
type unsentError struct{ err error }

func (e unsentError) Error() string { return e.err.Error() }
func (e unsentError) Unwrap() error { return e.err }
