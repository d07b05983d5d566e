package retry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
)

// errTooLarge is a failure of a body that was read in part.
var errTooLarge = errors.New("response too large")

// unsent is a failure that precedes the transport.
type unsent struct{ retryable bool }

func (unsent) Error() string           { return "no credential" }
func (u unsent) UnsentRetryable() bool { return u.retryable }

// TestClassify_everyOutcome has every cell of the table of outcomes.
func TestClassify_everyOutcome(t *testing.T) {
	const anyMethod = ""
	reset := &net.OpError{Op: "read", Err: errors.New("connection reset by peer")}
	connected := Evidence{Traced: true, Connected: true, Written: true}
	for _, c := range []struct {
		name     string
		method   string
		status   int
		err      error
		evidence Evidence
		want     Outcome
	}{
		{"no credential", anyMethod, 0, errors.New("vault sealed"), Evidence{Refused: true}, NotSent},
		{"never connected", anyMethod, 0, reset, Evidence{Traced: true}, NotSent},
		{"a dial that hung until the timeout", anyMethod, 0, context.DeadlineExceeded, Evidence{Traced: true, Ended: true}, NotSent},
		{"connected, headers not written", anyMethod, 0, reset, Evidence{Traced: true, Connected: true}, NotSent},
		{"connected, context ended before the headers", anyMethod, 0, context.Canceled, Evidence{Traced: true, Connected: true, Ended: true}, Unknown},
		{"a transport that did not return", anyMethod, 0, context.Canceled, Evidence{Traced: true, Abandoned: true, Ended: true}, Unknown},
		{"not traced", anyMethod, 0, reset, Evidence{}, Unknown},

		{"stream refused", anyMethod, 0, errors.New("http2: Transport: cannot retry err [stream error: stream ID 1; REFUSED_STREAM; received from peer] after Request.Body was written; define Request.GetBody to avoid this error"), connected, NotSent},
		{"stream refused, last repeat", anyMethod, 0, fmt.Errorf("transport: %w", StreamError{Code: codeRefusedStream}), connected, NotSent},
		{"stream reset otherwise", anyMethod, 0, StreamError{Code: 1}, connected, Unknown},
		{"protocol error", anyMethod, 0, errors.New("http2: Transport: cannot retry err [stream error: stream ID 1; PROTOCOL_ERROR; received from peer] after Request.Body was written; define Request.GetBody to avoid this error"), connected, Unknown},
		{"shut down gracefully before the stream", anyMethod, 0, errors.New(goAwayGraceful), connected, NotSent},
		{"shut down gracefully before the stream, body read", anyMethod, 0, errors.New(cannotRepeat + goAwayGraceful + "] after Request.Body was written"), connected, NotSent},
		{"shut down with an error before the first stream", anyMethod, 0, errors.New(goAwayWithError + "ENHANCE_YOUR_CALM"), connected, NotSent},
		{"shut down, a later stream named", anyMethod, 0, errors.New(`http2: server sent GOAWAY and closed the connection; LastStreamID=7, ErrCode=NO_ERROR, debug="` + cannotRepeat + `REFUSED_STREAM"`), connected, Unknown},

		{"timeout with a connection", anyMethod, 0, context.DeadlineExceeded, connected, Unknown},
		{"connection reset", anyMethod, 0, reset, connected, Unknown},
		{"server closed the connection", anyMethod, 0, io.EOF, connected, Unknown},

		{"200", anyMethod, 200, nil, connected, Succeeded},
		{"201", anyMethod, 201, nil, connected, Succeeded},
		{"204", anyMethod, 204, nil, connected, Succeeded},
		{"200 cut", anyMethod, 200, io.ErrUnexpectedEOF, connected, Unknown},
		{"200 too large", anyMethod, 200, errTooLarge, connected, Unknown},
		{"101", anyMethod, 101, nil, connected, Unknown},

		{"301 to a read", http.MethodGet, 301, nil, connected, Rejected},
		{"302 to a read", http.MethodHead, 302, nil, connected, Rejected},
		{"304 to a read", http.MethodGet, 304, nil, connected, Rejected},
		{"301 to a write", http.MethodPost, 301, nil, connected, Unknown},
		{"302 to a write", http.MethodDelete, 302, nil, connected, Unknown},
		{"303 to a write", http.MethodPatch, 303, nil, connected, Unknown},
		{"307", anyMethod, 307, nil, connected, Rejected},
		{"308", anyMethod, 308, nil, connected, Rejected},

		{"400", anyMethod, 400, nil, connected, Rejected},
		{"401", anyMethod, 401, nil, connected, Rejected},
		{"404 cut", anyMethod, 404, io.ErrUnexpectedEOF, connected, Rejected},
		{"408", anyMethod, 408, nil, connected, Unknown},
		{"409", anyMethod, 409, nil, connected, Rejected},
		{"429", anyMethod, 429, nil, connected, Rejected},
		{"499", anyMethod, 499, nil, connected, Unknown},
		{"500", anyMethod, 500, nil, connected, Unknown},
		{"501", anyMethod, 501, nil, connected, Unknown},
		{"503", anyMethod, 503, nil, connected, Unknown},
		{"599", anyMethod, 599, nil, connected, Unknown},
	} {
		methods := []string{c.method}
		if c.method == anyMethod {
			methods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
		}
		for _, method := range methods {
			if got := Classify(method, c.status, c.err, c.evidence); got != c.want {
				t.Errorf("%s, %s: outcome %v, want %v", c.name, method, got, c.want)
			}
		}
	}
}

// TestClassify_errorTypes shows that an error that names a failed dial proves
// nothing about a write without a trace, and nothing at all with a connection.
func TestClassify_errorTypes(t *testing.T) {
	for name, err := range map[string]error{
		"connection refused":          &net.OpError{Op: "dial", Err: errors.New("connection refused")},
		"connection refused, wrapped": fmt.Errorf("transport: %w", &net.OpError{Op: "dial", Err: errors.New("connection refused")}),
		"proxy refused":               &net.OpError{Op: "proxyconnect", Err: io.EOF},
		"no such host":                &net.DNSError{Err: "no such host"},
		"certificate not trusted":     &tls.CertificateVerificationError{Err: errors.New("expired")},
		"http response to https":      http.ErrSchemeMismatch,
	} {
		for evidence, want := range map[Evidence][2]Outcome{ // of a POST and a GET
			{}:             {Unknown, NotSent},
			{Traced: true}: {NotSent, NotSent},
			{Traced: true, Connected: true, Written: true}: {Unknown, Unknown},
		} {
			got := [2]Outcome{Classify(http.MethodPost, 0, err, evidence), Classify(http.MethodGet, 0, err, evidence)}
			if got != want {
				t.Errorf("%s, %+v: %v, want %v", name, evidence, got, want)
			}
		}
	}
}

func TestPlain_adviceLeftOut(t *testing.T) {
	err := errors.New("http2: Transport: cannot retry err [stream error: stream ID 1; REFUSED_STREAM; received from peer] after Request.Body was written; define Request.GetBody to avoid this error")
	got := Plain(err)
	if got.Error() != "stream error: stream ID 1; REFUSED_STREAM; received from peer" || !errors.Is(got, err) {
		t.Errorf("got %q", got)
	}
	if other := errors.New("EOF"); !errors.Is(Plain(other), other) || Plain(other).Error() != "EOF" || Plain(nil) != nil {
		t.Error("other errors should stay as they are")
	}
}

func TestMethods_writeAndIdempotent(t *testing.T) {
	for method, want := range map[string][2]bool{ // writes, idempotent
		http.MethodGet: {false, true}, http.MethodHead: {false, true}, http.MethodOptions: {false, true},
		http.MethodPut: {true, true}, http.MethodDelete: {true, true},
		http.MethodPost: {true, false}, http.MethodPatch: {true, false}, "PURGE": {true, false},
	} {
		if got := [2]bool{IsWrite(method), IsIdempotent(method)}; got != want {
			t.Errorf("%s: writes, idempotent = %v, want %v", method, got, want)
		}
	}
}
