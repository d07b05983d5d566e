package connixtest_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
)

func TestRequests(t *testing.T) {
	srv := connixtest.NewServer(t)
	client, ctx := srv.Client(t), t.Context()
	srv.AddProjects(100, nil)
	if _, err := client.Projects.List(ctx, &connix.ListProjectsOptions{ListOptions: connix.ListOptions{Limit: 100}}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Projects.Create(ctx, connix.CreateProjectRequest{Name: "one"}, connix.WithRequestID("my-id")); err != nil {
		t.Fatal(err)
	}
	requests := srv.Requests()
	if len(requests) != 2 {
		t.Fatalf("%d requests", len(requests))
	}
	list, create := requests[0], requests[1]
	var page struct{ Data []json.RawMessage }
	if err := json.Unmarshal(list.Response, &page); err != nil || len(page.Data) != 100 || list.ResponseHeader.Get("Content-Encoding") != "gzip" {
		t.Errorf("a compressed answer is not unpacked: %v, %d items, %v", err, len(page.Data), list.ResponseHeader)
	}
	if list.Method != "GET" || list.Route != "/projects" || list.Path != "/api/v1/projects" || list.Query != "limit=100" || list.Status != 200 || list.Fault || len(list.Body) > 0 {
		t.Errorf("%+v", list)
	}
	if create.Header.Get("X-Request-ID") != "my-id" || create.ResponseHeader.Get("X-Request-ID") != "my-id" || string(create.Body) != `{"name":"one"}` ||
		create.Header.Get("Host") != strings.TrimPrefix(srv.URL, "http://") || create.Time.Before(list.Time) || !strings.Contains(string(create.Response), `"name":"one"`) {
		t.Errorf("%+v", create)
	}
	// What a test does to a request is no other test's business.
	create.Header.Set("X-Request-ID", "x")
	create.Body[0], create.Response[0] = 'x', 'x'
	if again := srv.Requests()[1]; again.Header.Get("X-Request-ID") != "my-id" || again.Body[0] != '{' || again.Response[0] != '{' {
		t.Errorf("the journal was changed: %+v", again)
	}
}

func TestMatch(t *testing.T) {
	srv := connixtest.NewServer(t)
	srv.AddProject(connix.Project{})
	post := func(path, body string) {
		t.Helper()
		req, _ := http.NewRequestWithContext(t.Context(), "POST", srv.URL+"/api/v1"+path, strings.NewReader(body))
		req.Header.Set("X-API-Key", srv.APIKey)
		req.Header.Set("Content-Type", "application/json")
		resp, err := srv.HTTPClient().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	post("/projects", `{"name":"one"}`)
	post("/projects", `{"name":""}`)
	post("/agents", `{"project_id": 1.0, "name": "a", "more": [{"x": null}, 12345678901234567890]}`)
	post("/projects/1/agents", `no JSON`)
	post("/none", ``)
	post("/projects/a%2Fb%20%63/agents", ``)
	if all := srv.Requests(); all[5].Path != "/api/v1/projects/a%2Fb%20%63/agents" || all[5].Route != "/projects/{id}/agents" {
		t.Errorf("the path is not as it was sent: %+v", all[5])
	}
	tests := []struct {
		match connixtest.Match
		want  int
	}{
		{connixtest.Match{}, 6},
		{connixtest.Match{Method: "POST"}, 6},
		{connixtest.Match{Method: "GET"}, 0},
		{connixtest.Match{Route: "/projects"}, 2},
		{connixtest.Match{Route: "/projects/{id}/agents"}, 2},
		{connixtest.Match{Route: "/projects/1/agents"}, 1},
		{connixtest.Match{Route: "/projects/2/agents"}, 0},
		{connixtest.Match{Route: "/projects/a/b c/agents"}, 1},
		{connixtest.Match{Method: "post", Route: "/api/v1/projects"}, 2}, // as a Fault is read
		{connixtest.Match{Status: 201}, 2},
		{connixtest.Match{Status: 400}, 1},
		{connixtest.Match{Route: "/projects", Status: 400}, 1},
		{connixtest.Match{Body: connix.CreateProjectRequest{Name: "one"}}, 1},
		{connixtest.Match{Body: map[string]any{"name": "one"}}, 1},
		{connixtest.Match{Body: []byte(` {"name" : "one"} `)}, 1},
		{connixtest.Match{Body: json.RawMessage(`{"name":"two"}`)}, 0},
		{connixtest.Match{Body: json.RawMessage(`{}`)}, 0}, // all of the body, not a part of it
		{connixtest.Match{Body: json.RawMessage(`{"more":[{"x":null},12345678901234567890],"name":"a","project_id":1}`)}, 1},
		{connixtest.Match{Body: json.RawMessage(`{"more":[{"x":null},12345678901234567891],"name":"a","project_id":1}`)}, 0},
	}
	for _, tt := range tests {
		srv.Expect(t, tt.match, tt.want)
	}
}

func TestExpectTellsWhatCameInstead(t *testing.T) {
	clock := connixtest.NewClock(time.Date(2024, 1, 15, 10, 30, 0, 0, time.UTC))
	srv := connixtest.NewServer(t, connixtest.WithClock(clock), connixtest.WithJournalSize(25))
	expect := func(m connixtest.Match, n int) string {
		t.Helper()
		tb := &recorder{TB: t}
		srv.Expect(tb, m, n)
		if len(tb.failures) != 1 {
			t.Fatalf("%d failures", len(tb.failures))
		}
		return tb.failures[0]
	}
	if got, want := expect(connixtest.Match{}, 1), "connixtest: 0 requests match anything, want 1\nno request arrived"; got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}

	client, ctx := srv.Client(t), t.Context()
	_, _ = client.Projects.Create(ctx, connix.CreateProjectRequest{Name: "one"})
	clock.Advance(1500 * time.Millisecond)
	_, _ = client.Projects.List(ctx, &connix.ListProjectsOptions{ListOptions: connix.ListOptions{Search: "x"}})
	_, _ = srv.Client(t, connix.WithAPIKey("short")).Projects.Get(ctx, "7")
	got := expect(connixtest.Match{Method: "POST", Route: "/projects", Body: connix.CreateProjectRequest{Name: "two"}, Status: 201}, 2)
	want := `connixtest: 0 requests match POST /projects body {"name":"two"} status 201, want 2
       time          method  route           status            request
       10:30:00.000  POST    /projects       201 Created       /api/v1/projects X-API-Key: ****` + srv.APIKey[31:] + ` {"name":"one"}
       10:30:01.500  GET     /projects       200 OK            /api/v1/projects?search=x X-API-Key: ****` + srv.APIKey[31:] + `
       10:30:01.500  GET     /projects/{id}  401 Unauthorized  /api/v1/projects/7 X-API-Key: ****`
	if trimmed := trimLines(got); trimmed != trimLines(want) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	if got := expect(connixtest.Match{Method: "GET"}, 1); strings.Count(got, "\nmatch") != 2 || strings.Contains(got, srv.APIKey) {
		t.Errorf("those that match are not marked, or the key is there:\n%s", got)
	}

	_, _ = client.Webhooks.Create(ctx, connix.CreateWebhookRequest{URL: "http://localhost/", Events: []connix.EventType{"x"}, Secret: `a "secret" thing`})
	if got := expect(connixtest.Match{Route: "/webhooks"}, 2); strings.Contains(got, "thing") || !strings.Contains(got, `"secret":"****"`) {
		t.Errorf("a secret is in the table:\n%s", got)
	}
	if got := expect(connixtest.Match{Body: connix.CreateWebhookRequest{Secret: "sought"}}, 1); strings.Contains(got, "sought") {
		t.Errorf("a secret is in what was sought:\n%s", got)
	}

	for range 29 {
		_, _ = client.Projects.Create(ctx, connix.CreateProjectRequest{Name: strings.Repeat("long", 100)})
	}
	got = expect(connixtest.Match{Status: 200}, 1)
	if !strings.Contains(got, "(the journal was full and has dropped the 8 oldest requests: see WithJournalSize)") ||
		!strings.Contains(got, "(5 earlier requests are left out)") || !strings.Contains(got, "lon…") || len(got) > 10000 {
		t.Errorf("a long table:\n%s", got)
	}

	tb := &recorder{TB: t}
	tb.run(func() { srv.Expect(tb, connixtest.Match{Body: []byte("{")}, 0) })
	tb.run(func() { srv.Expect(tb, connixtest.Match{Body: []byte("{} {}")}, 0) })
	tb.run(func() { srv.Expect(tb, connixtest.Match{Body: func() {}}, 0) })
	if len(tb.failures) != 3 || !strings.Contains(tb.failures[0], "the Body of the Match is no JSON") {
		t.Errorf("a body that is no JSON: %q", tb.failures)
	}
	for _, route := range []string{"projects", "/projects/{projectID}"} {
		tb := &recorder{TB: t}
		tb.run(func() { srv.Expect(tb, connixtest.Match{Route: route}, 0) })
		if len(tb.failures) != 1 || !strings.Contains(tb.failures[0], route) {
			t.Errorf("a Route %q, which nothing can match: %q", route, tb.failures)
		}
	}
}

// What goes wrong in the test's own functions fails the test, in place of a line
// in a log; and a function that answers nothing has responded with 200.
func TestActionsOfTheTest(t *testing.T) {
	onSocketAndInMemory(t, func(t *testing.T, opts ...connixtest.Option) {
		tb := &recorder{TB: t}
		srv := connixtest.NewServer(tb, opts...)
		project := srv.AddProject(connix.Project{})
		client := srv.Client(t, connix.WithRetryPolicy(connix.RetryPolicy{}))
		ask := func(action connixtest.Action) error { // what net/http does not repeat
			srv.Inject(connixtest.Fault{Times: 1, Action: action})
			return client.Do(t.Context(), "DELETE", "projects/1", nil, nil)
		}
		if err := ask(func(http.ResponseWriter, *http.Request, http.Handler) {}); err != nil {
			t.Error(err)
		}
		srv.Expect(t, connixtest.Match{Status: 200}, 1)
		if err := ask(connixtest.ResetBefore()); err == nil {
			t.Error("a reset is no error")
		}
		srv.Expect(t, connixtest.Match{Status: 200}, 1)
		if len(tb.told()) > 0 {
			t.Fatalf("the test fails by a fault: %q", tb.told())
		}
		if err := ask(func(http.ResponseWriter, *http.Request, http.Handler) { panic("of the action") }); err == nil {
			t.Error("a panic is no error")
		}
		for _, step := range []connixtest.AgentStep{{}, {After: -1, Status: connix.StatusRunning}} {
			srv.OnLaunch(func(connix.LaunchAgentRequest) connixtest.AgentPlan { return connixtest.AgentPlan{step} })
			if _, err := client.Agents.Launch(t.Context(), connix.LaunchAgentRequest{Name: "planned", ProjectID: project.ID}); err == nil {
				t.Error("a plan that cannot be is followed")
			}
		}
		if len(tb.told()) != 3 || !strings.Contains(tb.told()[0], "DELETE /api/v1/projects/1: panic: of the action") || !strings.Contains(tb.told()[1], `step 0 of the plan for "planned"`) {
			t.Errorf("the test is told %q", tb.told())
		}
	})
}

func trimLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, "\n")
}

func TestAwaitRequests(t *testing.T) {
	onSocketAndInMemory(t, func(t *testing.T, opts ...connixtest.Option) {
		srv := connixtest.NewServer(t, opts...)
		client := srv.Client(t)
		go func() {
			for range 3 {
				_, _ = client.Hello(t.Context(), "x")
				_, _ = client.Status(t.Context())
			}
		}()
		got, err := srv.AwaitRequests(t.Context(), connixtest.Match{Route: "/hello", Status: 200}, 2)
		if err != nil || len(got) < 2 || got[0].Route != "/hello" || got[0].Query != "name=x" {
			t.Errorf("%+v, %v", got, err)
		}
		if _, err := srv.AwaitRequests(t.Context(), connixtest.Match{Status: 200}, 6); err != nil {
			t.Error(err)
		}
		if _, err := srv.AwaitRequests(t.Context(), connixtest.Match{Body: func() {}}, 1); err == nil {
			t.Error("a Match that is no JSON is awaited")
		}
	})
}

func TestAwaitRequestsEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := connixtest.NewServer(t, connixtest.WithInMemory(), connixtest.WithLatency(time.Hour, time.Hour))
		client := srv.Client(t)
		start := time.Now()
		done := make(chan error)
		go func() {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			_, err := client.Hello(ctx, "x")
			done <- err
		}()
		// It arrives at once, and is not answered for an hour.
		if got, err := srv.AwaitRequests(t.Context(), connixtest.Match{}, 1); err != nil || got[0].Status != 0 || time.Since(start) != 0 {
			t.Errorf("after %v: %+v, %v", time.Since(start), got, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		got, err := srv.AwaitRequests(ctx, connixtest.Match{Route: "/hello"}, 2)
		if !errors.Is(err, context.DeadlineExceeded) || len(got) != 1 || time.Since(start) != time.Minute ||
			!strings.Contains(err.Error(), "1 of 2 requests match /hello") {
			t.Errorf("after %v: %v, %v", time.Since(start), got, err)
		}
		if err := <-done; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the call ended with %v", err)
		}
	})
}
