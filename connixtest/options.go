package connixtest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/connix-io/connix-go/internal/fake"
)

// Option configures a server. A nil Option does nothing. An invalid argument fails
// the start of the server.
type Option func(*config)

type config struct {
	inMemory               bool
	clock                  *Clock
	limits                 RateLimits
	minLatency, maxLatency time.Duration
	journalSize            int
	journalBytes           int
	dialect                Dialect
	checks                 []func(*http.Request) error
	deliveries             fake.DeliveryConfig
	users                  bool
	unusedFaults           bool
	errs                   []error
}

func (c *config) refuse(format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf(format, args...))
}

// WithInMemory runs the server in memory, without a socket; only
// [Server.HTTPClient] reaches it. A testing/synctest bubble needs this, because its
// time does not advance while a goroutine waits on a socket.
//
//	synctest.Test(t, func(t *testing.T) {
//		srv := connixtest.NewServer(t, connixtest.WithInMemory())
//		client := srv.Client(t)
//		...
//		time.Sleep(time.Hour) // takes no time
//	})
//
// Make such a server inside the bubble. The runtime panics if a bubble uses a server
// that was made outside of it.
func WithInMemory() Option { return func(c *config) { c.inMemory = true } }

// WithClock sets the server's clock, which governs the timestamps of records, the
// Date header, the windows of rate limits, the expiry of tokens and the plans of
// agents. The default, also for nil, is package time. Inside a synctest bubble that
// is the bubble's time, so no Clock is needed there.
func WithClock(clock *Clock) Option { return func(c *config) { c.clock = clock } }

// WithUnusedFaults lets a test of [NewServer] end with faults that never hit. By default
// it fails if a [Fault] with Times, unless it was removed, has hit no request.
func WithUnusedFaults() Option { return func(c *config) { c.unusedFaults = true } }

// WithUsers separates the users who log in by OAuth2: each sees the projects, agents,
// webhooks and API keys only that were made with their own tokens and keys.
// [Server.ApproveLogin], [Server.AddUserToken] and the consent page choose the user.
// The default user owns the server's APIKey and the records of the Add methods. The
// default is one set of records for all users.
func WithUsers() Option { return func(c *config) { c.users = true } }

// WithLatency delays every response by a random duration between min and max, in
// package time whatever [WithClock] says. The default is no delay.
func WithLatency(min, max time.Duration) Option {
	return func(c *config) {
		if min < 0 || max < min {
			c.refuse("WithLatency(%v, %v): want 0 <= min <= max", min, max)
		}
		c.minLatency, c.maxLatency = min, max
	}
}

// WithJournalSize keeps the newest n requests in the journal, and as many webhook
// deliveries. The default is 10,000. n must be at least 1.
func WithJournalSize(n int) Option {
	return func(c *config) {
		if n < 1 {
			c.refuse("WithJournalSize(%d): want at least 1", n)
		}
		c.journalSize = n
	}
}

// WithJournalBytes bounds the bodies of the requests and responses in the journal to n
// bytes: the oldest requests are dropped first, and the newest one stays whatever its
// size. The default is 64 MiB. n must be at least 1.
func WithJournalBytes(n int) Option {
	return func(c *config) {
		if n < 1 {
			c.refuse("WithJournalBytes(%d): want at least 1", n)
		}
		c.journalBytes = n
	}
}

// Dialect selects the form of responses where the public documents about the API
// differ.
type Dialect int

const (
	// OverviewDialect follows the API overview. It is the default.
	OverviewDialect Dialect = iota
	// ReferenceDialect follows the API's other reference page: error codes are in
	// lower case, error details are a string, errors have a timestamp; lists are
	// under "projects" or "agents" instead of "data" and have no pagination;
	// projects in lists have an id and a name only, and ids such as "proj_1".
	ReferenceDialect
)

// WithDialect sets the form of the server's responses. A client should understand
// both dialects.
func WithDialect(d Dialect) Option {
	return func(c *config) {
		if d != OverviewDialect && d != ReferenceDialect {
			c.refuse("WithDialect(%d): no such dialect", d)
		}
		c.dialect = d
	}
}

// WithRequestCheck calls check with a copy of every API request, body included,
// before the server acts on it. If check returns an error, the test of [NewServer]
// fails and the request continues; a server of [Start] responds with 500 and the
// error. Several checks add up. Nil adds no check.
func WithRequestCheck(check func(*http.Request) error) Option {
	return func(c *config) {
		if check != nil {
			c.checks = append(c.checks, check)
		}
	}
}

// check returns one check that makes all of them, nil for none.
func (c *config) check() func(*http.Request) error {
	if len(c.checks) == 0 {
		return nil
	}
	return func(r *http.Request) error {
		// Each check reads the whole body.
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		for _, check := range c.checks {
			r.Body = io.NopCloser(bytes.NewReader(body))
			if err := check(r); err != nil {
				return err
			}
		}
		return nil
	}
}
