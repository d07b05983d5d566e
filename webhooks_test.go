package connix_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
)

func TestWebhook_lifecycle(t *testing.T) {
	clock := connixtest.NewClock(overviewTime)
	srv := newServer(t, connixtest.WithClock(clock))
	client, ctx := srv.Client(t), t.Context()
	events := []connix.EventType{connix.EventAgentLaunched, connix.EventProjectCreated}

	created := must(client.Webhooks.Create(ctx, connix.CreateWebhookRequest{
		URL: "https://your-app.com/webhooks?x=1&y=%3C2%3E", Events: events, Secret: "your-webhook-secret",
	}))(t)
	if !strings.HasPrefix(created.ID.String(), "wh_") {
		t.Errorf("the id is %q", created.ID)
	}
	equal(t, "created", *created, connix.Webhook{
		ID: created.ID, URL: "https://your-app.com/webhooks?x=1&y=%3C2%3E", Events: events, Status: connix.StatusActive,
		CreatedAt: overviewTime, UpdatedAt: overviewTime,
	})
	srv.Expect(t, connixtest.Match{Method: "POST", Route: "/webhooks", Status: 201, Body: map[string]any{
		"url": "https://your-app.com/webhooks?x=1&y=%3C2%3E", "events": events, "secret": "your-webhook-secret",
	}}, 1)
	equal(t, "got", *must(client.Webhooks.Get(ctx, created.ID))(t), *created)
	equal(t, "listed", must(client.Webhooks.List(ctx, nil))(t).Items, []connix.Webhook{*created})

	clock.Advance(time.Hour)
	updated := must(client.Webhooks.Update(ctx, created.ID, connix.UpdateWebhookRequest{Status: new(connix.StatusDisabled)}))(t)
	want := *created
	want.Status, want.UpdatedAt = connix.StatusDisabled, overviewTime.Add(time.Hour)
	equal(t, "updated", *updated, want)

	for _, r := range srv.Requests() {
		if strings.Contains(string(r.Response), "your-webhook-secret") {
			t.Errorf("%s %s answers with the secret: %s", r.Method, r.Path, r.Response)
		}
	}
	if err := client.Webhooks.Delete(ctx, created.ID); err != nil {
		t.Fatal(err)
	}
	srv.Expect(t, connixtest.Match{Method: "DELETE", Route: "/webhooks/" + created.ID.String(), Status: 204}, 1)
	_, err := client.Webhooks.Get(ctx, created.ID)
	mustErrorIs(t, err, connix.ErrNotFound)
	equal(t, "webhooks left", len(must(client.Webhooks.List(ctx, nil))(t).Items), 0)
}

// An update sends what it was given and nothing else: not given, empty and
// given are three things.
func TestWebhook_update(t *testing.T) {
	srv := newServer(t)
	client, ctx := srv.Client(t), t.Context()
	start := connix.Webhook{URL: "https://example.com/a", Events: []connix.EventType{connix.EventAgentFailed}}
	for _, c := range []struct {
		name   string
		update connix.UpdateWebhookRequest
		body   string
		change func(*connix.Webhook)
	}{
		{"url", connix.UpdateWebhookRequest{URL: new("https://example.com/b")}, `{"url":"https://example.com/b"}`,
			func(w *connix.Webhook) { w.URL = "https://example.com/b" }},
		{"events", connix.UpdateWebhookRequest{Events: []connix.EventType{connix.EventProjectDeleted, connix.EventAgentStopped}},
			`{"events":["project.deleted","agent.stopped"]}`,
			func(w *connix.Webhook) {
				w.Events = []connix.EventType{connix.EventProjectDeleted, connix.EventAgentStopped}
			}},
		{"no events any more", connix.UpdateWebhookRequest{Events: []connix.EventType{}}, `{"events":[]}`,
			func(w *connix.Webhook) { w.Events = []connix.EventType{} }},
		{"secret", connix.UpdateWebhookRequest{Secret: new(connix.Secret("another-secret"))}, `{"secret":"another-secret"}`,
			func(*connix.Webhook) {}},
		{"status", connix.UpdateWebhookRequest{Status: new(connix.StatusDisabled)}, `{"status":"disabled"}`,
			func(w *connix.Webhook) { w.Status = connix.StatusDisabled }},
		{"all", connix.UpdateWebhookRequest{
			URL: new("http://127.0.0.1/"), Events: []connix.EventType{connix.EventAgentCompleted},
			Secret: new(connix.Secret("s")), Status: new(connix.StatusActive),
		}, `{"url":"http://127.0.0.1/","events":["agent.completed"],"secret":"s","status":"active"}`,
			func(w *connix.Webhook) {
				w.URL, w.Events, w.Status = "http://127.0.0.1/", []connix.EventType{connix.EventAgentCompleted}, connix.StatusActive
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv.Reset()
			want := srv.AddWebhook(start, "a-secret")
			got := must(client.Webhooks.Update(ctx, want.ID, c.update))(t)
			c.change(&want)
			want.UpdatedAt = got.UpdatedAt
			equal(t, "updated", *got, want)
			request := only(t, srv)
			equal(t, "request", request.Method+" "+request.Path, "PATCH /api/v1/webhooks/"+want.ID.String())
			equalJSON(t, "body", request.Body, c.body)
			equal(t, "got", *must(client.Webhooks.Get(ctx, want.ID))(t), want)
		})
	}
	srv.Reset()
	webhook := srv.AddWebhook(start, "a-secret")
	_, err := client.Webhooks.Update(ctx, webhook.ID, connix.UpdateWebhookRequest{})
	mustRefuse(t, err, "update")
	srv.Expect(t, connixtest.Match{}, 0)
}

func TestWebhook_events(t *testing.T) {
	srv := newServer(t, offContract("an event that does not exist"))
	client, ctx := srv.Client(t), t.Context()
	all := []connix.EventType{
		"project.created", "project.updated", "project.deleted", "agent.launched", "agent.completed", "agent.failed", "agent.stopped",
	}
	constants := []connix.EventType{
		connix.EventProjectCreated, connix.EventProjectUpdated, connix.EventProjectDeleted,
		connix.EventAgentLaunched, connix.EventAgentCompleted, connix.EventAgentFailed, connix.EventAgentStopped,
	}
	equal(t, "the documented events", constants, all)
	request := connix.CreateWebhookRequest{URL: "https://example.com/", Events: all, Secret: "a-secret"}
	equal(t, "events", must(client.Webhooks.Create(ctx, request))(t).Events, all)
	// One that the API adds later arrives as it is.
	future := srv.AddWebhook(connix.Webhook{URL: "https://example.com/", Events: []connix.EventType{"agent.cloned"}, Status: "sleeping"}, "a-secret")
	got := must(client.Webhooks.Get(ctx, future.ID))(t)
	equal(t, "unknown words", []any{got.Events[0], got.Status}, []any{connix.EventType("agent.cloned"), connix.Status("sleeping")})
}

func TestWebhook_refused(t *testing.T) {
	srv := newServer(t, offContract("webhooks that break the rules"))
	client, ctx := srv.Client(t), t.Context()
	webhook := srv.AddWebhook(connix.Webhook{URL: "https://example.com/", Events: []connix.EventType{connix.EventAgentFailed}}, "a-secret")
	launched := []connix.EventType{connix.EventAgentLaunched}
	for _, c := range []struct {
		name   string
		create connix.CreateWebhookRequest
		field  string
	}{
		{"no url", connix.CreateWebhookRequest{Events: launched, Secret: "s"}, "url"},
		{"relative url", connix.CreateWebhookRequest{URL: "/hooks", Events: launched, Secret: "s"}, "url"},
		{"other scheme", connix.CreateWebhookRequest{URL: "ftp://example.com/", Events: launched, Secret: "s"}, "url"},
		{"password in the url", connix.CreateWebhookRequest{URL: "https://u:p@example.com/", Events: launched, Secret: "s"}, "url"},
		{"no events", connix.CreateWebhookRequest{URL: "https://example.com/", Secret: "s"}, "events"},
		{"empty events", connix.CreateWebhookRequest{URL: "https://example.com/", Events: []connix.EventType{}, Secret: "s"}, "events"},
		{"unknown event", connix.CreateWebhookRequest{URL: "https://example.com/", Events: []connix.EventType{"agent.cloned"}, Secret: "s"}, "events"},
		{"the same event twice", connix.CreateWebhookRequest{URL: "https://example.com/", Events: append(launched, launched...), Secret: "s"}, "events"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := client.Webhooks.Create(ctx, c.create)
			mustBlame(t, err, 400, c.field)
			update := connix.UpdateWebhookRequest{URL: &c.create.URL, Secret: &c.create.Secret}
			if c.create.Events != nil {
				update.Events = c.create.Events
			}
			if c.field != "events" || len(c.create.Events) > 0 {
				_, err = client.Webhooks.Update(ctx, webhook.ID, update)
				mustBlame(t, err, 400, c.field)
			}
		})
	}
	_, err := client.Webhooks.Update(ctx, webhook.ID, connix.UpdateWebhookRequest{Status: new(connix.Status("sleeping"))})
	mustBlame(t, err, 400, "status")
	equal(t, "webhooks", must(client.Webhooks.List(ctx, nil))(t).Items, []connix.Webhook{webhook})
}

func TestWebhooks_notFound(t *testing.T) {
	srv := newServer(t)
	client, ctx := srv.Client(t), t.Context()
	for _, c := range []struct {
		method string
		call   func() error
	}{
		{"GET", func() error { _, err := client.Webhooks.Get(ctx, "wh_none"); return err }},
		{"PATCH", func() error {
			_, err := client.Webhooks.Update(ctx, "wh_none", connix.UpdateWebhookRequest{URL: new("https://example.com/")})
			return err
		}},
		{"DELETE", func() error { return client.Webhooks.Delete(ctx, "wh_none") }},
	} {
		e := mustError(t, c.call(), connix.ErrNotFound)
		equal(t, c.method, []any{e.StatusCode, e.Code, e.Method, e.Route}, []any{404, "RESOURCE_NOT_FOUND", c.method, "/webhooks/{id}"})
	}
}

// An empty secret is not sent. The events are always sent, because the API requires them.
func TestWebhookCreate_withoutSecret(t *testing.T) {
	srv := newServer(t, offContract("a webhook without events"))
	client := srv.Client(t)
	must(client.Webhooks.Create(t.Context(), connix.CreateWebhookRequest{URL: "https://example.com/", Events: []connix.EventType{connix.EventAgentFailed}}))(t)
	srv.Expect(t, connixtest.Match{Body: json.RawMessage(`{"url":"https://example.com/","events":["agent.failed"]}`), Status: 201}, 1)
	_, err := client.Webhooks.Create(t.Context(), connix.CreateWebhookRequest{URL: "https://example.com/"})
	mustErrorIs(t, err, connix.ErrInvalidRequest)
	srv.Expect(t, connixtest.Match{Body: json.RawMessage(`{"url":"https://example.com/","events":[]}`), Status: 400}, 1)
}
