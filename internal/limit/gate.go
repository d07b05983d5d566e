package limit

import "time"

// A spent budget is asked for after 1, 2, 4, 4, 4 … pauses. Without doubling,
// processes that share a spent hour are refused three times as often ("shared").
const gateDoublings = 2

// maxGateUnit bounds a pause where the shortest window is a long one.
const maxGateUnit = time.Minute

// disbelieved is the pause after a Retry-After beyond the longest window.
const disbelieved = 5 * time.Minute

// Where one call goes alone, the next one waits so long for its response: a call
// that hangs must not hold all others.
const (
	startPatience = 2 * time.Second // before the first response
	alonePatience = 10 * time.Second
)

// gate keeps everything back for a while after the server refused a call, and
// then lets one call try ("tokens": else a hundred are refused again).
//
// The pause is longer than the shortest window: by then a window that was full
// has room, whatever its kind. Retry-After lengthens it and is never trusted
// alone, as a bucket names the moment at which a single slot returns, and tells
// it to everybody who asks ("shared": 80 refusals an hour).
type gate struct {
	unit    time.Duration // the shortest window, a minute at most
	longest time.Duration // the longest window
	until   time.Duration // closed before this
	why     Why           // of until
	trial   bool          // open for one call at a time, until one is let through
	again   int           // pauses in a row for a spent budget
}

// wait reports whether the gate keeps a call back, and until when.
func (g *gate) wait(now time.Duration, inflight int, lastSend time.Duration) (until time.Duration, blocked bool) {
	switch {
	case now < g.until:
		return g.until, true
	case g.trial && inflight > 0 && now < lastSend+alonePatience:
		return lastSend + alonePatience, true
	}
	return 0, false
}

// pause closes the gate for so long. One call tries then.
func (g *gate) pause(now, long time.Duration, why Why) {
	if now+long > g.until {
		g.until, g.why = now+long, why
	}
	g.trial = true
}

// refused closes the gate for a refusal. spent tells that the budget which the
// headers show is used up. A refusal that comes while the gate is closed is
// part of the same event: it only lengthens it if it asks for that.
func (g *gate) refused(now time.Duration, spent bool, retryAfter time.Duration, why Why) {
	if now >= g.until {
		g.close(now, spent, why)
	}
	if retryAfter > g.longest {
		// No window of ours lasts so long.
		retryAfter = min(retryAfter, disbelieved)
	}
	g.until = max(g.until, now+retryAfter)
}

// hold closes the gate because a budget is spent that is said to return after
// back. It is for one that the server does not refuse calls for yet.
func (g *gate) hold(now time.Duration, back time.Duration, why Why) {
	if back > 0 && now >= g.until {
		g.close(now, true, why)
		g.until = min(g.until, now+back)
	}
}

func (g *gate) close(now time.Duration, spent bool, why Why) {
	pause := g.unit
	if spent {
		pause <<= min(g.again, gateDoublings)
		g.again++
	}
	g.until, g.trial, g.why = now+pause*7/6, true, why
}

// passed notes that a call was let through; plenty tells that the budget has
// more than the calls that are kept back.
func (g *gate) passed(now time.Duration, plenty bool) {
	if now < g.until {
		return // it was sent before the gate closed
	}
	g.trial = false
	if plenty {
		g.again = 0
	}
}
