package connix_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	connix "github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
	"golang.org/x/oauth2"
)

// expired is a token of the server whose access token the client knows to be
// over, and whose refresh token is good.
func expired(srv *connixtest.Server) *oauth2.Token {
	token := srv.AddToken()
	token.Expiry = time.Now().Add(-time.Minute)
	return token
}

func TestOAuthClient_refreshesOnceForAll(t *testing.T) {
	bubble{connixtest.WithLatency(time.Second, time.Second)}.test(t, func(t *testing.T, srv *connixtest.Server) {
		saved := ""
		source, err := connix.NewTokenSource(srv.OAuthConfig(""), expired(srv), connix.WithTokenSaver(func(_ context.Context, token *oauth2.Token) error {
			time.Sleep(time.Second)
			saved = token.AccessToken
			return nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		client := srv.Client(t, connix.WithTokenSource(source))
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				ctx, cancel := t.Context(), func() {}
				impatient := i%10 == 0
				if impatient {
					ctx, cancel = context.WithTimeout(ctx, 500*time.Millisecond)
				}
				defer cancel()
				_, err := client.Hello(ctx, "Gopher")
				if impatient && !errors.Is(err, context.DeadlineExceeded) || !impatient && err != nil {
					t.Errorf("call %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		srv.Expect(t, connixtest.Match{Route: "/oauth2/token"}, 1)
		srv.Expect(t, connixtest.Match{Route: "/hello"}, 90)
		for _, r := range srv.Requests() {
			if r.Route == "/hello" && r.Header.Get("Authorization") != "Bearer "+saved {
				t.Errorf("a call used a token that was not saved")
			}
		}
	})
}

func TestOAuthClient_replaysOnceAfterRefusal(t *testing.T) {
	bubble{}.test(t, func(t *testing.T, srv *connixtest.Server) {
		token := srv.AddToken()
		token.AccessToken = "cxat_unknown"
		source, err := connix.NewTokenSource(srv.OAuthConfig(""), token)
		if err != nil {
			t.Fatal(err)
		}
		client := srv.Client(t, connix.WithTokenSource(source))
		var wg sync.WaitGroup
		for i := range 64 {
			wg.Go(func() {
				name := fmt.Sprintf("project-%d", i)
				if _, err := client.Projects.Create(t.Context(), connix.CreateProjectRequest{Name: name}); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			})
		}
		wg.Wait()
		srv.Expect(t, connixtest.Match{Route: "/oauth2/token"}, 1)
		srv.Expect(t, connixtest.Match{Method: "POST", Route: "/projects", Status: http.StatusCreated}, 64)
	})
}

func TestOAuthClient_tokenEndpointFails(t *testing.T) {
	srv := connixtest.NewServer(t)
	cfg := srv.OAuthConfig("")
	cfg.ClientSecret = testClientSecret // which the server refuses: its client has none
	source, err := connix.NewTokenSource(cfg, expired(srv))
	if err != nil {
		t.Fatal(err)
	}
	client := srv.Client(t, connix.WithTokenSource(source))
	_, err = client.Hello(t.Context(), "Gopher")
	failure, ok := errors.AsType[*connix.TokenError](err)
	call, isCall := errors.AsType[*connix.Error](err)
	if !ok || failure.Code != "invalid_client" || failure.StatusCode != 401 || !isCall || call.StatusCode != 0 || call.Route != "/hello" {
		t.Errorf("got %v", err)
	}
	srv.Expect(t, connixtest.Match{Route: "/oauth2/token"}, 1)
	srv.Expect(t, connixtest.Match{Route: "/hello"}, 0)
}

func TestOAuthClient_tokenEndpointUnavailable(t *testing.T) {
	for retries, want := range map[int]int{0: 1, 2: 3} {
		bubble{}.test(t, func(t *testing.T, srv *connixtest.Server) {
			source, err := connix.NewTokenSource(srv.OAuthConfig(""), expired(srv))
			if err != nil {
				t.Fatal(err)
			}
			transport := &unavailable{next: srv.HTTPClient().Transport, times: 2}
			client := srv.Client(t, connix.WithTokenSource(source), connix.WithHTTPClient(&http.Client{Transport: transport}), connix.WithRetryPolicy(connix.DefaultRetryPolicy()))
			_, err = client.Projects.Create(t.Context(), connix.CreateProjectRequest{Name: "once"}, connix.WithMaxRetries(retries))
			if (err == nil) != (retries == 2) || transport.asked != want {
				t.Errorf("%d retries: asked for a token %d times, want %d: %v", retries, transport.asked, want, err)
			}
			if failure, ok := errors.AsType[*connix.TokenError](err); err != nil && (!ok || failure.StatusCode != 503) {
				t.Errorf("got %v", err)
			}
			if errors.Is(err, connix.ErrUnknownOutcome) {
				t.Errorf("nothing was sent, and yet %v", err)
			}
		})
	}
}

// An outage of the token endpoint costs few requests, however many calls need
// the token; and no call waits longer than its policy allows.
func TestOAuthClient_unavailableEndpointNotFlooded(t *testing.T) {
	bubble{}.test(t, func(t *testing.T, srv *connixtest.Server) {
		source, err := connix.NewTokenSource(srv.OAuthConfig(""), expired(srv))
		if err != nil {
			t.Fatal(err)
		}
		transport := &unavailable{next: srv.HTTPClient().Transport, times: 1000}
		client := srv.Client(t, connix.WithTokenSource(source), connix.WithHTTPClient(&http.Client{Transport: transport}), connix.WithRetryPolicy(connix.DefaultRetryPolicy()))
		began := time.Now()
		for time.Since(began) < 20*time.Second {
			_, err := client.Hello(t.Context(), "Gopher")
			failure, ok := errors.AsType[*connix.TokenError](err)
			if !ok || failure.StatusCode != 503 || failure.RetryAfter <= 0 || failure.RetryAfter > time.Minute {
				t.Fatalf("got %v", err)
			}
			time.Sleep(time.Second)
		}
		if transport.asked > 6 {
			t.Errorf("%d token requests in %s", transport.asked, time.Since(began))
		}
	})
}

// Whoever ends after its last call has lost nothing: the call that starts an
// early refresh waits for it.
func TestOAuthClient_noRefreshAtEnd(t *testing.T) {
	bubble{connixtest.WithLatency(20*time.Millisecond, 20*time.Millisecond)}.test(t, func(t *testing.T, srv *connixtest.Server) {
		token := srv.AddToken()
		token.Expiry = time.Now().Add(30 * time.Second)
		saved := 0
		source, err := connix.NewTokenSource(srv.OAuthConfig(""), token, connix.WithTokenSaver(func(context.Context, *oauth2.Token) error {
			saved++
			return nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		client := srv.Client(t, connix.WithTokenSource(source))
		for range 2 {
			if _, err := client.Hello(t.Context(), "Gopher"); err != nil {
				t.Fatal(err)
			}
		}
		if refreshes := len(srv.Requests()) - 2; refreshes != saved || saved != 1 {
			t.Errorf("%d refreshes, %d saved when the last call returned; want 1", refreshes, saved)
		}
		if err := source.Close(t.Context()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
}

func TestOAuthClient_saverCallsIt(t *testing.T) {
	srv := connixtest.NewServer(t)
	var client *connix.Client
	var inner error
	source, err := connix.NewTokenSource(srv.OAuthConfig(""), expired(srv), connix.WithTokenSaver(func(ctx context.Context, _ *oauth2.Token) error {
		_, inner = client.Hello(ctx, "Gopher")
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	client = srv.Client(t, connix.WithTokenSource(source))
	if _, err := client.Hello(t.Context(), "Gopher"); err != nil {
		t.Error(err)
	}
	if inner == nil || !strings.Contains(inner.Error(), "the very TokenSource that waits for it") {
		t.Errorf("the saver got %v", inner)
	}
}

func TestOAuthClient_unsendableToken(t *testing.T) {
	srv := connixtest.NewServer(t)
	for kind, works := range map[string]bool{"": true, "Bearer": true, "bearer": true, "BEARER": true, "DPoP": false, "mac": false} {
		token := srv.AddToken()
		token.TokenType = kind
		_, err := srv.Client(t, connix.WithTokenSource(oauth2.StaticTokenSource(token))).Hello(t.Context(), "Gopher")
		if works != (err == nil) || err != nil && (!errors.Is(err, connix.ErrNoCredentials) || !strings.Contains(err.Error(), "only Bearer")) {
			t.Errorf("a token of type %q: %v", kind, err)
		}
	}
}

// unavailable is a transport to a token endpoint that responds with 503 some times.
type unavailable struct {
	next         http.RoundTripper
	times, asked int
}

func (u *unavailable) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path == "/oauth2/token" {
		if u.asked++; u.asked <= u.times {
			return returning(503, "")(r)
		}
	}
	return u.next.RoundTrip(r)
}

func TestOAuthClient_showsNoToken(t *testing.T) {
	srv := connixtest.NewServer(t)
	token := expired(srv)
	var log bytes.Buffer
	hooked := 0
	source, err := connix.NewTokenSource(srv.OAuthConfig(""), token)
	if err != nil {
		t.Fatal(err)
	}
	client := srv.Client(t, connix.WithTokenSource(source),
		connix.WithLogger(slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))),
		connix.WithHooks(connix.Hooks{TokenRefreshed: func(_ context.Context, info connix.TokenRefreshInfo) {
			hooked++
			_, _ = fmt.Fprintf(&log, "%+v\n", info)
		}}))
	var texts []string
	for range 2 {
		_, err := client.Hello(t.Context(), "Gopher")
		texts = append(texts, fmt.Sprintf("%v %+v %#v", err, err, err))
	}
	srv.Reset()
	_, err = client.Hello(t.Context(), "Gopher")
	if !errors.Is(err, connix.ErrLoginRequired) {
		t.Errorf("got %v, want ErrLoginRequired", err)
	}
	texts = append(texts, fmt.Sprintf("%v %+v %#v", err, err, err), log.String(), fmt.Sprintf("%v %+v %#v %s", client, client, client, client), fmt.Sprint(source))
	if hooked != 2 {
		t.Errorf("told of %d refreshes, want one that succeeds and one that fails", hooked)
	}
	secrets := []string{token.AccessToken, token.RefreshToken}
	for _, r := range srv.Requests() {
		secrets = append(secrets, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
	}
	for _, secret := range secrets {
		for _, text := range texts {
			if secret != "" && strings.Contains(text, secret) {
				t.Errorf("a token is shown in %s", text)
			}
		}
	}
}

func TestOAuthClient_contextEndsWait(t *testing.T) {
	bubble{connixtest.WithLatency(10*time.Second, 10*time.Second)}.test(t, func(t *testing.T, srv *connixtest.Server) {
		source, err := connix.NewTokenSource(srv.OAuthConfig(""), expired(srv))
		if err != nil {
			t.Fatal(err)
		}
		client := srv.Client(t, connix.WithTokenSource(source))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		if _, err := client.Hello(ctx, "Gopher"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(begin); took != time.Second {
			t.Errorf("took %s", took)
		}
		if _, err := client.Hello(t.Context(), "Gopher"); err != nil {
			t.Errorf("the call after it: %v", err)
		}
		srv.Expect(t, connixtest.Match{Route: "/oauth2/token"}, 1)
	})
}
