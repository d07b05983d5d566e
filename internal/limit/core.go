// Package limit decides when a call may be sent so that the budget of an API
// key is spent and no call is refused. It is pure: no lock, no goroutine, no
// timer and no clock. Time is an argument, so that a simulation drives millions
// of calls through it, and the same calls give the same answers again.
//
// Two ideas carry it. An answer's Remaining is a certificate for so many more
// calls (certificate.go); and the last certified calls are kept back and spent
// one by one, spread evenly, as probes that cannot fail: the answer to one
// shows the new window, the refilled bucket, or that it is too early.
package limit

import (
	"math/rand/v2"
	"time"
)

// Window is one limit of the server: at most Limit calls in any Period. Both
// are at least 1.
type Window struct {
	Limit  int
	Period time.Duration
}

// Reason tells why a call has to wait.
type Reason uint8

// The reasons. Of all but Start and Shared, [Why.Window] names the window.
const (
	None   Reason = iota // it need not wait
	Start                // the first answer is not here yet
	Shared               // others use the key, or did so shortly before we started: few calls in flight
	Full                 // a window holds as many calls as it may
	Spread               // the window's last calls are spent one by one
	Denied               // the server refused a call
	Tokens               // the tokens budget is spent
)

// Why is a reason and the index of the window that it is about.
type Why struct {
	Reason Reason
	Window int
}

// Call is what must be remembered of a granted call until its end.
type Call struct {
	seq  uint64        // how many calls were granted, this one included
	out  int           // calls in flight when it was granted
	prev time.Duration // when the call before it was granted
}

// Unsaid is the Remaining of an answer that shows none.
const Unsaid = -1

// Answer is what an answer says about limits.
type Answer struct {
	Refused    bool          // status 429: nothing was consumed
	Limit      int           // of the window that the headers show; 0: not said
	Remaining  int           // of the same window, at most Limit; Unsaid: not said
	RetryAfter time.Duration // 0: not said
	TokensGone bool          // the tokens budget shows 0
	TokensBack time.Duration // and is said to return after this
}

// Core is the limiter of one API key. Calls need not be answered in order, and
// times that go back are taken as the latest one.
type Core struct {
	epoch    time.Time
	latest   time.Duration // the latest now
	ledgers  []ledger
	shortest int // index of the shortest window
	shown    int // index of the window that the headers show: the longest until known
	picked   bool
	answered bool // an answer was here
	tokens   bool // the tokens budget showed something else than 0 last
	sent     uint64
	inflight int
	lastSend time.Duration
	cert     certificate
	gate     gate
	crowd    crowd
	rand     rand.PCG
}

// New returns a Core for windows, at least one. start is any time not after
// the first one passed in; seed feeds the random part of pauses.
func New(start time.Time, seed uint64, windows ...Window) *Core {
	c := &Core{epoch: start, tokens: true, ledgers: make([]ledger, len(windows))}
	for i, w := range windows {
		c.ledgers[i] = newLedger(w)
		if w.Period < windows[c.shortest].Period {
			c.shortest = i
		}
		if w.Period > windows[c.shown].Period {
			c.shown = i
		}
	}
	unit := windows[c.shortest].Period
	c.gate.unit = unit
	c.crowd.span = unit * 13 / 12
	c.rand.Seed(seed, seed)
	return c
}

// Next tells whether a call may be sent now. If not, recheck is when to ask
// again at the latest; the zero time means that only an answer can change it.
func (c *Core) Next(now time.Time) (admit bool, recheck time.Time, why Why) {
	at, why := c.next(c.time(now))
	switch {
	case why.Reason == None:
		return true, time.Time{}, why
	case at == 0:
		return false, time.Time{}, why
	}
	return false, c.epoch.Add(at), why
}

func (c *Core) next(now time.Duration) (recheck time.Duration, why Why) {
	if now < c.gate.until {
		return c.gate.until, c.gateWhy()
	}
	// A full window cannot be seen before the first answer. Without this rule a
	// program that starts in a minute which its last run has used is refused a
	// hundred times.
	if !c.answered && c.inflight > 0 && c.crowd.cold == 0 {
		return 0, Why{Start, c.shown}
	}
	if room, until := c.crowd.room(now); c.inflight >= room {
		return until, Why{Shared, c.shown}
	}
	for i := range c.ledgers {
		if i == c.shown && c.cert.known {
			continue
		}
		if c.ledgers[i].free(now, c.inflight) > 0 {
			continue
		}
		if at, ok := c.ledgers[i].when(now, 1, c.inflight); !ok {
			return 0, Why{Full, i}
		} else if at > recheck {
			recheck, why = at, Why{Full, i}
		}
	}
	if recheck > 0 || !c.cert.known || c.cert.n > c.reserve() {
		return recheck, why
	}
	if c.inflight > 0 {
		return 0, Why{Spread, c.shown}
	}
	if at := c.probeAt(now); now < at {
		return at, Why{Spread, c.shown}
	}
	return 0, Why{}
}

func (c *Core) gateWhy() Why {
	w := c.shortest
	if c.gate.again > 0 {
		w = c.shown
	}
	return Why{c.gate.reason, w}
}

// reserve is the number of certified calls that are kept back as probes. With
// fewer, a fixed window that turns early is noticed too late; short windows
// need none, as their end is never far.
func (c *Core) reserve() int {
	if l := &c.ledgers[c.shown]; l.period >= 10*time.Minute {
		return l.limit / 32
	}
	return 0
}

// probeAt is when the next kept-back call may go: they are spread evenly until
// our own ledger has room for one more than are certified.
func (c *Core) probeAt(now time.Duration) time.Duration {
	l := &c.ledgers[c.shown]
	n := max(c.cert.n, 0) + 1
	by, ok := l.when(now, n, 0)
	if !ok || by <= now {
		by = c.lastSend + l.period
	}
	return c.lastSend + (by-c.lastSend)/time.Duration(n)
}

// Sent notes that a call is granted, after Next admitted it.
func (c *Core) Sent(now time.Time) Call {
	t := c.time(now)
	c.sent++
	call := Call{seq: c.sent, out: c.inflight, prev: c.lastSend}
	c.inflight++
	c.cert.n--
	c.lastSend = t
	return call
}

// Answered notes the answer to call, of any status.
func (c *Core) Answered(now time.Time, call Call, a Answer) {
	t := c.time(now)
	c.inflight--
	first := !c.answered
	c.answered = true
	if !a.Refused {
		for i := range c.ledgers {
			c.ledgers[i].book(t, 1)
		}
		c.crowd.calm++
	}
	if a.Limit > 0 {
		c.readLimit(t, a)
	}
	if a.Remaining >= 0 {
		c.readRemaining(t, call, a, first)
	}
	why := Denied
	if a.TokensGone {
		why = Tokens
	}
	switch {
	case a.Refused:
		c.crowd.sign(t)
		c.gate.refuse(t, call, c.sent, a.Remaining == 0 || a.TokensGone, a.RetryAfter, c.luck(), why)
	case a.TokensGone && c.tokens:
		// Only once: where calls still pass with an empty budget, the server
		// does not mean it, and where it does, it will say so.
		c.gate.hold(t, c.sent, a.TokensBack, c.luck(), why)
	}
	c.tokens = !a.TokensGone
}

// readLimit takes the limit that a header shows. The first one tells which
// window the headers are about.
func (c *Core) readLimit(now time.Duration, a Answer) {
	if !c.picked {
		c.picked = true
		for i := range c.ledgers {
			if c.ledgers[i].limit == a.Limit {
				c.shown = i
				break
			}
		}
		c.ledgers[c.shown].limit = a.Limit
	}
	// A raised limit is not room: a bucket grows without being filled.
	c.ledgers[c.shown].book(now, a.Limit-c.ledgers[c.shown].limit)
	c.ledgers[c.shown].limit = a.Limit
	if a.Remaining >= a.Limit {
		c.cert.ahead = 1
	}
}

// readRemaining takes the Remaining that a header shows.
func (c *Core) readRemaining(now time.Duration, call Call, a Answer, first bool) {
	shown := &c.ledgers[c.shown]
	broken := c.cert.read(call, a.Remaining, c.sent, c.inflight)
	if earlier := shown.limit - a.Remaining - 1; first && earlier > 0 {
		// Used before our first call; when is unknown.
		shown.book(now, earlier)
		c.crowd.cold = now + c.crowd.span
	}
	if broken > 0 {
		c.crowd.sign(now)
		for i := range c.ledgers {
			if i == c.shown || broken < c.ledgers[i].limit {
				c.ledgers[i].book(now, broken)
			}
		}
	}
}

// Lost notes that call will have no answer. It may have arrived, and as late
// as now.
func (c *Core) Lost(now time.Time, _ Call) {
	t := c.time(now)
	c.inflight--
	for i := range c.ledgers {
		c.ledgers[i].book(t, 1)
	}
	if !c.answered {
		// A server that does not answer must not be tried by one call at a time.
		c.crowd.cold = t + c.crowd.span
	}
}

// Cancelled notes that call was certainly not sent: what it held returns.
func (c *Core) Cancelled(now time.Time, call Call) {
	c.time(now)
	c.inflight--
	c.cert.n++
	if call.seq == c.sent {
		c.lastSend = call.prev
	}
}

// time turns now into the time since the start, never less than before.
func (c *Core) time(now time.Time) time.Duration {
	c.latest = max(c.latest, now.Sub(c.epoch))
	return c.latest
}

// luck is the next random number in [0,1).
func (c *Core) luck() float64 { return float64(c.rand.Uint64()>>11) / (1 << 53) }
