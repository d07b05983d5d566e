package limit

import "time"

// WindowStatus is how one window stands.
type WindowStatus struct {
	Window
	Remaining int       // calls that it would let go now, without those kept back
	FreeAt    time.Time // when all of it is free at the latest; zero if it is now
	Shown     bool      // it is the one that the headers show
}

// Status is a snapshot of a Core.
type Status struct {
	Windows  []WindowStatus
	Until    time.Time // nothing goes before this; zero if the gate is open
	Why      Why       // of Until
	InFlight int
	Others   bool // others have been noticed on the key, ever
	Late     bool // Remaining is taken to be late
}

// Status takes a snapshot.
func (c *Core) Status(now time.Time) Status {
	t := c.time(now)
	s := Status{InFlight: c.inflight, Others: c.contention.seen, Late: c.cert.late, Windows: make([]WindowStatus, len(c.ledgers))}
	if t < c.gate.until {
		s.Until, s.Why = c.epoch.Add(c.gate.until), c.gate.why
	}
	for i := range c.ledgers {
		l := &c.ledgers[i]
		w := WindowStatus{Window: Window{l.limit, l.period}, Remaining: l.free(t, c.inflight), Shown: i == c.shown && c.picked}
		if i == c.shown && c.cert.known {
			w.Remaining = c.cert.left() - c.kept(t)
		}
		w.Remaining = max(w.Remaining, 0)
		if l.used > 0 {
			w.FreeAt = c.epoch.Add(l.empty(t))
		}
		s.Windows[i] = w
	}
	return s
}

// Earliest is the soonest that a call can be admitted before which ahead others
// go, as far as that is certain, and why; now if nothing is.
func (c *Core) Earliest(now time.Time, ahead int) (time.Time, Why) {
	t := c.time(now)
	at, why := t, Why{}
	if t < c.gate.until {
		at, why = c.gate.until, c.gate.why
	}
	for i := range c.ledgers {
		if i == c.shown && c.cert.known {
			continue
		}
		if soonest := c.ledgers[i].soonest(t, ahead, c.inflight); soonest > at {
			at, why = soonest, Why{Full, i}
		}
	}
	if soonest := c.meter.wait(t, ahead); soonest > at {
		at, why = soonest, Why{Full, c.shortest}
	}
	if c.cert.known && c.cert.left() <= c.kept(t) && c.inflight == 0 {
		if probe := c.probeAt(t); probe > at {
			at, why = probe, Why{Spread, c.shown}
		}
	}
	return c.epoch.Add(at), why
}

// Turn estimates when a call goes that has ahead others before it, and names what
// keeps it back longest. It is not before Earliest. A response can bring the turn
// forward: it may show a new window.
func (c *Core) Turn(now time.Time, ahead int) (time.Time, Why) {
	at, why := c.Earliest(now, ahead)
	t := c.time(now)
	if k := ahead - max(c.cert.left()-c.kept(t), 0); c.cert.known && k >= 0 {
		if turn := c.epoch.Add(c.spreadAt(t, k, ahead)); turn.After(at) {
			at, why = turn, Why{Spread, c.shown}
		}
	}
	return at, why
}

// spreadAt estimates the turn of the k-th of the kept-back calls, from 0, which has
// ahead others before it in all.
func (c *Core) spreadAt(now time.Duration, k, ahead int) time.Duration {
	l := &c.ledgers[c.shown]
	kept := max(min(c.cert.left(), c.kept(now)), 0)
	by, ok := l.when(now, kept+1, c.inflight)
	if !ok {
		by = now + l.period
	}
	base := c.lastSend
	if k < ahead {
		base = now // the others go first
	}
	step := (by - base) / time.Duration(kept+1)
	if now < c.unsure {
		step = min(step, c.gate.unit<<gateDoublings)
	}
	if k <= kept {
		return base + step*time.Duration(k+1)
	}
	return max(by, l.soonest(now, ahead, c.inflight))
}

// Window is the i-th window, with the limit that is known now.
func (c *Core) Window(i int) Window {
	return Window{c.ledgers[i].limit, c.ledgers[i].period}
}
