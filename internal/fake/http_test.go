package fake_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connix-io/connix-go/internal/fake"
	"github.com/connix-io/connix-go/internal/fake/state"
	"github.com/connix-io/connix-go/internal/fake/table"
	"github.com/connix-io/connix-go/internal/openapi"
)

func TestPathsAndMethods(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"", "/", "/nothing", "/projects/", "/projects/1/", "/projects//agents", "/Projects", "/projects/1/agents/2", "/agents/a/start"} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/api/v1/hello", nil)
		r.URL.Path, r.URL.RawPath = "/api/v1"+path, ""
		r.Header.Set("X-API-Key", key)
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, r)
		if rec.Code != 404 || !jsonMatches(t, rec.Body.Bytes(), []byte(errorJSON("RESOURCE_NOT_FOUND", "The requested resource doesn't exist"))) {
			t.Errorf("GET %s: status %d: %s", path, rec.Code, rec.Body)
		}
	}
	for _, path := range []string{"/", "/hello", "/api/v1", "/api/v2/hello"} {
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), "GET", path, nil))
		if hint := strings.Contains(rec.Body.String(), "begin with /api/v1/"); rec.Code != 404 || hint == (path == "/api/v1") {
			t.Errorf("GET %s outside the API: status %d, %s", path, rec.Code, rec.Body)
		}
	}
	for _, tt := range []struct{ method, path, allow string }{
		{"POST", "/hello", "GET, HEAD"},
		{"PUT", "/projects", "GET, HEAD, POST"},
		{"PUT", "/projects/1", "DELETE, GET, HEAD, PATCH"},
		{"GET", "/agents/1/stop", "POST"},
		{"HEAD", "/agents/1/stop", "POST"},
		{"OPTIONS", "/webhooks", "GET, HEAD, POST"},
		{"PATCH", "/auth/api-keys/1", "DELETE, GET, HEAD"},
		{"get", "/hello", "GET, HEAD"},
	} {
		rec := w.do(tt.method, tt.path, "")
		if rec.Code != 405 || rec.Header().Get("Allow") != tt.allow {
			t.Errorf("%s %s: status %d, Allow %q, want %q", tt.method, tt.path, rec.Code, rec.Header().Get("Allow"), tt.allow)
		}
		if want := errorJSON("METHOD_NOT_ALLOWED", "The method "+tt.method+" is not allowed here"); tt.method != "HEAD" && !jsonMatches(t, rec.Body.Bytes(), []byte(want)) {
			t.Errorf("%s %s: %s", tt.method, tt.path, rec.Body)
		}
	}
}

func TestIDsAreUnescapedAfterThePathIsSplit(t *testing.T) {
	w := newWorld(t)
	w.Store().AddProjects(1, func(int) state.Project { return state.Project{Key: table.Key{ID: "a/b c", Label: "one"}} })
	w.want("GET", "/projects/a%2Fb%20c", "", 200, `{"id":"a/b c","name":"one","created_at":"*","updated_at":"*"}`)
	w.want("GET", "/projects/a%2Fb%20c/agents", "", 200, `{"agents":[],"pagination":"*"}`)
}

func TestRoute(t *testing.T) {
	for target, want := range map[string]string{
		"/api/v1/hello?name=x":          "/hello",
		"/api/v1/projects/12":           "/projects/{id}",
		"/api/v1/projects/a%2Fb/agents": "/projects/{id}/agents",
		"/api/v1/agents/agent_1/stop":   "/agents/{id}/stop",
		"/api/v1/auth/api-keys/key_1":   "/auth/api-keys/{id}",
		"/api/v1/none/1":                "/none/1",
		"/oauth2/token":                 "/oauth2/token",
		"/":                             "/",
	} {
		if got := fake.Route(httptest.NewRequestWithContext(t.Context(), "GET", target, nil)); got != want {
			t.Errorf("Route(%s) = %s, want %s", target, got, want)
		}
	}
}

// TestEveryOperationOfTheDocumentIsThere holds the fake against the document in
// both directions: what is documented answers, and what answers is documented.
func TestEveryOperationOfTheDocumentIsThere(t *testing.T) {
	w := newWorld(t)
	documented := map[string]bool{}
	for _, op := range openapi.Operations() {
		path, ok := strings.CutPrefix(op.Path, "/api/v1")
		if !ok {
			continue
		}
		documented[op.Method+" "+path] = true
		rec := w.do(op.Method, strings.ReplaceAll(path, "{id}", "none"), "")
		if rec.Code == 405 || rec.Code == 404 && !strings.Contains(rec.Body.String(), "none") {
			t.Errorf("%s %s: status %d: %s", op.Method, path, rec.Code, rec.Body)
		}
		for _, method := range []string{"GET", "POST", "PATCH", "PUT", "DELETE"} {
			if rec := w.do(method, strings.ReplaceAll(path, "{id}", "none"), ""); rec.Code == 405 {
				for allowed := range strings.SplitSeq(rec.Header().Get("Allow"), ", ") {
					if allowed != "HEAD" {
						documented[allowed+" "+path] = documented[allowed+" "+path] || false
					}
				}
			}
		}
	}
	for operation, ok := range documented {
		if !ok {
			t.Errorf("%s is allowed and not documented", operation)
		}
	}
}

func TestTheDocumentIsServed(t *testing.T) {
	w := newWorld(t)
	for _, host := range []string{"127.0.0.1:4010", "api.example", `a"b`} {
		rec := w.do("GET", "/docs", "", func(r *http.Request) {
			r.Host = host
			r.Header.Del("X-API-Key") // nobody needs one to read the document
		})
		var document, own map[string]any
		if err := json.Unmarshal(rec.Body.Bytes(), &document); err != nil || rec.Code != 200 || rec.Header().Get("Content-Type") != "application/json" {
			t.Fatalf("status %d, %s, %v", rec.Code, rec.Header().Get("Content-Type"), err)
		}
		if err := json.Unmarshal(openapi.JSON(), &own); err != nil {
			t.Fatal(err)
		}
		servers := document["servers"].([]any)
		if first := servers[0].(map[string]any)["url"]; first != "http://"+host {
			t.Errorf("the first server is %v, want http://%s", first, host)
		}
		if document["servers"] = servers[1:]; !reflect.DeepEqual(document, own) {
			t.Error("more than the servers was changed")
		}
	}
}

func TestHeadersOfEveryAnswer(t *testing.T) {
	w := newWorld(t)
	const reset = "1705316400" // eleven o'clock
	for _, tt := range []struct{ method, path string }{{"GET", "/hello"}, {"GET", "/none"}, {"PUT", "/projects"}, {"DELETE", "/projects/1"}, {"POST", "/projects"}} {
		for _, credential := range []string{key, "unknown"} {
			h := w.do(tt.method, tt.path, "", as("X-API-Key", credential, "X-Request-ID", "my-id.1/2")).Header()
			for name, want := range map[string]string{
				"Content-Type":                   "application/json",
				"Date":                           "Mon, 15 Jan 2024 10:30:00 GMT",
				"X-Request-ID":                   "my-id.1/2",
				"X-Response-Time":                "0ms",
				"X-RateLimit-Limit-Requests":     "1000",
				"X-RateLimit-Remaining-Requests": "1000",
				"X-RateLimit-Reset-Requests":     reset,
				"X-RateLimit-Limit-Tokens":       "10000",
				"X-RateLimit-Remaining-Tokens":   "10000",
				"X-RateLimit-Reset-Tokens":       reset,
			} {
				got := h.Get(name)
				if name == "X-Response-Time" && regexp.MustCompile(`^\d+ms$`).MatchString(got) {
					continue // it was real time
				}
				if got != want {
					t.Errorf("%s %s: %s: %q, want %q", tt.method, tt.path, name, got, want)
				}
			}
		}
	}
}

func TestRequestIDs(t *testing.T) {
	w := newWorld(t)
	made := map[string]bool{}
	for _, sent := range []string{"", strings.Repeat("x", 129), "two words", "naïve"} {
		rec := w.do("GET", "/projects/1", "", func(r *http.Request) { r.Header.Set("X-Request-ID", sent) })
		id := rec.Header().Get("X-Request-ID")
		if !regexp.MustCompile(`^req_[0-9a-f]{16}$`).MatchString(id) || made[id] {
			t.Errorf("%q: the response has the id %q", sent, id)
		}
		if rec.Code != http.StatusBadRequest || !strings.Contains(rec.Body.String(), `"field":"X-Request-ID"`) {
			t.Errorf("%q: %d %s, want it refused", sent, rec.Code, rec.Body)
		}
		made[id] = true
		if !strings.Contains(rec.Body.String(), `"request_id":"`+id+`"`) {
			t.Errorf("the error has another id: %s", rec.Body)
		}
	}
	long := strings.Repeat("x", 128)
	if got := w.do("GET", "/hello", "", func(r *http.Request) { r.Header.Set("X-Request-ID", long) }).Header().Get("X-Request-ID"); got != long {
		t.Errorf("an id of 128 characters came back as %q", got)
	}
}

func TestGzip(t *testing.T) {
	w := newWorld(t)
	w.Store().AddProjects(100, func(int) state.Project { return state.Project{} })
	plain := w.do("GET", "/projects?limit=100", "").Body.Bytes()
	tests := []struct {
		path, accept string
		want         bool
	}{
		{"/projects?limit=100", "gzip", true},
		{"/projects?limit=100", "br;q=1.0, GZIP; q=0.5, *;q=0.1", true},
		{"/projects?limit=100", "", false},
		{"/projects?limit=100", "identity", false},
		{"/projects?limit=100", "gzip;q=0", false},
		{"/projects?limit=100", "gzip;Q=0", false},
		{"/projects?limit=100", "gzip;q=x", false},
		{"/projects?limit=1", "gzip", false}, // too short to be worth it
	}
	for _, tt := range tests {
		for range 2 { // the second time with a writer that is used again
			rec := w.do("GET", tt.path, "", func(r *http.Request) { r.Header.Set("Accept-Encoding", tt.accept) })
			if got := rec.Header().Get("Content-Encoding") == "gzip"; got != tt.want {
				t.Errorf("GET %s, Accept-Encoding %q: gzip %v, want %v", tt.path, tt.accept, got, tt.want)
				continue
			}
			if rec.Header().Get("Vary") != "Accept-Encoding" {
				t.Error("no Vary")
			}
			if !tt.want {
				continue
			}
			z, err := gzip.NewReader(rec.Body)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(z); err != nil || !bytes.Equal(got, plain) {
				t.Errorf("unpacked: %v, %d bytes, want the %d of the plain answer", err, len(got), len(plain))
			}
		}
	}
}

func TestHEAD(t *testing.T) {
	w := newWorld(t)
	get, head := w.do("GET", "/hello", ""), w.do("HEAD", "/hello", "")
	if head.Code != 200 || head.Body.Len() != 0 || head.Header().Get("Content-Length") != get.Header().Get("Content-Length") {
		t.Errorf("HEAD: status %d, %d bytes, Content-Length %s; GET has %s", head.Code, head.Body.Len(), head.Header().Get("Content-Length"), get.Header().Get("Content-Length"))
	}
}

func TestHello(t *testing.T) {
	w := newWorld(t)
	w.want("GET", "/hello", "", 200, `{"message":"Hello World! Welcome to Connix API v1"}`)
	w.want("GET", "/hello?name=A%20%26%20%C3%BC", "", 200, `{"message":"Hello A & ü! Welcome to Connix API v1"}`)
	w.want("GET", "/hello?name=a&name=b", "", 400, invalidJSON("name", "is given more than once"))
}

func TestTheReferenceDialect(t *testing.T) {
	w := newWorld(t, func(c *fake.Config) { c.Dialect = fake.Reference })
	w.want("POST", "/projects", `{"name":"one"}`, 201, `{"id":"proj_1","name":"one","created_at":"2024-01-15T10:30:00Z","updated_at":"2024-01-15T10:30:00Z"}`)
	w.want("GET", "/projects", "", 200, `{"projects":[{"id":"proj_1","name":"one"}]}`)
	w.want("POST", "/agents", `{"name":"a","project_id":"proj_1"}`, 201, `{"message":"Agent 'a' successfully launched in project 'one'"}`)
	w.want("GET", "/agents", "", 200, `{"agents":[{"id":"*","name":"a","description":"","project_id":"proj_1","status":"creating","created_at":"*","updated_at":"*","last_activity":null}]}`)
	w.want("GET", "/projects/proj_1/agents?limit=1", "", 200, `{"agents":["*"],"pagination":{"limit":1,"offset":0,"total":1,"has_next":false,"has_prev":false}}`)
	fail := func(code, message, details string) string {
		if details != "" {
			details = `"details":"` + details + `",`
		}
		return `{"error":{"code":"` + code + `","message":"` + message + `",` + details + `"request_id":"*","timestamp":"2024-01-15T10:30:00Z"}}`
	}
	w.want("POST", "/projects", `{"name":""}`, 400, fail("validation_error", "The request data is invalid", "name cannot be empty"))
	w.want("POST", "/projects", `{"name":"one"}`, 409, fail("conflict", "A project named 'one' already exists", "name is already taken"))
	w.want("GET", "/projects/1", "", 404, fail("resource_not_found", `Project \"1\" does not exist`, ""))
	w.want("PUT", "/projects", "", 405, fail("method_not_allowed", "*", ""))
	rec := w.do("GET", "/hello", "", as())
	if want := fail("invalid_api_key", "*", ""); rec.Code != 401 || !jsonMatches(t, rec.Body.Bytes(), []byte(want)) {
		t.Errorf("status %d: %s, want %s", rec.Code, rec.Body, want)
	}
}

func TestMiddleware(t *testing.T) {
	w := newWorld(t, func(c *fake.Config) {
		c.Middleware = func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				switch fake.Route(r) {
				case "/status":
					fake.MarkFault(r.Context())
					rw.Header()["X-Response-Time"] = nil // taken away
					rw.Header().Set("Date", "never")
					_, _ = io.WriteString(rw, "broken")
				case "/hello": // what it reads is there for the API too
					body, _ := io.ReadAll(r.Body)
					r.Body = io.NopCloser(bytes.NewReader(body))
					next.ServeHTTP(rw, r)
				default:
					next.ServeHTTP(rw, r)
				}
			})
		}
	})
	rec := w.do("GET", "/status", "")
	if rec.Body.String() != "broken" || rec.Header().Get("X-Response-Time") != "" || rec.Header().Get("Date") != "never" || rec.Header().Get("X-Request-ID") == "" {
		t.Errorf("%s with %v", rec.Body, rec.Header())
	}
	w.want("GET", "/hello", "", 200, `{"message":"*"}`)
	entries := w.Journal().Entries()
	if len(entries) != 2 || !entries[0].Fault || entries[0].Status != 200 || string(entries[0].Response) != "broken" || entries[1].Fault {
		t.Errorf("journal %+v", entries)
	}
	fake.MarkFault(t.Context()) // of no request: nothing happens
}

func TestTheJournal(t *testing.T) {
	w := newWorld(t)
	w.do("POST", "/projects", `{"name":"one"}`, func(r *http.Request) { r.Header.Set("User-Agent", "test"); r.URL.RawQuery = "a=b" })
	w.clock.Advance(time.Second)
	w.do("DELETE", "/projects/1", "")
	w.do("GET", "/none", "", as())
	all := w.Journal().Entries()
	if len(all) != 3 {
		t.Fatalf("%d entries", len(all))
	}
	e := all[0]
	if e.Method != "POST" || e.Route != "/projects" || e.Path != "/api/v1/projects" || e.Query != "a=b" || e.Status != 201 || string(e.Body) != `{"name":"one"}` ||
		!e.Time.Equal(day(15).Add(10*time.Hour+30*time.Minute)) || e.Header.Get("X-API-Key") != key || e.Header.Get("User-Agent") != "test" || e.Header.Get("Host") == "" ||
		e.ResponseHeader.Get("X-Request-ID") == "" || !json.Valid(e.Response) || !strings.Contains(string(e.Response), `"id":1`) {
		t.Errorf("the first entry: %+v", e)
	}
	if e := all[1]; e.Route != "/projects/{id}" || e.Status != 204 || len(e.Response) != 0 || e.Time.Sub(all[0].Time) != time.Second {
		t.Errorf("the second entry: %+v", e)
	}
	if e := all[2]; e.Route != "/none" || e.Status != 404 {
		t.Errorf("the third entry: %+v", e)
	}
}

func TestAnOversizedBodyIsCutInTheJournal(t *testing.T) {
	w := newWorld(t)
	rec := w.do("POST", "/projects", strings.Repeat("x", 3<<20))
	if rec.Code != 400 {
		t.Errorf("status %d", rec.Code)
	}
	if rec := w.do("POST", "/projects", strings.Repeat("x", 3<<20), as()); rec.Code != 401 {
		t.Errorf("without a key: status %d", rec.Code)
	}
	if n := len(w.Journal().Entries()[0].Body); n != 1<<20+1 {
		t.Errorf("the journal holds %d bytes", n)
	}
}

func TestABodyThatBreaksOff(t *testing.T) {
	w := newWorld(t)
	rec := w.do("POST", "/projects", "{}", func(r *http.Request) {
		r.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"na`), brokenReader{}))
	})
	if rec.Code != 400 || !jsonMatches(t, rec.Body.Bytes(), []byte(invalidJSON("body", "could not be read to its end"))) {
		t.Errorf("status %d: %s", rec.Code, rec.Body)
	}
	if got := string(w.Journal().Entries()[0].Body); got != `{"na` {
		t.Errorf("the journal has %q", got)
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("gone") }

func TestARequestWithoutABodyReader(t *testing.T) {
	w := newWorld(t)
	rec := w.do("GET", "/hello", "", func(r *http.Request) { r.Body = nil })
	if rec.Code != 200 {
		t.Errorf("status %d", rec.Code)
	}
}

func TestChecks(t *testing.T) {
	refuse := errors.New("I do not like it")
	var seen []string
	check := func(r *http.Request) error {
		body, err := io.ReadAll(r.Body)
		seen = append(seen, r.Method+" "+r.URL.Path+" "+string(body))
		r.Header.Set("X-API-Key", "changed")
		return errors.Join(err, map[bool]error{true: refuse}[r.Method == "POST"])
	}
	w := newWorld(t, func(c *fake.Config) { c.Check = check })
	w.want("GET", "/hello", "", 200, `{"message":"*"}`)
	w.want("POST", "/projects", `{"name":"one"}`, 500, errorJSON("INTERNAL_ERROR", "the request check refused the request: I do not like it"))
	if _, total := w.Store().Projects(table.Query[*state.Project]{}); total != 0 {
		t.Error("a refused request was acted on")
	}
	if len(seen) != 2 || seen[1] != `POST /api/v1/projects {"name":"one"}` {
		t.Errorf("the check has seen %q", seen)
	}

	var failed []error
	w = newWorld(t, func(c *fake.Config) {
		c.Check = check
		c.CheckFailed = func(r *http.Request, err error) { failed = append(failed, err) }
	})
	w.want("POST", "/projects", `{"name":"one"}`, 201, `{"id":1,"name":"one","created_at":"*","updated_at":"*"}`)
	if len(failed) != 1 || !errors.Is(failed[0], refuse) {
		t.Errorf("failures: %v", failed)
	}
}

func TestLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *fake.Config) { c.MinLatency, c.MaxLatency = time.Second, 3*time.Second })
		different := map[time.Duration]bool{}
		for range 20 {
			start := time.Now()
			rec := w.do("GET", "/hello", "")
			took := time.Since(start)
			if took < time.Second || took > 3*time.Second {
				t.Errorf("a response took %v", took)
			}
			if got, want := rec.Header().Get("X-Response-Time"), fmt.Sprintf("%dms", took.Milliseconds()); got != want {
				t.Errorf("X-Response-Time %s, want %s", got, want)
			}
			different[took] = true
		}
		if len(different) < 10 {
			t.Errorf("%d different latencies of 20", len(different))
		}
	})
}

func TestCloseEndsLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *fake.Config) { c.MinLatency, c.MaxLatency = time.Hour, time.Hour })
		start := time.Now()
		go func() { time.Sleep(time.Minute); w.Close() }()
		if rec := w.do("GET", "/hello", ""); time.Since(start) != time.Minute || rec.Body.Len() > 0 {
			t.Errorf("after %v: %s", time.Since(start), rec.Body)
		}
	})
}

func TestResetOfTheFake(t *testing.T) {
	w := newWorld(t)
	w.do("POST", "/projects", `{"name":"one"}`)
	k := w.Store().AddAPIKey(&state.APIKey{})
	w.Reset()
	if n := len(w.Journal().Entries()); n != 0 {
		t.Errorf("%d entries after Reset", n)
	}
	w.want("GET", "/projects", "", 200, `{"data":[],"pagination":"*"}`)
	w.want("GET", "/auth/api-keys", "", 200, `{"data":["*"],"pagination":"*"}`) // its own
	if rec := w.do("GET", "/hello", "", as("X-API-Key", k.Secret)); rec.Code != 401 {
		t.Errorf("with a key of before: status %d", rec.Code)
	}
}

func TestEventsAreObserved(t *testing.T) {
	var events []string
	w := newWorld(t, func(c *fake.Config) {
		c.Observe = func(e state.Event) { events = append(events, e.Type+" "+strings.Split(e.Resource(), "_")[0]) }
	})
	w.do("POST", "/projects", `{"name":"one"}`)
	w.do("POST", "/projects", `{"name":"one"}`) // refused
	w.do("PATCH", "/projects/1", `{"name":"two"}`)
	w.do("POST", "/agents", `{"name":"a","project_id":1}`)
	w.clock.Advance(time.Second)
	w.do("DELETE", "/projects/1", "")
	want := "project.created project/1|project.updated project/1|agent.launched agent/agent|agent.completed agent/agent|project.deleted project/1"
	if got := strings.Join(events, "|"); got != want {
		t.Errorf("events:\n got %s\nwant %s", got, want)
	}
}
