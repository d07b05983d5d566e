// Package limit decides when a call may be sent, so that the budget of an API
// key is spent and no call is refused. It is pure: no lock, no goroutine, no
// timer and no clock. Time is an argument, so a simulation drives millions of
// calls through it, and the same calls lead to the same decisions again.
//
// Two ideas carry it. A response's Remaining is a certificate for so many more
// calls (certificate.go), on any kind of server. And the last certified calls
// are kept back and spent one by one, spread evenly, as probes that cannot
// fail: the response to one shows the new window, the refilled bucket, or that it
// is too early.
//
// Around them stand the ledger of our own calls (ledger.go), for windows that
// no header shows; the gate that a refusal closes (gate.go); and what is known
// of others on the key (contention.go). Every rule's comment names, in quotes, the
// row of the simulation's table that fails without it.
package limit

import "time"

// Window is one limit of the server: at most Limit calls in any Period. Both
// are at least 1.
type Window struct {
	Limit  int
	Period time.Duration
}

// Reason names why a call has to wait.
type Reason uint8

// The reasons.
const (
	None   Reason = iota // it need not wait
	Start                // the first response is not here yet
	Shared               // others use the key, or did shortly before us: few calls in flight
	Full                 // a window holds as many calls as it may
	Spread               // the window's last calls are spent one by one
	Denied               // the server refused a call
	Tokens               // the tokens budget is spent
)

// Why is a reason and the index of the window that it is about; for Start and
// Shared that of the window which the headers show.
type Why struct {
	Reason Reason
	Window int // or UnknownWindow
}

// UnknownWindow is that of a refusal that does not say which one is full.
const UnknownWindow = -1

// Call is what must be remembered of a granted call until its end.
type Call struct {
	seq  uint64        // calls granted until then, this one included
	out  int           // calls in flight when it was granted
	prev time.Duration // when the call before it was granted
}

// Unsaid is the Remaining of a response without one.
const Unsaid = -1

// Response is the part of a response that is about limits.
type Response struct {
	Refused    bool          // status 429: nothing was consumed
	Limit      int           // of the window that the headers show; 0: absent
	Remaining  int           // of the same window; Unsaid: absent
	RetryAfter time.Duration // 0: absent
	TokensGone bool          // the tokens budget shows 0
	TokensBack time.Duration // and is said to return after this; 0: absent
}

const (
	// The part of the shown window that is kept back: of 1000 an hour 50, which
	// is one a minute once the others are spent. With less, a fixed window that
	// turns early is noticed too late ("alone"); with more, too much of a late
	// one is spent slowly.
	keepBackPart = 20
	// Shorter windows keep nothing back: their end is never far.
	keepBackFrom = 10 * time.Minute
)

// Core is the limiter of one API key. Responses may come in any order; a
// time that goes back is taken as the latest one.
type Core struct {
	epoch      time.Time
	latest     time.Duration // the latest now
	ledgers    []ledger
	shortest   int           // index of the shortest window
	shown      int           // index of the window that the headers show: the longest until known
	picked     bool          // shown is known
	ceilings   []int         // of the windows, where no header may raise them; nil: any may
	responded  bool          // a response has come
	tokens     bool          // the tokens budget was not 0 when it was last shown
	reserve    int           // certified calls that are kept back
	sent       uint64        // calls granted
	inflight   int           // and without an end
	lastSend   time.Duration // when the latest was granted
	unsure     time.Duration // until then the shown window's ledger holds calls of others
	cert       certificate
	gate       gate
	contention contention
}

// New returns a Core for windows, at least one. start is any time not after the
// first that is passed in later.
func New(start time.Time, windows ...Window) *Core {
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
	// The server may have a shorter window than the caller names.
	c.gate.unit, c.contention.span = min(unit, maxGateUnit), unit*13/12
	c.keepBack()
	return c
}

// KeepBelow has no header raise a window. A header of a higher limit is then about
// none of the windows, and says nothing.
func (c *Core) KeepBelow() {
	for _, l := range c.ledgers {
		c.ceilings = append(c.ceilings, l.limit)
	}
}

// Next reports whether a call may be sent now. If not, recheck is the time to ask
// again unless something else happens before; the zero time means that only an
// response can change it.
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
	if until, blocked := c.gate.wait(now, c.inflight); blocked {
		return until, c.gate.why
	}
	// The first call goes alone, as a window that an earlier run has filled
	// cannot be seen before the first response ("restarted": 100 refusals).
	if !c.responded && c.contention.cold == 0 && c.inflight > 0 {
		return 0, Why{Start, c.shown}
	}
	if room, until := c.contention.room(now); c.inflight >= room {
		return until, Why{Shared, c.shown}
	}
	if at, i, full := c.full(now); full {
		return at, Why{Full, i}
	}
	if !c.cert.known || c.cert.n > c.reserve {
		return 0, Why{}
	}
	if c.inflight > 0 {
		return 0, Why{Spread, c.shown}
	}
	if at := c.probeAt(now); now < at {
		return at, Why{Spread, c.shown}
	}
	return 0, Why{}
}

// full reports whether a window's own ledger is full, which one's, and until
// when; 0 if only a response can tell. Of the window that the headers show the
// certificate knows better.
func (c *Core) full(now time.Duration) (until time.Duration, index int, full bool) {
	for i := range c.ledgers {
		if i == c.shown && c.cert.known || c.ledgers[i].free(now, c.inflight) > 0 {
			continue
		}
		at, ok := c.ledgers[i].when(now, 1, c.inflight)
		if !ok {
			return 0, i, true
		}
		if at > until {
			until, index, full = at, i, true
		}
	}
	return until, index, full
}

// probeAt is when the next kept-back call may go: they are spread evenly until
// our own ledger has room for one more than are certified.
func (c *Core) probeAt(now time.Duration) time.Duration {
	l := &c.ledgers[c.shown]
	n := max(c.cert.n, 0) + 1
	by, ok := l.when(now, n, 0)
	if !ok {
		by = c.lastSend + l.period
	}
	at := c.lastSend + (by-c.lastSend)/time.Duration(n)
	if now < c.unsure {
		// What others spent returns at a time that our ledger does not know,
		// perhaps long before it says so ("used up").
		at = min(at, c.lastSend+c.gate.unit<<gateDoublings)
	}
	return at
}

// Sent notes that a call is granted, after Next admitted it. It counts from
// now, whenever it is written to the wire.
func (c *Core) Sent(now time.Time) Call {
	t := c.time(now)
	c.sent++
	call := Call{seq: c.sent, out: c.inflight, prev: c.lastSend}
	c.inflight++
	c.cert.shift(-1)
	c.lastSend = t
	return call
}

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
	}
	if a.Limit > 0 && !c.readLimit(t, a) {
		a.Remaining = Unsaid
	}
	if a.Remaining >= 0 {
		c.readRemaining(t, call, a, first)
	}
	c.readRefusal(t, a)
}

// readLimit takes the limit that a header shows, and reports whether it is about a
// window of ours. The first one tells which: the one of that limit, or else the
// longest.
func (c *Core) readLimit(now time.Duration, a Response) bool {
	at := c.shown
	if !c.picked {
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

// readRemaining takes the Remaining that a header shows.
func (c *Core) readRemaining(now time.Duration, call Call, a Response, first bool) {
	shown := &c.ledgers[c.shown]
	remaining := min(a.Remaining, shown.limit)
	broken := c.cert.read(call, remaining, c.sent, c.inflight)
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
func (c *Core) readRefusal(now time.Duration, a Response) {
	why := Why{Denied, UnknownWindow}
	switch {
	case a.TokensGone:
		why = Why{Tokens, c.shown}
	case a.Remaining == 0:
		why.Window = c.shown
	}
	if !a.Refused {
		c.gate.passed(now, !c.cert.known || c.cert.n > c.reserve)
	}
	switch {
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

// Lost notes that call will have no response. It may have arrived, and as late as
// now ("alone").
func (c *Core) Lost(now time.Time, _ Call) {
	t := c.time(now)
	c.inflight--
	for i := range c.ledgers {
		c.ledgers[i].book(t, 1)
	}
	if !c.responded {
		// A server that does not respond must not be tried by one call at a time:
		// the others would wait for its timeouts, one after another.
		c.contention.earlier(t)
	}
}

// Cancelled notes that call was certainly not sent: what it held returns.
func (c *Core) Cancelled(now time.Time, call Call) {
	c.time(now)
	c.inflight--
	c.cert.shift(1)
	if call.seq == c.sent {
		c.lastSend = call.prev
	}
}

// time turns now into the time since the start, never less than before: a
// ledger needs that its bookings ascend.
func (c *Core) time(now time.Time) time.Duration {
	c.latest = max(c.latest, now.Sub(c.epoch))
	return c.latest
}
