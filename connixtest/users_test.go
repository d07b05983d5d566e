package connixtest_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
	"golang.org/x/oauth2"
)

// clientOf logs a user in as an application does, and returns their client.
func clientOf(t *testing.T, srv *connixtest.Server, user string) *connix.Client {
	t.Helper()
	cfg := srv.OAuthConfig("")
	verifier := oauth2.GenerateVerifier()
	callback, err := srv.ApproveLogin(cfg.AuthCodeURL("state", oauth2.S256ChallengeOption(verifier)), user)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.WithValue(t.Context(), oauth2.HTTPClient, srv.HTTPClient())
	token, err := cfg.Exchange(ctx, mustQuery(t, callback, "code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	return srv.Client(t, connix.WithTokenSource(oauth2.StaticTokenSource(token)))
}

func mustQuery(t *testing.T, url, name string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r.URL.Query().Get(name)
}

// names returns the names of the projects that a client sees.
func names(t *testing.T, client *connix.Client) (all []string) {
	t.Helper()
	for p, err := range client.Projects.All(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p.Name)
	}
	return all
}

func TestWithUsers(t *testing.T) {
	srv := connixtest.NewServer(t, connixtest.WithUsers(), connixtest.WithInMemory())
	seeded := srv.AddProject(connix.Project{Name: "seeded"})
	alice, bob, nobody := clientOf(t, srv, "alice"), clientOf(t, srv, "bob"), clientOf(t, srv, "")
	// Names are unique for each user, ids among all.
	hers, err := alice.Projects.Create(t.Context(), connix.CreateProjectRequest{Name: "mine"})
	if err != nil {
		t.Fatal(err)
	}
	his, err := bob.Projects.Create(t.Context(), connix.CreateProjectRequest{Name: "mine"})
	if err != nil || his.ID == hers.ID || his.ID == seeded.ID {
		t.Fatalf("%+v, %v", his, err)
	}
	if _, err := bob.Projects.Get(t.Context(), hers.ID); !errors.Is(err, connix.ErrNotFound) {
		t.Errorf("bob reads a project of alice: %v", err)
	}
	for name, tt := range map[string]struct {
		client *connix.Client
		want   string
	}{
		"alice": {alice, "mine"}, "alice again": {clientOf(t, srv, "alice"), "mine"}, "bob": {bob, "mine"},
		"the default user": {nobody, "seeded"}, "the server's key": {srv.Client(t), "seeded"},
		"alice by a token": {srv.Client(t, connix.WithTokenSource(oauth2.StaticTokenSource(srv.AddUserToken("alice")))), "mine"},
	} {
		if got := names(t, tt.client); len(got) != 1 || got[0] != tt.want {
			t.Errorf("%s sees %v, want %s", name, got, tt.want)
		}
	}
	key, err := alice.APIKeys.Create(t.Context(), connix.CreateAPIKeyRequest{Name: "hers"})
	if err != nil {
		t.Fatal(err)
	}
	if p, err := srv.Client(t, connix.WithAPIKey(key.Key.Reveal())).Projects.Get(t.Context(), hers.ID); err != nil || p.Name != "mine" {
		t.Errorf("by a key of alice: %+v, %v", p, err)
	}
	srv.Reset()
	if got := names(t, clientOf(t, srv, "alice")); len(got) != 0 {
		t.Errorf("after a Reset alice sees %v", got)
	}
}

func TestWithUsers_oneForAll(t *testing.T) {
	srv := connixtest.NewServer(t, connixtest.WithInMemory())
	srv.AddProject(connix.Project{Name: "seeded"})
	if got := names(t, clientOf(t, srv, "alice")); len(got) != 1 {
		t.Errorf("without WithUsers alice sees %v", got)
	}
}

// TestWithUsers_events has the events of one user go to their own webhooks.
func TestWithUsers_events(t *testing.T) {
	hooks := make(chan *connix.Event, 10)
	handler := connix.WebhookHandler(&connix.WebhookVerifier{Secrets: []connix.Secret{"s"}}, func(_ context.Context, e *connix.Event) error {
		hooks <- e
		return nil
	})
	srv := connixtest.NewServer(t, connixtest.WithUsers(), connixtest.WithInMemory(), connixtest.WithReceiver("http://app.test", handler))
	alice, bob := clientOf(t, srv, "alice"), clientOf(t, srv, "bob")
	if _, err := alice.Webhooks.Create(t.Context(), connix.CreateWebhookRequest{URL: "http://app.test/", Events: []connix.EventType{connix.EventProjectCreated}, Secret: "s"}); err != nil {
		t.Fatal(err)
	}
	for _, client := range []*connix.Client{bob, alice} {
		if _, err := client.Projects.Create(t.Context(), connix.CreateProjectRequest{Name: "one"}); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if all, err := srv.AwaitDeliveries(ctx, 1); err != nil || len(srv.Deliveries()) != 1 {
		t.Errorf("deliveries: %+v, %v", all, err)
	}
}

func TestWithDeliveryClient(t *testing.T) {
	verifier := &connix.WebhookVerifier{Secrets: []connix.Secret{"s"}}
	received := make(chan *connix.Event, 1)
	app := httptest.NewTLSServer(connix.WebhookHandler(verifier, func(_ context.Context, e *connix.Event) error {
		received <- e
		return nil
	}))
	defer app.Close()
	srv := connixtest.NewServer(t, connixtest.WithDeliveryClient(app.Client()))
	srv.AddWebhook(connix.Webhook{URL: app.URL}, "s")
	if _, err := srv.Client(t).Projects.Create(t.Context(), connix.CreateProjectRequest{Name: "one"}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if all, err := srv.AwaitDeliveries(ctx, 1); err != nil || all[0].State != connixtest.DeliveryDelivered {
		t.Fatalf("%+v, %v", all, err)
	}
	if e := <-received; e.Type != connix.EventProjectCreated {
		t.Errorf("received %+v", e)
	}
}

// TestServer_clearTextHTTP2 speaks HTTP/2 without TLS to servers of both kinds.
func TestServer_clearTextHTTP2(t *testing.T) {
	for name, opts := range map[string][]connixtest.Option{"socket": nil, "memory": {connixtest.WithInMemory()}} {
		t.Run(name, func(t *testing.T) {
			srv := connixtest.NewServer(t, opts...)
			transport := srv.HTTPClient().Transport.(*http.Transport).Clone()
			transport.Protocols = new(http.Protocols)
			transport.Protocols.SetUnencryptedHTTP2(true)
			defer transport.CloseIdleConnections()
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+"/api/v1/docs", nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := transport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			var document struct{ OpenAPI string }
			if err := json.NewDecoder(resp.Body).Decode(&document); err != nil || resp.ProtoMajor != 2 || document.OpenAPI == "" {
				t.Errorf("%s: %d, %v", resp.Proto, resp.StatusCode, err)
			}
		})
	}
}
