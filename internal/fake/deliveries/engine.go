// Package deliveries is the sending side of webhooks: it delivers events to the
// webhooks that ask for them, over HTTP or straight to an http.Handler, signed,
// at least once, in order for each resource, and again after a failure.
//
// The API overview documents none of this. What is assumed follows Standard
// Webhooks 1.0: any 2xx is success, redirects are not followed, 410 disables
// the webhook, everything else is tried again later, under the same id and with
// a fresh time and signature.
package deliveries

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/connix-io/connix-go/internal/fake/clock"
)

// Webhook is a registered receiver, as it is at one moment.
type Webhook struct {
	Owner    string // whose events it gets
	ID, URL  string
	Events   []string
	Secret   string // "": deliveries are not signed
	Disabled bool
}

// Registry knows the webhooks. The engine holds no lock while it asks.
type Registry interface {
	// Webhooks returns all of them, oldest first.
	Webhooks() []Webhook
	// Webhook returns one, and false if it was deleted.
	Webhook(id string) (Webhook, bool)
	// Disable disables one; it does nothing if the webhook was deleted.
	Disable(id string)
}

// Event is something that happened.
type Event struct {
	Owner string // whose it is
	Type  string
	At    time.Time
	// Resource is what it happened to. A webhook gets the events of one resource
	// in the order in which they were published.
	Resource string
	// Data is the resource, as what its JSON is made from.
	Data any
}

// Config is what an engine is made from. Clock and Registry are required.
type Config struct {
	Registry Registry
	// Clock is the time of timestamps, timeouts and retries.
	Clock clock.Clock
	// Receivers are handlers that stand for URLs; see Receiver.
	Receivers []Receiver
	// Client delivers to all other URLs, without following redirects; nil: sockets,
	// through a transport that the engine closes.
	Client *http.Client
	// Timeout ends an attempt; 0: DefaultTimeout.
	Timeout time.Duration
	// Retries are the delays before the second attempt, the third and so on; nil:
	// DefaultRetries. An empty one that is not nil allows one attempt.
	Retries []time.Duration
	// JournalSize is how many deliveries that have ended are remembered; 0:
	// DefaultJournalSize.
	JournalSize int
}

// DefaultTimeout is the shorter end of what Standard Webhooks recommends.
const DefaultTimeout = 15 * time.Second

// DefaultJournalSize is how many ended deliveries are remembered unless told
// otherwise.
const DefaultJournalSize = 10000

// DefaultRetries returns the delays between attempts unless told otherwise.
func DefaultRetries() []time.Duration {
	return []time.Duration{time.Second, 5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour}
}

// maxConcurrent bounds the attempts that are under way at the same time.
const maxConcurrent = 64

// ErrClosed is what waiting for a closed engine ends with.
var ErrClosed = errors.New("deliveries: closed")

// Engine delivers. It is safe for concurrent use. It has a goroutine for every
// attempt that is under way, and none otherwise.
type Engine struct {
	config     Config
	client     *http.Client
	closeIdle  func()
	attempting sync.WaitGroup // the attempts, and the handlers that they called

	mu      sync.Mutex
	closed  bool
	made    int                // ids given out
	running int                // attempts under way
	lanes   map[laneKey]*lane  // those with something to deliver
	ready   []*lane            // those that may go on, in that order
	ctx     context.Context    // of the attempts; Reset makes another one
	cancel  context.CancelFunc // of ctx
	journal
}

// New returns an engine that has nothing to do yet.
func New(c Config) *Engine {
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.Retries == nil {
		c.Retries = DefaultRetries()
	}
	if c.JournalSize == 0 {
		c.JournalSize = DefaultJournalSize
	}
	e := &Engine{config: c, closeIdle: func() {}, lanes: map[laneKey]*lane{}, journal: journal{size: c.JournalSize}}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	client := http.Client{}
	if c.Client != nil {
		client = *c.Client
	}
	remote := client.Transport
	switch {
	case c.Client == nil:
		own := http.DefaultTransport.(*http.Transport).Clone()
		remote, e.closeIdle = own, own.CloseIdleConnections
	case remote == nil:
		remote = http.DefaultTransport
	}
	client.Transport = &router{receivers: c.Receivers, remote: remote, serving: &e.attempting}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	e.client = &client
	return e
}

// Publish has the event delivered to every webhook that asks for its type now.
// It does not wait. Events of one resource must be published one at a time.
func (e *Engine) Publish(event Event) {
	var interested []string
	for _, w := range e.config.Registry.Webhooks() {
		if !w.Disabled && w.Owner == event.Owner && slices.Contains(w.Events, event.Type) {
			interested = append(interested, w.ID)
		}
	}
	if len(interested) == 0 {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return
	}
	eventID, at := e.newID("evt"), event.At.UTC().Truncate(time.Millisecond)
	body, err := json.Marshal(struct {
		ID        string    `json:"id"`
		Type      string    `json:"type"`
		CreatedAt time.Time `json:"created_at"`
		Data      any       `json:"data"`
	}{eventID, event.Type, at, event.Data})
	for _, id := range interested {
		d := &delivery{resource: event.Resource, Delivery: Delivery{
			ID: e.newID("msg"), WebhookID: id,
			EventID: eventID, EventType: event.Type, CreatedAt: at, Body: body,
		}}
		if err != nil {
			e.add(d)
			e.end(d, Failed, fmt.Sprintf("the event has no JSON form: %v", err))
			continue
		}
		e.enqueue(d)
	}
	e.dispatch()
}

// newID returns an id with the prefix. The first half counts, the second is
// random, so that a receiver that remembers ids can meet several engines.
func (e *Engine) newID(prefix string) string {
	e.made++
	random := make([]byte, 4)
	_, _ = rand.Read(random)
	return fmt.Sprintf("%s_%08x%s", prefix, e.made, hex.EncodeToString(random))
}

// Redeliver delivers once more what was delivered, or given up, under the id:
// the same body under the same id, as a new delivery in the journal.
func (e *Engine) Redeliver(id string) error {
	e.mu.Lock()
	d, err := e.ended(id)
	e.mu.Unlock()
	if err != nil {
		return err
	}
	switch w, ok := e.config.Registry.Webhook(d.WebhookID); {
	case !ok:
		return fmt.Errorf("deliveries: the webhook %s is gone", d.WebhookID)
	case w.Disabled:
		return fmt.Errorf("deliveries: the webhook %s is disabled", d.WebhookID)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return ErrClosed
	}
	again := &delivery{resource: d.resource, Delivery: d.Delivery}
	again.State, again.Reason, again.Attempts, again.Redelivery = Pending, "", nil, true
	e.enqueue(again)
	e.dispatch()
	return nil
}

// Reset drops what is under way and forgets the journal. What a receiver is
// being sent at this moment is cut off.
func (e *Engine) Reset() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.drop("the server was reset")
	e.journal.forget()
	if !e.closed {
		e.ctx, e.cancel = context.WithCancel(context.Background())
	}
}

// Close drops what is under way and waits for the receivers that were called
// in this process to return.
func (e *Engine) Close() {
	e.mu.Lock()
	e.closed = true
	e.drop("the server was closed")
	e.changes.Wake()
	e.mu.Unlock()
	e.attempting.Wait()
	e.closeIdle()
}

// drop ends everything that is pending, and the attempts.
func (e *Engine) drop(reason string) {
	e.cancel()
	for _, l := range e.lanes {
		l.stop()
		for _, d := range l.queue {
			e.end(d, Dropped, reason)
		}
		l.queue = nil
	}
	clear(e.lanes)
	e.ready = nil
}
