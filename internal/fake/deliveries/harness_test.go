package deliveries_test

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/connix-io/connix-go/internal/fake/clock"
	"github.com/connix-io/connix-go/internal/fake/deliveries"
	"github.com/connix-io/connix-go/internal/signature"
)

const (
	url    = "http://app.test/hooks/connix"
	secret = "a secret that nobody guesses"
)

// hook is a webhook that wants everything that happens to agents.
func hook(id string, edit ...func(*deliveries.Webhook)) deliveries.Webhook {
	w := deliveries.Webhook{ID: id, URL: url, Secret: secret, Events: []string{"agent.launched", "agent.completed", "agent.stopped"}}
	for _, f := range edit {
		f(&w)
	}
	return w
}

// registry is a Registry that tests change at will.
type registry struct {
	mu    sync.Mutex
	hooks []deliveries.Webhook
}

func (r *registry) Webhooks() []deliveries.Webhook {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]deliveries.Webhook(nil), r.hooks...)
}

func (r *registry) Webhook(id string) (deliveries.Webhook, bool) {
	for _, w := range r.Webhooks() {
		if w.ID == id {
			return w, true
		}
	}
	return deliveries.Webhook{}, false
}

func (r *registry) Disable(id string) {
	r.change(id, func(w *deliveries.Webhook) { w.Disabled = true })
}

func (r *registry) change(id string, f func(*deliveries.Webhook)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.hooks {
		if r.hooks[i].ID == id {
			f(&r.hooks[i])
		}
	}
}

func (r *registry) remove(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.hooks {
		if r.hooks[i].ID == id {
			r.hooks = append(r.hooks[:i], r.hooks[i+1:]...)
			return
		}
	}
}

// world is an engine with its webhooks.
type world struct {
	*deliveries.Engine
	registry *registry
	t        *testing.T
}

// newWorld returns an engine that delivers to one handler. In a bubble, call it
// inside.
func newWorld(t *testing.T, handler http.Handler, hooks []deliveries.Webhook, edit ...func(*deliveries.Config)) *world {
	t.Helper()
	r := &registry{hooks: hooks}
	receiver, err := deliveries.NewReceiver("http://app.test", handler)
	if err != nil {
		t.Fatal(err)
	}
	c := deliveries.Config{Registry: r, Clock: clock.System{}, Receivers: []deliveries.Receiver{receiver}, Client: &http.Client{Transport: unreachable{}}}
	for _, f := range edit {
		f(&c)
	}
	w := &world{deliveries.New(c), r, t}
	t.Cleanup(w.Close)
	return w
}

type unreachable struct{}

func (unreachable) RoundTrip(r *http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("nobody is at %s", r.URL.Host)
}

// happen publishes an event about an agent.
func (w *world) happen(agent, event string) {
	w.Publish(deliveries.Event{Type: event, At: time.Now(), Resource: "agent/" + agent, Data: map[string]string{"id": agent}})
}

// ended waits until n deliveries have ended and returns all.
func (w *world) ended(n int) []deliveries.Delivery {
	w.t.Helper()
	all, err := w.Await(w.t.Context(), func(p deliveries.Progress) bool { return p.Ended >= n })
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

// arrival is a delivery as a receiver saw it.
type arrival struct {
	at       time.Time
	delivery signature.Delivery
	verified error
	header   http.Header
	body     string
}

// receiver keeps what arrives and responds to the i-th arrival, from 0, with what
// respond does.
type receiver struct {
	respond func(i int, w http.ResponseWriter, r *http.Request)

	mu       sync.Mutex
	arrivals []arrival
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	a := arrival{at: time.Now(), header: req.Header, body: string(body)}
	a.delivery, a.verified = (signature.Standard{}).Verify(req.Header, []string{secret}, body)
	a.verified = cmp.Or(err, a.verified)
	r.mu.Lock()
	i := len(r.arrivals)
	r.arrivals = append(r.arrivals, a)
	r.mu.Unlock()
	if r.respond != nil {
		r.respond(i, w, req)
	}
}

// seen returns what has arrived so far.
func (r *receiver) seen() []arrival {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]arrival(nil), r.arrivals...)
}

// responding returns a receiver that responds with these statuses in turn, and
// the last of them from then on.
func responding(statuses ...int) *receiver {
	return &receiver{respond: func(i int, w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(statuses[min(i, len(statuses)-1)])
	}}
}
