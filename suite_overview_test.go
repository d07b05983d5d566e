package connix_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
)

// What the API overview prints, as it prints it.
const (
	overviewHello      = `{ "message": "Hello TestUser! Welcome to Connix API v1"}`
	overviewCreate     = `{ "name": "my-ai-project"}`
	overviewProject    = `{ "id": 123, "name": "my-ai-project", "created_at": "2024-01-15T10:30:00Z", "updated_at": "2024-01-15T10:30:00Z"}`
	overviewLaunch     = `{ "name": "data-processor", "project_id": 123}`
	overviewLaunched   = `{ "message": "Agent 'data-processor' successfully launched in project 'my-ai-project'"}`
	overviewPagination = `{ "page": 1, "limit": 20, "total": 100, "pages": 5, "has_next": true, "has_prev": false }`
	overviewWebhook    = `{ "url": "https://your-app.com/webhooks/connix", "events": ["agent.launched", "agent.completed", "project.created"], "secret": "your-webhook-secret"}`
	overviewError      = `{ "error": { "code": "INVALID_REQUEST", "message": "The request data is invalid", "details": { "field": "name", "issue": "cannot be empty" }, "request_id": "req_1234567890" }}`
)

// exact compares JSON texts by their names and values, each as it is written:
// 123 is not 123.0, and a name that is there twice is not there once.
func exact(t testing.TB, what string, got []byte, want string) {
	t.Helper()
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(want)); err != nil {
		t.Fatal(err)
	}
	if string(got) != compact.String() {
		t.Errorf("%s:\n got %s\nwant %s", what, got, compact.String())
	}
}

// overviewServer is the server of the overview's examples: the next project is
// number 123, and the time stands still.
func overviewServer(t testing.TB, opts ...any) *connixtest.Server {
	srv := newServer(t, append([]any{connixtest.WithClock(connixtest.NewClock(overviewTime))}, opts...)...)
	srv.AddProject(connix.Project{ID: "122"})
	return srv
}

func TestOverview_hello(t *testing.T) {
	srv := overviewServer(t)
	hello := must(srv.Client(t).Hello(t.Context(), "TestUser"))(t)
	r := only(t, srv)
	equal(t, "request", r.Method+" "+r.Path+"?"+r.Query, "GET /api/v1/hello?name=TestUser")
	equal(t, "body", string(r.Body), "")
	exact(t, "response", r.Response, overviewHello)
	equal(t, "message", hello.Message, "Hello TestUser! Welcome to Connix API v1")
}

func TestOverview_createProjectAndLaunchAgent(t *testing.T) {
	srv := overviewServer(t)
	client, ctx := srv.Client(t), t.Context()
	project := must(client.Projects.Create(ctx, connix.CreateProjectRequest{Name: "my-ai-project"}))(t)
	launch := must(client.Agents.Launch(ctx, connix.LaunchAgentRequest{Name: "data-processor", ProjectID: project.ID}))(t)

	requests := srv.Requests()
	equal(t, "requests", len(requests), 2)
	for i, want := range []struct{ path, body, response string }{
		{"/api/v1/projects", overviewCreate, overviewProject},
		{"/api/v1/agents", overviewLaunch, overviewLaunched},
	} {
		r := requests[i]
		equal(t, "request", fmt.Sprint(r.Method, " ", r.Path, "?", r.Query, " ", r.Status), "POST "+want.path+"? 201")
		equal(t, "Content-Type", r.Header["Content-Type"], []string{"application/json"})
		exact(t, "body", r.Body, want.body)
		exact(t, "response", r.Response, want.response)
	}
	equal(t, "project", *project, connix.Project{ID: connix.IntID(123), Name: "my-ai-project", CreatedAt: overviewTime, UpdatedAt: overviewTime})
	equal(t, "launch", launch.Message, "Agent 'data-processor' successfully launched in project 'my-ai-project'")
	// What was read is written as it came.
	exact(t, "project written", must(json.Marshal(project))(t), overviewProject)
}

func TestOverview_pagination(t *testing.T) {
	srv := overviewServer(t)
	srv.AddProjects(99, nil)
	page := must(srv.Client(t).Projects.List(t.Context(), &connix.ListProjectsOptions{ListOptions: connix.ListOptions{
		Page: 1, Limit: 20, Sort: "created_at", Order: connix.Descending,
	}}))(t)
	r := only(t, srv)
	equal(t, "path", r.Path, "/api/v1/projects")
	sameQuery(t, r.Query, "page=1&limit=20&sort=created_at&order=desc")
	var response map[string]json.RawMessage
	if err := json.Unmarshal(r.Response, &response); err != nil || len(response) != 2 || response["data"] == nil {
		t.Fatalf("the response: %v, %s", err, r.Response)
	}
	exact(t, "pagination", response["pagination"], overviewPagination)
	equal(t, "items", len(page.Items), 20)
	equal(t, "pagination", page.Pagination, connix.Pagination{Page: 1, Limit: 20, Total: 100, Pages: 5, HasNext: true})

	// What is not asked for has the documented default.
	unasked := must(srv.Client(t).Projects.List(t.Context(), nil))(t)
	equal(t, "query", srv.Requests()[1].Query, "")
	equal(t, "page by default", *unasked, *page)
}

// sameQuery compares queries without the order of their parameters.
func sameQuery(t testing.TB, got, want string) {
	t.Helper()
	equal(t, "query", must(url.ParseQuery(got))(t), must(url.ParseQuery(want))(t))
}

func TestOverview_filters(t *testing.T) {
	srv := overviewServer(t)
	ids := map[string]connix.ID{}
	for _, p := range []connix.Project{
		{Name: "machine-learning-1", CreatedAt: overviewTime},
		{Name: "Machine-Learning-2", CreatedAt: overviewTime},
		{Name: "machine-learning-3", CreatedAt: time.Date(2023, 12, 31, 23, 59, 59, 0, time.UTC)},
		{Name: "deep-learning", CreatedAt: overviewTime},
	} {
		ids[p.Name] = srv.AddProject(p).ID
	}
	client, ctx := srv.Client(t), t.Context()
	page := must(client.Projects.List(ctx, &connix.ListProjectsOptions{ListOptions: connix.ListOptions{
		Search: "machine-learning", Status: connix.StatusActive, CreatedAfter: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC),
	}}))(t)
	sameQuery(t, only(t, srv).Query, "search=machine-learning&status=active&created_after=2024-01-01T00:00:00Z")
	var literal connix.Page[connix.Project]
	var body struct{ Data []connix.Project }
	if err := client.Do(ctx, "GET", "projects?search=machine-learning&status=active&created_after=2024-01-01", nil, &body); err != nil {
		t.Fatal(err)
	}
	literal.Items = body.Data
	for what, got := range map[string][]connix.Project{"by the client's options": page.Items, "by the overview's query": literal.Items} {
		found := map[connix.ID]bool{}
		for _, p := range got {
			found[p.ID] = true
		}
		equal(t, what, found, map[connix.ID]bool{ids["machine-learning-1"]: true, ids["Machine-Learning-2"]: true})
	}
}

func TestOverview_webhook(t *testing.T) {
	srv := overviewServer(t)
	webhook := must(srv.Client(t).Webhooks.Create(t.Context(), connix.CreateWebhookRequest{
		URL:    "https://your-app.com/webhooks/connix",
		Events: []connix.EventType{connix.EventAgentLaunched, connix.EventAgentCompleted, connix.EventProjectCreated},
		Secret: "your-webhook-secret",
	}))(t)
	r := only(t, srv)
	equal(t, "request", r.Method+" "+r.Path, "POST /api/v1/webhooks")
	exact(t, "body", r.Body, overviewWebhook)
	equal(t, "url", webhook.URL, "https://your-app.com/webhooks/connix")
}

func TestOverview_error(t *testing.T) {
	srv := overviewServer(t, offContract("a name that is empty"))
	_, err := srv.Client(t).Projects.Create(t.Context(), connix.CreateProjectRequest{}, connix.WithRequestID("req_1234567890"))
	exact(t, "response", only(t, srv).Response, overviewError)
	e := mustError(t, err, connix.ErrInvalidRequest)
	equal(t, "error", []any{e.StatusCode, e.Code, e.Message, e.Details.Field, e.Details.Issue, e.RequestID},
		[]any{400, "INVALID_REQUEST", "The request data is invalid", "name", "cannot be empty", "req_1234567890"})
	exact(t, "details", e.Details.Raw, `{ "field": "name", "issue": "cannot be empty" }`)
}

// The overview's codes, with its statuses, as the fake answers them.
func TestOverview_errorCodes(t *testing.T) {
	check := errors.New("")
	srv := must(connixtest.Start(
		connixtest.WithRateLimits(connixtest.RateLimits{Windows: []connix.Window{{Limit: 4, Period: time.Hour}}}),
		connixtest.WithClock(connixtest.NewClock(overviewTime)),
		connixtest.WithRequestCheck(func(r *http.Request) error {
			if r.URL.Query().Get("name") == "broken" {
				return check
			}
			return nil
		}),
	))(t)
	t.Cleanup(srv.Close)
	client, ctx := srv.Client(t, connix.WithRetryPolicy(connix.RetryPolicy{})), t.Context()
	noScope := srv.Client(t, connix.WithAPIKey(srv.AddAPIKey(connix.APIKey{}).Key.Reveal()))
	unknown := srv.Client(t, connix.WithAPIKey("unknown"))
	for _, c := range []struct {
		status int
		code   string
		class  error
		call   func() error
	}{
		{400, "INVALID_REQUEST", connix.ErrInvalidRequest, func() error { return drop(client.Projects.Create(ctx, connix.CreateProjectRequest{})) }},
		{401, "UNAUTHORIZED", connix.ErrUnauthorized, func() error { return drop(unknown.Hello(ctx, "")) }},
		{403, "FORBIDDEN", connix.ErrForbidden, func() error { return drop(noScope.Projects.List(ctx, nil)) }},
		{404, "RESOURCE_NOT_FOUND", connix.ErrNotFound, func() error { return drop(client.Projects.Get(ctx, "404")) }},
		{500, "INTERNAL_ERROR", connix.ErrServer, func() error { return drop(client.Hello(ctx, "broken")) }},
		{200, "", nil, func() error { return drop(client.Hello(ctx, "")) }},
		{200, "", nil, func() error { return drop(client.Hello(ctx, "")) }},
		{429, "RATE_LIMIT_EXCEEDED", connix.ErrRateLimited, func() error { return drop(client.Hello(ctx, "")) }},
	} {
		err := c.call()
		if c.class == nil {
			if err != nil {
				t.Errorf("%d: %v", c.status, err)
			}
			continue
		}
		e := mustError(t, err, c.class)
		equal(t, "error", []any{e.StatusCode, e.Code}, []any{c.status, c.code})
	}
	// 503 comes from what stands before the API, with or without its form.
	for _, body := range []string{`{"error":{"code":"SERVICE_UNAVAILABLE","message":"down"}}`, "<html>", ""} {
		_, err := serve(t, responding(503, body)).Hello(ctx, "")
		equal(t, "status", mustError(t, err, connix.ErrServer).StatusCode, 503)
	}
}

func TestOverview_headers(t *testing.T) {
	clock := connixtest.NewClock(time.Unix(1625097600, 0).Add(-time.Minute))
	srv := newServer(t, connixtest.WithClock(clock), connixtest.WithRateLimits(connixtest.DefaultRateLimits()))
	client := srv.Client(t, connix.WithUserAgent("YourApp/1.0.0"))
	must(client.Projects.Create(t.Context(), connix.CreateProjectRequest{Name: "my-ai-project"}))(t)
	must(client.Projects.List(t.Context(), nil))(t)
	create, list := srv.Requests()[0], srv.Requests()[1]
	for _, r := range []connixtest.Request{create, list} {
		equal(t, "Accept", r.Header["Accept"], []string{"application/json"})
		equal(t, "X-API-Key", r.Header["X-Api-Key"], []string{srv.APIKey})
		equal(t, "User-Agent", r.Header["User-Agent"], []string{"YourApp/1.0.0 connix-go/" + connix.Version})
		equal(t, "Authorization", r.Header["Authorization"], nil)
		id := r.Header["X-Request-Id"]
		if len(id) != 1 || id[0] == "" {
			t.Errorf("X-Request-ID: %q", id)
		}
		equal(t, "X-Request-ID of the answer", r.ResponseHeader["X-Request-Id"], id)
		equal(t, "Content-Type of the answer", r.ResponseHeader["Content-Type"], []string{"application/json"})
	}
	equal(t, "Content-Type", create.Header["Content-Type"], []string{"application/json"})
	equal(t, "Content-Type without a body", list.Header["Content-Type"], nil)
	if create.Header.Get("X-Request-ID") == list.Header.Get("X-Request-ID") {
		t.Error("two calls share a request id")
	}
	for name, want := range map[string]string{
		"X-RateLimit-Limit-Requests": "1000", "X-RateLimit-Remaining-Requests": "999", "X-RateLimit-Reset-Requests": "1625097600",
		"X-RateLimit-Limit-Tokens": "10000", "X-RateLimit-Remaining-Tokens": "9999", "X-RateLimit-Reset-Tokens": "1625097600",
	} {
		equal(t, name, create.ResponseHeader.Get(name), want)
	}
}

// The response headers that the overview prints, read by the client.
func TestOverview_responseHeaders(t *testing.T) {
	client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		for name, value := range map[string]string{
			"Content-Type": "application/json", "X-Request-ID": "unique-request-identifier", "X-Response-Time": "150ms",
			"X-RateLimit-Limit-Requests": "1000", "X-RateLimit-Remaining-Requests": "999", "X-RateLimit-Reset-Requests": "1625097600",
			"X-RateLimit-Limit-Tokens": "10000", "X-RateLimit-Remaining-Tokens": "9950", "X-RateLimit-Reset-Tokens": "1625097600",
		} {
			w.Header().Set(name, value)
		}
		_, _ = w.Write([]byte(overviewHello))
	})
	var meta connix.Response
	must(client.Hello(t.Context(), "TestUser", connix.WithResponse(&meta)))(t)
	equal(t, "request id", meta.RequestID, "unique-request-identifier")
	equal(t, "response time", meta.ResponseTime, 150*time.Millisecond)
	reset := time.Unix(1625097600, 0)
	equal(t, "rate limits", meta.RateLimits, connix.RateLimits{
		Requests: connix.RateLimit{Limit: new(1000), Remaining: new(999), Reset: reset},
		Tokens:   connix.RateLimit{Limit: new(10000), Remaining: new(9950), Reset: reset},
	})
	equal(t, "body", string(meta.Body), overviewHello)
}
