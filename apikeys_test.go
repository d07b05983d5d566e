package connix_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
)

func TestAPIKey_lifecycle(t *testing.T) {
	clock := connixtest.NewClock(overviewTime)
	srv := newServer(t, connixtest.WithClock(clock))
	client, ctx := srv.Client(t), t.Context()
	expires := overviewTime.Add(30 * 24 * time.Hour)

	created := must(client.APIKeys.Create(ctx, connix.CreateAPIKeyRequest{
		Name: "ci", Description: "builds & tests", Scopes: []string{"projects:read", "agents:write"}, ExpiresAt: expires,
	}))(t)
	if !strings.HasPrefix(created.ID.String(), "key_") || !regexp.MustCompile(`^cx_[0-9a-f]{32}$`).MatchString(created.Key.Reveal()) {
		t.Errorf("id %s, key %s", created.ID, created.Key)
	}
	want := connix.APIKey{
		ID: created.ID, Name: "ci", Description: "builds & tests", Key: created.Key, Scopes: []string{"projects:read", "agents:write"},
		CreatedAt: overviewTime, ExpiresAt: &expires,
	}
	equal(t, "created", *created, want)
	srv.Expect(t, connixtest.Match{Method: "POST", Route: "/auth/api-keys", Status: 201, Body: json.RawMessage(
		`{"name":"ci","description":"builds & tests","scopes":["projects:read","agents:write"],"expires_at":"2024-02-14T10:30:00Z"}`)}, 1)

	// The key is shown this once.
	want.Key = ""
	equal(t, "got", *must(client.APIKeys.Get(ctx, created.ID))(t), want)
	for _, key := range must(client.APIKeys.List(ctx, nil))(t).Items {
		equal(t, "key in the list", key.Key, "")
	}
	for _, r := range srv.Requests()[1:] {
		if strings.Contains(string(r.Response), created.Key.Reveal()) {
			t.Errorf("%s %s answers with the key", r.Method, r.Path)
		}
	}

	// It works, and its use shows.
	clock.Advance(time.Hour)
	user := srv.Client(t, connix.WithAPIKey(created.Key.Reveal()))
	must(user.Projects.List(ctx, nil))(t)
	used := must(client.APIKeys.Get(ctx, created.ID))(t)
	equal(t, "last used", used.LastUsedAt, new(overviewTime.Add(time.Hour)))

	// A revoked key stops working at once.
	if err := client.APIKeys.Revoke(ctx, created.ID); err != nil {
		t.Fatal(err)
	}
	srv.Expect(t, connixtest.Match{Method: "DELETE", Route: "/auth/api-keys/" + created.ID.String(), Status: 204}, 1)
	_, err := user.Projects.List(ctx, nil)
	mustErrorIs(t, err, connix.ErrUnauthorized)
	_, err = client.APIKeys.Get(ctx, created.ID)
	mustErrorIs(t, err, connix.ErrNotFound)
}

// What is zero in a request is not sent.
func TestAPIKey_defaults(t *testing.T) {
	srv := newServer(t)
	client, ctx := srv.Client(t), t.Context()
	created := must(client.APIKeys.Create(ctx, connix.CreateAPIKeyRequest{Name: "all"}))(t)
	equalJSON(t, "body", only(t, srv).Body, `{"name":"all"}`)
	if created.ExpiresAt != nil || created.LastUsedAt != nil || created.Description != "" {
		t.Errorf("created %+v", created)
	}
	must(srv.Client(t, connix.WithAPIKey(created.Key.Reveal())).Projects.List(ctx, nil))(t)
}

func TestAPIKey_expires(t *testing.T) {
	clock := connixtest.NewClock(overviewTime)
	srv := newServer(t, connixtest.WithClock(clock))
	ctx := t.Context()
	created := must(srv.Client(t).APIKeys.Create(ctx, connix.CreateAPIKeyRequest{Name: "short", ExpiresAt: overviewTime.Add(time.Hour)}))(t)
	user := srv.Client(t, connix.WithAPIKey(created.Key.Reveal()))
	clock.Advance(time.Hour - 1)
	must(user.Hello(ctx, ""))(t)
	clock.Advance(1)
	_, err := user.Hello(ctx, "")
	e := mustError(t, err, connix.ErrUnauthorized)
	if !strings.Contains(e.Message, "expired") {
		t.Errorf("the message does not tell that it has expired: %q", e.Message)
	}
}

// The moment that was meant arrives, in any zone and with its fractions.
func TestAPIKey_expiryOnTheWire(t *testing.T) {
	srv := newServer(t)
	zone := time.FixedZone("far east", 9*60*60)
	must(srv.Client(t).APIKeys.Create(t.Context(), connix.CreateAPIKeyRequest{
		Name: "zoned", ExpiresAt: time.Date(2099, 1, 1, 5, 0, 0, 250e6, zone),
	}))(t)
	var sent struct {
		ExpiresAt time.Time `json:"expires_at"`
	}
	if err := json.Unmarshal(only(t, srv).Body, &sent); err != nil {
		t.Fatal(err)
	}
	if want := time.Date(2098, 12, 31, 20, 0, 0, 250e6, time.UTC); !sent.ExpiresAt.Equal(want) {
		t.Errorf("sent %v, want %v", sent.ExpiresAt, want)
	}
}

func TestAPIKey_refused(t *testing.T) {
	srv := newServer(t, offContract("keys that break the rules"), connixtest.WithClock(connixtest.NewClock(overviewTime)))
	client, ctx := srv.Client(t), t.Context()
	for _, c := range []struct {
		name   string
		create connix.CreateAPIKeyRequest
		field  string
	}{
		{"no name", connix.CreateAPIKeyRequest{}, "name"},
		{"long name", connix.CreateAPIKeyRequest{Name: strings.Repeat("n", 101)}, "name"},
		{"long description", connix.CreateAPIKeyRequest{Name: "ci", Description: strings.Repeat("d", 501)}, "description"},
		{"malformed scope", connix.CreateAPIKeyRequest{Name: "ci", Scopes: []string{"everything"}}, "scopes"},
		{"the same scope twice", connix.CreateAPIKeyRequest{Name: "ci", Scopes: []string{"projects:read", "projects:read"}}, "scopes"},
		{"expired at birth", connix.CreateAPIKeyRequest{Name: "ci", ExpiresAt: overviewTime}, "expires_at"},
	} {
		t.Run(c.name, func(t *testing.T) {
			key, err := client.APIKeys.Create(ctx, c.create)
			if key != nil {
				t.Errorf("created %+v", key)
			}
			mustBlame(t, err, 400, c.field)
		})
	}
	equal(t, "keys", len(must(client.APIKeys.List(ctx, nil))(t).Items), 1)
}

func TestAPIKeys_notFound(t *testing.T) {
	srv := newServer(t)
	client, ctx := srv.Client(t), t.Context()
	for _, c := range []struct {
		method string
		call   func() error
	}{
		{"GET", func() error { _, err := client.APIKeys.Get(ctx, "key_none"); return err }},
		{"DELETE", func() error { return client.APIKeys.Revoke(ctx, "key_none") }},
	} {
		e := mustError(t, c.call(), connix.ErrNotFound)
		equal(t, c.method, []any{e.StatusCode, e.Code, e.Method, e.Route}, []any{404, "RESOURCE_NOT_FOUND", c.method, "/auth/api-keys/{id}"})
	}
}
