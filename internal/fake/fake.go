// Package fake serves the Connix API out of memory. It is an
// [http.Handler] and knows nothing of the client: its JSON, its headers and its
// counting of requests are its own, so that a mistake on one side is not hidden
// by the same mistake on the other.
//
// The order of a request: read it, enter it in the journal, run the checks, wait for the
// latency, pass it to the middleware (which injects faults), and then as a service does:
// route, authenticate, count against the limits, check the scope, read the body, act.
package fake

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/connix-io/connix-go/internal/fake/clock"
	"github.com/connix-io/connix-go/internal/fake/deliveries"
	"github.com/connix-io/connix-go/internal/fake/journal"
	"github.com/connix-io/connix-go/internal/fake/state"
	"github.com/connix-io/connix-go/internal/fake/window"
)

// Dialect is how the fake phrases its responses, where the public texts about the
// API differ.
type Dialect int

// The dialects.
const (
	// Overview follows the API overview.
	Overview Dialect = iota
	// Reference follows the other reference page: codes in lower case, details
	// as a string, a timestamp in errors, lists under their own name with
	// neither dates nor paging.
	Reference
)

// Config configures a fake. The zero value is valid, but without a key every request
// is refused.
type Config struct {
	Clock clock.Clock // nil: package time
	// Skew is how far the server's clock is ahead of Clock.
	Skew time.Duration
	// APIKey, if not "", is a key that may do everything.
	APIKey  string
	Limits  window.Rules
	Dialect Dialect
	// MinLatency and MaxLatency bound how long every response is held back, in
	// package time whatever the Clock.
	MinLatency, MaxLatency time.Duration
	// JournalSize is how many requests are remembered; 0: DefaultJournalSize.
	JournalSize int
	// JournalBytes bounds the bodies of these requests and their responses; 0:
	// DefaultJournalBytes.
	JournalBytes int
	// OAuth, if any, is the authorization server beside the API.
	OAuth OAuth
	// Users has each user of OAuth see their own records only.
	Users bool
	// Bearer says what a token may do: ScopeRead, ScopeWrite or scopes of keys.
	// Where ok is false, err, if any, is what the client is told. Nil: OAuth's
	// tokens are accepted and all others refused.
	Bearer func(token string) (scopes []string, ok bool, err error)
	// Observe, if any, is told of every event, in order, one at a time.
	Observe func(state.Event)
	// Deliveries is how webhooks are delivered.
	Deliveries DeliveryConfig
	// Middleware, if any, is put around the API.
	Middleware func(http.Handler) http.Handler
	// Check, if any, is shown a copy of every request. A request that it refuses
	// goes on if CheckFailed is there to be told, and is else responded with 500.
	Check       func(*http.Request) error
	CheckFailed func(*http.Request, error)
}

// DefaultJournalSize is how many requests are remembered unless told otherwise.
const DefaultJournalSize = 10000

// DefaultJournalBytes is how much of bodies is remembered unless told otherwise.
const DefaultJournalBytes = 64 << 20

// Fake is one fake API. It is safe for concurrent use.
type Fake struct {
	config  Config
	clock   clock.Clock
	store   *state.Store
	journal *journal.Journal
	api     http.Handler // with the middleware
	gzips   sync.Pool
	closed  context.Context // ends with Close
	close   context.CancelFunc

	deliveries *deliveries.Engine

	mu      sync.Mutex
	budgets map[string]*window.Budget // by credential
	users   users
}

// New returns a fake.
func New(c Config) *Fake {
	f := &Fake{config: c, clock: c.Clock, budgets: map[string]*window.Budget{}}
	if f.clock == nil {
		f.clock = clock.System{}
	}
	if f.config.JournalSize == 0 {
		f.config.JournalSize = DefaultJournalSize
	}
	if f.config.JournalBytes == 0 {
		f.config.JournalBytes = DefaultJournalBytes
	}
	f.journal = journal.New(f.config.JournalSize, f.config.JournalBytes)
	f.closed, f.close = context.WithCancel(context.Background())
	f.deliveries = f.newDeliveries(c.Deliveries)
	f.users = users{ids: new(state.IDs), stores: map[string]*state.Store{}}
	f.store = f.newStore("")
	f.api = f.withOAuth(http.HandlerFunc(f.serveAPI))
	if c.Middleware != nil {
		f.api = c.Middleware(f.api)
	}
	f.seed()
	return f
}

func (f *Fake) seed() {
	if f.config.APIKey != "" {
		f.store.AddAPIKey(&state.APIKey{Secret: f.config.APIKey, Scopes: state.AllScopes()})
	}
}

// Store returns the records of the default user.
func (f *Fake) Store() *state.Store { return f.store }

// Journal returns what the fake was asked.
func (f *Fake) Journal() *journal.Journal { return f.journal }

// Now returns the server's time.
func (f *Fake) Now() time.Time { return f.store.Now() }

// Reset puts the fake back to where New left it: no records but its own key, no
// journal, nothing to deliver, full budgets.
func (f *Fake) Reset() {
	f.forgetUsers()
	f.store.Reset()
	f.seed()
	f.journal.Reset()
	f.deliveries.Reset()
	if f.config.OAuth != nil {
		f.config.OAuth.Reset()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.budgets)
}

// Close ends what waits, stops every timer, and waits for the receivers of
// webhooks that are handlers of this process.
func (f *Fake) Close() {
	f.close()
	f.forgetUsers()
	f.store.Close()
	f.deliveries.Close()
}

// MarkFault notes in the journal that the response to the request with this
// context is not the API's own. Middleware calls it when it injects a fault.
func MarkFault(ctx context.Context) {
	if x := journal.FromContext(ctx); x != nil {
		x.MarkFault()
	}
}
