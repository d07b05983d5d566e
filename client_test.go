package connix_test

import (
	"context"
	"errors"
	"fmt"
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

func TestNewClientCredentials(t *testing.T) {
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

func TestNewClientWithoutCredentials(t *testing.T) {
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

func TestBaseURLRefused(t *testing.T) {
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
func TestHTTPClientIsUntouched(t *testing.T) {
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
func TestTransportIsTheCallers(t *testing.T) {
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
func TestDefaultTransportOfTheCallersClient(t *testing.T) {
	original := http.DefaultTransport
	t.Cleanup(func() { http.DefaultTransport = original })
	var requests []*http.Request
	http.DefaultTransport = capture(&requests).Transport
	client := must(connix.NewClient(connix.WithAPIKey("key"), connix.WithHTTPClient(&http.Client{})))(t)
	must(client.Projects.Get(t.Context(), "1"))(t)
	equal(t, "requests", len(requests), 1)
}

// proxyVariable makes TestProxyFromEnvironment the program that it starts.
const proxyVariable = "CONNIX_TEST_BEHIND_A_PROXY"

// A client of its own goes through the proxy of the environment. net/http reads
// that once in a program, so it takes another program to see it.
func TestProxyFromEnvironment(t *testing.T) {
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
	program := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProxyFromEnvironment$", "-test.count=1")
	program.Env = append(os.Environ(), proxyVariable+"=1", "CONNIX_API_KEY="+srv.APIKey, "CONNIX_BASE_URL=",
		"HTTP_PROXY="+proxy.URL, "http_proxy="+proxy.URL, "NO_PROXY=", "no_proxy=", "REQUEST_METHOD=")
	if out, err := program.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	equal(t, "requests at the proxy", targets, []string{"http://api.example/api/v1/hello?name=proxy"})
}

// Clients share nothing but what they were given.
func TestClientsShareNoCredential(t *testing.T) {
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
func TestClientThatNobodyMade(t *testing.T) {
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

func TestClientRateLimits(t *testing.T) {
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
