package limit

import (
	"math"
	"time"
)

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
	ring   []booking // ascending by the time at which they leave; grows on demand
	head   int
	size   int
	used   int           // sum of the ring's slots
	newest time.Duration // when the last booking of the ring leaves
}

// booking is a number of slots that leave the ledger together, at the end of a
// step. The ring spans few of them, so their number may wrap around.
type booking struct{ step, slots uint32 }

const firstRing = 16 // bookings: a program that makes few calls needs no more

func newLedger(w Window) ledger {
	// The slack covers a server that counts in whole ticks or a moment late.
	keep := w.Period + min(max(w.Period/200, 10*time.Millisecond), time.Second)
	step := max(keep/ledgerSteps, 1)
	return ledger{limit: w.Limit, period: w.Period, keep: keep, step: step}
}

// most is the number of bookings that the ring may hold at once.
func (l *ledger) most() int { return int(l.keep/l.step) + 3 }

// at returns the i-th booking of the ring and when it leaves.
func (l *ledger) at(i int) (*booking, time.Duration) {
	b := &l.ring[(l.head+i)%len(l.ring)]
	return b, l.newest - time.Duration(l.number(l.newest)-b.step)*l.step
}

// number returns the number of the step that ends at the given time.
func (l *ledger) number(end time.Duration) uint32 { return uint32(end / l.step) }

// book uses slots from now on, for a period and the slack.
func (l *ledger) book(now time.Duration, slots int) {
	if slots <= 0 {
		return
	}
	l.expire(now)
	leaves := (now + l.keep + l.step - 1) / l.step * l.step
	added := uint32(min(slots, math.MaxInt32))
	if l.size > 0 && l.newest >= leaves {
		last, _ := l.at(l.size - 1)
		added = min(added, math.MaxUint32-last.slots)
		last.slots += added
	} else {
		if l.size == len(l.ring) {
			l.grow()
		}
		l.newest = leaves
		l.ring[(l.head+l.size)%len(l.ring)] = booking{l.number(leaves), added}
		l.size++
	}
	l.used += int(added)
}

// grow doubles the ring, up to what it may need.
func (l *ledger) grow() {
	ring := make([]booking, min(max(firstRing, 2*len(l.ring)), l.most()))
	n := copy(ring, l.ring[l.head:])
	copy(ring[n:], l.ring[:l.head])
	l.ring, l.head = ring, 0
}

// expire drops the slots whose time is over.
func (l *ledger) expire(now time.Duration) {
	for l.size > 0 {
		first, leaves := l.at(0)
		if leaves > now {
			return
		}
		l.used -= int(first.slots)
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
		b, leaves := l.at(i)
		if need -= int(b.slots); need <= 0 {
			return leaves, true
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
	return l.newest
}
