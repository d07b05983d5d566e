package connix

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

// Every cell of the fate table.
func TestFate(t *testing.T) {
	dial := &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	reset := &net.OpError{Op: "read", Err: errors.New("connection reset by peer")}
	const anyMethod = ""
	for _, c := range []struct {
		name           string
		method         string
		status         int
		err            error
		neverConnected bool
		want           fate
	}{
		{"connection refused", anyMethod, 0, dial, false, fateUnsent},
		{"connection refused, wrapped", anyMethod, 0, fmt.Errorf("transport: %w", dial), false, fateUnsent},
		{"proxy refused", anyMethod, 0, &net.OpError{Op: "proxyconnect", Err: io.EOF}, false, fateUnsent},
		{"no such host", anyMethod, 0, &net.DNSError{Err: "no such host"}, false, fateUnsent},
		{"certificate not trusted", anyMethod, 0, &tls.CertificateVerificationError{Err: errors.New("expired")}, false, fateUnsent},
		{"http answer to https", anyMethod, 0, http.ErrSchemeMismatch, false, fateUnsent},
		{"no credential", anyMethod, 0, credentialError{errors.New("vault sealed")}, false, fateUnsent},
		{"refused by ourselves", anyMethod, 0, unsentError{ErrRedirectRefused}, false, fateUnsent},
		{"a dial that hung until the timeout", anyMethod, 0, context.DeadlineExceeded, true, fateUnsent},

		{"timeout with a connection", anyMethod, 0, context.DeadlineExceeded, false, fateUnknown},
		{"cancelled in flight", anyMethod, 0, context.Canceled, false, fateUnknown},
		{"connection reset", anyMethod, 0, reset, false, fateUnknown},
		{"server closed the connection", anyMethod, 0, io.EOF, false, fateUnknown},

		{"200", anyMethod, 200, nil, false, fateDone},
		{"201", anyMethod, 201, nil, false, fateDone},
		{"204", anyMethod, 204, nil, false, fateDone},
		{"200 cut", anyMethod, 200, errBodyCut, false, fateUnknown},
		{"200 too large", anyMethod, 200, ErrResponseTooLarge, false, fateUnknown},

		{"301 to a read", http.MethodGet, 301, nil, false, fateDeclined},
		{"302 to a read", http.MethodHead, 302, nil, false, fateDeclined},
		{"304 to a read", http.MethodGet, 304, nil, false, fateDeclined},
		{"301 to a write", http.MethodPost, 301, nil, false, fateUnknown},
		{"302 to a write", http.MethodDelete, 302, nil, false, fateUnknown},
		{"303 to a write", http.MethodPatch, 303, nil, false, fateUnknown},
		{"307", anyMethod, 307, nil, false, fateDeclined},
		{"308", anyMethod, 308, nil, false, fateDeclined},

		{"400", anyMethod, 400, nil, false, fateDeclined},
		{"401", anyMethod, 401, nil, false, fateDeclined},
		{"404 cut", anyMethod, 404, errBodyCut, false, fateDeclined},
		{"408", anyMethod, 408, nil, false, fateUnknown},
		{"409", anyMethod, 409, nil, false, fateDeclined},
		{"429", anyMethod, 429, nil, false, fateDeclined},
		{"500", anyMethod, 500, nil, false, fateUnknown},
		{"501", anyMethod, 501, nil, false, fateUnknown},
		{"503", anyMethod, 503, nil, false, fateUnknown},
		{"599", anyMethod, 599, nil, false, fateUnknown},
	} {
		methods := []string{c.method}
		if c.method == anyMethod {
			methods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
		}
		for _, method := range methods {
			if got := fateOf(method, c.status, c.err, c.neverConnected); got != c.want {
				t.Errorf("%s, %s: fate %v, want %v", c.name, method, got, c.want)
			}
		}
	}
}

func TestMethods(t *testing.T) {
	for method, want := range map[string][2]bool{ // writes, idempotent
		http.MethodGet: {false, true}, http.MethodHead: {false, true}, http.MethodOptions: {false, true},
		http.MethodPut: {true, true}, http.MethodDelete: {true, true},
		http.MethodPost: {true, false}, http.MethodPatch: {true, false}, "PURGE": {true, false},
	} {
		if got := [2]bool{isWrite(method), isIdempotent(method)}; got != want {
			t.Errorf("%s: writes, idempotent = %v, want %v", method, got, want)
		}
	}
}
