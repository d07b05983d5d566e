package connixtest

import (
	"time"

	"github.com/connix-io/connix-go/internal/fake/clock"
)

// Clock is a manual clock: its time changes only when a test calls Advance. Use it
// with [WithClock]. Only the server follows it: clients, latencies and timeouts use
// package time. It is safe for concurrent use, and servers may share it.
type Clock struct{ manual *clock.Manual }

// NewClock returns a clock whose time is start.
func NewClock(start time.Time) *Clock { return &Clock{clock.NewManual(start)} }

// Now returns the clock's time.
func (c *Clock) Now() time.Time { return c.manual.Now() }

// Advance moves the clock forward by d. Everything that falls due on the way
// happens in order before Advance returns. It panics if d is negative.
func (c *Clock) Advance(d time.Duration) { c.manual.Advance(d) }
