// Package clock is the time of the fake: that of package time, or one that a
// test moves by hand.
package clock

import (
	"sync"
	"time"
)

// Clock tells the time and calls back when some of it has passed.
type Clock interface {
	Now() time.Time
	// AfterFunc calls f once, d from now; with d <= 0 as soon as it can.
	AfterFunc(d time.Duration, f func()) Timer
}

// Timer is a callback that has been asked for.
type Timer interface {
	// Stop prevents the callback and reports whether it was in time to do so.
	Stop() bool
}

// System is the clock of package time, which inside a testing/synctest bubble
// is the bubble's own.
type System struct{}

// Now returns time.Now.
func (System) Now() time.Time { return time.Now() }

// AfterFunc is time.AfterFunc.
func (System) AfterFunc(d time.Duration, f func()) Timer { return time.AfterFunc(d, f) }

// Manual is a clock that stands still until [Manual.Advance] moves it. It is
// safe for concurrent use.
type Manual struct {
	advancing sync.Mutex // held by Advance, so that two of them follow each other

	mu     sync.Mutex
	now    time.Time
	timers Queue[func()]
}

// NewManual returns a clock that says start.
func NewManual(start time.Time) *Manual { return &Manual{now: start} }

// Now returns the clock's time.
func (m *Manual) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

// AfterFunc has Advance call f when the clock has moved by d. With d <= 0 that
// is the next Advance, even one by nothing.
func (m *Manual) AfterFunc(d time.Duration, f func()) Timer {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &manualTimer{m, m.timers.Add(m.now.Add(max(d, 0)), f)}
}

// Advance moves the clock by d, which is zero or more, and runs what falls due
// on the way: in order of time, those of one moment in the order they were
// asked for, each with the clock at its own moment, all before Advance returns.
// A callback may ask for another one, which runs too if it is due by then; it
// must not call Advance.
func (m *Manual) Advance(d time.Duration) {
	if d < 0 {
		panic("connixtest: Advance by a negative duration")
	}
	m.advancing.Lock()
	defer m.advancing.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	end := m.now.Add(d)
	for t := m.timers.First(); t != nil && !t.Due.After(end); t = m.timers.First() {
		m.timers.Remove(t)
		m.now = t.Due
		m.mu.Unlock()
		t.Value()
		m.mu.Lock()
	}
	m.now = end
}

type manualTimer struct {
	clock *Manual
	item  *Item[func()]
}

func (t *manualTimer) Stop() bool {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	return t.clock.timers.Remove(t.item)
}
