package fake_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/connix-io/connix-go/internal/fake"
	"github.com/connix-io/connix-go/internal/fake/clock"
)

const key = "cx_0123456789abcdef0123456789abcdef"

// world is a fake and a way to ask it. Its clock stands at the moment of the
// overview's examples.
type world struct {
	*fake.Fake
	t     *testing.T
	clock *clock.Manual
}

func newWorld(t *testing.T, configure ...func(*fake.Config)) *world {
	t.Helper()
	w := &world{t: t, clock: clock.NewManual(time.Date(2024, 1, 15, 10, 30, 0, 0, time.UTC))}
	c := fake.Config{Clock: w.clock, APIKey: key}
	for _, f := range configure {
		f(&c)
	}
	w.Fake = fake.New(c)
	t.Cleanup(w.Close)
	return w
}

// do sends a request with the world's key, and with a JSON body unless it is "".
func (w *world) do(method, path, body string, edit ...func(*http.Request)) *httptest.ResponseRecorder {
	w.t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r := httptest.NewRequestWithContext(w.t.Context(), method, "/api/v1"+path, reader)
	r.Header.Set("X-API-Key", key)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, f := range edit {
		f(r)
	}
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	return rec
}

// want sends a request and compares status and body. The wanted body is JSON; "*"
// in it stands for any value, "" for no body.
func (w *world) want(method, path, body string, status int, want string) {
	w.t.Helper()
	rec := w.do(method, path, body)
	if rec.Code != status {
		w.t.Errorf("%s %s %s: status %d, want %d: %s", method, path, body, rec.Code, status, rec.Body)
		return
	}
	if want == "" {
		if rec.Body.Len() > 0 {
			w.t.Errorf("%s %s: body %s, want none", method, path, rec.Body)
		}
		return
	}
	if !jsonMatches(w.t, rec.Body.Bytes(), []byte(want)) {
		w.t.Errorf("%s %s %s:\n got %s\nwant %s", method, path, body, rec.Body, want)
	}
}

func jsonMatches(t *testing.T, got, want []byte) bool {
	t.Helper()
	var g, w any
	if err := json.Unmarshal(want, &w); err != nil {
		t.Fatalf("the wanted body is no JSON: %v: %s", err, want)
	}
	return json.Unmarshal(got, &g) == nil && valueMatches(g, w)
}

func valueMatches(got, want any) bool {
	switch w := want.(type) {
	case string:
		return w == "*" || got == want
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for k := range w {
			if v, ok := g[k]; !ok || !valueMatches(v, w[k]) {
				return false
			}
		}
		return true
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for i := range w {
			if !valueMatches(g[i], w[i]) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(got, want)
}

// errorJSON is an error in the overview's dialect.
func errorJSON(code, message string) string {
	return `{"error":{"code":"` + code + `","message":"` + message + `","request_id":"*"}}`
}

// invalidJSON is the error that names a field.
func invalidJSON(field, issue string) string {
	return `{"error":{"code":"INVALID_REQUEST","message":"The request data is invalid","details":{"field":"` +
		field + `","issue":"` + issue + `"},"request_id":"*"}}`
}

func TestTheExamplesOfTheOverview(t *testing.T) {
	w := newWorld(t)
	w.want("GET", "/hello?name=TestUser", "", 200, `{"message":"Hello TestUser! Welcome to Connix API v1"}`)
	w.want("POST", "/projects", `{"name":"my-ai-project"}`, 201,
		`{"id":1,"name":"my-ai-project","created_at":"2024-01-15T10:30:00Z","updated_at":"2024-01-15T10:30:00Z"}`)
	w.want("POST", "/agents", `{"name":"data-processor","project_id":1}`, 201,
		`{"message":"Agent 'data-processor' successfully launched in project 'my-ai-project'"}`)
	w.want("POST", "/projects", `{"name":""}`, 400, invalidJSON("name", "cannot be empty"))
	w.want("GET", "/status", "", 200, `{"status":"operational","version":"1.0.0"}`)
}

func TestProjects(t *testing.T) {
	w := newWorld(t)
	w.want("POST", "/projects", `{"name":"one","more":[1]}`, 201, `{"id":1,"name":"one","created_at":"2024-01-15T10:30:00Z","updated_at":"2024-01-15T10:30:00Z"}`)
	w.clock.Advance(time.Second)
	w.want("PATCH", "/projects/1", `{"name":"uno"}`, 200, `{"id":1,"name":"uno","created_at":"2024-01-15T10:30:00Z","updated_at":"2024-01-15T10:30:01Z"}`)
	w.want("GET", "/projects/1", "", 200, `{"id":1,"name":"uno","created_at":"2024-01-15T10:30:00Z","updated_at":"2024-01-15T10:30:01Z"}`)
	w.want("GET", "/projects", "", 200, `{"data":[{"id":1,"name":"uno","created_at":"2024-01-15T10:30:00Z","updated_at":"2024-01-15T10:30:01Z"}],
		"pagination":{"page":1,"limit":20,"total":1,"pages":1,"has_next":false,"has_prev":false}}`)
	w.want("POST", "/projects", `{"name":"uno"}`, 409, `{"error":{"code":"CONFLICT","message":"A project named 'uno' already exists","details":{"field":"name","issue":"is already taken"},"request_id":"*"}}`)
	w.want("POST", "/projects", `{"name":"one"}`, 201, `{"id":2,"name":"one","created_at":"*","updated_at":"*"}`)
	w.want("PATCH", "/projects/2", `{"name":"uno"}`, 409, `{"error":{"code":"CONFLICT","message":"*","details":"*","request_id":"*"}}`)
	w.want("PATCH", "/projects/2", `{"name":"one"}`, 200, `{"id":2,"name":"one","created_at":"*","updated_at":"*"}`)
	w.want("PATCH", "/projects/2", `{}`, 400, invalidJSON("body", "must name at least one field to change"))
	w.want("DELETE", "/projects/1", "", 204, "")
	w.want("DELETE", "/projects/1", "", 404, errorJSON("RESOURCE_NOT_FOUND", `Project \"1\" does not exist`))
	w.want("GET", "/projects/1", "", 404, errorJSON("RESOURCE_NOT_FOUND", `Project \"1\" does not exist`))
	w.want("PATCH", "/projects/1", `{"name":"uno"}`, 404, errorJSON("RESOURCE_NOT_FOUND", `Project \"1\" does not exist`))
	w.want("POST", "/projects", `{"name":"uno"}`, 201, `{"id":3,"name":"uno","created_at":"*","updated_at":"*"}`)
}
