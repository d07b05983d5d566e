package contract_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
	"github.com/connix-io/connix-go/contract"
	"golang.org/x/oauth2"
)

// witness is a test that may fail: it remembers what it was told, and leaves
// the real test alone.
type witness struct {
	testing.TB

	mu       sync.Mutex
	failures []string
}

func (w *witness) Helper() {}

func (w *witness) Errorf(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failures = append(w.failures, fmt.Sprintf(format, args...))
}

func (w *witness) told() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failures
}

// send sends a request with the server's key and returns its status.
func send(t *testing.T, srv *connixtest.Server, method, path, body string, change func(*http.Request)) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, srv.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-API-Key", srv.APIKey)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if change != nil {
		change(req)
	}
	resp, err := srv.HTTPClient().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

func TestStrict_failsTheTest(t *testing.T) {
	for _, tc := range []struct {
		name, method, path, body string
		change                   func(*http.Request)
		status                   int // the response is that of a server without Strict
		want                     string
	}{
		{"path", "GET", "/api/v1/project", "", nil, 404, "no such path"},
		{"prefix", "GET", "/projects", "", nil, 404, "no such path"},
		{"method", "PUT", "/api/v1/projects/1", `{"name":"one"}`, nil, 405, "does not have this method"},
		{"query parameter", "GET", "/api/v1/projects?per_page=5", "", nil, 200, `query parameter "per_page" is not documented`},
		{"value of a parameter", "GET", "/api/v1/projects?limit=1000", "", nil, 400, `query parameter "limit"`},
		{"header", "GET", "/api/v1/projects", "", func(r *http.Request) { r.Header.Set("X-Tenant", "a") }, 200, `header "X-Tenant" is not documented`},
		{"cookie", "GET", "/api/v1/projects", "", func(r *http.Request) { r.Header.Set("Cookie", "a=b") }, 200, `header "Cookie" is not documented`},
		{"credential", "GET", "/api/v1/projects", "", func(r *http.Request) { r.Header.Del("X-API-Key") }, 401, "no credential"},
		{"field", "POST", "/api/v1/projects", `{"name":"one","owner":"me"}`, nil, 201, `property "owner" is unsupported`},
		{"type of a field", "POST", "/api/v1/projects", `{"name":7}`, nil, 400, "/name"},
		{"no body", "POST", "/api/v1/projects", "", nil, 400, "body"},
		{"broken body", "POST", "/api/v1/projects", `{"name":"one"`, nil, 400, "body"},
		{"body of a GET", "GET", "/api/v1/projects", `{}`, nil, 200, "request body not allowed"},
		{"media type", "POST", "/api/v1/projects", `{"name":"one"}`, func(r *http.Request) { r.Header.Set("Content-Type", "text/json") }, 400, "Content-Type"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tb := &witness{TB: t}
			srv := connixtest.NewServer(tb, contract.Strict())
			if got := send(t, srv, tc.method, tc.path, tc.body, tc.change); got != tc.status {
				t.Errorf("got %d, want %d", got, tc.status)
			}
			told := tb.told()
			if len(told) != 1 || !strings.Contains(told[0], tc.want) || !strings.Contains(told[0], tc.method+" "+strings.Split(tc.path, "?")[0]) {
				t.Errorf("the test was failed with %q, want one failure that says %q", told, tc.want)
			}
		})
	}
}

// TestStrict_allowed sends what the document allows, OAuth2 included.
func TestStrict_allowed(t *testing.T) {
	srv := connixtest.NewServer(t, contract.Strict())
	ctx, client := t.Context(), srv.Client(t)
	project, err := client.Projects.Create(ctx, connix.CreateProjectRequest{Name: "my-ai-project"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Agents.Launch(ctx, connix.LaunchAgentRequest{Name: "data-processor", ProjectID: project.ID}); err != nil {
		t.Fatal(err)
	}
	for _, err := range client.Agents.All(ctx, &connix.ListAgentsOptions{ProjectID: project.ID}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := client.Projects.Delete(ctx, project.ID); err != nil {
		t.Fatal(err)
	}

	cfg := srv.OAuthConfig("")
	verifier := oauth2.GenerateVerifier()
	callback, err := srv.ApproveLogin(cfg.AuthCodeURL("state", oauth2.S256ChallengeOption(verifier)))
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, callback, nil)
	if err != nil {
		t.Fatal(err)
	}
	token, err := cfg.Exchange(context.WithValue(ctx, oauth2.HTTPClient, srv.HTTPClient()), req.URL.Query().Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := srv.Client(t, connix.WithTokenSource(oauth2.StaticTokenSource(token))).Hello(ctx, "World"); err != nil {
		t.Fatal(err)
	}
}

// TestStrict_besideAnotherCheck: each sees the whole request.
func TestStrict_besideAnotherCheck(t *testing.T) {
	const body = `{"name":"one"}`
	seen := 0
	other := connixtest.WithRequestCheck(func(r *http.Request) error {
		got := make([]byte, len(body)+1)
		n, _ := r.Body.Read(got)
		if string(got[:n]) != body {
			return fmt.Errorf("the other check read %q", got[:n])
		}
		seen++
		return nil
	})
	for _, options := range [][]connixtest.Option{{contract.Strict(), other}, {other, contract.Strict()}} {
		srv := connixtest.NewServer(t, options...)
		if got := send(t, srv, "POST", "/api/v1/projects", body, nil); got != 201 {
			t.Errorf("got %d", got)
		}
	}
	if seen != 2 {
		t.Errorf("the other check saw %d requests", seen)
	}
}

func TestStrict_program(t *testing.T) {
	srv, err := connixtest.Start(contract.Strict())
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	if got := send(t, srv, "GET", "/api/v1/hello", "", nil); got != 200 {
		t.Errorf("a good request gets %d", got)
	}
	if got := send(t, srv, "GET", "/api/v1/hello?user=a", "", nil); got != 500 {
		t.Errorf("a bad request gets %d", got)
	}
}

// TestStrict_inBubbles: the document is fetched in one bubble and used in others.
func TestStrict_inBubbles(t *testing.T) {
	for range 3 {
		synctest.Test(t, func(t *testing.T) {
			tb := &witness{TB: t}
			srv := connixtest.NewServer(tb, contract.Strict(), connixtest.WithInMemory(), connixtest.WithLatency(time.Hour, time.Hour))
			if got := send(t, srv, "GET", "/api/v1/status", "", nil); got != 200 || len(tb.told()) > 0 {
				t.Errorf("a good request gets %d, and the test was told %q", got, tb.told())
			}
			if got := send(t, srv, "GET", "/api/v1/status?full=1", "", nil); got != 200 || len(tb.told()) != 1 {
				t.Errorf("a bad request gets %d, and the test was told %q", got, tb.told())
			}
		})
	}
}

func TestDefault_shared(t *testing.T) {
	var wg sync.WaitGroup
	all := make([]*contract.Checker, 8)
	for i := range all {
		wg.Go(func() {
			c, err := contract.Default()
			if err != nil {
				t.Error(err)
			}
			all[i] = c
		})
	}
	wg.Wait()
	for _, c := range all {
		if c != all[0] || len(c.Operations()) != 22 {
			t.Errorf("got %p with %d operations, and %p", c, len(c.Operations()), all[0])
		}
	}
}

// In a test it is connixtest.NewServer(t, contract.Strict()), and the request
// fails the test.
func ExampleStrict() {
	srv, err := connixtest.Start(contract.Strict())
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	client, err := connix.NewClient(srv.Options()...)
	if err != nil {
		log.Fatal(err)
	}

	var page any
	err = client.Do(context.Background(), "GET", "projects?per_page=5", nil, &page, connix.WithMaxRetries(0))
	if e, ok := errors.AsType[*connix.Error](err); ok {
		fmt.Println(e.Message)
	}
	// Output: the request check refused the request: contract: request GET /api/v1/projects (listProjects): query parameter "per_page" is not documented
}
