package limit

import "time"

// Responded notes the response to call, of any status.
func (c *Core) Responded(now time.Time, call Call, a Response) {
	t := c.time(now)
	c.inflight--
	first := !c.responded
	c.responded = true
	if !a.Refused {
		for i := range c.ledgers {
			c.ledgers[i].book(t, 1)
		}
		c.contention.calm++
		c.meter.calm(t, c.ledgers[c.shortest].limit)
	}
	promised := c.cert.known
	c.meter.back(call, a.Refused)
	if a.Limit > 0 && !c.readLimit(t, a) {
		a.Remaining = Unsaid
	}
	if a.Remaining > 0 {
		c.stuck = 0
	} else if a.Remaining == 0 && c.stuckAt(t, a) {
		a.Remaining = Unsaid
	}
	if a.Remaining >= 0 {
		c.readRemaining(t, call, a, first)
	}
	c.readRefusal(t, call, a, promised)
}

// readLimit takes the limit that a header shows, and reports whether it is about a
// window of ours. The first one tells which: the one of that limit, or else the
// longest.
func (c *Core) readLimit(now time.Duration, a Response) bool {
	at := c.shown
	if !c.picked && !c.longest {
		for i := range c.ledgers {
			if c.ledgers[i].limit == a.Limit {
				at = i
				break
			}
		}
	}
	if c.ceilings != nil && a.Limit > c.ceilings[at] {
		return false
	}
	if !c.picked {
		c.picked, c.shown = true, at
		c.ledgers[at].limit = a.Limit
	}
	shown := &c.ledgers[c.shown]
	switch raised := a.Limit - shown.limit; {
	case raised > 0:
		// A raised limit is not room: a bucket grows without being filled
		// ("changed").
		shown.book(now, raised)
	case raised < 0:
		// What a lowered limit takes, nobody else has spent ("changed").
		c.cert.shift(raised)
	}
	shown.limit = a.Limit
	c.keepBack()
	if a.Remaining >= a.Limit {
		// It cannot have counted this call ("headers").
		c.cert.ahead = 1
	}
	return true
}

// keepBack sets the reserve for the window that the headers show.
func (c *Core) keepBack() {
	c.reserve = 0
	if l := &c.ledgers[c.shown]; l.period >= keepBackFrom {
		c.reserve = l.limit / keepBackPart
	}
}

// stuckAt reports whether Remaining 0 means nothing: calls were served three times,
// a second apart, while our own cannot have spent the window. It then binds nothing
// until it is above 0 or a call is refused ("stuck": 15 calls an hour).
func (c *Core) stuckAt(now time.Duration, a Response) bool {
	switch {
	case a.Refused, c.stuck < stuckTimes && int(c.sent)-c.inflight >= c.ledgers[c.shown].limit:
		c.stuck = 0
	case c.stuck == 0 || now >= c.stuckLast+time.Second:
		c.stuck++
		c.stuckLast = now
	}
	if c.stuck < stuckTimes {
		return false
	}
	if c.stuck == stuckTimes {
		// Whatever was booked for it was not there.
		shown := &c.ledgers[c.shown]
		*shown = newLedger(Window{shown.limit, shown.period})
		shown.book(now, int(c.sent)-c.inflight)
		c.cert = certificate{ahead: c.cert.ahead, recent: c.cert.recent}
		c.contention.cold = 0
		c.stuck++
	}
	return true
}

// readRemaining takes the Remaining that a header shows.
func (c *Core) readRemaining(now time.Duration, call Call, a Response, first bool) {
	shown := &c.ledgers[c.shown]
	remaining := min(a.Remaining, shown.limit)
	broken := c.cert.read(now, call, remaining, c.sent, c.inflight)
	if first {
		earlier := shown.limit - remaining - int(c.sent) // any of ours may be counted
		if a.Refused {
			earlier++
		}
		if earlier > 0 {
			// When it was used is unknown: perhaps just now ("restarted").
			shown.book(now, earlier)
			c.unsure = now + shown.keep
			c.contention.earlier(now)
		}
	}
	if broken > 0 {
		c.contention.sign(now)
		c.unsure = now + shown.keep
		for i := range c.ledgers {
			if i == c.shown || broken < c.ledgers[i].limit {
				c.ledgers[i].book(now, broken)
			}
		}
	}
}

// readRefusal takes what a response says of calls that will be refused.
func (c *Core) readRefusal(now time.Duration, call Call, a Response, promised bool) {
	why := Why{Denied, UnknownWindow}
	switch {
	case a.TokensGone:
		why = Why{Tokens, c.shown}
	case a.Remaining == 0:
		why.Window = c.shown
	}
	if !a.Unavailable {
		c.outage = 0
	} else if c.outage++; c.outage >= outageTimes {
		// "outage": a thousand calls in 10 minutes.
		back := a.RetryAfter
		if back > c.gate.longest {
			back = disbelieved
		}
		c.gate.pause(now, back, Why{Unavailable, UnknownWindow})
		return
	}
	if !a.Refused {
		c.gate.passed(now, !c.cert.known || c.cert.left() > c.reserve)
	}
	if a.Refused {
		c.meter.giveBack(now)
		if c.cert.late {
			c.cert.trust(now)
		}
	} else if now >= c.gate.until && call.seq > c.meter.event.seq {
		c.pauses = 0
	}
	switch {
	case a.Refused && promised && c.ours(now, a):
		c.refuseOurs(now, call, a, why)
	case a.Refused:
		c.contention.sign(now)
		c.gate.refused(now, a.Remaining == 0 || a.TokensGone, a.RetryAfter, why)
	case a.TokensGone && c.tokens:
		// Once only: a server that serves on with an empty budget does not mean
		// it, and one that means it will refuse ("tokens").
		c.gate.hold(now, a.TokensBack, why)
	}
	c.tokens = !a.TokensGone
}

// ours reports whether the server's shape explains a refusal, not somebody else on
// the key: the certificate would have shown others.
func (c *Core) ours(now time.Duration, a Response) bool {
	if a.Remaining <= 0 || a.TokensGone || c.shown == c.shortest || now < c.contention.cold || c.cert.late {
		return false
	}
	if c.contention.seen && now < c.contention.last+10*c.contention.span {
		return false
	}
	// A window that refills fast hides the calls of others.
	shown, short := &c.ledgers[c.shown], &c.ledgers[c.shortest]
	return float64(shown.limit)/float64(shown.period)*float64(short.period) < float64(short.limit)/2
}

// refuseOurs closes the gate for a moment and has the meter learn from the event.
func (c *Core) refuseOurs(now time.Duration, call Call, a Response, why Why) {
	switch {
	case call.seq <= c.meter.event.seq || now < c.gate.until:
		// Part of the same event.
		c.gate.pause(now, min(a.RetryAfter, c.gate.longest), why)
	case c.pauses == 0:
		c.pauses = 1
		c.meter.refused(now, c.sent, c.inflight)
		c.gate.pause(now, max(min(a.RetryAfter, c.gate.longest), meterPause), why)
	case c.pauses == 1:
		c.pauses = 2
		short := &c.ledgers[c.shortest]
		c.meter.full(short.period, short.used)
		c.gate.refused(now, false, a.RetryAfter, why)
	default:
		c.meter.forget()
		c.contention.sign(now)
		c.gate.refused(now, false, a.RetryAfter, why)
	}
}
