package contract_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
	"github.com/connix-io/connix-go/contract"
)

// dialects are those that the fake speaks. Its responses fit the document in
// either.
var dialects = map[string]connixtest.Dialect{
	"overview":  connixtest.OverviewDialect,
	"reference": connixtest.ReferenceDialect,
}

// watched is a fake whose every response is checked against the document.
type watched struct {
	*connixtest.Server
	t       testing.TB
	handler http.Handler
	seen    map[string]bool // "createProject 201"
	bad     bool            // the request at hand is bad on purpose
}

func watch(t testing.TB, srv *connixtest.Server) *watched {
	w := &watched{Server: srv, t: t, seen: make(map[string]bool)}
	w.handler = checker(t).Handler(srv.Handler(), func(err error) {
		if v, ok := errors.AsType[*contract.Violation](err); !ok || v.Status != 0 || !w.bad {
			t.Error(err)
		}
	})
	return w
}

// do sends a request that keeps the contract, with the server's key.
func (w *watched) do(method, path, body string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	req.Header = requestHeader(body)
	req.Header.Set("X-API-Key", w.APIKey)
	for _, f := range change {
		f(req)
	}
	return w.send(req)
}

func (w *watched) send(req *http.Request) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, req)
	w.seen[fmt.Sprint(checker(w.t).Operation(req), " ", rec.Code)] = true
	w.seen[fmt.Sprint(req.URL.Path, " ", rec.Code)] = true
	return rec
}

// doBad is do for a request that need not keep it.
func (w *watched) doBad(method, path, body string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	w.bad = true
	defer func() { w.bad = false }()
	return w.do(method, path, body, change...)
}

// want fails the test unless a request that keeps the contract gets
// the status, and returns the id in the response.
func (w *watched) want(method, path, body string, status int) (id string) {
	w.t.Helper()
	rec := w.do(method, "/api/v1"+path, body)
	if rec.Code != status {
		w.t.Fatalf("%s %s: got %d: %s", method, path, rec.Code, rec.Body)
	}
	var object struct{ ID connix.ID }
	_ = json.Unmarshal(rec.Body.Bytes(), &object) // not every response is an object
	return object.ID.String()
}

func (w *watched) wantBad(method, path, body string, status int, change ...func(*http.Request)) {
	w.t.Helper()
	if rec := w.doBad(method, path, body, change...); rec.Code != status {
		w.t.Errorf("%s %s %.60s: got %d, want %d: %s", method, path, body, rec.Code, status, rec.Body)
	}
}

// calls has one example of each operation, by its id.
func calls(t testing.TB) map[string]example {
	all := make(map[string]example)
	for _, e := range examples(t) {
		all[e.operation] = e
	}
	return all
}

// TestFake_everyResponse makes the fake, in both dialects, give every response that
// the document has, except those that a fake never gives, and checks them all.
func TestFake_everyResponse(t *testing.T) {
	for name, dialect := range dialects {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := func(opts ...connixtest.Option) *watched {
				return watch(t, connixtest.NewServer(t, append(opts, connixtest.WithInMemory(), connixtest.WithDialect(dialect))...))
			}
			seen := make(map[string]bool)
			for what, w := range map[string]*watched{
				"successes": start(),
				"refusals":  start(),
				"limits":    start(connixtest.WithRateLimits(connixtest.RateLimits{Windows: []connix.Window{{Limit: 1, Period: time.Hour}}})),
			} {
				switch what {
				case "successes":
					succeed(w)
				case "refusals":
					refuse(w, calls(t))
				case "limits":
					exhaust(w, calls(t))
				}
				maps.Copy(seen, w.seen)
			}
			maps.Copy(seen, breakDown(t, dialect))
			wantAllResponses(t, seen)
		})
	}
}

// wantAllResponses fails the test unless every response of the document was seen, but for
// those that the document ascribes to others than the API. A 405 is one of a path.
func wantAllResponses(t *testing.T, seen map[string]bool) {
	t.Helper()
	for _, e := range examples(t) {
		of := e.operation
		if e.status == http.StatusMethodNotAllowed {
			of = e.path
		}
		if response := fmt.Sprint(of, " ", e.status); e.sender == "" && !seen[response] {
			t.Errorf("the fake never responded with %q", response)
		}
	}
}

// succeed walks through all operations, in the order of a day's work.
func succeed(w *watched) {
	w.want("GET", "/hello", "", 200)
	w.want("GET", "/hello?name=World", "", 200)
	w.want("GET", "/status", "", 200)
	w.want("GET", "/docs", "", 200)

	project := w.want("POST", "/projects", `{"name":"my-ai-project"}`, 201)
	w.want("GET", "/projects/"+project, "", 200)
	w.want("PATCH", "/projects/"+project, `{"name":"renamed"}`, 200)

	id, err := json.Marshal(connix.ID(project))
	if err != nil {
		w.t.Fatal(err)
	}
	w.want("POST", "/agents", `{"name":"data-processor","project_id":`+string(id)+`}`, 201)
	agent := w.AddAgent(connix.Agent{
		ProjectID: connix.ID(project), Description: "seeded", Status: "dreaming",
		Config:         &connix.AgentConfig{Model: "m", Temperature: new(0.5), MaxTokens: new(100), Tools: []string{"search"}},
		Metadata:       map[string]any{"any": []any{1, "thing", nil}},
		LastActivityAt: new(time.Now()),
	}).ID.String()
	w.want("GET", "/agents/"+agent, "", 200)
	w.want("POST", "/agents/"+agent+"/stop", "", 200)
	w.want("GET", "/agents/"+agent, "", 200)

	hook := w.want("POST", "/webhooks", `{"url":"https://app.test/hook","events":["agent.launched"],"secret":"s"}`, 201)
	w.want("GET", "/webhooks/"+hook, "", 200)
	w.want("PATCH", "/webhooks/"+hook, `{"url":"https://app.test/other","events":["agent.failed"],"status":"disabled","secret":"t"}`, 200)
	key := w.want("POST", "/auth/api-keys", `{"name":"ci","description":"d","scopes":["projects:read"],"expires_at":"2099-01-15T10:30:00Z"}`, 201)
	w.want("GET", "/auth/api-keys/"+key, "", 200)
	w.want("POST", "/auth/api-keys", `{"name":"bare"}`, 201)

	lists := []string{"/projects", "/agents", "/webhooks", "/auth/api-keys"}
	for range 2 { // as they are, then with pages after the first
		for _, list := range lists {
			for _, query := range []string{"", "?page=1&limit=1", "?page=2&limit=100", "?sort=name&order=asc&search=e&status=active",
				"?created_after=2020-01-01&created_before=2099-01-01T00:00:00Z&updated_after=2020-01-01T00:00:00.5%2B02:00&updated_before=2099-01-01"} {
				w.want("GET", list+query, "", 200)
			}
		}
		for _, query := range []string{"", "?limit=1", "?limit=1&offset=1", "?limit=100&offset=1000", "?status=running&sort=-created_at"} {
			w.want("GET", "/projects/"+project+"/agents"+query, "", 200)
		}
		w.AddProjects(150, nil)
		for range 150 {
			w.AddAgent(connix.Agent{ProjectID: connix.ID(project)})
			w.AddWebhook(connix.Webhook{URL: "https://app.test/seeded"}, "")
			w.AddAPIKey(connix.APIKey{ExpiresAt: new(time.Now()), LastUsedAt: new(time.Now())})
		}
	}
	w.want("DELETE", "/webhooks/"+hook, "", 204)
	w.want("DELETE", "/auth/api-keys/"+key, "", 204)
	w.want("DELETE", "/projects/"+project, "", 204)
	for _, gone := range []string{"/webhooks/" + hook, "/auth/api-keys/" + key, "/projects/" + project, "/agents/" + agent} {
		w.want("GET", gone, "", 404)
	}
}

// refuse provokes every refusal of every operation.
func refuse(w *watched, calls map[string]example) {
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Del("X-API-Key")
			r.Header.Set(name, value)
		}
	}
	tokens := map[bool]string{true: w.AddToken(connix.ScopeWrite).AccessToken, false: w.AddToken(connix.ScopeRead).AccessToken}
	for id, e := range calls {
		for _, credential := range []func(*http.Request){
			header("X-Other", ""), header("X-API-Key", "cx_unknown"), header("Authorization", "Bearer unknown"), header("Authorization", "Basic eDp5"),
			header("X-API-Key", w.AddAPIKey(connix.APIKey{ExpiresAt: new(time.Now().Add(-time.Hour))}).Key.Reveal()),
		} {
			if id == "getOpenAPI" { // it needs no credential
				w.doBad(e.method, e.path, "", credential)
				continue
			}
			w.wantBad(e.method, e.path, e.request, 401, credential)
		}
		if id != "getOpenAPI" {
			w.wantBad(e.method, e.path, e.request, 403, header("Authorization", "Bearer "+tokens[e.method == "GET"]))
		}
		if !slices.Contains([]string{"hello", "getStatus", "getOpenAPI"}, id) {
			w.wantBad(e.method, e.path, e.request, 403, header("X-API-Key", w.AddAPIKey(connix.APIKey{}).Key.Reveal()))
		}
		if strings.Contains(e.path, "123") || id == "launchAgent" {
			w.wantBad(e.method, e.path, e.request, 404)
		}
		w.wantBad(e.method, e.path, strings.Repeat(" ", 1<<20+1), 400)
		w.wantBad("PUT", e.path, e.request, 405)
		w.wantBad("GET", e.path+"/none", "", 404)
		if e.method == "GET" {
			w.doBad("HEAD", e.path, "")
		}
		refuseValues(w, e)
	}
	ended := w.AddAgent(connix.Agent{Status: connix.StatusCompleted}).ID.String()
	w.wantBad("POST", "/api/v1/agents/"+ended+"/stop", "", 409)
	w.AddProject(connix.Project{ID: "123", Name: "taken"})
	w.AddProject(connix.Project{Name: "another"})
	w.wantBad("POST", "/api/v1/projects", `{"name":"taken"}`, 409)
	w.wantBad("PATCH", "/api/v1/projects/123", `{"name":"another"}`, 409)
}

// refuseValues sends an operation what it does not take.
func refuseValues(w *watched, e example) {
	if e.request != "" {
		for _, body := range []string{"", "{", "[]", "null", "{}{}", "\xff", `{"name":7,"url":7,"project_id":true,"events":7,"expires_at":7,"status":7}`} {
			w.wantBad(e.method, e.path, body, 400)
		}
		w.wantBad(e.method, e.path, e.request, 400, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") })
		w.wantBad(e.method, e.path, e.request, 400, func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") })
	}
	if strings.Contains(e.query, "limit=") {
		w.AddProject(connix.Project{ID: "123"})
		for _, query := range []string{"limit=0", "limit=101", "limit=x", "limit=", "limit=1&limit=2", "limit=%zz"} {
			w.wantBad(e.method, e.path+"?"+query, "", 400)
		}
		w.want("DELETE", "/projects/123", "", 204)
	}
}

// exhaust asks twice where once is allowed.
func exhaust(w *watched, calls map[string]example) {
	for _, e := range calls {
		w.Reset()
		w.wantBad("GET", "/api/v1/status", "", 200)
		w.wantBad(e.method, e.path, e.request, 429)
	}
}

// injectedErrors are the faults that respond with an error of the API.
var injectedErrors = map[string]connixtest.Action{
	"RespondError":    connixtest.RespondError(500, connix.CodeInternalError, "not today"),
	"RateLimited":     connixtest.RateLimited("1.5"),
	"AfterProcessing": connixtest.AfterProcessing(connixtest.RespondError(500, "", "late")),
	"Delay":           connixtest.Delay(0, connixtest.RateLimited("")),
}

// TestFake_injectedErrors holds injected errors against the document: they
// have the dialect, the request id and the headers of the API's own.
func TestFake_injectedErrors(t *testing.T) {
	for dialect := range dialects {
		for name, action := range injectedErrors {
			t.Run(dialect+" "+name, func(t *testing.T) {
				w := watch(t, connixtest.NewServer(t, connixtest.WithInMemory(), connixtest.WithDialect(dialects[dialect])))
				w.Inject(connixtest.Fault{Action: action})
				for _, e := range calls(t) {
					rec := w.doBad(e.method, e.path, e.request)
					var body struct{ Error struct{ Timestamp string } }
					if err := json.Unmarshal(rec.Body.Bytes(), &body); err != nil || (body.Error.Timestamp != "") != (dialect == "reference") {
						t.Errorf("%s %s: %s, %v", e.method, e.path, rec.Body, err)
					}
				}
			})
		}
	}
}

// breakDown provokes internal errors, and returns what was seen.
func breakDown(t *testing.T, dialect connixtest.Dialect) map[string]bool {
	srv, err := connixtest.Start(connixtest.WithInMemory(), connixtest.WithDialect(dialect),
		connixtest.WithRequestCheck(func(*http.Request) error { return errors.New("broken on purpose") }))
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	w := watch(t, srv)
	for _, e := range calls(t) {
		w.wantBad(e.method, e.path, e.request, 500)
	}
	return w.seen
}
