package connixtest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
)

const (
	hookURL                  = "http://app.test/hooks/connix"
	hookSecret connix.Secret = "a secret that nobody guesses"
)

// events is a receiver that verifies, and keeps what happened.
type events struct {
	mu   sync.Mutex
	seen []string
	http.Handler
}

func newEvents(t *testing.T, now func() time.Time) *events {
	r := &events{}
	v := &connix.WebhookVerifier{Secrets: []connix.Secret{hookSecret}, Now: now}
	r.Handler = connix.WebhookHandler(v, func(_ context.Context, e *connix.Event) error {
		text := string(e.Type)
		if project, err := e.Project(); err == nil {
			text += " " + project.Name
		} else if agent, err := e.Agent(); err == nil {
			text += " " + agent.Name + " " + string(agent.Status)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.seen = append(r.seen, text)
		return nil
	}, connix.WithWebhookErrors(func(_ context.Context, _ *connix.Event, err error) { t.Errorf("receiver: %v", err) }))
	return r
}

func (r *events) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.seen, ", ")
}

// TestDeliveries registers a webhook, makes everything happen that it can ask
// for, and looks at both ends. The client, the fake and the receiver are the
// real ones; the time is the bubble's.
func TestDeliveries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		receiver := newEvents(t, nil)
		srv := connixtest.NewServer(t, connixtest.WithInMemory(), connixtest.WithReceiver("http://app.test", receiver))
		client, ctx := srv.Client(t), t.Context()
		hook, err := client.Webhooks.Create(ctx, connix.CreateWebhookRequest{
			URL: hookURL, Secret: hookSecret,
			Events: []connix.EventType{connix.EventProjectCreated, connix.EventProjectDeleted, connix.EventAgentLaunched, connix.EventAgentCompleted},
		})
		if err != nil {
			t.Fatal(err)
		}
		project, err := client.Projects.Create(ctx, connix.CreateProjectRequest{Name: "one"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Projects.Update(ctx, project.ID, connix.UpdateProjectRequest{Name: new("two")}); err != nil {
			t.Fatal(err)
		}
		if _, err := srv.AwaitDeliveries(ctx, 1); err != nil { // only what is of one resource comes in order
			t.Fatal(err)
		}
		if _, err := client.Agents.Launch(ctx, connix.LaunchAgentRequest{Name: "worker", ProjectID: project.ID}); err != nil {
			t.Fatal(err)
		}
		if _, err := srv.AwaitDeliveries(ctx, 3); err != nil { // until the agent has completed
			t.Fatal(err)
		}
		if err := client.Projects.Delete(ctx, project.ID); err != nil {
			t.Fatal(err)
		}
		all, err := srv.AwaitDeliveries(ctx, 4)
		if err != nil {
			t.Fatal(err)
		}
		want := "project.created one, agent.launched worker creating, agent.completed worker completed, project.deleted two"
		if receiver.String() != want {
			t.Errorf("received %s\nwant     %s", receiver, want)
		}
		ids := map[string]bool{}
		for _, d := range all {
			ids[d.ID] = true
			if d.WebhookID != hook.ID || d.State != connixtest.DeliveryDelivered || d.Event.ID == "" || d.Event.CreatedAt.IsZero() || d.Event.Delivery.ID != d.ID ||
				len(d.Attempts) != 1 || d.Attempts[0].StatusCode != 200 || d.Attempts[0].URL != hookURL || d.Attempts[0].Header.Get("webhook-id") != d.ID {
				t.Errorf("journal: %+v", d)
			}
		}
		if p, err := all[0].Event.Project(); len(ids) != 4 || err != nil || *p != *project {
			t.Errorf("%d ids; the first event carries %+v, %v", len(ids), p, err)
		}
		// Once more what was delivered: the receiver recognizes it.
		if err := srv.Redeliver(all[0].ID); err != nil {
			t.Fatal(err)
		}
		all, err = srv.AwaitDeliveries(ctx, 5)
		if err != nil || !all[4].Redelivery || all[4].ID != all[0].ID || all[4].State != connixtest.DeliveryDelivered || receiver.String() != want {
			t.Errorf("redelivered: %+v, %v; received %s", all[4], err, receiver)
		}
		if err := srv.Redeliver("msg_nobody_knows"); err == nil || !strings.HasPrefix(err.Error(), "connixtest: ") {
			t.Errorf("redelivered the unknown: %v", err)
		}
		srv.Reset()
		if all := srv.Deliveries(); len(all) != 0 {
			t.Errorf("after Reset: %+v", all)
		}
	})
}

// TestDeliveriesToAnUnreliableReceiver: failures are retried under the same id,
// a 410 disables the webhook, and a receiver that is nowhere is said to be.
func TestDeliveriesToAnUnreliableReceiver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		answers := []int{500, 503, 200, 410}
		receiver := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			w.WriteHeader(answers[0])
			answers = answers[1:]
		})
		srv := connixtest.NewServer(t, connixtest.WithInMemory(), connixtest.WithReceiver(hookURL, receiver), nil)
		client, ctx := srv.Client(t), t.Context()
		hook := srv.AddWebhook(connix.Webhook{URL: hookURL}, hookSecret)
		if len(hook.Events) != 7 {
			t.Errorf("events: %v", hook.Events)
		}
		start := time.Now()
		create := func(name string) {
			t.Helper()
			if _, err := client.Projects.Create(ctx, connix.CreateProjectRequest{Name: name}); err != nil {
				t.Fatal(err)
			}
		}
		create("first")
		soon, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		ended, err := srv.AwaitDeliveries(soon, 1)
		if !errors.Is(err, context.DeadlineExceeded) || len(ended) != 0 || !strings.Contains(err.Error(), "project.created to webhook "+string(hook.ID)+" is pending after 2 attempts, the last of which ended with status 503") {
			t.Errorf("too soon: %+v, %v", ended, err)
		}
		all, err := srv.AwaitDeliveries(ctx, 1)
		if err != nil || all[0].State != connixtest.DeliveryDelivered || len(all[0].Attempts) != 3 || time.Since(start) < 6*time.Second {
			t.Errorf("after %v: %+v, %v", time.Since(start), all, err)
		}
		create("second")
		if all, err = srv.AwaitDeliveries(ctx, 2); err != nil || all[1].State != connixtest.DeliveryFailed || !strings.Contains(all[1].Reason, "410") {
			t.Errorf("gone: %+v, %v", all, err)
		}
		if got, err := client.Webhooks.Get(ctx, hook.ID); err != nil || got.Status != connix.StatusDisabled {
			t.Errorf("the webhook: %+v, %v", got, err)
		}
		create("third") // for nobody: the webhook is disabled
		srv.AddWebhook(connix.Webhook{URL: "http://elsewhere.test"}, "")
		create("fourth")
		all, err = srv.AwaitAttempts(ctx, 5)
		last := all[len(all)-1]
		if err != nil || last.State != connixtest.DeliveryPending || !strings.Contains(last.Attempts[0].Err.Error(), "elsewhere.test") {
			t.Errorf("nowhere: %+v, %v", last, err)
		}
	})
}

// TestDeliveriesByAClock: outside a bubble a test moves the server's time, and
// the receiver goes by the same clock.
func TestDeliveriesByAClock(t *testing.T) {
	clock := connixtest.NewClock(time.Date(2031, 5, 1, 12, 0, 0, 0, time.UTC))
	receiver := newEvents(t, clock.Now)
	failing := true
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if failing {
			failing = false
			http.Error(w, "not yet", http.StatusInternalServerError)
			return
		}
		receiver.ServeHTTP(w, r)
	}))
	defer server.Close()
	srv := connixtest.NewServer(t, connixtest.WithClock(clock), connixtest.WithDeliveryRetries(time.Hour))
	srv.AddWebhook(connix.Webhook{URL: server.URL}, hookSecret)
	project := srv.AddProject(connix.Project{Name: "seeded"})
	agent := srv.AddAgent(connix.Agent{Name: "worker", ProjectID: project.ID})
	srv.SetAgentStatus(agent.ID, connix.StatusFailed)
	if all, err := srv.AwaitAttempts(t.Context(), 1); err != nil || len(all) != 1 || string(all[0].Attempts[0].Response) != "not yet\n" {
		t.Fatalf("%+v, %v", all, err)
	}
	clock.Advance(time.Hour)
	all, err := srv.AwaitDeliveries(t.Context(), 1)
	if err != nil || all[0].State != connixtest.DeliveryDelivered || receiver.String() != "agent.failed worker failed" {
		t.Errorf("%+v, %v; received %s", all, err, receiver)
	}
	if at := all[0].Attempts[1].Time; !at.Equal(clock.Now()) || !all[0].Event.Delivery.Timestamp.Equal(at) {
		t.Errorf("the second attempt at %v", at)
	}
}

// TestWebhookRules: what a webhook cannot be is refused when it is made.
func TestWebhookRules(t *testing.T) {
	srv := connixtest.NewServer(t)
	client := srv.Client(t)
	for _, c := range []struct {
		url    string
		events []connix.EventType
		field  string
	}{
		{"", []connix.EventType{connix.EventAgentFailed}, "url"},
		{"app.test/hooks", []connix.EventType{connix.EventAgentFailed}, "url"},
		{"/hooks", []connix.EventType{connix.EventAgentFailed}, "url"},
		{"ftp://app.test/hooks", []connix.EventType{connix.EventAgentFailed}, "url"},
		{"https://", []connix.EventType{connix.EventAgentFailed}, "url"},
		{hookURL, nil, "events"},
		{hookURL, []connix.EventType{}, "events"},
		{hookURL, []connix.EventType{connix.EventAgentFailed, "agent.vanished"}, "events"},
		{hookURL, []connix.EventType{"*"}, "events"},
	} {
		_, err := client.Webhooks.Create(t.Context(), connix.CreateWebhookRequest{URL: c.url, Events: c.events, Secret: hookSecret})
		e, ok := errors.AsType[*connix.Error](err)
		if !errors.Is(err, connix.ErrInvalidRequest) || !ok || e.StatusCode != 400 || e.Details.Field != c.field {
			t.Errorf("%q for %v: %v", c.url, c.events, err)
		}
	}
}

func TestNewDelivery(t *testing.T) {
	receiver := newEvents(t, nil)
	for _, c := range []struct {
		event connix.EventType
		data  any
	}{
		{connix.EventProjectCreated, connix.Project{ID: "123", Name: "my-ai-project"}},
		{connix.EventAgentStopped, json.RawMessage(`{"name":"worker","status":"stopped"}`)},
		{"something.new", nil},
	} {
		w := httptest.NewRecorder()
		receiver.ServeHTTP(w, connixtest.NewDelivery(t, "/hooks", hookSecret, c.event, c.data))
		if w.Code != http.StatusOK {
			t.Errorf("%s: %d %s", c.event, w.Code, w.Body)
		}
	}
	if want := "project.created my-ai-project, agent.stopped worker stopped, something.new"; receiver.String() != want {
		t.Errorf("received %s, want %s", receiver, want)
	}
	server := httptest.NewServer(receiver)
	defer server.Close()
	response, err := server.Client().Do(connixtest.NewDelivery(t, server.URL, hookSecret, connix.EventAgentFailed, connix.Agent{Name: "worker"}))
	if err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("over HTTP: %v, %v", response, err)
	} else if err := response.Body.Close(); err != nil {
		t.Error(err)
	}
}

func TestNewDelivery_repeatedID(t *testing.T) {
	calls := 0
	handler := connix.WebhookHandler(&connix.WebhookVerifier{Secrets: []connix.Secret{hookSecret}}, func(context.Context, *connix.Event) error {
		calls++
		return nil
	}, connix.WithDedup(connix.NewMemoryDedup(10)))
	fresh := func() *http.Request {
		return connixtest.NewDelivery(t, "/hook", hookSecret, connix.EventAgentFailed, nil)
	}
	repeated := func() *http.Request {
		return connixtest.NewDeliveryWithID(t, "msg_1", "/hook", hookSecret, connix.EventAgentFailed, nil)
	}
	for _, tt := range []struct {
		delivery func() *http.Request
		want     int
	}{{fresh, 1}, {fresh, 2}, {repeated, 3}, {repeated, 3}} {
		rec := httptest.NewRecorder()
		handler.ServeHTTP(rec, tt.delivery())
		if rec.Code/100 != 2 || calls != tt.want {
			t.Errorf("%d, %d calls, want %d", rec.Code, calls, tt.want)
		}
	}
}

func TestDeliveryOptionsRefused(t *testing.T) {
	handler := http.NotFoundHandler()
	for i, option := range []connixtest.Option{
		connixtest.WithReceiver("", handler), connixtest.WithReceiver("app.test", handler), connixtest.WithReceiver(hookURL, nil),
		connixtest.WithDeliveryRetries(time.Second, -1),
	} {
		srv, err := connixtest.Start(option)
		if err == nil {
			srv.Close()
			t.Errorf("option %d was accepted", i)
		}
	}
	srv, err := connixtest.Start(connixtest.WithReceiver("http://app.test", handler), connixtest.WithReceiver("http://APP.test:80/", handler))
	if err == nil {
		srv.Close()
		t.Error("two receivers for one URL were accepted")
	}
}

// A host is the same in every spelling.
func TestReceiverOfAHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got string
		srv := connixtest.NewServer(t, connixtest.WithInMemory(), connixtest.WithReceiver("http://app.test/hooks", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got = r.URL.RequestURI()
		})))
		srv.AddWebhook(connix.Webhook{URL: "http://APP.test:80/hooks/connix?a=b"}, "secret")
		if _, err := srv.Client(t).Projects.Create(t.Context(), connix.CreateProjectRequest{Name: "my-project"}); err != nil {
			t.Fatal(err)
		}
		if _, err := srv.AwaitDeliveries(t.Context(), 1); err != nil || got != "/hooks/connix?a=b" {
			t.Errorf("received at %q, %v", got, err)
		}
	})
}

func ExampleNewDelivery() {
	t := new(testing.T) // in a test, its own
	handler := connix.WebhookHandler(
		&connix.WebhookVerifier{Secrets: []connix.Secret{"my secret"}},
		func(_ context.Context, event *connix.Event) error {
			agent, err := event.Agent()
			if err != nil {
				return err
			}
			fmt.Println(event.Type, agent.Name)
			return nil
		})
	r := connixtest.NewDelivery(t, "/webhooks/connix", "my secret", connix.EventAgentCompleted, connix.Agent{Name: "data-processor"})
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	fmt.Println(w.Code)
	// Output:
	// agent.completed data-processor
	// 200
}
