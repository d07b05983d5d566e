package connix_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
)

// Do reaches every path below /api/v1/, as it is written, and names a template
// of it in errors and metrics.
func TestDoPaths(t *testing.T) {
	srv := newServer(t, offContract("paths that the API does not have"))
	client := srv.Client(t)
	for _, c := range []struct{ path, want, query, route string }{
		{"projects", "/api/v1/projects", "", "/projects"},
		{"/projects", "/api/v1/projects", "", "/projects"},
		{"projects/", "/api/v1/projects", "", "/projects"},
		{"/api/v1/projects", "/api/v1/projects", "", "/projects"},
		{"api/v1/projects", "/api/v1/projects", "", "/projects"},
		{"projects?limit=5&search=a+b%26c", "/api/v1/projects", "limit=5&search=a+b%26c", "/projects"},
		{"projects?", "/api/v1/projects", "", "/projects"},
		{"projects?next=https://example.com/?a", "/api/v1/projects", "next=https://example.com/?a", "/projects"},
		{"projects/123", "/api/v1/projects/123", "", "/projects/{id}"},
		{"projects/123/agents", "/api/v1/projects/123/agents", "", "/projects/{id}/agents"},
		{"projects/proj_x", "/api/v1/projects/proj_x", "", "/projects/{id}"},
		{"agents/agent_5f2c/stop", "/api/v1/agents/agent_5f2c/stop", "", "/agents/{id}/stop"},
		{"webhooks/wh_1", "/api/v1/webhooks/wh_1", "", "/webhooks/{id}"},
		{"auth/api-keys/key_1", "/api/v1/auth/api-keys/key_1", "", "/auth/api-keys/{id}"},
		{"events/evt_1", "/api/v1/events/evt_1", "", "/events/{id}"},
		{"runs/6ba7b810-9dad-11d1-80b4-00c04fd430c8/steps", "/api/v1/runs/6ba7b810-9dad-11d1-80b4-00c04fd430c8/steps", "", "/runs/{id}/steps"},
		{"v2/beta-features", "/api/v1/v2/beta-features", "", "/v2/beta-features"},
		{"projects/a%2Fb", "/api/v1/projects/a%2Fb", "", "/projects/a%2Fb"},
		{"projects/a:b", "/api/v1/projects/a:b", "", "/projects/a:b"},
		{"projects/...", "/api/v1/projects/...", "", "/projects/..."},
	} {
		srv.Reset()
		err := client.Do(t.Context(), "GET", c.path, nil, nil)
		r := only(t, srv)
		equal(t, c.path, r.Path, c.want)
		equal(t, "query of "+c.path, r.Query, c.query)
		if err != nil {
			equal(t, "route of "+c.path, mustError(t, err).Route, c.route)
		}
	}
}

func TestDoRefuses(t *testing.T) {
	srv := newServer(t)
	client := srv.Client(t)
	for _, path := range []string{
		"", "/", "?a=b", "api/v1/", "https://api.connix.io/api/v1/projects", "//example.com/projects", "http:projects", "mailto:a", "a:b",
		"..", ".", "projects/..", "projects/../hello", "./projects", "projects/%2e%2e/hello", "projects/.%2E", "projects//1", "projects/%",
		"projects/%zz", "projects/a b", "projects/a\nb", "projects/%0a", "projects/%00", "projects/ü", "projects#top", `projects\1`, "projects/<id>",
		"projects?a=%zz", "projects?a=b c", "projects?a=b#c", "projects?a\n", "projects?a;b=c", "projects?ü",
	} {
		mustRefuse(t, client.Do(t.Context(), "GET", path, nil, nil), "path")
	}
	for _, method := range []string{"", "get", "GET ", "G\nT", "CONNECT", "Ünder", "{}"} {
		mustRefuse(t, client.Do(t.Context(), method, "hello", nil, nil), "method")
	}
	var nilReader *bytes.Reader
	cycle := map[string]any{}
	cycle["again"] = cycle
	for _, in := range []any{make(chan int), math.NaN(), nilReader, cycle, json.RawMessage("{")} {
		mustRefuse(t, client.Do(t.Context(), "POST", "projects", in, nil), "in")
	}
	var nilProject *connix.Project
	for _, out := range []any{connix.Project{}, nilProject, "text", []byte{}, func() {}} {
		mustRefuse(t, client.Do(t.Context(), "GET", "projects/1", nil, out), "out")
	}
	srv.Expect(t, connixtest.Match{}, 0)
}

// What Do sends: JSON of a value, bytes as they are, a reader's text once.
func TestDoBodies(t *testing.T) {
	srv := newServer(t, offContract("bodies that are no requests"))
	client := srv.Client(t)
	type typed struct {
		Name string     `json:"name"`
		ID   *connix.ID `json:"id,omitempty"`
	}
	bytesGiven := []byte(`{"name": "as it is"}`)
	for _, c := range []struct {
		name        string
		in          any
		body        string
		contentType []string
	}{
		{"nothing", nil, "", nil},
		{"a value", typed{Name: "<a&b>"}, `{"name":"\u003ca\u0026b\u003e"}`, []string{"application/json"}},
		{"a map", map[string]any{"name": nil}, `{"name":null}`, []string{"application/json"}},
		{"a nil pointer", (*typed)(nil), `null`, []string{"application/json"}},
		{"bytes", bytesGiven, `{"name": "as it is"}`, []string{"application/json"}},
		{"no bytes", []byte{}, ``, []string{"application/json"}},
		{"raw JSON", json.RawMessage(`{"name": "raw" }`), `{"name":"raw"}`, []string{"application/json"}},
		{"a reader of known length", strings.NewReader("streamed"), "streamed", []string{"application/json"}},
		{"a reader of unknown length", io.MultiReader(strings.NewReader("stre"), strings.NewReader("amed")), "streamed", []string{"application/json"}},
		{"an empty reader", strings.NewReader(""), "", []string{"application/json"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv.Reset()
			_ = client.Do(t.Context(), "POST", "projects", c.in, nil)
			r := only(t, srv)
			if strings.HasPrefix(c.body, "{") && c.name != "bytes" {
				equalJSON(t, "body", r.Body, c.body)
			} else {
				equal(t, "body", string(r.Body), c.body)
			}
			equal(t, "Content-Type", r.Header["Content-Type"], c.contentType)
		})
	}
	equal(t, "the caller's bytes", string(bytesGiven), `{"name": "as it is"}`)
}

// What Do returns: nothing, bytes as they came, a decoded value.
func TestDoResults(t *testing.T) {
	srv := newServer(t)
	client, ctx := srv.Client(t), t.Context()
	project := srv.AddProject(connix.Project{})
	path := "projects/" + project.ID.String()

	if err := client.Do(ctx, "GET", path, nil, nil); err != nil {
		t.Error(err)
	}
	var body []byte
	if err := client.Do(ctx, "GET", path, nil, &body); err != nil || string(body) != string(srv.Requests()[1].Response) {
		t.Errorf("bytes: %s, %v", body, err)
	}
	var value connix.Project
	var anything any
	var raw json.RawMessage
	if err := errors.Join(client.Do(ctx, "GET", path, nil, &value), client.Do(ctx, "GET", path, nil, &anything), client.Do(ctx, "GET", path, nil, &raw)); err != nil {
		t.Fatal(err)
	}
	equal(t, "value", value, project)
	equal(t, "anything", fmt.Sprint(anything.(map[string]any)["name"]), project.Name)
	equal(t, "raw", string(raw), string(body))

	// An empty answer has nothing for out but bytes.
	body = []byte("before")
	if err := client.Do(ctx, "DELETE", path, nil, &body); err != nil || len(body) != 0 {
		t.Errorf("bytes of nothing: %q, %v", body, err)
	}
	e := mustError(t, client.Do(ctx, "GET", path, nil, &body), connix.ErrNotFound)
	equal(t, "error", []any{e.Method, e.Route, e.Code}, []any{"GET", "/projects/{id}", "RESOURCE_NOT_FOUND"})
	equal(t, "bytes after a failure", len(body), 0)
}

func TestDoHead(t *testing.T) {
	srv := newServer(t, offContract("HEAD is not documented"))
	project := srv.AddProject(connix.Project{})
	value := connix.Project{Name: "untouched"}
	err := srv.Client(t).Do(t.Context(), "HEAD", "projects/"+project.ID.String(), nil, &value)
	if err != nil || value.Name != "untouched" { // there is no body to decode
		t.Errorf("%+v, %v", value, err)
	}
}

// Do takes the options of every call.
func TestDoCallOptions(t *testing.T) {
	srv := newServer(t)
	var meta connix.Response
	if err := srv.Client(t).Do(t.Context(), "GET", "hello", nil, nil, connix.WithRequestID("mine"), connix.WithResponse(&meta)); err != nil {
		t.Fatal(err)
	}
	equal(t, "id", only(t, srv).Header.Get("X-Request-ID"), "mine")
	equal(t, "status", meta.StatusCode, 200)
	mustRefuse(t, srv.Client(t).Do(t.Context(), "GET", "projects", nil, nil, connix.WithMaxPages(1)), "WithMaxPages")
}

// A stream is read once: what would be repeated with another body is not, and
// the error says why.
func TestDoStreamsOnce(t *testing.T) {
	for _, c := range []struct {
		name, method string
		status       int
	}{
		{"an error of the server", "PUT", 503},
		{"a redirect that keeps the body", "PUT", 307},
		{"a 429", "POST", 429},
		{"on demand", "POST", 500},
	} {
		t.Run(c.name, func(t *testing.T) {
			var bodies []string
			client := serve(t, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				bodies = append(bodies, string(body))
				w.Header().Set("Location", "/api/v1/elsewhere")
				writeJSON(w, c.status, "")
			}, connix.WithRetryPolicy(connix.RetryPolicy{MaxRetries: 3}))
			closed := &closer{Reader: strings.NewReader("streamed")}
			e := mustError(t, client.Do(t.Context(), c.method, "projects", closed, nil, connix.WithRetryUnsafe()))
			equal(t, "bodies", bodies, []string{"streamed"})
			equal(t, "status", e.StatusCode, c.status)
			if !strings.Contains(e.Error(), "streamed and cannot be sent again") {
				t.Errorf("the text does not say why it was not repeated: %v", e)
			}
			if closed.closed {
				t.Error("the caller's reader was closed")
			}
		})
	}
}

// closer is a reader that could be closed.
type closer struct {
	io.Reader
	closed bool
}

func (c *closer) Close() error { c.closed = true; return nil }

// A 204 has nothing for out, and is a success all the same.
func TestDoNoContent(t *testing.T) {
	client := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	out := map[string]any{"kept": true}
	if err := client.Do(t.Context(), http.MethodPost, "projects/1/archive", nil, &out); err != nil {
		t.Fatal(err)
	}
	equal(t, "out", out, map[string]any{"kept": true})
	if _, err := client.Projects.Get(t.Context(), "1"); !errors.Is(err, connix.ErrInvalidResponse) {
		t.Errorf("a 204 for a project: %v, want ErrInvalidResponse", err)
	}
}

// JSON that is JSON already is sent byte for byte.
func TestDo_rawMessage(t *testing.T) {
	srv := newServer(t, offContract("bodies that are no requests"))
	for _, raw := range []string{"{\n  \"name\" : \"<a>\\u0041\", \"n\":1.0 }\n", ` [1e2] `, `"é"`} {
		srv.Reset()
		_ = srv.Client(t).Do(t.Context(), "POST", "projects", json.RawMessage(raw), nil)
		equal(t, "body", string(only(t, srv).Body), raw)
	}
	srv.Reset()
	_ = srv.Client(t).Do(t.Context(), "POST", "projects", json.RawMessage(nil), nil)
	equal(t, "body of nil", len(only(t, srv).Body), 0)
	for _, raw := range []string{"", "{", "{} x"} {
		mustRefuse(t, srv.Client(t).Do(t.Context(), "POST", "projects", json.RawMessage(raw), nil), "in")
	}
}

type (
	embedded struct {
		ID      int `json:"id"`
		Created time.Time
	}
	// Tags is embedded and not a struct.
	Tags []string
)

// What Do cannot decode at once, it coerces to the types of the caller's fields,
// whatever their names and wherever they stand, and keeps what the body lacks.
func TestDo_coerces(t *testing.T) {
	type result struct {
		*embedded
		Tags
		Untagged int
		Named    float64 `json:"named"`
		Preset   string  `json:"preset"`
		Options  map[string]int
		Kept     *embedded `json:"kept"`
	}
	client := serve(t, responding(200, `{"id":"7","created":"2024-01-15 10:30","untagged":"5","NAMED":"0.5","tags":["x"],"options":{"a":"1"}}`))
	kept := &embedded{ID: 1}
	got := result{embedded: &embedded{}, Preset: "before", Kept: kept}
	if err := client.Do(t.Context(), "GET", "things", nil, &got); err != nil {
		t.Fatal(err)
	}
	want := result{
		embedded: &embedded{ID: 7, Created: overviewTime}, Tags: Tags{"x"}, Untagged: 5, Named: 0.5, Preset: "before", Options: map[string]int{"a": 1}, Kept: kept,
	}
	equal(t, "result", got, want)

	// What a caller's field cannot be is an error, and changes nothing.
	odd := serve(t, responding(200, `{"Named":1,"untagged":"five"}`))
	before := result{Named: 2, Preset: "before"}
	err := odd.Do(t.Context(), "GET", "things", nil, &before)
	mustErrorIs(t, err, connix.ErrInvalidResponse)
	equal(t, "result after a failure", before, result{Named: 2, Preset: "before"})
	if !strings.Contains(err.Error(), "Untagged is a JSON string") {
		t.Errorf("the text does not name the field: %v", err)
	}
	// Any other type is as good.
	for _, out := range []any{new([]int), new(map[string]int), new(int), new(*embedded), new(Tags), new(any), new(struct{ error }), new(struct{ *int })} {
		_ = client.Do(t.Context(), "GET", "things", nil, out)
	}
}
