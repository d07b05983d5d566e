package connix_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
	"github.com/connix-io/connix-go/internal/memnet"
)

// overviewTime is when everything happens in the examples of the API overview.
var overviewTime = time.Date(2024, 1, 15, 10, 30, 0, 0, time.UTC)

// offContract is an option of newServer: the test sends requests that the
// OpenAPI document does not allow, for the given reason. Their answers must
// keep to the document nevertheless.
type offContract string

// recordVariable names the environment variable that holds the folder into
// which newServer records what its server was asked and answered.
const recordVariable = "CONNIX_RECORD_EXCHANGES"

// newServer starts a fake for the length of the test. The options are those of
// connixtest and offContract.
func newServer(t testing.TB, opts ...any) *connixtest.Server {
	t.Helper()
	var options []connixtest.Option
	var reason offContract
	for _, opt := range opts {
		switch opt := opt.(type) {
		case connixtest.Option:
			options = append(options, opt)
		case offContract:
			reason = opt
		default:
			t.Fatalf("newServer does not know the option %T", opt)
		}
	}
	srv := connixtest.NewServer(t, options...)
	if folder := os.Getenv(recordVariable); folder != "" {
		t.Cleanup(func() { record(t, folder, srv.Requests(), reason) })
	}
	return srv
}

// exchange is one line of a recording.
type exchange struct {
	Method         string      `json:"method"`
	URL            string      `json:"url"`
	RequestHeader  http.Header `json:"request_header"`
	RequestBody    []byte      `json:"request_body"`
	Status         int         `json:"status"`
	ResponseHeader http.Header `json:"response_header"`
	ResponseBody   []byte      `json:"response_body"`
	OffContract    string      `json:"off_contract"`
}

// record writes requests and their answers as JSON lines into a new file of
// folder. What was not answered, or not by the API itself, is left out.
func record(t testing.TB, folder string, requests []connixtest.Request, reason offContract) {
	t.Helper()
	var lines []byte
	for _, r := range requests {
		if r.Fault || r.Status == 0 {
			continue
		}
		e := exchange{
			Method: r.Method, URL: r.Path, RequestHeader: r.Header, RequestBody: r.Body,
			Status: r.Status, ResponseHeader: r.ResponseHeader.Clone(), ResponseBody: r.Response,
			OffContract: string(reason),
		}
		if r.Query != "" {
			e.URL += "?" + r.Query
		}
		if e.ResponseHeader.Get("Content-Encoding") == "gzip" {
			// The journal has unpacked the body.
			e.ResponseHeader.Del("Content-Encoding")
			e.ResponseHeader.Del("Content-Length")
		}
		line, err := json.Marshal(e)
		if err != nil {
			t.Fatalf("recording an exchange: %v", err)
		}
		lines = append(append(lines, line...), '\n')
	}
	if len(lines) == 0 {
		return
	}
	file, err := os.CreateTemp(folder, "exchanges-*.jsonl")
	if err != nil {
		t.Fatalf("recording exchanges: %v", err)
	}
	_, err = file.Write(lines)
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatalf("recording exchanges: %v", err)
	}
}

func TestRecording(t *testing.T) {
	folder := t.TempDir()
	t.Setenv(recordVariable, folder)
	t.Run("suite", func(t *testing.T) {
		srv := newServer(t, offContract("it has no such path"))
		srv.AddProjects(30, nil)
		must(srv.Client(t).Projects.List(t.Context(), nil))(t)
		if err := srv.Client(t).Do(t.Context(), "POST", "nothing?a=b", []byte("?"), nil); !errors.Is(err, connix.ErrNotFound) {
			t.Error(err)
		}
	})
	t.Run("without requests", func(t *testing.T) { newServer(t) })
	files := must(filepath.Glob(filepath.Join(folder, "*.jsonl")))(t)
	equal(t, "files", len(files), 1)
	lines := strings.Split(strings.TrimSpace(string(must(os.ReadFile(files[0]))(t))), "\n")
	equal(t, "lines", len(lines), 2)
	var list, nothing exchange
	if err := errors.Join(json.Unmarshal([]byte(lines[0]), &list), json.Unmarshal([]byte(lines[1]), &nothing)); err != nil {
		t.Fatal(err)
	}
	equal(t, "first", fmt.Sprint(list.Method, list.URL, list.Status, list.OffContract), "GET/api/v1/projects200it has no such path")
	if !json.Valid(list.ResponseBody) || list.ResponseHeader.Get("Content-Encoding") != "" || list.RequestHeader.Get("Accept") == "" {
		t.Errorf("the recorded answer, or its request, is not as it was sent: %s", lines[0])
	}
	equal(t, "second", fmt.Sprint(nothing.Method, nothing.URL, string(nothing.RequestBody), nothing.Status), "POST/api/v1/nothing?a=b?404")
}

// serve starts a server in memory that answers as handler does, and returns a
// client of it: without a rate limiter or retries, unless opts say otherwise.
// It works inside a synctest bubble and outside.
func serve(t testing.TB, handler http.HandlerFunc, opts ...connix.Option) *connix.Client {
	t.Helper()
	base, transport := serveMemory(t, handler)
	options := []connix.Option{
		connix.WithBaseURL(base), connix.WithHTTPClient(&http.Client{Transport: transport}), connix.WithAPIKey("key"),
		connix.WithoutRateLimiter(), connix.WithRetryPolicy(connix.RetryPolicy{}),
	}
	return must(connix.NewClient(append(options, opts...)...))(t)
}

// serveMemory starts a server in memory and returns its URL and a transport
// that reaches it, whatever host is asked for.
func serveMemory(t testing.TB, handler http.Handler) (string, *http.Transport) {
	t.Helper()
	client, stop := memnet.Serve(handler)
	t.Cleanup(stop)
	return "http://127.0.0.1", client.Transport.(*http.Transport)
}

// writeJSON answers a request with a status and a body that is called JSON.
func writeJSON(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Request-ID", "req_of_the_answer")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

// answering returns a handler that always gives the same answer.
func answering(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, status, body) }
}

// must returns a result, or fails the test: must(f())(t).
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// equal compares deeply.
func equal[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

// equalJSON compares JSON texts by their value.
func equalJSON(t testing.TB, what string, got []byte, want string) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatalf("%s: the wanted text is no JSON: %v", what, err)
	}
	if err := json.Unmarshal(got, &g); err != nil || !reflect.DeepEqual(g, w) {
		t.Errorf("%s:\n got %s\nwant %s", what, got, want)
	}
}

// mustErrorIs fails the test unless err is an *Error that matches every target.
func mustErrorIs(t testing.TB, err error, targets ...error) {
	t.Helper()
	_ = mustError(t, err, targets...)
}

// mustError is mustErrorIs, and returns the *Error.
func mustError(t testing.TB, err error, targets ...error) *connix.Error {
	t.Helper()
	e, ok := errors.AsType[*connix.Error](err)
	if !ok {
		t.Fatalf("got %T: %v; want a *connix.Error", err, err)
	}
	for _, target := range targets {
		if !errors.Is(err, target) {
			t.Errorf("%v\ndoes not match %v", err, target)
		}
	}
	return e
}

// mustRefuse fails the test unless err is an *ArgumentError about the argument
// of that name.
func mustRefuse(t testing.TB, err error, name string) {
	t.Helper()
	e, ok := errors.AsType[*connix.ArgumentError](err)
	if !ok || e.Name != name || !errors.Is(err, connix.ErrInvalidRequest) {
		t.Fatalf("got %T: %v; want a refusal of %s", err, err, name)
	}
}

// mustBlame fails the test unless err is an answer with the status that blames
// the field and says why.
func mustBlame(t testing.TB, err error, status int, field string) {
	t.Helper()
	class, code := connix.ErrInvalidRequest, connix.CodeInvalidRequest
	switch status {
	case 404:
		class, code = connix.ErrNotFound, connix.CodeResourceNotFound
	case 409:
		class, code = connix.ErrConflict, connix.CodeConflict
	}
	e := mustError(t, err, class)
	if e.StatusCode != status || e.Code != code || e.Details.Field != field || e.Details.Issue == "" || e.RequestID == "" {
		t.Errorf("got %d %s, %+v; want %d %s about %s", e.StatusCode, e.Code, e.Details, status, code, field)
	}
	if !strings.Contains(err.Error(), e.Details.Issue) {
		t.Errorf("the text does not say what is wrong: %v", err)
	}
}

// only returns the one request that the server was sent.
func only(t testing.TB, srv *connixtest.Server) connixtest.Request {
	t.Helper()
	all := srv.Requests()
	if len(all) != 1 {
		t.Fatalf("the server was sent %d requests, want 1", len(all))
	}
	return all[0]
}
