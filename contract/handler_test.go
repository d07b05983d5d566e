package contract_test

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/connix-io/connix-go/contract"
)

// serve plays the response of e.
func serve(e contract.Exchange) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		maps.Copy(w.Header(), e.ResponseHeader)
		w.WriteHeader(e.Status)
		_, _ = w.Write(e.ResponseBody)
	}
}

// through sends e's request to next behind the checker, over a socket, and
// returns what the client got and what was reported.
func through(t *testing.T, e contract.Exchange, next http.Handler) (*http.Response, string, []error) {
	t.Helper()
	var reported []error
	server := httptest.NewServer(checker(t).Handler(next, func(err error) { reported = append(reported, err) }))
	req, err := http.NewRequestWithContext(t.Context(), e.Method, server.URL+e.URL, strings.NewReader(string(e.RequestBody)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = e.RequestHeader
	resp, err := server.Client().Do(req)
	var body []byte
	if err == nil {
		body, _ = io.ReadAll(resp.Body)
		_ = resp.Body.Close()
	}
	server.Close() // waits for the handler, so that reported is complete
	return resp, string(body), reported
}

func TestHandler(t *testing.T) {
	badRequest, badResponse := create(), create()
	badRequest.URL += "?dry_run=1"
	badResponse.ResponseBody = []byte(`{"id":123}`)
	both := badResponse
	both.URL = badRequest.URL
	for _, tc := range []struct {
		name     string
		e        contract.Exchange
		statuses []int // of the violations, in order
	}{
		{"good", create(), nil},
		{"good without a body", remove(), nil},
		{"bad request", badRequest, []int{0}},
		{"bad response", badResponse, []int{201}},
		{"both", both, []int{0, 201}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			resp, body, reported := through(t, tc.e, serve(tc.e))
			if resp == nil || resp.StatusCode != tc.e.Status || body != string(tc.e.ResponseBody) {
				t.Errorf("the client got %v %q", resp, body)
			}
			if len(reported) != len(tc.statuses) {
				t.Fatalf("reported %v, want %d violations", reported, len(tc.statuses))
			}
			for i, err := range reported {
				wantViolation(t, err, tc.statuses[i], "")
			}
		})
	}
}

func TestHandler_silentHandler(t *testing.T) {
	_, _, reported := through(t, list(), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	if len(reported) != 1 {
		t.Fatalf("reported %v", reported)
	}
	wantViolation(t, reported[0], 200, "Content-Type")
}

// TestHandler_changedRequest: what the handler does to the request or to the
// header afterwards changes nothing.
func TestHandler_changedRequest(t *testing.T) {
	e := list()
	_, _, reported := through(t, e, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		req.URL.Path, req.Method = "/elsewhere", "PUT"
		req.Header.Set("X-Request-Id", "changed")
		serve(e)(w, req)
		w.Header().Set("X-Late", "1")
	}))
	if len(reported) > 0 {
		t.Errorf("reported %v", reported)
	}
}

// A response that is broken off on purpose is not checked.
func TestHandler_brokenOffResponse(t *testing.T) {
	for name, next := range map[string]http.HandlerFunc{
		"panic": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"panic after the status": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusTeapot)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		},
		"hijack": func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_ = conn.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, reported := through(t, list(), next); len(reported) > 0 {
				t.Errorf("reported %v", reported)
			}
		})
	}
}

// TestHandler_stream: a flush reaches the client while the handler still runs.
func TestHandler_stream(t *testing.T) {
	e := list()
	half := len(e.ResponseBody) / 2
	arrived := make(chan struct{})
	server := httptest.NewServer(checker(t).Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		maps.Copy(w.Header(), e.ResponseHeader)
		_, _ = w.Write(e.ResponseBody[:half])
		w.(http.Flusher).Flush()
		select {
		case <-arrived:
		case <-t.Context().Done():
		}
		_, _ = w.Write(e.ResponseBody[half:])
	}), func(err error) { t.Error(err) }))
	defer server.Close()
	req, err := http.NewRequestWithContext(t.Context(), e.Method, server.URL+e.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = e.RequestHeader
	resp, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	first := make([]byte, half)
	if _, err := io.ReadFull(resp.Body, first); err != nil {
		t.Fatal(err)
	}
	close(arrived)
	rest, err := io.ReadAll(resp.Body)
	if err != nil || string(first)+string(rest) != string(e.ResponseBody) {
		t.Errorf("got %q and %q, %v", first, rest, err)
	}
}

func TestViolation_found(t *testing.T) {
	e := create()
	e.RequestBody, e.ResponseBody = []byte(`{}`), []byte(`{}`)
	err := checker(t).CheckExchange(&e)
	v, ok := errors.AsType[*contract.Violation](err)
	if !ok || v.Operation != "createProject" || v.Method != "POST" || v.Path != "/api/v1/projects" || v.Status != 0 {
		t.Errorf("got %+v of %v", v, err)
	}
	const want = `contract: request POST /api/v1/projects (createProject): body: `
	if text := err.Error(); !strings.HasPrefix(text, want) || !strings.Contains(text, "\ncontract: response 201 to POST /api/v1/projects (createProject): ") {
		t.Errorf("the text is\n%s", text)
	}
}
