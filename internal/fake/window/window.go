// Package window counts requests against limits, the way a server does that
// allows so many in a period. It is pure: time is an argument, and there is no
// lock.
package window

import (
	"fmt"
	"math"
	"time"
)

// Kind is how a window counts. The API documents none.
type Kind int

// The kinds of window that services use.
const (
	// Fixed windows begin at the multiples of their period since 1970, as a
	// counter that is keyed by the minute does.
	Fixed Kind = iota
	// Sliding remembers every request for a period.
	Sliding
	// Bucket starts full and refills steadily, the whole of it in a period.
	Bucket
)

// Limit is how much is allowed in which time.
type Limit struct {
	Max    int
	Period time.Duration
}

// Check refuses what cannot be counted.
func (l Limit) Check() error {
	switch {
	case l.Max < 1:
		return fmt.Errorf("a limit must allow at least one request, not %d", l.Max)
	case l.Period <= 0:
		return fmt.Errorf("the period of a limit must be positive, not %v", l.Period)
	case int64(l.Max) > math.MaxInt64/int64(l.Period):
		return fmt.Errorf("%d in %v is more than can be counted", l.Max, l.Period)
	}
	return nil
}

// Window counts against one limit.
type Window struct {
	limit Limit
	kind  Kind

	used  int       // Fixed: in the window that began at start
	start time.Time // Fixed: of the window; Bucket: when debt was right

	log []time.Time // Sliding: of the requests that still count, oldest first

	// debt is what the bucket lacks, in units of which a request costs
	// limit.Period and a nanosecond repays limit.Max. So it is exact.
	debt int64
}

// New returns a window of which nothing is used.
func New(l Limit, k Kind) *Window { return &Window{limit: l, kind: k} }

// Limit returns the window's limit.
func (w *Window) Limit() Limit { return w.limit }

// Remaining returns how many requests are allowed now.
func (w *Window) Remaining(now time.Time) int {
	w.age(now)
	switch w.kind {
	case Sliding:
		return w.limit.Max - len(w.log)
	case Bucket:
		return int((int64(w.limit.Max)*int64(w.limit.Period) - w.debt) / int64(w.limit.Period))
	}
	return w.limit.Max - w.used
}

// Take counts one request. There must be one remaining.
func (w *Window) Take(now time.Time) {
	w.age(now)
	switch w.kind {
	case Sliding:
		w.log = append(w.log, now)
	case Bucket:
		w.debt += int64(w.limit.Period)
	default:
		w.used++
	}
}

// Reset returns when the window will have more to give: a fixed one when it
// turns, a sliding one when its oldest request leaves, a bucket when it is full.
// It is now for one of the last two that is not used at all.
func (w *Window) Reset(now time.Time) time.Time {
	w.age(now)
	switch w.kind {
	case Sliding:
		if len(w.log) == 0 {
			return now
		}
		return w.log[0].Add(w.limit.Period)
	case Bucket:
		perNano := int64(w.limit.Max)
		return now.Add(time.Duration((w.debt + perNano - 1) / perNano))
	}
	return w.start.Add(w.limit.Period)
}

// age forgets what no longer counts.
func (w *Window) age(now time.Time) {
	switch w.kind {
	case Sliding:
		gone := 0
		for gone < len(w.log) && now.Sub(w.log[gone]) >= w.limit.Period {
			gone++
		}
		w.log = w.log[gone:]
	case Bucket:
		switch passed := now.Sub(w.start); {
		case passed >= w.limit.Period:
			w.debt = 0 // also before the first use, and it keeps the product small
		case passed > 0:
			w.debt = max(0, w.debt-int64(passed)*int64(w.limit.Max))
		default:
			return
		}
		w.start = now
	default:
		start := time.Unix(0, now.UnixNano()-mod(now.UnixNano(), int64(w.limit.Period)))
		if !start.Equal(w.start) {
			w.start, w.used = start, 0
		}
	}
}

// mod is the remainder that is never negative.
func mod(a, b int64) int64 { return ((a % b) + b) % b }
