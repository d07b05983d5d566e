package connix_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connix-io/connix-go"
)

// Each status belongs to one class, whatever the body says.
func TestError_classes(t *testing.T) {
	classes := []error{
		connix.ErrInvalidRequest, connix.ErrUnauthorized, connix.ErrForbidden, connix.ErrNotFound,
		connix.ErrConflict, connix.ErrRateLimited, connix.ErrServer,
	}
	for status, want := range map[int]error{
		400: connix.ErrInvalidRequest, 422: connix.ErrInvalidRequest, 401: connix.ErrUnauthorized, 403: connix.ErrForbidden,
		404: connix.ErrNotFound, 409: connix.ErrConflict, 429: connix.ErrRateLimited,
		500: connix.ErrServer, 502: connix.ErrServer, 503: connix.ErrServer, 599: connix.ErrServer,
		405: nil, 418: nil, 0: nil,
	} {
		for _, class := range classes {
			if got := errors.Is(&connix.Error{StatusCode: status}, class); got != (want != nil && errors.Is(class, want)) {
				t.Errorf("status %d matches %v: %v", status, class, got)
			}
		}
	}
	if !errors.Is(&connix.ArgumentError{Name: "id"}, connix.ErrInvalidRequest) {
		t.Error("an *ArgumentError should match ErrInvalidRequest")
	}
}

// What a failed answer's body is, both dialects and none, its status and
// request id reach the caller.
func TestError_bodies(t *testing.T) {
	for _, c := range []struct {
		name, contentType, body string
		status                  int
		want                    connix.Error // what is compared
		text                    string       // a part of the message
	}{
		{
			name: "the overview's", status: 400, contentType: "application/json",
			body: `{"error":{"code":"INVALID_REQUEST","message":"The request data is invalid","details":{"field":"name","issue":"cannot be empty"},"request_id":"req_1234567890"}}`,
			want: connix.Error{Code: connix.CodeInvalidRequest, Message: "The request data is invalid", RequestID: "req_1234567890", Details: connix.ErrorDetails{Field: "name", Issue: "cannot be empty"}},
			text: "GET /projects/{id}: 400 INVALID_REQUEST: The request data is invalid (name: cannot be empty)",
		},
		{
			name: "the reference's", status: 401, contentType: "application/json",
			body: `{"error":{"code":"invalid_api_key","message":"Bad key","details":"it was revoked","timestamp":"2024-01-15T10:30:00Z"}}`,
			want: connix.Error{Code: "invalid_api_key", Message: "Bad key", RequestID: "req_header", Details: connix.ErrorDetails{Issue: "it was revoked"}},
			text: "check that the credential",
		},
		{
			name: "odd details", status: 400, contentType: "application/json",
			body: `{"error":{"code":42,"message":"odd","details":[1,2],"request_id":7}}`,
			want: connix.Error{Code: "42", Message: "odd", RequestID: "7"},
		},
		{name: "HTML", status: 403, contentType: "text/html; charset=utf-8", body: "<html>blocked</html>", want: connix.Error{RequestID: "req_header"}, text: "Forbidden with text/html in place of the API's JSON; a proxy"},
		{name: "nothing", status: 409, body: "", want: connix.Error{RequestID: "req_header"}, text: "Conflict with an empty body"},
		{name: "cut JSON", status: 400, contentType: "application/json", body: `{"error":{"code":"INVA`, want: connix.Error{RequestID: "req_header"}, text: "JSON that is not the API's error"},
		{name: "another API's JSON", status: 400, contentType: "application/json", body: `{"message":"nope"}`, want: connix.Error{RequestID: "req_header"}, text: "JSON that is not the API's error"},
		{name: "no content type", status: 404, contentType: "-", body: "gone", want: connix.Error{RequestID: "req_header"}, text: "does not document GET /projects/{id}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X-Request-ID", "req_header")
				w.Header().Set("Content-Type", c.contentType)
				if c.contentType == "-" {
					w.Header()["Content-Type"] = nil
				}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})
			_, err := client.Projects.Get(t.Context(), "1")
			e, ok := errors.AsType[*connix.Error](err)
			if !ok {
				t.Fatalf("%T: %v", err, err)
			}
			if e.StatusCode != c.status || e.Code != c.want.Code || e.RequestID != c.want.RequestID ||
				e.Details.Field != c.want.Details.Field || e.Details.Issue != c.want.Details.Issue ||
				c.want.Message != "" && e.Message != c.want.Message || string(e.Body) != c.body {
				t.Errorf("error: %d %q %q %q %+v", e.StatusCode, e.Code, e.Message, e.RequestID, e.Details)
			}
			if !strings.Contains(err.Error(), c.text) {
				t.Errorf("text: %s\nwant in it: %s", err, c.text)
			}
		})
	}
}

// A success that cannot be read is ErrInvalidResponse, with status and request
// id; of a write the outcome is unknown then.
func TestError_unreadableSuccess(t *testing.T) {
	bodies := map[string]string{
		"HTML": "<html>log in to the Wi-Fi</html>", "nothing": "", "null": "null", "cut": `{"id":1,"na`, "mistyped": `{"id":{},"name":[]}`,
		"an array": `[1]`, "trailing garbage": `{"id":1} oops`, "an error": `{"error":{"code":"INTERNAL_ERROR","message":"sorry"}}`,
	}
	for name, body := range bodies {
		client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Request-ID", "req_header")
			_, _ = io.WriteString(w, body)
		})
		for _, write := range []bool{false, true} {
			var err error
			if write {
				_, err = client.Projects.Create(t.Context(), connix.CreateProjectRequest{Name: "x"})
			} else {
				_, err = client.Projects.Get(t.Context(), "1")
			}
			e, ok := errors.AsType[*connix.Error](err)
			if !ok || !errors.Is(err, connix.ErrInvalidResponse) || e.StatusCode != 200 || e.RequestID != "req_header" {
				t.Errorf("%s, write %v: %v", name, write, err)
			}
			if got := errors.Is(err, connix.ErrUnknownOutcome); got != write {
				t.Errorf("%s, write %v: ErrUnknownOutcome %v", name, write, got)
			}
			if isServer := errors.Is(err, connix.ErrServer); isServer != (name == "an error") {
				t.Errorf("%s: matches ErrServer: %v", name, isServer)
			}
		}
		// Any JSON will do for a delete, whose answer has no result.
		fine := name == "nothing" || name == "null" || name == "mistyped" || name == "an array"
		if err := client.Projects.Delete(t.Context(), "1"); errors.Is(err, connix.ErrUnknownOutcome) == fine {
			t.Errorf("%s as the answer to a delete: %v", name, err)
		}
	}
}

// Bodies over the cap, compressed or not, end the call; nothing is repeated.
func TestError_responseTooLarge(t *testing.T) {
	for _, status := range []int{200, 500} {
		var seen int
		client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			seen++
			w.WriteHeader(status)
			_, _ = io.WriteString(w, `{"name":"`+strings.Repeat("x", 4096)+`"}`)
		}, connix.WithMaxResponseBytes(1024), connix.WithRetryPolicy(connix.RetryPolicy{}))
		_, err := client.Projects.Get(t.Context(), "1")
		e, ok := errors.AsType[*connix.Error](err)
		if !ok || !errors.Is(err, connix.ErrResponseTooLarge) || e.StatusCode != status || len(e.Body) != 1024 || seen != 1 {
			t.Errorf("a large %d: %v after %d requests", status, err, seen)
		}
	}
}

// No answer at all: the error says so, what to look at, and matches its cause.
func TestError_noResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
		client, err := connix.NewClient(
			connix.WithAPIKey("cx_test"), connix.WithBaseURL("https://api.test"), connix.WithRetryPolicy(connix.RetryPolicy{MaxRetries: 1}),
			connix.WithHTTPClient(&http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, refused }}}),
		)
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.Projects.Create(t.Context(), connix.CreateProjectRequest{Name: "x"})
		e, ok := errors.AsType[*connix.Error](err)
		if !ok || e.StatusCode != 0 || len(e.Attempts) != 2 || !errors.Is(err, refused) || errors.Is(err, connix.ErrUnknownOutcome) {
			t.Errorf("connection refused: %v", err)
		}
		const want = "connix: POST /projects: no response from api.test: dial tcp: connection refused (after 2 attempts) [request id "
		if !strings.HasPrefix(err.Error(), want) {
			t.Errorf("text: %s\nwant: %s…", err, want)
		}
	})
}

// An attempt that takes too long says so, and still matches DeadlineExceeded.
func TestError_attemptTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, inBody := range []bool{false, true} {
			client := serve(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body) // else the server does not notice that we leave
				if inBody {
					_, _ = io.WriteString(w, `{"id":`)
					_ = http.NewResponseController(w).Flush()
				}
				<-r.Context().Done()
			}, connix.WithTimeout(3*time.Second), connix.WithRetryPolicy(connix.RetryPolicy{}))
			began := time.Now()
			_, err := client.Projects.Get(t.Context(), "1")
			if took := time.Since(began); took != 3*time.Second {
				t.Errorf("in the body %v: took %v, want 3s", inBody, took)
			}
			if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "no complete response within 3s (see WithTimeout)") {
				t.Errorf("in the body %v: %v", inBody, err)
			}
			_, err = client.Projects.Create(t.Context(), connix.CreateProjectRequest{Name: "x"})
			if !errors.Is(err, connix.ErrUnknownOutcome) {
				t.Errorf("in the body %v, a write: %v, want ErrUnknownOutcome", inBody, err)
			}
		}
	})
}

// Errors are safe to handle in any state, and can be built by hand.
func TestError_nilSafe(t *testing.T) {
	var (
		apiErr   *connix.Error
		argument *connix.ArgumentError
		limit    *connix.RateLimitError
		state    *connix.AgentStateError
	)
	for _, err := range []error{apiErr, argument, limit, state, &connix.Error{}, &connix.ArgumentError{}, &connix.RateLimitError{}, &connix.AgentStateError{}} {
		if err.Error() == "" || fmt.Sprintf("%v %+v %s", err, err, err) == "" {
			t.Errorf("%T prints nothing", err)
		}
	}
	if apiErr.Unwrap() != nil || apiErr.SupportInfo() != "" || apiErr.LogValue().Any() != nil || errors.Is(apiErr, connix.ErrNotFound) {
		t.Error("a nil *Error should say nothing")
	}
	built := &connix.Error{StatusCode: 404, Method: "GET", Route: "/projects/{id}", Code: "RESOURCE_NOT_FOUND", Message: "no such project"}
	if got, want := built.Error(), "connix: GET /projects/{id}: 404 RESOURCE_NOT_FOUND: no such project"; got != want {
		t.Errorf("a built error: %q, want %q", got, want)
	}
}

// Foreign text cannot forge lines of a log, nor flood it.
func TestError_oneLine(t *testing.T) {
	e := &connix.Error{StatusCode: 400, Code: "A\nB", Message: "x\r\n2024 level=INFO forged\x1b[0m" + strings.Repeat("y", 5000), RequestID: "r\n1"}
	text := e.Error()
	if strings.ContainsAny(text, "\r\n\x1b") || len(text) > 1500 {
		t.Errorf("%d bytes: %q", len(text), text)
	}
}

func TestError_supportInfo(t *testing.T) {
	client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Request-ID", "req_1")
		w.WriteHeader(404)
	}, connix.WithAPIKey("cx_0123456789abcdef0123456789abcdef"))
	_, err := client.Projects.Get(t.Context(), "1")
	e, _ := errors.AsType[*connix.Error](err)
	if got, want := e.SupportInfo(), "request id req_1, API key cx_0****cdef"; got != want {
		t.Errorf("support info %q, want %q", got, want)
	}
}

// The raw details are kept as received.
func TestError_detailsRaw(t *testing.T) {
	client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(400)
		_, _ = io.WriteString(w, `{"error":{"code":"X","message":"y","details":{"field":"a","more":[1]}}}`)
	})
	_, err := client.Projects.Get(t.Context(), "1")
	e, _ := errors.AsType[*connix.Error](err)
	if got, want := e.Details.Raw, json.RawMessage(`{"field":"a","more":[1]}`); string(got) != string(want) {
		t.Errorf("raw details %s, want %s", got, want)
	}
}

// The words of another server's error are shown, if its form is a usual one.
func TestError_wordsOfAFramework(t *testing.T) {
	for body, want := range map[string]string{
		`{"detail":[{"loc":["body","name"],"msg":"field required","type":"missing"}]}`: "422 Unprocessable Entity with JSON that is not the API's error: body.name: field required",
		`{"detail":"name is too short"}`:                                               "the API's error: name is too short",
		`{"title":"Invalid","detail":"name: too short"}`:                               "the API's error: Invalid; name: too short",
		`{"message":"nope"}`:                                                           "the API's error: nope",
	} {
		_, err := serve(t, responding(422, body)).Projects.Create(t.Context(), connix.CreateProjectRequest{Name: "x"})
		if e := mustError(t, err, connix.ErrInvalidRequest); !strings.Contains(e.Error(), want) {
			t.Errorf("%s: %v", body, e)
		}
	}
}

// A queue worker asks whether a job may be put back.
func TestError_Retryable(t *testing.T) {
	unknown, lost := connix.ErrUnknownOutcome, errors.New("connection reset by peer")
	cut := []connix.Attempt{{StatusCode: 200, Err: lost}}
	whole := []connix.Attempt{{StatusCode: 200}}
	for _, c := range []struct {
		name string
		err  *connix.Error
		want bool
	}{
		{"nil", nil, false},
		{"zero", &connix.Error{}, false},
		{"429 to a POST", &connix.Error{Method: "POST", StatusCode: 429, Err: &connix.RateLimitError{}}, true},
		{"the limiter's refusal", &connix.Error{Method: "POST", Err: &connix.RateLimitError{Wait: time.Hour}}, true},
		{"503 of no method", &connix.Error{StatusCode: 503}, true},
		{"503 to a GET", &connix.Error{Method: "GET", StatusCode: 503}, true},
		{"520 to a GET", &connix.Error{Method: "GET", StatusCode: 520}, true},
		{"501 to a GET", &connix.Error{Method: "GET", StatusCode: 501}, false},
		{"503 to a DELETE", &connix.Error{Method: "DELETE", StatusCode: 503, Err: unknown}, true},
		{"503 to a POST", &connix.Error{Method: "POST", StatusCode: 503, Err: unknown}, false},
		{"503 to a POST, as a test builds it", &connix.Error{Method: "POST", StatusCode: 503}, false},
		{"503 to a PATCH", &connix.Error{Method: "PATCH", StatusCode: 503, Err: unknown}, false},
		{"408 to a PUT", &connix.Error{Method: "PUT", StatusCode: 408, Err: unknown}, true},
		{"421 to a GET", &connix.Error{Method: "GET", StatusCode: 421}, true},
		{"425 to a DELETE", &connix.Error{Method: "DELETE", StatusCode: 425}, false},
		{"400", &connix.Error{Method: "GET", StatusCode: 400}, false},
		{"401", &connix.Error{Method: "GET", StatusCode: 401}, false},
		{"403", &connix.Error{Method: "GET", StatusCode: 403}, false},
		{"404", &connix.Error{Method: "GET", StatusCode: 404}, false},
		{"409", &connix.Error{Method: "POST", StatusCode: 409}, false},
		{"422", &connix.Error{Method: "POST", StatusCode: 422}, false},
		{"a refused redirect", &connix.Error{Method: "GET", StatusCode: 302, Err: connix.ErrRedirectRefused}, false},
		{"a lost response to a GET", &connix.Error{Method: "GET", Err: lost}, true},
		{"a lost response to a DELETE", &connix.Error{Method: "DELETE", Err: fmt.Errorf("%w: %w", lost, unknown)}, true},
		{"a lost response to a POST", &connix.Error{Method: "POST", Err: fmt.Errorf("%w: %w", lost, unknown)}, false},
		{"no connection for a POST", &connix.Error{Method: "POST", Err: &net.OpError{Op: "dial", Err: lost}}, true},
		{"an untrusted certificate", &connix.Error{Method: "GET", Err: &tls.CertificateVerificationError{Err: lost}}, false},
		{"a body cut short", &connix.Error{Method: "GET", StatusCode: 200, Err: connix.ErrInvalidResponse, Attempts: cut}, true},
		{"a body that means nothing", &connix.Error{Method: "GET", StatusCode: 200, Err: connix.ErrInvalidResponse, Attempts: whole}, false},
		{"a body that is too large", &connix.Error{Method: "GET", StatusCode: 200, Err: connix.ErrResponseTooLarge, Attempts: cut}, false},
		{"a canceled context", &connix.Error{Method: "GET", Err: context.Canceled}, true},
		{"a deadline before sending", &connix.Error{Method: "POST", Err: context.DeadlineExceeded}, true},
		{"a deadline after sending", &connix.Error{Method: "POST", Err: fmt.Errorf("%w: %w", context.DeadlineExceeded, unknown)}, false},
		{"no credential", &connix.Error{Method: "GET", Err: connix.ErrNoCredentials}, false},
		{"a login that has ended", &connix.Error{Method: "GET", Err: &connix.TokenError{Code: "invalid_grant"}}, false},
		{"a token endpoint that is down", &connix.Error{Method: "POST", Err: &connix.TokenError{StatusCode: 503}}, true},
		{"a search without a match", &connix.Error{Method: "GET", Err: connix.ErrNotFound}, false},
	} {
		if got := c.err.Retryable(); got != c.want {
			t.Errorf("%s: retryable %v, want %v", c.name, got, c.want)
		}
	}
}

// The same of the errors that calls return.
func TestError_RetryableOfCalls(t *testing.T) {
	ctx, noRetries := t.Context(), connix.WithRetryPolicy(connix.RetryPolicy{})
	for status, want := range map[int][2]bool{ // a GET, a POST
		429: {true, true}, 500: {true, false}, 503: {true, false}, 599: {false, false}, 404: {false, false}, 200: {false, false}, 302: {false, false},
	} {
		client := serve(t, responding(status, "odd"), noRetries)
		for i, err := range []error{second(client.Projects.Get(ctx, "1")), second(client.Projects.Create(ctx, connix.CreateProjectRequest{Name: "x"}))} {
			if got := mustError(t, err).Retryable(); got != want[i] {
				t.Errorf("%v: retryable %v", err, got)
			}
		}
	}
	client := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, noRetries)
	equal(t, "a lost response to a GET", mustError(t, second(client.Projects.Get(ctx, "1"))).Retryable(), true)
	equal(t, "a lost response to a POST", mustError(t, second(client.Projects.Create(ctx, connix.CreateProjectRequest{Name: "x"}))).Retryable(), false)
}
