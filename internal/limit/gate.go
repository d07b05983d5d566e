package limit

import "time"

// gate keeps everything back for a while after the server refused a call.
//
// The pause is at least the shortest window: by then a window that was full
// has room, whatever its kind. Retry-After lengthens it and is never trusted
// alone, as a bucket names the moment at which a single slot returns, and tells
// it to everybody who asks. A random part keeps several processes from
// returning in step.
type gate struct {
	unit   time.Duration // the shortest window
	until  time.Duration // closed before this
	closed uint64        // calls granted when it closed
	last   time.Duration // when it closed
	pause  time.Duration // how long it closed then
	again  int           // pauses in a row for a spent budget
	reason Reason
}

const (
	gateDoublings = 2  // a spent budget is looked at after 1, 2, 4, 4, 4 … units
	gateQuiet     = 16 // so many pauses without a refusal start anew at 1
)

// refuse closes the gate for the refusal of call. spent tells that the budget
// which the headers show is used up; luck is in [0,1).
func (g *gate) refuse(now time.Duration, call Call, sent uint64, spent bool, retryAfter time.Duration, luck float64, why Reason) {
	if call.seq > g.closed {
		g.close(now, sent, spent, luck, why)
	}
	// A refusal of a call that was already on its way when the gate closed is
	// the same event and does not lengthen it; what it asks for is honoured.
	g.until = max(g.until, now+retryAfter)
}

// hold closes the gate because a budget is spent that is said to return after d.
func (g *gate) hold(now time.Duration, sent uint64, d time.Duration, luck float64, why Reason) {
	if d <= 0 || now < g.until {
		return
	}
	g.close(now, sent, true, luck, why)
	g.until = min(g.until, now+d)
}

func (g *gate) close(now time.Duration, sent uint64, spent bool, luck float64, why Reason) {
	if now-g.last > gateQuiet*g.pause {
		g.again = 0
	}
	g.pause = g.unit
	if spent {
		// Without doubling, processes that share a spent hour ask for it three
		// times as often as they must.
		g.pause <<= min(g.again, gateDoublings)
		g.again++
	}
	g.until = now + g.pause + time.Duration(luck*0.3*float64(g.pause)) + g.unit/60
	g.closed, g.last, g.reason = sent, now, why
}
