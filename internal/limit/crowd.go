package limit

import "time"

const (
	coldRoom  = 8  // calls in flight while a run before ours may have filled the shortest window
	calmEvery = 30 // calm answers for each further call in flight
)

// crowd is what we know of others who spend the same budget, and how many
// calls we keep in flight because of it: every call in flight when somebody
// else takes the last slot is refused.
type crowd struct {
	span time.Duration // how long a sign counts: the shortest window and a twelfth
	seen bool          // others have been noticed, ever
	last time.Duration // the latest sign of them
	calm int           // answers since then that were no sign
	cold time.Duration // until then a run before ours may still count
}

// sign notes that somebody else is there.
func (c *crowd) sign(now time.Duration) { c.seen, c.last, c.calm = true, now, 0 }

// room is the number of calls that may be in flight, and until when that holds
// if nothing else happens (0: for good).
func (c *crowd) room(now time.Duration) (n int, until time.Duration) {
	switch {
	case c.seen && now < c.last+c.span:
		return 1, c.last + c.span
	case c.seen:
		// Growing at once, processes on one key would meet again and again.
		return 1 + c.calm/calmEvery, 0
	case now < c.cold:
		return coldRoom, c.cold
	}
	return unlimited, 0
}

const unlimited = int(^uint(0) >> 1)
