package limit

import "time"

// ledgerSteps is how finely a ledger tells time: slots that leave within the
// same thousandth of the window leave together, at its end. That bounds the
// ring, whatever the limit, and costs at most a thousandth of the throughput.
const ledgerSteps = 1000

// ledger counts the calls that one window may hold against us. It is right for
// every kind of server, as it follows the strictest one, a log of calls that
// slides: a slot is used from the grant until the response has been here for a
// whole period. Ageing from the response is what makes it safe: the server
// counted the call at some time before it, but perhaps long after the grant.
//
// Without it there is nothing to go by where no header speaks: of the windows
// that no header shows, and of the shown one when headers are missing.
type ledger struct {
	limit  int
	period time.Duration
	keep   time.Duration // how long a slot stays after its response
	step   time.Duration
	ring   []booking // ascending by leaves
	head   int
	size   int
	used   int // sum of the ring's slots
}

// booking is a number of slots that leave the ledger together.
type booking struct {
	leaves time.Duration
	slots  int
}

func newLedger(w Window) ledger {
	// The slack covers a server that counts in whole ticks or a moment late.
	keep := w.Period + min(max(w.Period/200, 10*time.Millisecond), time.Second)
	step := max(keep/ledgerSteps, 1)
	return ledger{limit: w.Limit, period: w.Period, keep: keep, step: step, ring: make([]booking, keep/step+3)}
}

// book uses slots from now on, for a period and the slack.
func (l *ledger) book(now time.Duration, slots int) {
	if slots <= 0 {
		return
	}
	l.expire(now)
	leaves := (now + l.keep + l.step - 1) / l.step * l.step
	l.used += slots
	if l.size > 0 {
		if last := &l.ring[(l.head+l.size-1)%len(l.ring)]; last.leaves >= leaves {
			last.slots += slots
			return
		}
	}
	l.ring[(l.head+l.size)%len(l.ring)] = booking{leaves, slots}
	l.size++
}

// expire drops the slots whose time is over.
func (l *ledger) expire(now time.Duration) {
	for l.size > 0 && l.ring[l.head].leaves <= now {
		l.used -= l.ring[l.head].slots
		if l.head++; l.head == len(l.ring) {
			l.head = 0
		}
		l.size--
	}
}

// free is the number of calls that fit now, beside those in flight; negative
// where a limit was lowered or others have used more than is left.
func (l *ledger) free(now time.Duration, inflight int) int {
	l.expire(now)
	return l.limit - l.used - inflight
}

// when tells the time at which k calls fit beside those in flight, now if they
// do already; false if time alone cannot make room for them.
func (l *ledger) when(now time.Duration, k, inflight int) (time.Duration, bool) {
	need := k - l.free(now, inflight)
	if need <= 0 {
		return now, true
	}
	for i := range l.size {
		b := &l.ring[(l.head+i)%len(l.ring)]
		if need -= b.slots; need <= 0 {
			return b.leaves, true
		}
	}
	return 0, false
}

// soonest is the earliest that one more call can fit after ahead others: each
// round of limit calls takes a period, and calls in flight hold their slots for
// one.
func (l *ledger) soonest(now time.Duration, ahead, inflight int) time.Duration {
	at, ok := l.when(now, ahead%l.limit+1, inflight)
	if !ok {
		at = now + l.keep
	}
	return at + time.Duration(ahead/l.limit)*l.keep
}

// empty is the time at which the last slot leaves, now if there is none.
func (l *ledger) empty(now time.Duration) time.Duration {
	l.expire(now)
	if l.size == 0 {
		return now
	}
	return l.ring[(l.head+l.size-1)%len(l.ring)].leaves
}
