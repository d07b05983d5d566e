// Package clock is the time of the fake: that of package time, or one that a
// test moves by hand.
package clock

import (
	"container/heap"
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
	asked  int
	timers timerHeap
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
	m.asked++
	t := &manualTimer{clock: m, due: m.now.Add(max(d, 0)), order: m.asked, f: f}
	heap.Push(&m.timers, t)
	return t
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
	for len(m.timers) > 0 && !m.timers[0].due.After(end) {
		t := heap.Pop(&m.timers).(*manualTimer)
		m.now = t.due
		m.mu.Unlock()
		t.f()
		m.mu.Lock()
	}
	m.now = end
}

type manualTimer struct {
	clock *Manual
	due   time.Time
	order int
	index int // in the heap, -1 when it is not there
	f     func()
}

func (t *manualTimer) Stop() bool {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	if t.index < 0 {
		return false
	}
	heap.Remove(&t.clock.timers, t.index)
	return true
}

type timerHeap []*manualTimer

func (h timerHeap) Len() int { return len(h) }

func (h timerHeap) Less(i, j int) bool {
	if c := h[i].due.Compare(h[j].due); c != 0 {
		return c < 0
	}
	return h[i].order < h[j].order
}

func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *timerHeap) Push(x any) {
	t := x.(*manualTimer)
	t.index = len(*h)
	*h = append(*h, t)
}

func (h *timerHeap) Pop() any {
	last := len(*h) - 1
	t := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	t.index = -1
	return t
}
