package connix_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
	"golang.org/x/oauth2"
)

// capture is an http.Client that answers every request with an empty project
// and keeps the requests.
func capture(requests *[]*http.Request) *http.Client {
	return &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		*requests = append(*requests, r)
		return response(200, `{"id":1}`), nil
	})}
}

func TestNewClient_credentials(t *testing.T) {
	token := oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "token"})
	source := func(context.Context) (string, error) { return "of-the-source", nil }
	for _, c := range []struct {
		name, env string
		options   []connix.Option
		header    string // and its value
		refused   string // the option
	}{
		{name: "the environment", env: "of-the-environment", header: "X-Api-Key: of-the-environment"},
		{name: "an option wins over the environment", env: "of-the-environment", options: []connix.Option{connix.WithAPIKey("given")}, header: "X-Api-Key: given"},
		{name: "a source wins over the environment", env: "of-the-environment", options: []connix.Option{connix.WithAPIKeySource(source)}, header: "X-Api-Key: of-the-source"},
		{name: "a token source wins over the environment", env: "of-the-environment", options: []connix.Option{connix.WithTokenSource(token)}, header: "Authorization: Bearer token"},
		{name: "even where the environment is broken", env: "two words", options: []connix.Option{connix.WithAPIKey("given")}, header: "X-Api-Key: given"},
		{name: "the last of an option", options: []connix.Option{connix.WithAPIKey("first"), nil, connix.WithAPIKey("last")}, header: "X-Api-Key: last"},
		{name: "a key in any form", options: []connix.Option{connix.WithAPIKey("~!{}")}, header: "X-Api-Key: ~!{}"},

		{name: "key and source", options: []connix.Option{connix.WithAPIKey("a"), connix.WithAPIKeySource(source)}, refused: "WithAPIKeySource"},
		{name: "source and token", options: []connix.Option{connix.WithTokenSource(token), connix.WithAPIKeySource(source)}, refused: "WithAPIKeySource"},
		{name: "key and token", options: []connix.Option{connix.WithAPIKey("a"), connix.WithTokenSource(token)}, refused: "WithTokenSource"},
		{name: "a broken key in the environment", env: "from-a-file\n", refused: "CONNIX_API_KEY"},
		{name: "an empty key", options: []connix.Option{connix.WithAPIKey("")}, refused: "WithAPIKey"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("CONNIX_API_KEY", c.env)
			var requests []*http.Request
			client, err := connix.NewClient(append(c.options, connix.WithHTTPClient(capture(&requests)))...)
			if c.refused != "" {
				if client != nil {
					t.Error("a client was returned beside the error")
				}
				mustRefuse(t, err, c.refused)
				if strings.Contains(err.Error(), "from-a-file") {
					t.Errorf("the text shows the key: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			must(client.Projects.Get(t.Context(), "1"))(t)
			name, value, _ := strings.Cut(c.header, ": ")
			h := requests[0].Header
			equal(t, "credentials", append(h["X-Api-Key"], h["Authorization"]...), []string{value})
			equal(t, name, h.Get(name), value)
		})
	}
}

func TestNewClient_noCredentials(t *testing.T) {
	t.Setenv("CONNIX_API_KEY", "")
	client, err := connix.NewClient()
	if client != nil || !errors.Is(err, connix.ErrNoCredentials) {
		t.Fatalf("got %v, %v", client, err)
	}
	for _, source := range []string{"CONNIX_API_KEY", "WithAPIKey", "WithAPIKeySource", "WithTokenSource"} {
		if !strings.Contains(err.Error(), source) {
			t.Errorf("the text does not name %s: %v", source, err)
		}
	}
	if _, err := connix.NewClient(connix.WithAPIKey("")); !errors.Is(err, connix.ErrNoCredentials) {
		t.Errorf("an empty key: %v", err)
	}
}

func TestBaseURL(t *testing.T) {
	for _, c := range []struct {
		name, env string
		options   []connix.Option
		want      string // the URL of a project
	}{
		{"the default", "", nil, "https://api.connix.io/api/v1/projects/1"},
		{"the environment", "https://staging.example/", nil, "https://staging.example/api/v1/projects/1"},
		{"an option wins", "https://staging.example", []connix.Option{connix.WithBaseURL("https://given.example")}, "https://given.example/api/v1/projects/1"},
		{"an option wins over nonsense", ":", []connix.Option{connix.WithBaseURL("https://given.example")}, "https://given.example/api/v1/projects/1"},
		{"with the version, as the overview prints it", "", []connix.Option{connix.WithBaseURL("https://api.connix.io/api/v1/")}, "https://api.connix.io/api/v1/projects/1"},
		{"with the version, without a slash", "", []connix.Option{connix.WithBaseURL("https://api.connix.io/api/v1")}, "https://api.connix.io/api/v1/projects/1"},
		{"with slashes and spaces around", "", []connix.Option{connix.WithBaseURL(" https://api.connix.io// ")}, "https://api.connix.io/api/v1/projects/1"},
		{"with a prefix", "", []connix.Option{connix.WithBaseURL("https://gateway.example/connix/api/v1")}, "https://gateway.example/connix/api/v1/projects/1"},
		{"with an escaped prefix", "", []connix.Option{connix.WithBaseURL("https://gateway.example/a%2Fb/")}, "https://gateway.example/a%2Fb/api/v1/projects/1"},
		{"with a port", "", []connix.Option{connix.WithBaseURL("HTTPS://API.example:8443")}, "https://API.example:8443/api/v1/projects/1"},
		{"loopback by name", "", []connix.Option{connix.WithBaseURL("http://localhost:8080")}, "http://localhost:8080/api/v1/projects/1"},
		{"loopback by a name below", "", []connix.Option{connix.WithBaseURL("http://api.localhost.")}, "http://api.localhost./api/v1/projects/1"},
		{"loopback by address", "", []connix.Option{connix.WithBaseURL("http://127.1.2.3")}, "http://127.1.2.3/api/v1/projects/1"},
		{"loopback in IPv6", "", []connix.Option{connix.WithBaseURL("http://[::1]:80/x")}, "http://[::1]:80/x/api/v1/projects/1"},
		{"plain http, as asked for", "", []connix.Option{connix.WithBaseURL("http://10.0.0.1"), connix.WithInsecureHTTP()}, "http://10.0.0.1/api/v1/projects/1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("CONNIX_BASE_URL", c.env)
			var requests []*http.Request
			client := must(connix.NewClient(append(c.options, connix.WithAPIKey("key"), connix.WithHTTPClient(capture(&requests)))...))(t)
			must(client.Projects.Get(t.Context(), "1"))(t)
			equal(t, "URL", requests[0].URL.String(), c.want)
		})
	}
}

func TestBaseURL_refused(t *testing.T) {
	for _, base := range []string{
		"api.connix.io", "//api.connix.io", "/api/v1", "ftp://api.connix.io", "https://", "https://:443", "https:api.connix.io", "::", "https://api.connix.io:port",
		"https://user:pass-word@api.connix.io", "https://api.connix.io?tenant=1", "https://api.connix.io?", "https://api.connix.io#top", "https://api.con\nnix.io",
		"http://api.connix.io", "http://127.0.0.1.example.com", "http://localhost.example.com", "http://notlocalhost", "http://0.0.0.0", "http://[::2]",
	} {
		for _, c := range []struct {
			source  string
			options []connix.Option
		}{
			{"WithBaseURL", []connix.Option{connix.WithBaseURL(base)}},
			{"CONNIX_BASE_URL", nil},
		} {
			t.Run(c.source+" "+base, func(t *testing.T) {
				t.Setenv("CONNIX_BASE_URL", base)
				_, err := connix.NewClient(append(c.options, connix.WithAPIKey("key"))...)
				mustRefuse(t, err, c.source)
				if strings.Contains(err.Error(), "pass-word") {
					t.Errorf("the text shows the password: %v", err)
				}
				if plain := strings.HasPrefix(base, "http://"); plain != strings.Contains(err.Error(), "WithInsecureHTTP") {
					t.Errorf("the text names WithInsecureHTTP where it helps and only there: %v", err)
				}
			})
		}
	}
	_, err := connix.NewClient(connix.WithAPIKey("key"), connix.WithBaseURL(""))
	mustRefuse(t, err, "WithBaseURL")
}

// The caller's http.Client is read once and never changed: neither by the
// client that is made from it, nor by its calls.
func TestWithHTTPClient_untouched(t *testing.T) {
	base, transport := serveMemory(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v1/hello" {
			http.Redirect(w, r, "/api/v1/moved", http.StatusTemporaryRedirect)
			return
		}
		writeJSON(w, 200, `{"message":"here"}`)
	}))
	given := &http.Client{Transport: transport, Timeout: time.Minute, Jar: must(cookiejar.New(nil))(t), CheckRedirect: func(*http.Request, []*http.Request) error {
		t.Error("the caller's CheckRedirect was asked")
		return nil
	}}
	before := fmt.Sprintf("%p %v %p %p", given.Transport, given.Timeout, given.Jar, given.CheckRedirect)
	client := must(connix.NewClient(connix.WithBaseURL(base), connix.WithAPIKey("key"), connix.WithHTTPClient(given), connix.WithTimeout(time.Hour)))(t)
	equal(t, "message", must(client.Hello(t.Context(), ""))(t).Message, "here")
	equal(t, "the caller's client", fmt.Sprintf("%p %v %p %p", given.Transport, given.Timeout, given.Jar, given.CheckRedirect), before)

	// What the caller changes later changes nothing.
	given.Transport = roundTripper(func(*http.Request) (*http.Response, error) { return nil, errors.New("of another transport") })
	equal(t, "message", must(client.Hello(t.Context(), ""))(t).Message, "here")
}

// A client that is made sends nothing, and its transport is the caller's, on
// every attempt.
func TestWithHTTPClient_transport(t *testing.T) {
	sent := 0
	failing := &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
		if sent++; sent < 3 {
			return response(503, ""), nil
		}
		return response(200, `{"message":"there"}`), nil
	})}
	client := must(connix.NewClient(connix.WithAPIKey("key"), connix.WithHTTPClient(failing), connix.WithRetryPolicy(connix.RetryPolicy{MaxRetries: 5})))(t)
	_ = client.String()
	_ = client.RateLimits()
	equal(t, "requests of a new client", sent, 0)
	equal(t, "message", must(client.Hello(t.Context(), ""))(t).Message, "there")
	equal(t, "attempts through the transport", sent, 3)
}

// A client without a Transport takes the default one of net/http, as it is
// then.
func TestWithHTTPClient_defaultTransport(t *testing.T) {
	original := http.DefaultTransport
	t.Cleanup(func() { http.DefaultTransport = original })
	var requests []*http.Request
	http.DefaultTransport = capture(&requests).Transport
	client := must(connix.NewClient(connix.WithAPIKey("key"), connix.WithHTTPClient(&http.Client{})))(t)
	must(client.Projects.Get(t.Context(), "1"))(t)
	equal(t, "requests", len(requests), 1)
}

// proxyVariable makes TestTransport_proxyFromEnvironment the program that it starts.
const proxyVariable = "CONNIX_TEST_BEHIND_A_PROXY"

// A client of its own goes through the proxy of the environment. net/http reads
// that once in a program, so it takes another program to see it.
func TestTransport_proxyFromEnvironment(t *testing.T) {
	if os.Getenv(proxyVariable) != "" {
		client := must(connix.NewClient(connix.WithBaseURL("http://api.example"), connix.WithInsecureHTTP()))(t)
		equal(t, "message", must(client.Hello(t.Context(), "proxy"))(t).Message, "Hello proxy! Welcome to Connix API v1")
		return
	}
	srv := newServer(t)
	var targets []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		targets = append(targets, r.URL.String())
		srv.Handler().ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)
	program := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestTransport_proxyFromEnvironment$", "-test.count=1")
	program.Env = append(os.Environ(), proxyVariable+"=1", "CONNIX_API_KEY="+srv.APIKey, "CONNIX_BASE_URL=",
		"HTTP_PROXY="+proxy.URL, "http_proxy="+proxy.URL, "NO_PROXY=", "no_proxy=", "REQUEST_METHOD=")
	if out, err := program.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	equal(t, "requests at the proxy", targets, []string{"http://api.example/api/v1/hello?name=proxy"})
}

// Clients share nothing but what they were given.
func TestClient_sharesNoCredential(t *testing.T) {
	srv := newServer(t)
	shared := srv.HTTPClient()
	reader := srv.AddAPIKey(connix.APIKey{Scopes: []string{"projects:read"}})
	one := srv.Client(t, connix.WithHTTPClient(shared))
	two := srv.Client(t, connix.WithHTTPClient(shared), connix.WithAPIKey(reader.Key.Reveal()))
	for range 3 {
		must(one.Projects.List(t.Context(), nil))(t)
		must(two.Projects.List(t.Context(), nil))(t)
	}
	for i, r := range srv.Requests() {
		equal(t, "key", r.Header.Get("X-API-Key"), []string{srv.APIKey, reader.Key.Reveal()}[i%2])
	}
}

// What NewClient did not make cannot call, and says so.
func TestClient_zero(t *testing.T) {
	ctx := t.Context()
	for name, err := range map[string]error{
		"a zero Client":  drop((&connix.Client{}).Hello(ctx, "")),
		"a nil Client":   drop((*connix.Client)(nil).Hello(ctx, "")),
		"a zero service": drop((&connix.ProjectsService{}).Get(ctx, "1")),
	} {
		if refused, ok := errors.AsType[*connix.ArgumentError](err); !ok || refused.Name != "client" {
			t.Errorf("%s: %v", name, err)
		}
	}
	srv := newServer(t)
	var none context.Context
	_, err := srv.Client(t).Hello(none, "")
	mustRefuse(t, err, "ctx")
	srv.Expect(t, connixtest.Match{}, 0)
}

func TestClient_rateLimits(t *testing.T) {
	options := []connix.Option{connix.WithAPIKey("key")}
	equal(t, "without a limiter", must(connix.NewClient(append(options, connix.WithoutRateLimiter())...))(t).RateLimits(), connix.RateLimitStatus{})
	var windows []connix.Window
	for _, w := range must(connix.NewClient(options...))(t).RateLimits().Windows {
		windows = append(windows, w.Window)
		equal(t, "remaining", w.Remaining, w.Limit)
	}
	equal(t, "windows by default", windows, []connix.Window{{Limit: 1000, Period: time.Hour}, {Limit: 100, Period: time.Minute}})
}

// Idle connections are closed on demand, and the client goes on.
func TestClient_CloseIdleConnections(t *testing.T) {
	var open atomic.Int64
	srv := httptest.NewUnstartedServer(responding(200, `{"message":"hi"}`))
	srv.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			open.Add(1)
		case http.StateClosed:
			open.Add(-1)
		}
	}
	srv.Start()
	defer srv.Close()
	for name, opts := range map[string][]connix.Option{"its own transport": nil, "a caller's": {connix.WithHTTPClient(&http.Client{Transport: &http.Transport{}})}} {
		client := must(connix.NewClient(append(opts, connix.WithBaseURL(srv.URL), connix.WithAPIKey("key"))...))(t)
		for range 2 {
			must(client.Hello(t.Context(), ""))(t)
			if n := open.Load(); n != 1 {
				t.Errorf("%s: %d connections after a call, want 1", name, n)
			}
			client.CloseIdleConnections()
			for open.Load() > 0 { // until the test's deadline
				runtime.Gosched()
			}
		}
	}
	// A transport that keeps none is left alone.
	client := must(connix.NewClient(connix.WithAPIKey("key"), connix.WithHTTPClient(&http.Client{Transport: roundTripper(nil)})))(t)
	client.CloseIdleConnections()
}

// Do reaches every path below /api/v1/, as it is written, and names a template
// of it in errors and metrics.
func TestDo_paths(t *testing.T) {
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

func TestDo_refused(t *testing.T) {
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
func TestDo_bodies(t *testing.T) {
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
func TestDo_results(t *testing.T) {
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

func TestDo_head(t *testing.T) {
	srv := newServer(t, offContract("HEAD is not documented"))
	project := srv.AddProject(connix.Project{})
	value := connix.Project{Name: "untouched"}
	err := srv.Client(t).Do(t.Context(), "HEAD", "projects/"+project.ID.String(), nil, &value)
	if err != nil || value.Name != "untouched" { // there is no body to decode
		t.Errorf("%+v, %v", value, err)
	}
}

// Do takes the options of every call.
func TestDo_callOptions(t *testing.T) {
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
func TestDo_streamSentOnce(t *testing.T) {
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
func TestDo_noContent(t *testing.T) {
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
