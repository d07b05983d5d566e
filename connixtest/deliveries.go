package connixtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/internal/fake/deliveries"
)

// WithReceiver sends deliveries for a URL, and for all URLs below it, to a handler of
// this process, without a socket: WithReceiver("http://app.test", mux) serves a
// webhook whose URL is http://app.test/hooks/connix. If several receivers match, the
// one with the longest path is used. In a testing/synctest bubble this is the only
// way to receive deliveries.
//
// Each request runs in a new goroutine. When the server stops waiting for the
// handler, it cancels the request's context; the handler may continue, as behind a
// connection. [Server.Close] waits for it.
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

// WithDeliveryClient sets the HTTP client that delivers webhooks to URLs without a
// receiver of [WithReceiver], such as [net/http/httptest.Server.Client] for a receiver
// with TLS. It follows no redirect, whatever its CheckRedirect is. Nil means a client
// with sockets; a server in memory has none and delivers to receivers only.
func WithDeliveryClient(client *http.Client) Option {
	return func(c *config) { c.deliveries.Client = client }
}

// WithDeliveryRetries sets the delays before a delivery's second attempt, its third
// and so on, by the server's clock. Without delays there is one attempt. The default
// is 1 s, 5 s, 30 s, 2 min, 10 min, 30 min and 1 h. A Retry-After of the receiver can
// extend a delay, up to an hour.
func WithDeliveryRetries(delays ...time.Duration) Option {
	return func(c *config) {
		if slices.ContainsFunc(delays, func(d time.Duration) bool { return d < 0 }) {
			c.refuse("WithDeliveryRetries(%v): a delay is negative", delays)
		}
		c.deliveries.Retries = append([]time.Duration{}, delays...)
	}
}

// DeliveryState is the state of a delivery.
type DeliveryState string

const (
	// DeliveryPending means that the delivery waits for its turn, for the receiver's response
	// or for its next attempt. All other states are final.
	DeliveryPending DeliveryState = "pending"
	// DeliveryDelivered means that the receiver responded with a 2xx.
	DeliveryDelivered DeliveryState = "delivered"
	// DeliveryFailed means that the last attempt failed, or the receiver responded with 410,
	// which also disables the webhook.
	DeliveryFailed DeliveryState = "failed"
	// DeliveryDropped means that the webhook was disabled or deleted before the delivery ended.
	DeliveryDropped DeliveryState = "dropped"
)

// Delivery is the delivery of one event to one webhook.
type Delivery struct {
	// ID is the webhook-id header, the same in every attempt and redelivery.
	ID string
	// WebhookID is the id of the webhook.
	WebhookID connix.ID
	// Event is the event in the body. Its Delivery has the time of the last attempt,
	// zero before the first.
	Event connix.Event
	Body  []byte
	State DeliveryState
	// Reason says why the delivery failed or was dropped; "" otherwise.
	Reason string
	// Attempts are the attempts that have ended, oldest first.
	Attempts []DeliveryAttempt
	// Redelivery reports whether [Server.Redeliver] caused the delivery.
	Redelivery bool
}

// DeliveryAttempt is one request to a receiver and the response to it.
type DeliveryAttempt struct {
	// Time is the start of the attempt and Duration its length, by the server's clock.
	Time     time.Time
	Duration time.Duration
	URL      string
	// Header is the request's header, signature included.
	Header http.Header
	// StatusCode is the status of the response; 0 if none came. Err then says why.
	StatusCode int
	// Response is the body of the response, up to its first 64 KiB.
	Response []byte
	Err      error
}

// Deliveries returns the webhook deliveries in the journal in the order of their
// events: all pending ones, and the newest of those that have ended, as many as
// [WithJournalSize] says.
//
// Changes of projects and agents through the API, by a plan or by SetAgentStatus cause
// events; the Add methods cause none. An event is delivered to each active webhook that
// lists its type, signed by [connix.StandardWebhooks], or unsigned if the webhook has
// no secret. The events of one project or agent reach a webhook in order: a delivery
// that fails delays those after it. An attempt without a 2xx within 15 seconds has
// failed; it is retried after the delays of [WithDeliveryRetries] with the same id and
// a new signature. Redirects are not followed.
//
// All these times are by the server's clock. With [WithClock], a test advances the
// clock for each retry once the attempt before it has failed (see
// [Server.AwaitAttempts]), and a verifier needs the clock's Now, because signatures are
// dated by it. A synctest bubble needs neither.
func (s *Server) Deliveries() []Delivery {
	return deliveriesOut(s.fake.Deliveries().Deliveries())
}

// AwaitDeliveries waits until n deliveries have ended since the start or the last
// Reset, and returns the ended ones in the journal. If ctx ends first, it returns
// those so far and the error of ctx.
func (s *Server) AwaitDeliveries(ctx context.Context, n int) ([]Delivery, error) {
	all, err := s.fake.Deliveries().Await(ctx, func(p deliveries.Progress) bool { return p.Ended >= n })
	out := deliveriesOut(all)
	ended := slices.DeleteFunc(slices.Clone(out), func(d Delivery) bool { return d.State == DeliveryPending })
	if err != nil {
		err = fmt.Errorf("connixtest: %d of %d deliveries have ended%s: %w", len(ended), n, firstPending(out), err)
	}
	return ended, err
}

// AwaitAttempts waits until n attempts of any deliveries have ended since the start or
// the last Reset, and returns all deliveries in the journal. If ctx ends first, it
// returns the error of ctx, too.
func (s *Server) AwaitAttempts(ctx context.Context, n int) ([]Delivery, error) {
	made := 0
	all, err := s.fake.Deliveries().Await(ctx, func(p deliveries.Progress) bool { made = p.Attempts; return made >= n })
	if err != nil {
		err = fmt.Errorf("connixtest: %d of %d attempts at deliveries have ended: %w", made, n, err)
	}
	return deliveriesOut(all), err
}

// Redeliver delivers the newest delivery with the id again, with retries: the same
// body with the same id, as at-least-once delivery may do. It returns an error if the
// journal has no such delivery, if it is pending, or if its webhook is disabled or
// deleted.
func (s *Server) Redeliver(id string) error {
	if err := s.fake.Deliveries().Redeliver(id); err != nil {
		return fmt.Errorf("connixtest: %w", err)
	}
	return nil
}

// NewDelivery returns a request that delivers an event now, for a handler under test:
// pass it to the handler's ServeHTTP or, if url is a real one, to an [http.Client].
// data is the project or agent: a value that marshals to it, JSON as a json.RawMessage
// or []byte, or nil for none. Each delivery has a new id; [NewDeliveryWithID] repeats
// one. It is signed by [connix.StandardWebhooks]; [connix.SignWebhook] signs by other
// schemes. It fails the test if the data has no JSON, the secret cannot sign or the url
// is invalid.
func NewDelivery(tb testing.TB, url string, secret connix.Secret, event connix.EventType, data any) *http.Request {
	tb.Helper()
	return NewDeliveryWithID(tb, "msg_"+rand.Text(), url, secret, event, data)
}

// NewDeliveryWithID is [NewDelivery] with an id of the caller's: two requests with the
// same id are two deliveries of one event, as at-least-once delivery may send it.
func NewDeliveryWithID(tb testing.TB, id, url string, secret connix.Secret, event connix.EventType, data any) *http.Request {
	tb.Helper()
	e := connix.Event{ID: "evt_" + strings.TrimPrefix(id, "msg_"), Type: event, CreatedAt: time.Now().UTC().Truncate(time.Millisecond)}
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
	h, err := connix.SignWebhook(connix.StandardWebhooks, secret, connix.Delivery{ID: id}, body)
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
