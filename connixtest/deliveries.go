package connixtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/internal/fake/deliveries"
)

// WithReceiver has deliveries to a URL, and to what lies below it, go to a
// handler of this process, without a socket: WithReceiver("http://app.test",
// mux) serves a webhook whose URL is http://app.test/hooks/connix. Where several
// fit, the one with the longest path is taken. It is the way to receive in a
// testing/synctest bubble.
//
// The handler runs in a goroutine of its own. When the server stops waiting for
// it, its request's context is cancelled and it may go on, as behind a
// connection; [Server.Close] waits for it.
func WithReceiver(url string, handler http.Handler) Option {
	return func(c *config) {
		r, err := deliveries.NewReceiver(url, handler)
		if err != nil {
			c.refuse("WithReceiver(%q): %w", url, err)
			return
		}
		if slices.ContainsFunc(c.deliveries.Receivers, r.Same) {
			c.refuse("WithReceiver(%q): there is a receiver for that URL already", url)
		}
		c.deliveries.Receivers = append(c.deliveries.Receivers, r)
	}
}

// WithDeliveryRetries sets the delays before a delivery's second attempt, its
// third and so on, by the server's clock; with none there is one attempt only.
// The default is 1 s, 5 s, 30 s, 2 min, 10 min, 30 min and 1 h. A Retry-After of
// the receiver can make a delay longer, up to an hour.
func WithDeliveryRetries(delays ...time.Duration) Option {
	return func(c *config) {
		if slices.ContainsFunc(delays, func(d time.Duration) bool { return d < 0 }) {
			c.refuse("WithDeliveryRetries(%v): a delay is negative", delays)
		}
		c.deliveries.Retries = append([]time.Duration{}, delays...)
	}
}

// DeliveryState is how far a delivery is.
type DeliveryState string

const (
	// DeliveryPending means that it waits for its turn, for the receiver's response
	// or for its next attempt. The other states are ends.
	DeliveryPending DeliveryState = "pending"
	// DeliveryDelivered means that the receiver responded with a 2xx.
	DeliveryDelivered DeliveryState = "delivered"
	// DeliveryFailed means that the last attempt failed too, or that the receiver
	// responded with 410, which also disables the webhook.
	DeliveryFailed DeliveryState = "failed"
	// DeliveryDropped means that the webhook was disabled or deleted meanwhile.
	DeliveryDropped DeliveryState = "dropped"
)

// Delivery is one event on its way to one webhook.
type Delivery struct {
	// ID is the webhook-id header: the same in every attempt and redelivery.
	ID string
	// WebhookID is the webhook that it is for.
	WebhookID connix.ID
	// Event is what the body says. Its Delivery has the time of the last attempt,
	// zero before the first.
	Event connix.Event
	Body  []byte
	State DeliveryState
	// Reason says why it failed or was dropped; "" otherwise.
	Reason string
	// Attempts are those that have ended, oldest first.
	Attempts []DeliveryAttempt
	// Redelivery says that [Server.Redeliver] asked for it.
	Redelivery bool
}

// DeliveryAttempt is one request to a receiver and its response.
type DeliveryAttempt struct {
	// Time is when it began and Duration how long it took, by the server's clock.
	Time     time.Time
	Duration time.Duration
	URL      string
	// Header is what was sent, the signature included.
	Header http.Header
	// StatusCode is that of the response; 0 where none came, and Err says why.
	StatusCode int
	// Response is the response's body, up to its first 64 KiB.
	Response []byte
	Err      error
}

// Deliveries returns the webhook deliveries of the journal, in the order in
// which the events happened: all that are pending, and the newest of those that
// have ended, as many as [WithJournalSize] says.
//
// Projects and agents that change through the API, by a plan or by
// SetAgentStatus cause events; the Add methods do not. An event goes to each
// active webhook that asks for its type, signed as [connix.StandardWebhooks]
// says, and unsigned where the webhook has no secret. A webhook gets the events
// of one project or agent in order: one that cannot be delivered holds back
// those after it. An attempt that is not answered with a 2xx within 15 seconds
// has failed and is repeated after the delays of [WithDeliveryRetries], with the
// same id and a new signature. Redirects are not followed.
//
// All these times are by the server's clock. With a [WithClock], each retry
// needs the clock to be moved once the attempt before it has failed, see
// [Server.AwaitAttempts]; and the signatures are dated by it, so a verifier
// needs it as its Now. In a bubble nothing is needed.
func (s *Server) Deliveries() []Delivery {
	return deliveriesOut(s.fake.Deliveries().Deliveries())
}

// AwaitDeliveries waits until n deliveries have ended since the start or the
// last Reset, and returns those of the journal that have. Where ctx ends before,
// it returns those there are and the error of ctx.
func (s *Server) AwaitDeliveries(ctx context.Context, n int) ([]Delivery, error) {
	all, err := s.fake.Deliveries().Await(ctx, func(p deliveries.Progress) bool { return p.Ended >= n })
	out := deliveriesOut(all)
	ended := slices.DeleteFunc(slices.Clone(out), func(d Delivery) bool { return d.State == DeliveryPending })
	if err != nil {
		err = fmt.Errorf("connixtest: %d of %d deliveries have ended%s: %w", len(ended), n, firstPending(out), err)
	}
	return ended, err
}

// AwaitAttempts waits until n attempts at any deliveries have ended since the
// start or the last Reset, and returns all deliveries of the journal. Where ctx
// ends before, it returns its error too.
func (s *Server) AwaitAttempts(ctx context.Context, n int) ([]Delivery, error) {
	made := 0
	all, err := s.fake.Deliveries().Await(ctx, func(p deliveries.Progress) bool { made = p.Attempts; return made >= n })
	if err != nil {
		err = fmt.Errorf("connixtest: %d of %d attempts at deliveries have ended: %w", made, n, err)
	}
	return deliveriesOut(all), err
}

// Redeliver sends the newest delivery of the journal with the id once more,
// with its retries: the same body under the same id, as happens to every
// receiver one day. It fails where there is none, where it is still pending and
// where its webhook is disabled or gone.
func (s *Server) Redeliver(id string) error {
	if err := s.fake.Deliveries().Redeliver(id); err != nil {
		return fmt.Errorf("connixtest: %w", err)
	}
	return nil
}

// NewDelivery returns a request that delivers an event, as the API would send
// it now, for a handler under test: it can be given to its ServeHTTP or, with a
// real url, to an [http.Client]. data is the project or agent: anything that
// marshals to it, JSON as a json.RawMessage or []byte, or nil for none. The
// scheme is [connix.StandardWebhooks]; for others there is
// [connix.SignWebhook].
func NewDelivery(tb testing.TB, url string, secret connix.Secret, event connix.EventType, data any) *http.Request {
	tb.Helper()
	e := connix.Event{ID: "evt_" + rand.Text(), Type: event, CreatedAt: time.Now().UTC().Truncate(time.Millisecond)}
	var err error
	if data != nil {
		if e.Data, err = bodyJSON(data); err != nil {
			tb.Fatalf("connixtest: the data of a delivery: %v", err)
		}
	}
	body, err := json.Marshal(e)
	if err != nil {
		tb.Fatalf("connixtest: the data of a delivery is no JSON: %v", err)
	}
	h, err := connix.SignWebhook(connix.StandardWebhooks, secret, connix.Delivery{}, body)
	if err != nil {
		tb.Fatalf("connixtest: signing a delivery: %v", err)
	}
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		tb.Fatalf("connixtest: a delivery: %v", err)
	}
	r.Header = h
	r.Header.Set("Content-Type", "application/json")
	return r
}

func deliveriesOut(all []deliveries.Delivery) []Delivery {
	states := map[deliveries.State]DeliveryState{
		deliveries.Pending: DeliveryPending, deliveries.Delivered: DeliveryDelivered,
		deliveries.Failed: DeliveryFailed, deliveries.Dropped: DeliveryDropped,
	}
	out := make([]Delivery, len(all))
	for i, d := range all {
		out[i] = Delivery{
			ID: d.ID, WebhookID: connix.ID(d.WebhookID), Body: bytes.Clone(d.Body),
			State: states[d.State], Reason: d.Reason, Redelivery: d.Redelivery,
		}
		for _, a := range d.Attempts {
			out[i].Attempts = append(out[i].Attempts, DeliveryAttempt{
				Time: a.Time, Duration: a.Duration, URL: a.URL, Header: a.Header.Clone(),
				StatusCode: a.Status, Response: bytes.Clone(a.Response), Err: a.Err,
			})
			out[i].Event.Delivery = connix.Delivery{ID: d.ID, Timestamp: a.Time.Truncate(time.Second)}
		}
		// A body that the fake has written is an event; one that it could not write
		// is empty.
		_ = json.Unmarshal(d.Body, &out[i].Event)
	}
	return out
}

// firstPending says what a wait was waiting for.
func firstPending(all []Delivery) string {
	i := slices.IndexFunc(all, func(d Delivery) bool { return d.State == DeliveryPending })
	if i < 0 {
		return ""
	}
	d := all[i]
	text := fmt.Sprintf(", %s to webhook %s is pending", d.Event.Type, d.WebhookID)
	if n := len(d.Attempts); n > 0 {
		text += fmt.Sprintf(" after %d attempts, the last of which ended with ", n)
		if last := d.Attempts[n-1]; last.Err != nil {
			text += last.Err.Error()
		} else {
			text += fmt.Sprintf("status %d", last.StatusCode)
		}
	}
	return text
}

// unreachable is where deliveries of a server in memory go that have no
// receiver: nowhere, for a socket would stop the time of its bubble.
type unreachable struct{}

func (unreachable) RoundTrip(r *http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("connixtest: this server is in memory and delivers only to what WithReceiver names, not to %s", r.URL.Host)
}
