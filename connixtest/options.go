package connixtest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/connix-io/connix-go/internal/fake"
)

// Option configures a server. A nil Option does nothing; one whose argument
// makes no sense fails the start.
type Option func(*config)

type config struct {
	inMemory               bool
	clock                  *Clock
	limits                 RateLimits
	minLatency, maxLatency time.Duration
	journalSize            int
	dialect                Dialect
	checks                 []func(*http.Request) error
	deliveries             fake.DeliveryConfig
	errs                   []error
}

func (c *config) refuse(format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf(format, args...))
}

// WithInMemory has the server take no socket: [Server.HTTPClient] reaches it
// through memory, and nothing else does. That is what a testing/synctest bubble
// needs, whose time stands still while anybody waits on a socket.
//
//	synctest.Test(t, func(t *testing.T) {
//		srv := connixtest.NewServer(t, connixtest.WithInMemory())
//		client := srv.Client(t)
//		...
//		time.Sleep(time.Hour) // takes no time
//	})
//
// Make such a server inside the bubble. One that was made outside belongs to no
// bubble, or to another, and using it ends the test binary with a panic of the
// runtime.
func WithInMemory() Option { return func(c *config) { c.inMemory = true } }

// WithClock has the server's time be that of the clock, which the test moves:
// the timestamps of records, the Date header, the windows of rate limits, the
// plans of agents. Nil means package time, which is also the default: in a
// bubble that is the bubble's own, and no Clock is needed.
func WithClock(clock *Clock) Option { return func(c *config) { c.clock = clock } }

// WithLatency holds every response back for a random time between min and max. It
// passes in package time, whatever [WithClock] says. The default is none.
func WithLatency(min, max time.Duration) Option {
	return func(c *config) {
		if min < 0 || max < min {
			c.refuse("WithLatency(%v, %v): want 0 <= min <= max", min, max)
		}
		c.minLatency, c.maxLatency = min, max
	}
}

// WithJournalSize has the journal keep the newest n requests, and as many
// webhook deliveries; the default is 10,000. n must be at least 1.
func WithJournalSize(n int) Option {
	return func(c *config) {
		if n < 1 {
			c.refuse("WithJournalSize(%d): want at least 1", n)
		}
		c.journalSize = n
	}
}

// Dialect is how the server phrases its responses, where the public texts about
// the API differ.
type Dialect int

const (
	// OverviewDialect follows the API overview. It is the default.
	OverviewDialect Dialect = iota
	// ReferenceDialect follows the API's other reference page: error codes in
	// lower case, details as a string, a timestamp in errors; lists under the
	// name of what they list, with id and name alone for projects and without a
	// paging block; projects with ids such as "proj_1".
	ReferenceDialect
)

// WithDialect sets how the server phrases its responses. A client should
// understand both dialects.
func WithDialect(d Dialect) Option {
	return func(c *config) {
		if d != OverviewDialect && d != ReferenceDialect {
			c.refuse("WithDialect(%d): no such dialect", d)
		}
		c.dialect = d
	}
}

// WithRequestCheck shows every request to check, before it is acted on and
// whatever it asks for: a copy, whose body can be read. An error of check fails
// the test of [NewServer], which goes on; a server of [Start] responds with 500 with
// the error. More than one check can be given; nil is none.
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
		// Each gets a body of its own to read.
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
