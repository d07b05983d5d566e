package connixtest

import (
	"time"

	"github.com/connix-io/connix-go/internal/fake/clock"
)

// Clock is a time that stands still until a test moves it; see [WithClock]. It
// moves the server alone: clients, latencies and timeouts keep to package time.
// It is safe for concurrent use, and may be shared by servers.
type Clock struct{ manual *clock.Manual }

// NewClock returns a clock that says start.
func NewClock(start time.Time) *Clock { return &Clock{clock.NewManual(start)} }

// Now returns the clock's time.
func (c *Clock) Now() time.Time { return c.manual.Now() }

// Advance moves the clock forward. What falls due on the way has happened when
// Advance returns, in the order in which it was due. It panics if d is negative.
func (c *Clock) Advance(d time.Duration) { c.manual.Advance(d) }
