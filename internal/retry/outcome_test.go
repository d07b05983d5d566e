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

// Every cell of the table of outcomes.
func TestClassify_everyOutcome(t *testing.T) {
	dial := &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	reset := &net.OpError{Op: "read", Err: errors.New("connection reset by peer")}
	const anyMethod = ""
	for _, c := range []struct {
		name           string
		method         string
		status         int
		err            error
		neverConnected bool
		want           Outcome
	}{
		{"connection refused", anyMethod, 0, dial, false, NotSent},
		{"connection refused, wrapped", anyMethod, 0, fmt.Errorf("transport: %w", dial), false, NotSent},
		{"proxy refused", anyMethod, 0, &net.OpError{Op: "proxyconnect", Err: io.EOF}, false, NotSent},
		{"no such host", anyMethod, 0, &net.DNSError{Err: "no such host"}, false, NotSent},
		{"certificate not trusted", anyMethod, 0, &tls.CertificateVerificationError{Err: errors.New("expired")}, false, NotSent},
		{"http answer to https", anyMethod, 0, http.ErrSchemeMismatch, false, NotSent},
		{"no credential", anyMethod, 0, unsent{false}, false, NotSent},
		{"refused by ourselves", anyMethod, 0, Refusal{errors.New("refused")}, false, NotSent},
		{"a dial that hung until the timeout", anyMethod, 0, context.DeadlineExceeded, true, NotSent},

		{"timeout with a connection", anyMethod, 0, context.DeadlineExceeded, false, Unknown},
		{"cancelled in flight", anyMethod, 0, context.Canceled, false, Unknown},
		{"connection reset", anyMethod, 0, reset, false, Unknown},
		{"server closed the connection", anyMethod, 0, io.EOF, false, Unknown},

		{"200", anyMethod, 200, nil, false, Succeeded},
		{"201", anyMethod, 201, nil, false, Succeeded},
		{"204", anyMethod, 204, nil, false, Succeeded},
		{"200 cut", anyMethod, 200, io.ErrUnexpectedEOF, false, Unknown},
		{"200 too large", anyMethod, 200, errTooLarge, false, Unknown},

		{"301 to a read", http.MethodGet, 301, nil, false, Rejected},
		{"302 to a read", http.MethodHead, 302, nil, false, Rejected},
		{"304 to a read", http.MethodGet, 304, nil, false, Rejected},
		{"301 to a write", http.MethodPost, 301, nil, false, Unknown},
		{"302 to a write", http.MethodDelete, 302, nil, false, Unknown},
		{"303 to a write", http.MethodPatch, 303, nil, false, Unknown},
		{"307", anyMethod, 307, nil, false, Rejected},
		{"308", anyMethod, 308, nil, false, Rejected},

		{"400", anyMethod, 400, nil, false, Rejected},
		{"401", anyMethod, 401, nil, false, Rejected},
		{"404 cut", anyMethod, 404, io.ErrUnexpectedEOF, false, Rejected},
		{"408", anyMethod, 408, nil, false, Unknown},
		{"409", anyMethod, 409, nil, false, Rejected},
		{"429", anyMethod, 429, nil, false, Rejected},
		{"500", anyMethod, 500, nil, false, Unknown},
		{"501", anyMethod, 501, nil, false, Unknown},
		{"503", anyMethod, 503, nil, false, Unknown},
		{"599", anyMethod, 599, nil, false, Unknown},
	} {
		methods := []string{c.method}
		if c.method == anyMethod {
			methods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
		}
		for _, method := range methods {
			if got := Classify(method, c.status, c.err, c.neverConnected); got != c.want {
				t.Errorf("%s, %s: outcome %v, want %v", c.name, method, got, c.want)
			}
		}
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
