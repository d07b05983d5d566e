package fake

import (
	"math"
	"net/http"
	"time"

	"github.com/connix-io/connix-go/internal/fake/clock"
	"github.com/connix-io/connix-go/internal/fake/deliveries"
	"github.com/connix-io/connix-go/internal/fake/state"
	"github.com/connix-io/connix-go/internal/fake/table"
)

// DeliveryConfig is how webhooks are delivered. Its zero value is that of an
// ordinary sender, over sockets.
type DeliveryConfig struct {
	// Receivers are handlers that stand for URLs.
	Receivers []deliveries.Receiver
	// Client delivers to other URLs; nil: sockets.
	Client *http.Client
	// Timeout ends an attempt; 0: deliveries.DefaultTimeout.
	Timeout time.Duration
	// Retries are the delays between attempts; nil: deliveries.DefaultRetries.
	Retries []time.Duration
	// JournalSize is how many ended deliveries are remembered; 0:
	// deliveries.DefaultJournalSize.
	JournalSize int
}

// newDeliveries returns the engine that delivers what happens in the fake. It
// goes by the server's clock, as its signatures are dated by it.
func (f *Fake) newDeliveries(c DeliveryConfig) *deliveries.Engine {
	return deliveries.New(deliveries.Config{
		Registry:    webhookRegistry{f},
		Clock:       serverClock{f},
		Receivers:   c.Receivers,
		Client:      c.Client,
		Timeout:     c.Timeout,
		Retries:     c.Retries,
		JournalSize: c.JournalSize,
	})
}

// Deliveries returns what delivers to webhooks.
func (f *Fake) Deliveries() *deliveries.Engine { return f.deliveries }

// observe receives every event, with the user whose records changed.
func (f *Fake) observe(user string, e state.Event) {
	if f.config.Observe != nil {
		f.config.Observe(e)
	}
	var object any
	if e.Project != nil {
		object = wireProject(e.Project)
	} else {
		object = wireAgent(e.Agent)
	}
	f.deliveries.Publish(deliveries.Event{Owner: user, Type: e.Type, At: e.At, Resource: e.Resource(), Data: object})
}

// serverClock is the clock as the server reads it, skew included.
type serverClock struct{ fake *Fake }

func (c serverClock) Now() time.Time { return c.fake.Now() }

func (c serverClock) AfterFunc(d time.Duration, f func()) clock.Timer {
	return c.fake.clock.AfterFunc(d, f)
}

// webhookRegistry shows the webhooks of the store to the deliveries.
type webhookRegistry struct{ fake *Fake }

func (r webhookRegistry) Webhooks() []deliveries.Webhook {
	var all []deliveries.Webhook
	for user, s := range r.fake.worlds() {
		webhooks, _ := s.Webhooks(table.Query[*state.Webhook]{Sort: table.ByCreatedAt, Limit: math.MaxInt})
		for _, w := range webhooks {
			all = append(all, deliveredTo(user, w))
		}
	}
	return all
}

func (r webhookRegistry) Webhook(id string) (deliveries.Webhook, bool) {
	for user, s := range r.fake.worlds() {
		if w, err := s.Webhook(table.ID(id)); err == nil {
			return deliveredTo(user, w), true
		}
	}
	return deliveries.Webhook{}, false
}

func (r webhookRegistry) Disable(id string) {
	disabled := state.StatusDisabled
	for _, s := range r.fake.worlds() {
		// The webhook is in one of them, or was deleted meanwhile.
		_, _ = s.UpdateWebhook(table.ID(id), state.WebhookChange{Status: &disabled})
	}
}

func deliveredTo(user string, w *state.Webhook) deliveries.Webhook {
	return deliveries.Webhook{Owner: user, ID: string(w.ID), URL: w.URL(), Events: w.Events, Secret: w.Secret, Disabled: w.Status == state.StatusDisabled}
}
