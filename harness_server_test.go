package connix_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
)

// offContract is an option of newServer: the test sends requests that the
// OpenAPI document does not allow, for the given reason. Their responses
// must keep to the document nevertheless.
type offContract string

// recordVariable names the environment variable that holds the folder into
// which newServer records its server's requests and responses.
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
		t.Cleanup(func() {
			srv.Close() // waits until every exchange is over
			record(t, folder, srv.Requests(), reason)
		})
	}
	return srv
}

// bubble runs a test in a synctest bubble, with a fake in memory that has the
// options of newServer.
type bubble []any

func (opts bubble) test(t *testing.T, test func(t *testing.T, srv *connixtest.Server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		t.Helper()
		test(t, newServer(t, append(slices.Clip(opts), connixtest.WithInMemory())...))
	})
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

// cutRequest is what the fake's response says of a request whose body broke off:
// the test canceled the call, or gave it a reader that fails.
const cutRequest = "could not be read to its end"

// record writes requests and their responses as JSON lines into a new file of
// folder. Those without a response, or with one that is not the API's, are left out.
// A request that broke off is off contract: no document can allow half a body.
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
		if e.OffContract == "" && r.Status == http.StatusBadRequest && bytes.Contains(r.Response, []byte(cutRequest)) {
			e.OffContract = "the request broke off"
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

func TestHarness_recording(t *testing.T) {
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
		t.Errorf("the recorded response, or its request, is not as it was sent: %s", lines[0])
	}
	equal(t, "second", fmt.Sprint(nothing.Method, nothing.URL, string(nothing.RequestBody), nothing.Status), "POST/api/v1/nothing?a=b?404")
}

// A body that breaks off is no violation, however late the server notices it.
func TestRecording_cutRequest(t *testing.T) {
	folder := t.TempDir()
	t.Setenv(recordVariable, folder)
	t.Run("suite", func(t *testing.T) {
		srv := newServer(t)
		conn := must(net.Dial("tcp", strings.TrimPrefix(srv.URL, "http://")))(t)
		must(io.WriteString(conn, "POST /api/v1/projects HTTP/1.1\r\nHost: x\r\nX-Api-Key: "+srv.APIKey+
			"\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n{\"name\":"))(t)
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
		must(srv.AwaitRequests(t.Context(), connixtest.Match{Status: http.StatusBadRequest}, 1))(t)
	})
	files := must(filepath.Glob(filepath.Join(folder, "*.jsonl")))(t)
	equal(t, "files", len(files), 1)
	var cut exchange
	if err := json.Unmarshal(must(os.ReadFile(files[0]))(t), &cut); err != nil {
		t.Fatal(err)
	}
	equal(t, "exchange", fmt.Sprint(cut.Method, " ", cut.Status, " ", cut.OffContract), "POST 400 the request broke off")
}
