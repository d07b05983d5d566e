package retry

import (
	"errors"
	"strings"
)

// StreamError is a reset HTTP/2 stream. net/http's own type is not exported; it
// converts itself to any struct of this name and these fields for [errors.As].
type StreamError struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

// Error names the code.
func (e StreamError) Error() string { return "HTTP/2 stream reset" }

// codeRefusedStream is REFUSED_STREAM of RFC 9113: the server has not processed
// the request.
const codeRefusedStream = 0x7

// The texts of net/http, whose errors of these kinds are not exported. The first
// comes if net/http would repeat a request by itself and cannot, with the error
// that it would repeat after; the others for streams above the last one that a
// GOAWAY names.
const (
	cannotRepeat    = "http2: Transport: cannot retry err ["
	repeatRefused   = "REFUSED_STREAM"
	goAwayGraceful  = "http2: Transport received Server's graceful shutdown GOAWAY"
	goAwayWithError = "http2: Transport received GOAWAY from server ErrCode:"
)

// refusedStream reports whether err is the server's word that it has not
// processed the stream: REFUSED_STREAM, or a GOAWAY that names an earlier one.
// RFC 9113, section 8.7, lets a client repeat such a request, whatever its method.
func refusedStream(err error) bool {
	if err == nil {
		return false
	}
	var reset StreamError
	if errors.As(err, &reset) && reset.Code == codeRefusedStream {
		return true
	}
	for ; err != nil; err = errors.Unwrap(err) {
		text := err.Error()
		if cause, ok := strings.CutPrefix(text, cannotRepeat); ok {
			return strings.Contains(cause, repeatRefused) || strings.HasPrefix(cause, goAwayGraceful)
		}
		if text == goAwayGraceful || strings.HasPrefix(text, goAwayWithError) {
			return true
		}
	}
	return false
}

// Plain returns err, or the error after which net/http would have repeated the
// request, without its advice on how to let it.
func Plain(err error) error {
	if err == nil {
		return nil
	}
	rest, ok := strings.CutPrefix(err.Error(), cannotRepeat)
	cause, _, found := strings.Cut(rest, "] after ")
	if !ok || !found {
		return err
	}
	return plainError{err, cause}
}

type plainError struct {
	err  error
	text string
}

func (e plainError) Error() string { return e.text }
func (e plainError) Unwrap() error { return e.err }
