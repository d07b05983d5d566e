package limit

import "time"

// certificate is how many further calls the server's own words guarantee.
//
// While nobody else uses the key, budget that is not spent never shrinks by
// itself, on any kind of server: a window that turns or slides and a bucket
// that fills only add to it. So a response's Remaining, less our own calls that
// the server may not have counted when it wrote it, is a promise. It needs no
// knowledge of the kind of server, no order of responses, no clock and no Reset.
//
// Without it a limiter knows only its own ledger and waits out an hour that the
// server has long opened again ("alone": 91 % of the oracle).
//
// A server may write Remaining late, from a copy. So every promise is made twice,
// the second time less the calls of our last half minute. If only the first one is
// broken, Remaining is late and the second one counts ("lag").
type certificate struct {
	known  bool
	n      int    // calls that the promise still covers
	born   uint64 // calls granted before it was made
	ahead  int    // 1 if the server writes Remaining before it counts the call
	late   bool   // the second promise counts
	second promise
	banned time.Duration // until then nothing is taken for lateness
	recent recent
}

// promise is a number of calls, and the calls granted before it was made.
type promise struct {
	n    int
	born uint64
}

// left is the number of calls that the promise still covers.
func (c *certificate) left() int {
	if c.late {
		return c.second.n
	}
	return c.n
}

// read takes the Remaining that the response to call shows. sent and inflight are
// the calls granted so far and those without a response. It returns by how much
// an older promise was broken: so much has somebody else spent.
func (c *certificate) read(now time.Duration, call Call, remaining int, sent uint64, inflight int) (broken int) {
	remaining -= c.ahead
	// Perhaps not counted are the calls that were in flight when this one was
	// granted, and those granted after it. Believing a late response instead, we
	// would promise ourselves too much and take the truth for somebody else's
	// doing ("alone": a third of the oracle in the first minutes).
	sure := remaining - call.out - int(sent-call.seq)
	careful := sure - c.recent.count(now)
	if !c.known {
		c.known, c.n, c.born = true, sure, sent
		c.second = promise{careful, sent}
		return 0
	}
	// Only a call that was granted after a promise can disprove it: an earlier one
	// may have been counted in a window that has ended since ("alone": others are
	// noticed where there are none).
	first := remaining < c.n && call.seq > c.born
	second := remaining < c.second.n && call.seq > c.second.born
	switch {
	case second, first && !c.late && now < c.banned:
		broken = c.left() - remaining
		c.n, c.born = remaining-inflight, sent
		c.second = promise{remaining - inflight - c.recent.count(now), sent}
		c.trust(now)
		return max(broken, 0)
	case first:
		c.late = true
		c.n, c.born = sure, sent
	case sure > c.n:
		c.n, c.born = sure, sent
	}
	if careful > c.second.n {
		c.second = promise{careful, sent}
	}
	return 0
}

// trust ends the time in which Remaining was taken for late: it may have been
// others.
func (c *certificate) trust(now time.Duration) {
	c.late = false
	c.banned = now + time.Hour
}

// shift moves the promise by what became of the budget itself: a call that was
// not sent returns, a lowered limit takes.
func (c *certificate) shift(by int) {
	c.n += by
	c.second.n += by
}

// recentSpan is how late Remaining may be, in seconds.
const recentSpan = 31

// recent counts the calls of the last recentSpan seconds.
type recent struct {
	counts [recentSpan + 1]int
	second int64
	sum    int
}

func (r *recent) advance(now time.Duration) {
	second := int64(now / time.Second)
	steps := min(second-r.second, int64(len(r.counts)))
	for r.second = second - steps; r.second < second; {
		r.second++
		at := &r.counts[r.second%int64(len(r.counts))]
		r.sum -= *at
		*at = 0
	}
}

func (r *recent) add(now time.Duration, n int) {
	r.advance(now)
	r.counts[r.second%int64(len(r.counts))] += n
	r.sum += n
}

func (r *recent) count(now time.Duration) int {
	r.advance(now)
	return r.sum
}
