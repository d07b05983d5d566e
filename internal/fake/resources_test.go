package fake_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/connix-io/connix-go/internal/fake/state"
	"github.com/connix-io/connix-go/internal/fake/table"
)

func TestProjectNames(t *testing.T) {
	w := newWorld(t)
	long := strings.Repeat("x", 51)
	for name, issue := range map[string]string{
		"":         "cannot be empty",
		"ab":       "must be 3 to 50 characters long, not 2",
		long:       "must be 3 to 50 characters long, not 51",
		"-ab":      "must start and end with a letter or digit",
		"ab-":      "must start and end with a letter or digit",
		"a b":      "can hold letters, digits and hyphens, not ' '",
		"a_b":      "can hold letters, digits and hyphens, not '_'",
		"Zürich":   "can hold letters, digits and hyphens, not 'ü'",
		"ab\\n":    "can hold letters, digits and hyphens, not '\\\\n'",
		"\\u00fcü": "must be 3 to 50 characters long, not 2",
	} {
		w.want("POST", "/projects", `{"name":"`+name+`"}`, 400, invalidJSON("name", issue))
	}
	w.Store().AddProjects(1, func(int) state.Project { return state.Project{Key: table.Key{ID: "900"}} })
	w.want("PATCH", "/projects/900", `{"name":"x"}`, 400, invalidJSON("name", "must be 3 to 50 characters long, not 1"))
	for _, name := range []string{"abc", "a-b", "123", "A--Z", long[:50]} {
		if rec := w.do("POST", "/projects", `{"name":"`+name+`"}`); rec.Code != 201 {
			t.Errorf("%q: status %d: %s", name, rec.Code, rec.Body)
		}
	}
}

func TestBodies(t *testing.T) {
	w := newWorld(t)
	tests := []struct{ path, body, field, issue string }{
		{"/projects", `{`, "body", "is not valid JSON"},
		{"/projects", `{"name":"abc"} x`, "body", "is not valid JSON"},
		{"/projects", `[]`, "body", "must be a JSON object"},
		{"/projects", `null`, "body", "must be a JSON object"},
		{"/projects", `"abc"`, "body", "must be a JSON object"},
		{"/projects", ` `, "body", "cannot be empty"},
		{"/projects", `{"name":1}`, "name", "must be a string"},
		{"/projects", `{"name":["abc"]}`, "name", "must be a string"},
		{"/projects", `{"name":null}`, "name", "must be a string"},
		{"/projects", `{"Name":"abc"}`, "name", "cannot be empty"},
		{"/projects", `{}`, "name", "cannot be empty"},
		{"/projects", `{"name":"` + strings.Repeat("x", 1<<20) + `"}`, "body", "is larger than 1048576 bytes"},
		{"/agents", `{"project_id":1}`, "name", "cannot be empty"},
		{"/agents", `{"name":" ","project_id":1}`, "name", "cannot be empty"},
		{"/agents", `{"name":"a\tb","project_id":1}`, "name", "cannot hold control characters"},
		{"/agents", `{"name":"` + strings.Repeat("é", 101) + `","project_id":1}`, "name", "can be at most 100 characters long"},
		{"/agents", `{"name":"a"}`, "project_id", "cannot be empty"},
		{"/agents", `{"name":"a","project_id":1.5}`, "project_id", "must be an id: a whole number or a string"},
		{"/agents", `{"name":"a","project_id":-1}`, "project_id", "must be an id: a whole number or a string"},
		{"/agents", `{"name":"a","project_id":true}`, "project_id", "must be an id: a whole number or a string"},
		{"/webhooks", `{"events":["agent.failed"]}`, "url", "cannot be empty"},
		{"/webhooks", `{"url":"/hook","events":["agent.failed"]}`, "url", "must be an absolute URL"},
		{"/webhooks", `{"url":"http:///hook","events":["agent.failed"]}`, "url", "must be an absolute URL as RFC 3986 writes it"},
		{"/webhooks", `{"url":"https://exa mple/hook","events":["agent.failed"]}`, "url", "must be an absolute URL"},
		{"/webhooks", `{"url":"ftp://example.com/hook","events":["agent.failed"]}`, "url", "must begin with http:// or https://"},
		{"/webhooks", `{"url":"https://me:pw@example.com/","events":["agent.failed"]}`, "url", "cannot hold a user name or password"},
		{"/webhooks", `{"url":"https://example.com/#x","events":["agent.failed"]}`, "url", "cannot hold a fragment"},
		{"/webhooks", `{"url":"https://example.com/"}`, "events", "must name at least one event"},
		{"/webhooks", `{"url":"https://example.com/","events":[]}`, "events", "must name at least one event"},
		{"/webhooks", `{"url":"https://example.com/","events":"agent.failed"}`, "events", "must be an array of strings"},
		{"/webhooks", `{"url":"https://example.com/","events":[1]}`, "events", "must be an array of strings"},
		{"/webhooks", `{"url":"https://example.com/","events":["agent.born"]}`, "events", `does not know the event \"agent.born\"`},
		{"/webhooks", `{"url":"https://example.com/","events":["agent.failed","agent.failed"]}`, "events", `names the event \"agent.failed\" twice`},
		{"/webhooks", `{"url":"https://example.com/","events":["agent.failed"],"secret":""}`, "secret", "cannot be empty"},
		{"/webhooks", `{"url":"https://example.com/","events":["agent.failed"],"secret":7}`, "secret", "must be a string"},
		{"/webhooks", `{"url":"https://example.com/","events":["agent.failed"],"secret":"whsec_no base64"}`, "secret", `cannot sign deliveries: it begins with \"whsec_\", but the rest is not valid base64`},
		{"/webhooks", `{"url":"https://example.com/","events":["agent.failed"],"secret":"v1,whsec_MfKQ9r8G"}`, "secret", `cannot sign deliveries: it begins with \"v1,\": remove the version before the secret`},
		{"/auth/api-keys", `{}`, "name", "cannot be empty"},
		{"/auth/api-keys", `{"name":"ci","description":{}}`, "description", "must be a string"},
		{"/auth/api-keys", `{"name":"ci","description":"` + strings.Repeat("x", 501) + `"}`, "description", "can be at most 500 characters long"},
		{"/auth/api-keys", `{"name":"ci","scopes":["everything"]}`, "scopes", `must have the form projects:read, not \"everything\"`},
		{"/auth/api-keys", `{"name":"ci","scopes":["projects:"]}`, "scopes", `must have the form projects:read, not \"projects:\"`},
		{"/auth/api-keys", `{"name":"ci","scopes":["a:b","a:b"]}`, "scopes", `names the scope \"a:b\" twice`},
		{"/auth/api-keys", `{"name":"ci","scopes":{}}`, "scopes", "must be an array of strings"},
		{"/auth/api-keys", `{"name":"ci","expires_at":"2024-01-15"}`, "expires_at", "must be a time such as 2024-01-15T10:30:00Z"},
		{"/auth/api-keys", `{"name":"ci","expires_at":1705314600}`, "expires_at", "must be a string"},
		{"/auth/api-keys", `{"name":"ci","expires_at":"2024-01-15T10:30:00Z"}`, "expires_at", "must lie in the future"},
	}
	for _, tt := range tests {
		w.want("POST", tt.path, tt.body, 400, invalidJSON(tt.field, tt.issue))
	}
	if _, total := w.Store().Projects(table.Query[*state.Project]{}); total != 0 {
		t.Errorf("%d projects were made by refused requests", total)
	}
}

func TestContentTypes(t *testing.T) {
	w := newWorld(t)
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set(name, value)
			if value == "" {
				r.Header.Del(name)
			}
		}
	}
	for i, tt := range []struct{ name, value, field, issue string }{
		{"Content-Type", "", "Content-Type", "is missing; it must be application/json"},
		{"Content-Type", "text/plain", "Content-Type", "must be application/json"},
		{"Content-Type", "application/x-www-form-urlencoded", "Content-Type", "must be application/json"},
		{"Content-Type", "application/json; charset", "Content-Type", "must be application/json"},
		{"Content-Encoding", "gzip", "Content-Encoding", "is not supported"},
	} {
		rec := w.do("POST", "/projects", `{"name":"abc"}`, header(tt.name, tt.value))
		if rec.Code != 400 || !jsonMatches(t, rec.Body.Bytes(), []byte(invalidJSON(tt.field, tt.issue))) {
			t.Errorf("%d: status %d: %s", i, rec.Code, rec.Body)
		}
	}
	for i, value := range []string{"application/json", "application/json; charset=utf-8", "Application/JSON"} {
		if rec := w.do("POST", "/projects", `{"name":"abc`+string(rune('0'+i))+`"}`, header("Content-Type", value)); rec.Code != 201 {
			t.Errorf("%s: status %d: %s", value, rec.Code, rec.Body)
		}
	}
}

func TestAgents(t *testing.T) {
	w := newWorld(t)
	w.want("POST", "/projects", `{"name":"one"}`, 201, `{"id":1,"name":"one","created_at":"*","updated_at":"*"}`)
	w.want("POST", "/agents", `{"name":"O'Neill","project_id":"1"}`, 201, `{"message":"Agent 'O'Neill' successfully launched in project 'one'"}`)
	w.want("POST", "/agents", `{"name":"a","project_id":2}`, 404,
		`{"error":{"code":"RESOURCE_NOT_FOUND","message":"Project \"2\" does not exist","details":{"field":"project_id","issue":"does not exist"},"request_id":"*"}}`)
	id := strings.Trim(string(w.list("/agents").Data[0].ID), `"`)
	if !regexp.MustCompile(`^agent_[0-9a-f]{16}$`).MatchString(id) {
		t.Errorf("the agent's id is %s", id)
	}
	agent := func(status, updated, activity string) string {
		return `{"id":"` + id + `","name":"O'Neill","description":"","project_id":1,"status":"` + status +
			`","created_at":"2024-01-15T10:30:00Z","updated_at":"` + updated + `","last_activity":` + activity + `}`
	}
	w.want("GET", "/agents/"+id, "", 200, agent("creating", "2024-01-15T10:30:00Z", "null"))
	w.clock.Advance(500 * time.Millisecond)
	w.want("GET", "/agents/"+id, "", 200, agent("running", "2024-01-15T10:30:00.2Z", `"2024-01-15T10:30:00.2Z"`))
	w.want("POST", "/agents/"+id+"/stop", "", 200, agent("stopped", "2024-01-15T10:30:00.5Z", `"2024-01-15T10:30:00.5Z"`))
	w.want("POST", "/agents/"+id+"/stop", "{}", 200, agent("stopped", "2024-01-15T10:30:00.5Z", `"2024-01-15T10:30:00.5Z"`))
	w.Store().SetAgentStatus(state.ID(id), "completed")
	w.want("POST", "/agents/"+id+"/stop", "", 409,
		`{"error":{"code":"CONFLICT","message":"The agent has ended already","details":{"field":"status","issue":"is completed"},"request_id":"*"}}`)
	w.want("POST", "/agents/agent_x/stop", "", 404, errorJSON("RESOURCE_NOT_FOUND", `Agent \"agent_x\" does not exist`))
	w.want("GET", "/agents/agent_x", "", 404, errorJSON("RESOURCE_NOT_FOUND", `Agent \"agent_x\" does not exist`))
	w.want("DELETE", "/projects/1", "", 204, "")
	w.want("GET", "/agents/"+id, "", 404, errorJSON("RESOURCE_NOT_FOUND", `Agent \"`+id+`\" does not exist`))
}

func TestAllOfAnAgent(t *testing.T) {
	w := newWorld(t)
	temperature, tokens := 0.7, 2000
	w.Store().AddAgent(state.Agent{
		Key: table.Key{ID: "agent_5f2c", Label: "data-processor"}, Description: "Cleans", Status: "running",
		Config:   &state.AgentConfig{Model: "example-model", Temperature: &temperature, MaxTokens: &tokens, Tools: []string{"web_search"}},
		Metadata: map[string]any{"team": "research"}, LastActivityAt: new(day(1)),
	})
	w.want("GET", "/agents/agent_5f2c", "", 200, `{"id":"agent_5f2c","name":"data-processor","description":"Cleans","project_id":1,"status":"running",
		"config":{"model":"example-model","temperature":0.7,"max_tokens":2000,"tools":["web_search"]},"metadata":{"team":"research"},
		"created_at":"2024-01-15T10:30:00Z","updated_at":"2024-01-15T10:30:00Z","last_activity":"2024-01-01T00:00:00Z"}`)

	w.Store().AddAgent(state.Agent{Key: table.Key{ID: "agent_bad"}, Metadata: map[string]any{"f": func() {}}})
	if rec := w.do("GET", "/agents/agent_bad", ""); rec.Code != 500 || !strings.Contains(rec.Body.String(), "no JSON form") {
		t.Errorf("an agent that JSON cannot hold: status %d: %s", rec.Code, rec.Body)
	}
}

func TestWebhooks(t *testing.T) {
	w := newWorld(t)
	rec := w.do("POST", "/webhooks", `{"url":"https://your-app.com/webhooks/connix","events":["agent.launched","agent.completed","project.created"],"secret":"your-webhook-secret"}`)
	var made struct{ ID string }
	if err := json.Unmarshal(rec.Body.Bytes(), &made); rec.Code != 201 || err != nil || !regexp.MustCompile(`^wh_[0-9a-f]{16}$`).MatchString(made.ID) {
		t.Fatalf("status %d: %s", rec.Code, rec.Body)
	}
	hook := func(url, events, status, updated string) string {
		return `{"id":"` + made.ID + `","url":"` + url + `","events":` + events + `,"status":"` + status + `","created_at":"2024-01-15T10:30:00Z","updated_at":"` + updated + `"}`
	}
	first := hook("https://your-app.com/webhooks/connix", `["agent.launched","agent.completed","project.created"]`, "active", "2024-01-15T10:30:00Z")
	if !jsonMatches(t, rec.Body.Bytes(), []byte(first)) {
		t.Errorf("created: %s, want %s", rec.Body, first)
	}
	path := "/webhooks/" + made.ID
	w.want("GET", path, "", 200, first)
	w.clock.Advance(time.Second)
	w.want("PATCH", path, `{"status":"disabled"}`, 200, hook("https://your-app.com/webhooks/connix", `["agent.launched","agent.completed","project.created"]`, "disabled", "2024-01-15T10:30:01Z"))
	w.want("PATCH", path, `{"url":"http://localhost:1/x","events":[],"secret":"other"}`, 200, hook("http://localhost:1/x", `[]`, "disabled", "2024-01-15T10:30:01Z"))
	if got, _ := w.Store().Webhook(state.ID(made.ID)); got.Secret != "other" {
		t.Errorf("the secret is %q", got.Secret)
	}
	for body, field := range map[string]string{
		`{"url":"x"}`: "url", `{"events":["x"]}`: "events", `{"events":7}`: "events", `{"secret":""}`: "secret", `{"secret":"whsec_"}`: "secret", `{"status":"on"}`: "status", `{"status":1}`: "status", `{"more":1}`: "body",
	} {
		w.want("PATCH", path, body, 400, invalidJSON(field, "*"))
	}
	w.want("GET", path, "", 200, hook("http://localhost:1/x", `[]`, "disabled", "2024-01-15T10:30:01Z"))
	w.want("DELETE", path, "", 204, "")
	for _, method := range []string{"GET", "DELETE"} {
		w.want(method, path, "", 404, errorJSON("RESOURCE_NOT_FOUND", `Webhook \"`+made.ID+`\" does not exist`))
	}
	w.want("PATCH", path, `{"status":"active"}`, 404, errorJSON("RESOURCE_NOT_FOUND", "*"))
	w.want("POST", "/webhooks", `{"url":"http://localhost/","events":["agent.failed"]}`, 201,
		`{"id":"*","url":"http://localhost/","events":["agent.failed"],"status":"active","created_at":"*","updated_at":"*"}`)
}

func TestAPIKeys(t *testing.T) {
	w := newWorld(t)
	rec := w.do("POST", "/auth/api-keys", `{"name":"ci","description":"builds","scopes":["projects:read","agents:dream"],"expires_at":"2024-01-15T12:30:00+01:00"}`)
	var made struct{ ID, Key string }
	if err := json.Unmarshal(rec.Body.Bytes(), &made); rec.Code != 201 || err != nil || !regexp.MustCompile(`^cx_[0-9a-f]{32}$`).MatchString(made.Key) {
		t.Fatalf("status %d: %s", rec.Code, rec.Body)
	}
	fields := `"id":"` + made.ID + `","name":"ci","description":"builds","scopes":["projects:read","agents:dream"],"created_at":"2024-01-15T10:30:00Z","expires_at":"2024-01-15T11:30:00Z"`
	if want := `{` + fields + `,"key":"*","last_used":null}`; !jsonMatches(t, rec.Body.Bytes(), []byte(want)) {
		t.Errorf("created: %s, want %s", rec.Body, want)
	}
	path := "/auth/api-keys/" + made.ID
	w.want("GET", path, "", 200, `{`+fields+`,"last_used":null}`)
	w.clock.Advance(time.Minute)
	use := func(status int) {
		t.Helper()
		if rec := w.do("GET", "/projects", "", func(r *http.Request) { r.Header.Set("X-API-Key", made.Key) }); rec.Code != status {
			t.Errorf("with the new key: status %d, want %d: %s", rec.Code, status, rec.Body)
		}
	}
	use(200)
	w.want("GET", path, "", 200, `{`+fields+`,"last_used":"2024-01-15T10:31:00Z"}`)
	if rec := w.do("GET", "/auth/api-keys?search=builds", ""); strings.Contains(rec.Body.String(), made.Key) || !strings.Contains(rec.Body.String(), "10:31") {
		t.Errorf("the list: %s", rec.Body)
	}
	w.clock.Advance(time.Hour - time.Minute)
	use(401) // at the moment of its expiry
	w.want("DELETE", path, "", 204, "")
	use(401)
	for _, method := range []string{"GET", "DELETE"} {
		w.want(method, path, "", 404, errorJSON("RESOURCE_NOT_FOUND", `API key \"`+made.ID+`\" does not exist`))
	}
	// Without scopes a key may do everything.
	w.want("POST", "/auth/api-keys", `{"name":"all"}`, 201, `{"id":"*","name":"all","description":"","key":"*","created_at":"*","expires_at":null,"last_used":null,
		"scopes":["projects:read","projects:write","agents:read","agents:write","webhooks:read","webhooks:write","api-keys:read","api-keys:write"]}`)
}
