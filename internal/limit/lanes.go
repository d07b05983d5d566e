package limit

import (
	"math"
	"time"
)

const (
	// The first lane's rate is that of its calls in the last demandSpan.
	demandSlots = 60
	demandSlot  = 10 * time.Second
	demandSpan  = demandSlots * demandSlot
)

// demand counts the calls of the first lane. The second lane may not take what the
// first will want: a sliding hour that a batch has emptied returns nothing for most
// of it ("lanes").
type demand struct {
	counts [demandSlots]uint32
	slot   int64
	sum    uint32
	begun  time.Duration // the first call; 0: none yet
	low    time.Duration // the latest call of the second lane; 0: none yet
}

func (d *demand) advance(now time.Duration) {
	slot := int64(now / demandSlot)
	steps := min(slot-d.slot, demandSlots)
	for d.slot = slot - steps; d.slot < slot; {
		d.slot++
		at := &d.counts[d.slot%demandSlots]
		d.sum -= *at
		*at = 0
	}
}

func (d *demand) add(now time.Duration) {
	d.advance(now)
	if d.begun == 0 {
		d.begun = max(now, 1)
	}
	d.counts[d.slot%demandSlots]++
	d.sum++
}

// rate returns the calls of a nanosecond.
func (d *demand) rate(now time.Duration) float64 {
	d.advance(now)
	if d.sum == 0 {
		return 0
	}
	// A short time shows little: at least a minute is looked at.
	return float64(d.sum) / float64(min(max(now-d.begun, time.Minute), demandSpan))
}

// NextLow is Next for a call of the second lane. It admits the call only if the
// first lane finds what it will want, by its own recent rate.
func (c *Core) NextLow(now time.Time) (admit bool, recheck time.Time, why Why) {
	if admit, recheck, why = c.Next(now); !admit {
		return admit, recheck, why
	}
	t := c.latest
	rate := c.demand.rate(t)
	if rate == 0 {
		return true, time.Time{}, Why{}
	}
	for i := range c.ledgers {
		free := c.ledgers[i].free(t, c.inflight)
		if i == c.shown && c.cert.known {
			free = c.cert.left() - c.kept(t)
		}
		if float64(free) < 1+c.wanted(t, i, free, rate) {
			// A call's worth of demand passes, or a slot returns.
			wait := min(max(time.Duration(0.5/rate), time.Second), 10*time.Second)
			return false, c.epoch.Add(t + wait), Why{Reserved, i}
		}
	}
	return true, time.Time{}, Why{}
}

// SentLow is Sent for a call of the second lane.
func (c *Core) SentLow(now time.Time) Call {
	call := c.sentCall(now)
	c.demand.low = c.latest
	return call
}

// kept is the number of certified calls that are kept back. While both lanes are in
// use, the calls of the first show the new window soon enough themselves.
func (c *Core) kept(now time.Duration) int {
	if c.demand.low > 0 && now < c.demand.low+demandSpan && c.demand.rate(now) > 1/float64(time.Minute) {
		return c.reserve / 4
	}
	return c.reserve
}

// wanted is the most that the first lane will lack at any time until the window's
// slots have returned: its rate and twice the deviation, less what has returned by
// then.
func (c *Core) wanted(now time.Duration, i, free int, rate float64) (most float64) {
	l := &c.ledgers[i]
	lack := func(until time.Duration, returned int) {
		calls := rate * float64(until-now)
		most = max(most, calls+2*math.Sqrt(calls)-float64(returned))
	}
	// The server may have given back already what our ledger still holds.
	given := max(free-l.free(now, c.inflight), 0)
	returned := -given
	const looks = 32
	next := now
	for k := range l.size {
		b, leaves := l.at(k)
		if leaves >= next {
			lack(leaves, max(returned, 0))
			next = leaves + l.period/looks
		}
		returned += int(b.slots)
	}
	lack(now+l.keep, max(returned, 0))
	return most
}
