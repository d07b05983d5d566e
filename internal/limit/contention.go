package limit

import "time"

const (
	coldRoom  = 8  // calls in flight while an earlier run may have filled the shortest window
	calmEvery = 30 // calm responses for each further call in flight
	unlimited = int(^uint(0) >> 1)
)

// contention is what we know of others who spend the same budget, and how many calls
// may be in flight because of them: when somebody else takes the last slot,
// every call in flight is refused ("shared").
type contention struct {
	span time.Duration // how long a sign counts: the shortest window and a twelfth
	seen bool          // others have been noticed, ever
	last time.Duration // the latest sign of them
	calm int           // responses since then that were no sign
	cold time.Duration // until then an earlier run may count; 0: nothing points to one
}

// sign notes that somebody else is there.
func (c *contention) sign(now time.Duration) { c.seen, c.last, c.calm = true, now, 0 }

// earlier notes that somebody may have been there shortly before us. Most often
// it was the same program, run once more: it must not be slowed, and must not
// have a hundred calls refused either ("restarted").
func (c *contention) earlier(now time.Duration) { c.cold = now + c.span }

// room is the number of calls that may be in flight, and until when that holds
// if nothing else happens; 0: for good.
func (c *contention) room(now time.Duration) (n int, until time.Duration) {
	switch {
	case c.seen && now < c.last+c.span:
		return 1, c.last + c.span
	case c.seen:
		// It grows slowly: at once, processes on one key would meet again in
		// every window ("shared").
		return 1 + c.calm/calmEvery, 0
	case now < c.cold:
		return coldRoom, c.cold
	}
	return unlimited, 0
}
