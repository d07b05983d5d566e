package oauthcli_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	connix "github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/oauthcli"
	"golang.org/x/oauth2"
)

// login runs Login with a browser that play stands for, and waits for both.
func login(t *testing.T, cfg *oauth2.Config, play func(ctx context.Context, address string) error, opts ...oauthcli.Option) (*oauth2.Token, error) {
	t.Helper()
	var wg sync.WaitGroup
	wg.Add(1)
	opts = append([]oauthcli.Option{
		oauthcli.WithOutput(nil), oauthcli.WithAppName("Example <App>"),
		oauthcli.WithOpenURL(func(ctx context.Context, address string) error {
			defer wg.Done()
			return play(ctx, address)
		}),
	}, opts...)
	token, err := oauthcli.Login(t.Context(), cfg, opts...)
	wg.Wait()
	return token, err
}

func TestLogin(t *testing.T) {
	s := newAuthServer(t)
	var shown page
	var out bytes.Buffer
	token, err := login(t, s.config(), func(ctx context.Context, address string) (err error) {
		shown, err = browse(ctx, address)
		return err
	}, oauthcli.WithOutput(&out), nil)
	if err != nil || token.AccessToken != "access" || token.RefreshToken != "refresh" || token.Expiry.IsZero() {
		t.Fatalf("got %+v, %v", token, err)
	}
	wantPage(t, shown, 200, "Example &lt;App&gt; is logged in")
	if !strings.Contains(out.String(), s.URL+"/authorize?") {
		t.Errorf("printed %q, without the address", out.String())
	}
	u, err := url.Parse(s.redirect)
	if err != nil || u.Scheme != "http" || u.Hostname() != "127.0.0.1" || u.Port() == "" || u.Path != "/callback" {
		t.Errorf("redirect URI %q", s.redirect)
	}
	if len(s.forms) != 1 || s.forms[0].Get("client_id") != "example-cli" {
		t.Errorf("token requests %v", s.forms)
	}
	if _, err := browse(t.Context(), s.redirect); err == nil {
		t.Error("the listener outlives the login")
	}
}

func TestLoginHonoursTheRedirectURL(t *testing.T) {
	s := newAuthServer(t)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	fixed := "http://" + free.Addr().String() + "/done"
	_ = free.Close()
	for _, given := range []string{"http://127.0.0.1/", "http://127.0.0.1:0/a%20b", "http://127.0.0.1", fixed} {
		cfg := s.config()
		cfg.RedirectURL = given
		if _, err := login(t, cfg, func(ctx context.Context, address string) error {
			_, err := browse(ctx, address)
			return err
		}); err != nil {
			t.Errorf("%s: %v", given, err)
		}
		if cfg.RedirectURL != given {
			t.Errorf("the caller's config was changed to %s", cfg.RedirectURL)
		}
		if given == fixed && s.redirect != fixed {
			t.Errorf("redirect URI %s, want %s", s.redirect, fixed)
		}
	}
}

func TestLoginRefusesConfigs(t *testing.T) {
	good := oauth2.Endpoint{AuthURL: "http://127.0.0.1/a", TokenURL: "http://127.0.0.1/t"}
	configs := map[string]*oauth2.Config{
		"nil": nil, "no client": {Endpoint: good}, "no endpoints": {ClientID: "x"},
	}
	for _, redirect := range []string{
		"https://127.0.0.1/callback", "http://localhost/callback", "http://example.com/callback", "http://10.0.0.1/callback",
		"http://user@127.0.0.1/callback", "http://127.0.0.1/callback?x=1", "http://127.0.0.1/callback#x", "app:/callback", "http://%",
	} {
		configs[redirect] = &oauth2.Config{ClientID: "x", Endpoint: good, RedirectURL: redirect}
	}
	for _, remote := range []string{"http://login.example/t", "ftp://login.example/t", "login.example/t"} {
		configs["token endpoint "+remote] = &oauth2.Config{ClientID: "x", Endpoint: oauth2.Endpoint{AuthURL: good.AuthURL, TokenURL: remote}}
		configs["authorization endpoint "+remote] = &oauth2.Config{ClientID: "x", Endpoint: oauth2.Endpoint{AuthURL: remote, TokenURL: good.TokenURL}}
	}
	for name, cfg := range configs {
		opened := false
		_, err := oauthcli.Login(t.Context(), cfg, oauthcli.WithOutput(nil), oauthcli.WithTimeout(time.Second),
			oauthcli.WithOpenURL(func(context.Context, string) error { opened = true; return nil }))
		if err == nil || errors.Is(err, context.DeadlineExceeded) || opened {
			t.Errorf("%s: %v, opened %t", name, err, opened)
		}
	}
	// "This machine" has many names.
	for _, here := range []string{"http://127.0.0.1", "http://[::1]", "http://localhost", "http://LOCALHOST.:8080", "http://login.localhost"} {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := oauthcli.Login(ctx, &oauth2.Config{ClientID: "x", Endpoint: oauth2.Endpoint{AuthURL: here + "/a", TokenURL: here + "/t"}},
			oauthcli.WithOutput(nil), oauthcli.WithOpenURL(func(context.Context, string) error { cancel(); return nil }))
		if !errors.Is(err, context.Canceled) {
			t.Errorf("endpoints at %s: %v, want the login to begin", here, err)
		}
	}
	// Plain http to another machine can be asked for.
	ctx, cancel := context.WithCancel(t.Context())
	_, err := oauthcli.Login(ctx, &oauth2.Config{ClientID: "x", Endpoint: oauth2.Endpoint{AuthURL: "http://login.example/a", TokenURL: "http://login.example/t"}},
		oauthcli.WithOutput(nil), oauthcli.WithInsecureEndpoints(), oauthcli.WithOpenURL(func(context.Context, string) error { cancel(); return nil }))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("an endpoint of plain http, allowed: %v, want the login to begin", err)
	}
}

func TestLoginRefusesWhatIsNotItsCallback(t *testing.T) {
	s := newAuthServer(t)
	responses := []struct {
		name     string
		response url.Values
		path     string
		change   func(*http.Request)
		status   int
		text     string
	}{
		{"wrong state", url.Values{"code": {testCode}, "state": {"guessed"}}, "", nil, 400, "another login"},
		{"error with a wrong state", url.Values{"error": {"access_denied"}, "state": {"guessed"}}, "", nil, 400, "another login"},
		{"empty state", url.Values{"code": {testCode}, "state": {""}}, "", nil, 400, "another login"},
		{"two states", url.Values{"code": {testCode}, "state": {"a", "b"}}, "", nil, 400, "not the response"},
		{"neither code nor error", url.Values{}, "", nil, 400, "not the response"},
		{"empty code", url.Values{"code": {""}}, "", nil, 400, "not the response"},
		{"both code and error", url.Values{"code": {testCode}, "error": {"x"}}, "", nil, 400, "not the response"},
		{"two codes", url.Values{"code": {"a", "b"}}, "", nil, 400, "not the response"},
		{"another host", url.Values{"code": {testCode}}, "", func(r *http.Request) { r.Host = "rebound.example:80" }, 421, "not the one"},
		{"localhost", url.Values{"code": {testCode}}, "", func(r *http.Request) { r.Host = strings.Replace(r.URL.Host, "127.0.0.1", "localhost", 1) }, 421, "not the one"},
		{"another path", url.Values{"code": {testCode}}, "/favicon.ico", nil, 404, "nothing"},
		{"another method", url.Values{"code": {testCode}}, "", func(r *http.Request) { r.Method = http.MethodPost }, 405, "GET"},
		{"malformed query", url.Values{"code": {testCode}}, "", func(r *http.Request) { r.URL.RawQuery += "&%zz" }, 400, "not the response"},
	}
	token, err := login(t, s.config(), func(ctx context.Context, address string) error {
		for _, a := range responses {
			callback, err := callbackURL(address, a.response)
			if err != nil {
				return err
			}
			if a.path != "" {
				callback = strings.Replace(callback, "/callback", a.path, 1)
			}
			var change []func(*http.Request)
			if a.change != nil {
				change = append(change, a.change)
			}
			shown, err := browse(ctx, callback, change...)
			if err != nil {
				t.Errorf("%s: %v", a.name, err)
				continue
			}
			t.Log(a.name)
			wantPage(t, shown, a.status, a.text)
		}
		_, err := browse(ctx, address) // the login goes on, and succeeds
		return err
	})
	if err != nil || token.AccessToken != "access" {
		t.Errorf("got %v, %v", token, err)
	}
	if len(s.forms) != 1 {
		t.Errorf("%d token requests, want 1", len(s.forms))
	}
}

func TestLoginTakesOneCallback(t *testing.T) {
	s := newAuthServer(t)
	second := make(chan page, 1)
	var address string
	s.token = func(w http.ResponseWriter, r *http.Request) {
		// The first callback waits for this response; here comes the second.
		again, err := callbackURL(address, url.Values{"code": {"other"}})
		if err != nil {
			t.Error(err)
		}
		shown, err := browse(r.Context(), again)
		if err != nil {
			t.Error(err)
		}
		second <- shown
		respondJSON(200, `{"access_token":"access"}`)(w, r)
	}
	token, err := login(t, s.config(), func(ctx context.Context, at string) error {
		address = at
		shown, err := browse(ctx, at)
		wantPage(t, shown, 200, "is logged in")
		return err
	})
	if err != nil || token.AccessToken != "access" {
		t.Fatalf("got %v, %v", token, err)
	}
	wantPage(t, <-second, 409, "another response before")
	if len(s.forms) != 1 || s.forms[0].Get("code") != testCode {
		t.Errorf("token requests %v", s.forms)
	}
}

func TestLoginReportsRefusals(t *testing.T) {
	respondError := func(code, description string) func(context.Context, string) (page, error) {
		return func(ctx context.Context, address string) (page, error) {
			q := url.Values{"error": {code}}
			if description != "" {
				q.Set("error_description", description)
			}
			callback, err := callbackURL(address, q)
			if err != nil {
				return page{}, err
			}
			return browse(ctx, callback)
		}
	}
	through := func(ctx context.Context, address string) (page, error) { return browse(ctx, address) }
	tests := []struct {
		name  string
		play  func(context.Context, string) (page, error)
		token http.HandlerFunc
		want  *oauthcli.Error // nil: another error
		text  string
	}{
		{"denied", respondError("access_denied", ""), nil, &oauthcli.Error{Code: "access_denied"}, "Access was denied"},
		{"bad scope", respondError("invalid_scope", "no such <scope>"), nil, &oauthcli.Error{Code: "invalid_scope", Description: "no such <scope>"}, "no such &lt;scope&gt; (invalid_scope)"},
		{"no words", respondError("server_error", ""), nil, &oauthcli.Error{Code: "server_error"}, "refused: server_error."},
		{"forged lines", respondError("x\ny", "a\x1b[31m\r\nb"), nil, &oauthcli.Error{Code: "xy", Description: "a[31mb"}, "a[31mb"},
		{"expired code", through, respondJSON(400, `{"error":"invalid_grant","error_description":"the code %s has expired"}`, testCode), &oauthcli.Error{Code: "invalid_grant", Description: "the code **** has expired"}, "has expired"},
		{"broken server", through, respondJSON(500, `<html>%s</html>`, testCode), nil, "The program says why"},
		{"no token", through, respondJSON(200, `{"echo":%q}`, testCode), nil, "The program says why"},
		{"redirect", through, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/authorize?"+testCode, http.StatusTemporaryRedirect)
		}, nil, "The program says why"},
		{"lost", through, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, nil, "The program says why"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newAuthServer(t)
			s.token = tt.token
			token, err := login(t, s.config(), func(ctx context.Context, address string) error {
				shown, err := tt.play(ctx, address)
				wantPage(t, shown, 200, "Example &lt;App&gt; is not logged in")
				wantPage(t, shown, 200, tt.text)
				return err
			})
			if err == nil {
				t.Fatalf("got %v", token)
			}
			refused, ok := errors.AsType[*oauthcli.Error](err)
			if ok != (tt.want != nil) || ok && *refused != *tt.want {
				t.Errorf("got %#v, want %#v", err, tt.want)
			}
			for _, secret := range append([]string{testCode}, s.verifiers()...) {
				if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), secret) {
					t.Errorf("the error shows %q: %v", secret, err)
				}
			}
		})
	}
}

func (s *authServer) verifiers() (list []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, form := range s.forms {
		list = append(list, form.Get("code_verifier"))
	}
	return list
}

func TestLoginFloodedByAnErrorResponse(t *testing.T) {
	s := newAuthServer(t)
	_, err := login(t, s.config(), func(ctx context.Context, address string) error {
		callback, err := callbackURL(address, url.Values{"error": {strings.Repeat("e", 1000)}, "error_description": {strings.Repeat("é", 5000)}})
		if err != nil {
			return err
		}
		_, err = browse(ctx, callback)
		return err
	})
	if err == nil || len(err.Error()) > 800 {
		t.Errorf("got %v", err)
	}
}

func TestLoginEndsWithItsTimeoutAndItsContext(t *testing.T) {
	s := newAuthServer(t)
	cause := errors.New("interrupted")
	interrupted, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	tests := []struct {
		name    string
		ctx     context.Context
		timeout time.Duration
		want    []error
	}{
		{"timeout", t.Context(), time.Millisecond, []error{context.DeadlineExceeded}},
		{"context", interrupted, 0, []error{context.Canceled}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			opened := make(chan context.Context, 1)
			_, err := oauthcli.Login(tt.ctx, s.config(), oauthcli.WithOutput(nil), oauthcli.WithTimeout(tt.timeout),
				oauthcli.WithOpenURL(func(ctx context.Context, _ string) error { opened <- ctx; return nil }))
			for _, want := range tt.want {
				if !errors.Is(err, want) {
					t.Errorf("got %v, want %v", err, want)
				}
			}
			if tt.name == "timeout" {
				<-(<-opened).Done() // the opener's context ends with the login
			}
		})
	}
}

func TestLoginKeepsTheCauseOfACancelledContext(t *testing.T) {
	s := newAuthServer(t)
	cause := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	_, err := oauthcli.Login(ctx, s.config(), oauthcli.WithOutput(nil),
		oauthcli.WithOpenURL(func(context.Context, string) error { cancel(cause); return nil }))
	if !errors.Is(err, cause) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the cause and context.Canceled", err)
	}
	// One that has ended before begins nothing.
	var shown strings.Builder
	_, err = oauthcli.Login(ctx, s.config(), oauthcli.WithOutput(&shown), oauthcli.WithOpenURL(func(context.Context, string) error {
		t.Error("a page is opened")
		return nil
	}))
	if !errors.Is(err, cause) || shown.Len() > 0 {
		t.Errorf("got %v and %q, want the cause and silence", err, shown.String())
	}
}

// output is a writer that tells what was written to it.
type output struct{ lines chan string }

func (o output) Write(p []byte) (int, error) { o.lines <- string(p); return len(p), nil }

func TestLoginWithoutABrowserPrintsTheAddress(t *testing.T) {
	for name, open := range map[string]func(context.Context, string) error{
		"none wanted": nil,
		"none opens":  func(context.Context, string) error { return errors.New("no display") },
	} {
		t.Run(name, func(t *testing.T) {
			s := newAuthServer(t)
			out := output{make(chan string, 10)}
			go func() {
				_, address, _ := strings.Cut(<-out.lines, "\n\n  ")
				if open != nil {
					if told := <-out.lines; !strings.Contains(told, "no display") {
						t.Errorf("told %q", told)
					}
				}
				_, _ = browse(context.Background(), strings.TrimSpace(address))
			}()
			token, err := oauthcli.Login(t.Context(), s.config(), oauthcli.WithOutput(out), oauthcli.WithOpenURL(open))
			if err != nil || token.AccessToken != "access" {
				t.Errorf("got %v, %v", token, err)
			}
		})
	}
}

func TestLoginUsesTheHTTPClientOfItsContext(t *testing.T) {
	s := newAuthServer(t)
	used := 0
	client := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		used++
		return http.DefaultTransport.RoundTrip(r)
	})}
	ctx := context.WithValue(t.Context(), oauth2.HTTPClient, client)
	_, err := oauthcli.Login(ctx, s.config(), oauthcli.WithOutput(nil), oauthcli.WithOpenURL(func(ctx context.Context, address string) error {
		_, err := browse(ctx, address)
		return err
	}))
	if err != nil || used != 1 || client.CheckRedirect != nil {
		t.Errorf("%v; used %d times, want 1, and the client unchanged", err, used)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestErrorIsNilSafe(t *testing.T) {
	if got := (*oauthcli.Error)(nil).Error(); got != "<nil>" {
		t.Errorf("got %q", got)
	}
	if got := (&oauthcli.Error{Code: "access_denied"}).Error(); !strings.Contains(got, "access_denied") {
		t.Errorf("got %q", got)
	}
}

// A browser that loads the page ahead, or twice, is shown how the login ended.
func TestLogin_sameCallbackTwice(t *testing.T) {
	s := newAuthServer(t)
	ahead := make(chan page, 1)
	var address string
	s.token = func(w http.ResponseWriter, r *http.Request) {
		again, err := callbackURL(address, url.Values{"code": {testCode}})
		if err != nil {
			t.Error(err)
		}
		go func() {
			shown, err := browse(context.Background(), again)
			if err != nil {
				t.Error(err)
			}
			ahead <- shown
		}()
		time.Sleep(50 * time.Millisecond) // the second comes while the first waits
		respondJSON(200, `{"access_token":"access"}`)(w, r)
	}
	token, err := login(t, s.config(), func(ctx context.Context, at string) error {
		address = at
		shown, err := browse(ctx, at)
		wantPage(t, shown, 200, "is logged in")
		return err
	})
	if err != nil || token.AccessToken != "access" {
		t.Fatalf("got %v, %v", token, err)
	}
	wantPage(t, <-ahead, 200, "is logged in")
	if len(s.forms) != 1 {
		t.Errorf("%d token requests, want 1", len(s.forms))
	}
}

// A code can be exchanged once, so that no odd field may cost the token.
func TestLogin_oddTokens(t *testing.T) {
	for name, body := range map[string]string{
		"fraction": `{"access_token":"access","refresh_token":"refresh","expires_in":3599.97}`,
		"text":     `{"access_token":"access","refresh_token":"refresh","expires_in":""}`,
		"form":     `access_token=access&refresh_token=refresh`,
	} {
		s := newAuthServer(t)
		s.token = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			_, _ = fmt.Fprint(w, body)
		}
		token, err := login(t, s.config(), func(ctx context.Context, address string) error {
			_, err := browse(ctx, address)
			return err
		})
		if err != nil || token.AccessToken != "access" || token.RefreshToken != "refresh" {
			t.Errorf("%s: got %v, %v", name, token, err)
		}
	}
}

func TestLogin_fewerScopes(t *testing.T) {
	s := newAuthServer(t)
	s.token = respondJSON(200, `{"access_token":"access","scope":"read"}`)
	var out bytes.Buffer
	cfg := s.config()
	token, err := login(t, cfg, func(ctx context.Context, address string) error {
		_, err := browse(ctx, address)
		return err
	}, oauthcli.WithOutput(&out))
	if err != nil || !strings.Contains(out.String(), "granted without: write") {
		t.Errorf("%v; told %q", err, out.String())
	}
	path := filepath.Join(t.TempDir(), "token.json")
	if err := oauthcli.NewFileStore(path).Save(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	kept, err := oauthcli.NewFileStore(path).Load(t.Context())
	if missing := connix.MissingScopes(kept, cfg.Scopes...); err != nil || len(missing) != 1 || missing[0] != "write" {
		t.Errorf("the file says that %q are missing, %v", missing, err)
	}
}

// The browser is on another machine: what it ended at is pasted.
func TestLogin_pastedAddress(t *testing.T) {
	s := newAuthServer(t)
	in, user := io.Pipe()
	out := output{make(chan string, 10)}
	go func() {
		_, address, _ := strings.Cut(<-out.lines, "\n\n  ")
		address = strings.TrimSpace(address)
		if prompt := <-out.lines; !strings.Contains(prompt, "paste") {
			t.Errorf("prompted %q", prompt)
		}
		// The other machine's browser: it is sent to an address that it cannot reach.
		noFollow := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		resp, err := noFollow.Get(address)
		if err != nil {
			t.Error(err)
			return
		}
		_ = resp.Body.Close()
		for _, wrong := range []string{"what?", "http://127.0.0.1/callback?code=x&state=guessed"} {
			_, _ = fmt.Fprintln(user, wrong)
			if told := <-out.lines; !strings.Contains(told, "Paste the whole address") {
				t.Errorf("told %q", told)
			}
		}
		_, _ = fmt.Fprintf(user, "\n  %s  \n", resp.Header.Get("Location"))
	}()
	token, err := oauthcli.Login(t.Context(), s.config(), oauthcli.WithOpenURL(nil), oauthcli.WithOutput(out), oauthcli.WithInput(in))
	if err != nil || token.AccessToken != "access" {
		t.Errorf("got %v, %v", token, err)
	}
	_ = user.Close()
}

func TestLogin_fixedPort(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	_ = free.Close()
	s := newAuthServer(t)
	if _, err := login(t, s.config(), func(ctx context.Context, address string) error {
		_, err := browse(ctx, address)
		return err
	}, oauthcli.WithPort(port)); err != nil {
		t.Error(err)
	}
	if want := fmt.Sprintf("http://127.0.0.1:%d/callback", port); s.redirect != want {
		t.Errorf("redirect URI %s, want %s", s.redirect, want)
	}
	for _, bad := range []int{-1, 65536} {
		if _, err := oauthcli.Login(t.Context(), s.config(), oauthcli.WithPort(bad), oauthcli.WithOutput(nil)); err == nil {
			t.Errorf("port %d: no error", bad)
		}
	}
}
