package connix_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
	"golang.org/x/oauth2"
)

// world holds the ids of one object of each kind.
type world struct{ project, agent, webhook, key connix.ID }

// settle puts one object of each kind on an empty server.
func settle(srv *connixtest.Server) world {
	srv.Reset()
	agent := srv.AddAgent(connix.Agent{})
	webhook := srv.AddWebhook(connix.Webhook{URL: "https://example.com/", Events: []connix.EventType{connix.EventAgentFailed}}, "a-secret")
	return world{agent.ProjectID, agent.ID, webhook.ID, srv.AddAPIKey(connix.APIKey{}).ID}
}

// everywhere is a world in which every object has the same id.
func everywhere(id connix.ID) world { return world{id, id, id, id} }

// endpoint is one endpoint of the API, and a method of the client that calls it.
type endpoint struct {
	method, route string
	scope         string // what a key needs, "" for nothing
	call          func(context.Context, *connix.Client, world) error
}

func (e endpoint) String() string { return e.method + " " + e.route }

// endpoints is the whole API.
var endpoints = []endpoint{
	{"GET", "/hello", "", func(ctx context.Context, c *connix.Client, w world) error { return drop(c.Hello(ctx, "you")) }},
	{"GET", "/status", "", func(ctx context.Context, c *connix.Client, w world) error { return drop(c.Status(ctx)) }},
	{"GET", "/docs", "", func(ctx context.Context, c *connix.Client, w world) error { return drop(c.OpenAPI(ctx)) }},

	{"POST", "/projects", "projects:write", func(ctx context.Context, c *connix.Client, w world) error {
		return drop(c.Projects.Create(ctx, connix.CreateProjectRequest{Name: "another-project"}))
	}},
	{"GET", "/projects", "projects:read", func(ctx context.Context, c *connix.Client, w world) error { return drop(c.Projects.List(ctx, nil)) }},
	{"GET", "/projects/{id}", "projects:read", func(ctx context.Context, c *connix.Client, w world) error {
		return drop(c.Projects.Get(ctx, w.project))
	}},
	{"PATCH", "/projects/{id}", "projects:write", func(ctx context.Context, c *connix.Client, w world) error {
		return drop(c.Projects.Update(ctx, w.project, connix.UpdateProjectRequest{Name: new("renamed")}))
	}},
	{"DELETE", "/projects/{id}", "projects:write", func(ctx context.Context, c *connix.Client, w world) error { return c.Projects.Delete(ctx, w.project) }},

	{"POST", "/agents", "agents:write", func(ctx context.Context, c *connix.Client, w world) error {
		return drop(c.Agents.Launch(ctx, connix.LaunchAgentRequest{Name: "worker", ProjectID: w.project}))
	}},
	{"GET", "/agents", "agents:read", func(ctx context.Context, c *connix.Client, w world) error { return drop(c.Agents.List(ctx, nil)) }},
	{"GET", "/agents/{id}", "agents:read", func(ctx context.Context, c *connix.Client, w world) error { return drop(c.Agents.Get(ctx, w.agent)) }},
	{"POST", "/agents/{id}/stop", "agents:write", func(ctx context.Context, c *connix.Client, w world) error { return drop(c.Agents.Stop(ctx, w.agent)) }},
	{"GET", "/projects/{id}/agents", "agents:read", func(ctx context.Context, c *connix.Client, w world) error {
		return drop(c.Agents.List(ctx, &connix.ListAgentsOptions{ProjectID: w.project}))
	}},

	{"POST", "/webhooks", "webhooks:write", func(ctx context.Context, c *connix.Client, w world) error {
		return drop(c.Webhooks.Create(ctx, connix.CreateWebhookRequest{
			URL: "https://example.com/", Events: []connix.EventType{connix.EventAgentFailed}, Secret: "a-secret",
		}))
	}},
	{"GET", "/webhooks", "webhooks:read", func(ctx context.Context, c *connix.Client, w world) error { return drop(c.Webhooks.List(ctx, nil)) }},
	{"GET", "/webhooks/{id}", "webhooks:read", func(ctx context.Context, c *connix.Client, w world) error {
		return drop(c.Webhooks.Get(ctx, w.webhook))
	}},
	{"PATCH", "/webhooks/{id}", "webhooks:write", func(ctx context.Context, c *connix.Client, w world) error {
		return drop(c.Webhooks.Update(ctx, w.webhook, connix.UpdateWebhookRequest{Status: new(connix.StatusDisabled)}))
	}},
	{"DELETE", "/webhooks/{id}", "webhooks:write", func(ctx context.Context, c *connix.Client, w world) error { return c.Webhooks.Delete(ctx, w.webhook) }},

	{"POST", "/auth/api-keys", "api-keys:write", func(ctx context.Context, c *connix.Client, w world) error {
		return drop(c.APIKeys.Create(ctx, connix.CreateAPIKeyRequest{Name: "another-key"}))
	}},
	{"GET", "/auth/api-keys", "api-keys:read", func(ctx context.Context, c *connix.Client, w world) error { return drop(c.APIKeys.List(ctx, nil)) }},
	{"GET", "/auth/api-keys/{id}", "api-keys:read", func(ctx context.Context, c *connix.Client, w world) error { return drop(c.APIKeys.Get(ctx, w.key)) }},
	{"DELETE", "/auth/api-keys/{id}", "api-keys:write", func(ctx context.Context, c *connix.Client, w world) error { return c.APIKeys.Revoke(ctx, w.key) }},
}

// The table above, the document that the server gives out and what the server
// does name the same endpoints.
func TestEndpoints_areTheDocuments(t *testing.T) {
	srv := newServer(t)
	var document struct{ Paths map[string]map[string]any }
	if err := json.Unmarshal(must(srv.Client(t).OpenAPI(t.Context()))(t), &document); err != nil {
		t.Fatal(err)
	}
	var documented, tabled []string
	for path, item := range document.Paths {
		for method := range item {
			if method != "parameters" {
				documented = append(documented, strings.ToUpper(method)+" "+strings.TrimPrefix(path, "/api/v1"))
			}
		}
	}
	for _, e := range endpoints {
		t.Run(e.String(), func(t *testing.T) {
			w := settle(srv)
			if err := e.call(t.Context(), srv.Client(t), w); err != nil {
				t.Fatal(err)
			}
			request := only(t, srv)
			equal(t, "endpoint", request.Method+" "+request.Route, e.String())
		})
		tabled = append(tabled, e.String())
	}
	slices.Sort(documented)
	slices.Sort(tabled)
	equal(t, "endpoints", tabled, documented)
}

// Every endpoint asks who calls. A refusal is final: it is not repeated, and
// nothing was done.
func TestEndpoints_unauthorized(t *testing.T) {
	srv := newServer(t)
	for _, e := range endpoints {
		t.Run(e.String(), func(t *testing.T) {
			w := settle(srv)
			err := e.call(t.Context(), srv.Client(t, connix.WithAPIKey("cx_unknown")), w)
			if e.route == "/docs" { // the document needs no credential
				if err != nil {
					t.Errorf("with a key that is not known: %v", err)
				}
				return
			}
			failure := mustError(t, err, connix.ErrUnauthorized)
			equal(t, "error", []any{failure.StatusCode, failure.Code, failure.Method, failure.Route, len(failure.Attempts)},
				[]any{401, "UNAUTHORIZED", e.method, e.route, 1})
			if errors.Is(err, connix.ErrUnknownOutcome) || !strings.Contains(err.Error(), "check that the credential is current") {
				t.Errorf("the error: %v", err)
			}
			srv.Expect(t, connixtest.Match{}, 1)
			for _, still := range endpoints {
				if still.method == "GET" {
					if err := still.call(t.Context(), srv.Client(t), w); err != nil {
						t.Errorf("afterwards, %s: %v", still, err)
					}
				}
			}
		})
	}
}

// A key may do what its scopes say: the right one is enough, and all others
// together are not.
func TestEndpoints_scopes(t *testing.T) {
	srv := newServer(t)
	all := []string{
		"projects:read", "projects:write", "agents:read", "agents:write",
		"webhooks:read", "webhooks:write", "api-keys:read", "api-keys:write",
	}
	for _, e := range endpoints {
		t.Run(e.String(), func(t *testing.T) {
			w := settle(srv)
			key := func(scopes ...string) *connix.Client {
				return srv.Client(t, connix.WithAPIKey(srv.AddAPIKey(connix.APIKey{Scopes: scopes}).Key.Reveal()))
			}
			if e.scope == "" {
				if err := e.call(t.Context(), key(), w); err != nil {
					t.Errorf("without any scope: %v", err)
				}
				return
			}
			others := slices.DeleteFunc(slices.Clone(all), func(scope string) bool { return scope == e.scope })
			err := e.call(t.Context(), key(others...), w)
			failure := mustError(t, err, connix.ErrForbidden)
			equal(t, "error", []any{failure.StatusCode, failure.Code, failure.Route, len(failure.Attempts)}, []any{403, "FORBIDDEN", e.route, 1})
			for _, hint := range []string{e.scope, "check the scopes"} {
				if !strings.Contains(err.Error(), hint) {
					t.Errorf("the text lacks %q: %v", hint, err)
				}
			}
			if err := e.call(t.Context(), key(e.scope), w); err != nil {
				t.Errorf("with the scope %s alone: %v", e.scope, err)
			}
		})
	}
}

// An OAuth2 token with the scope read allows every GET, one with write the rest.
func TestEndpoints_tokenScopes(t *testing.T) {
	srv := newServer(t)
	for _, e := range endpoints {
		t.Run(e.String(), func(t *testing.T) {
			w := settle(srv)
			enough, other := connix.ScopeRead, connix.ScopeWrite
			if e.method != "GET" {
				enough, other = other, enough
			}
			token := func(scope string) *connix.Client {
				return srv.Client(t, connix.WithTokenSource(oauth2.StaticTokenSource(srv.AddToken(scope))))
			}
			err := e.call(t.Context(), token(other), w)
			if e.route == "/docs" { // the document needs no scope
				if err != nil {
					t.Errorf("with the scope %s: %v", other, err)
				}
				return
			}
			failure := mustError(t, err, connix.ErrForbidden)
			equal(t, "error", []any{failure.StatusCode, failure.Code, failure.Route, len(failure.Attempts)}, []any{403, "FORBIDDEN", e.route, 1})
			if err := e.call(t.Context(), token(enough), w); err != nil {
				t.Errorf("with the scope %s: %v", enough, err)
			}
			for _, r := range srv.Requests() {
				if !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ") || r.Header.Get("X-API-Key") != "" {
					t.Error("the credential is no bearer token, or not alone")
				}
			}
		})
	}
}

// An id that would name another path is refused before anything is sent; any
// other arrives as it is, whatever characters it has.
func TestEndpoints_idsInPaths(t *testing.T) {
	srv := newServer(t)
	client := srv.Client(t)
	for _, e := range endpoints {
		if !strings.Contains(e.route, "{id}") {
			continue
		}
		t.Run(e.String(), func(t *testing.T) {
			srv.Reset()
			for _, id := range []connix.ID{".", "..", "a\nb", "a\x00", "\x7f", "\u0085"} {
				mustRefuse(t, e.call(t.Context(), client, everywhere(id)), "id")
			}
			if e.route != "/projects/{id}/agents" { // there "" means all projects
				mustRefuse(t, e.call(t.Context(), client, everywhere("")), "id")
			}
			srv.Expect(t, connixtest.Match{}, 0)

			ids := []connix.ID{"a/b", "../hello", "..%2fhello", "a?b=c", "a#b", "a b", "a+b", "%", "%2e%2e", "ü", "a;b", "a:b", "...", "~", "0", "007", "-1"}
			for _, id := range ids {
				mustErrorIs(t, e.call(t.Context(), client, everywhere(id)), connix.ErrNotFound)
			}
			before, after, _ := strings.Cut("/api/v1"+e.route, "{id}")
			requests := srv.Requests()
			equal(t, "requests", len(requests), len(ids))
			for i, r := range requests {
				equal(t, "path", r.Path, before+url.PathEscape(ids[i].String())+after)
				equal(t, "route", r.Method+" "+r.Route, e.String())
			}
		})
	}
}

func TestEndpoints_methodNotAllowed(t *testing.T) {
	srv := newServer(t, offContract("methods that the API does not have"))
	client := srv.Client(t)
	for _, c := range []struct{ method, path, route, allow string }{
		{"PUT", "projects/1", "/projects/{id}", "DELETE, GET, HEAD, PATCH"},
		{"DELETE", "projects", "/projects", "GET, HEAD, POST"},
		{"POST", "hello", "/hello", "GET, HEAD"},
		{"GET", "agents/agent_1/stop", "/agents/{id}/stop", "POST"},
		{"PATCH", "auth/api-keys/key_1", "/auth/api-keys/{id}", "DELETE, GET, HEAD"},
	} {
		var meta connix.Response
		err := client.Do(t.Context(), c.method, c.path, nil, nil, connix.WithResponse(&meta))
		e := mustError(t, err)
		equal(t, c.path, []any{e.StatusCode, e.Code, e.Method, e.Route}, []any{405, "METHOD_NOT_ALLOWED", c.method, c.route})
		equal(t, "Allow", meta.Header.Get("Allow"), c.allow)
		for _, class := range []error{connix.ErrInvalidRequest, connix.ErrNotFound, connix.ErrServer, connix.ErrUnknownOutcome} {
			if errors.Is(err, class) {
				t.Errorf("%s %s matches %v", c.method, c.path, class)
			}
		}
	}
}

func TestEndpoints_noSuchPath(t *testing.T) {
	srv := newServer(t, offContract("paths that the API does not have"))
	for _, path := range []string{"project", "projects/1/agents/2", "hello/world"} {
		e := mustError(t, srv.Client(t).Do(t.Context(), "GET", path, nil, nil), connix.ErrNotFound)
		equal(t, path, []any{e.StatusCode, e.Code}, []any{404, "RESOURCE_NOT_FOUND"})
	}
}

// On every endpoint, a success that cannot be read is none: the error keeps the
// status, the request id and the start of the body, and says what came. A write
// may have been done all the same.
func TestEndpoints_unreadableResponses(t *testing.T) {
	for _, c := range []struct {
		name, contentType, body, says string
	}{
		{"HTML of a proxy", "text/html; charset=utf-8", "<html><body>Please log in</body></html>", "text/html"},
		{"nothing", "application/json", "", "empty"},
		{"cut JSON", "application/json", `{"id":1,"name":"cut`, "JSON"},
		{"JSON of the wrong kind", "application/json", `[[1]]`, "JSON"},
		{"an error with a 200", "application/json", `{"error":{"code":"INTERNAL_ERROR","message":"all is lost","request_id":"r"}}`, "all is lost"},
	} {
		client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", c.contentType)
			w.Header().Set("X-Request-ID", "req_of_the_response")
			_, _ = io.WriteString(w, c.body)
		})
		for _, e := range endpoints {
			withoutBody := e.method == "DELETE" || e.method == "PATCH" || e.route == "/agents" || e.route == "/agents/{id}/stop"
			if c.body == "" && e.method != "GET" && withoutBody || c.body == `[[1]]` && (e.method == "DELETE" || e.route == "/docs") {
				continue // an answer that they may have
			}
			t.Run(c.name+" to "+e.String(), func(t *testing.T) {
				err := e.call(t.Context(), client, everywhere("1"))
				failure := mustError(t, err, connix.ErrInvalidResponse)
				equal(t, "error", []any{failure.StatusCode, failure.RequestID, failure.Method, failure.Route, string(failure.Body)},
					[]any{200, "req_of_the_response", e.method, e.route, c.body})
				if !strings.Contains(err.Error(), c.says) {
					t.Errorf("the text does not tell of %s: %v", c.says, err)
				}
				equal(t, "the outcome is unknown", errors.Is(err, connix.ErrUnknownOutcome), e.method != "GET")
			})
		}
	}
}

// A success without a body does what was asked for: its status says so. The result
// holds what is known.
func TestEndpoints_successWithoutBody(t *testing.T) {
	const id = connix.ID("7")
	for _, status := range []int{200, 202, 204} {
		for _, body := range []string{"", " \n"} {
			if status == 204 && body != "" {
				continue
			}
			calls := 0
			client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				calls++
				writeJSON(w, status, body)
			}, connix.WithRetryPolicy(connix.RetryPolicy{MaxRetries: 3}))
			ctx := t.Context()
			for name, c := range map[string]struct {
				call func() (any, error)
				want any
			}{
				"Stop": {func() (any, error) { return client.Agents.Stop(ctx, id) }, &connix.Agent{ID: id}},
				"Launch": {func() (any, error) {
					return client.Agents.Launch(ctx, connix.LaunchAgentRequest{Name: "worker", ProjectID: "1"})
				}, &connix.AgentLaunch{}},
				"Projects.Update": {func() (any, error) {
					return client.Projects.Update(ctx, id, connix.UpdateProjectRequest{Name: new("name")})
				}, &connix.Project{ID: id, Name: "name"}},
				"Webhooks.Update": {func() (any, error) {
					return client.Webhooks.Update(ctx, id, connix.UpdateWebhookRequest{URL: new("https://example.com"), Status: new(connix.StatusDisabled), Secret: new(connix.Secret("s"))})
				}, &connix.Webhook{ID: id, URL: "https://example.com", Status: connix.StatusDisabled}},
				"Webhooks.Update, no events": {func() (any, error) {
					return client.Webhooks.Update(ctx, id, connix.UpdateWebhookRequest{Events: []connix.EventType{}})
				}, &connix.Webhook{ID: id, Events: []connix.EventType{}}},
			} {
				calls = 0
				got, err := c.call()
				if err != nil || calls != 1 {
					t.Errorf("%s, %d: %v after %d calls", name, status, err, calls)
				}
				equal(t, name, got, c.want)
			}
			for name, call := range map[string]func() error{
				"Projects.Create": func() error { return drop(client.Projects.Create(ctx, connix.CreateProjectRequest{Name: "name"})) },
				"Webhooks.Create": func() error {
					return drop(client.Webhooks.Create(ctx, connix.CreateWebhookRequest{URL: "https://example.com"}))
				},
				"APIKeys.Create": func() error { return drop(client.APIKeys.Create(ctx, connix.CreateAPIKeyRequest{Name: "name"})) },
			} {
				calls = 0
				err := call()
				mustErrorIs(t, err, connix.ErrInvalidResponse, connix.ErrUnknownOutcome)
				equal(t, name, calls, 1)
			}
			_, err := client.Agents.Get(ctx, id)
			mustErrorIs(t, err, connix.ErrInvalidResponse)
		}
	}
	// A body that says something else is no success.
	client := serve(t, responding(200, `null`))
	_, err := client.Agents.Stop(t.Context(), id)
	mustErrorIs(t, err, connix.ErrInvalidResponse, connix.ErrUnknownOutcome)
}
