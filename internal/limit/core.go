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
// no header shows; the gate that a refusal closes (gate.go); what is known of
// others on the key (contention.go); and the meter, which follows a server that
// admits less at once than its windows say (meter.go). Every rule's comment names,
// in quotes, the row of the simulation's table that fails without it.
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
	None        Reason = iota // it need not wait
	Start                     // the first response is not here yet
	Shared                    // others use the key, or did shortly before us: few calls in flight
	Full                      // a window holds as many calls as it may
	Spread                    // the window's last calls are spent one by one
	Denied                    // the server refused a call
	Tokens                    // the tokens budget is spent
	Unavailable               // the server said 503, and when to come again
	Reserved                  // the first lane will want what is left
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
	Refused     bool          // status 429: nothing was consumed
	Unavailable bool          // status 503 with a RetryAfter
	Limit       int           // of the window that the headers show; 0: absent
	Remaining   int           // of the same window; Unsaid: absent
	RetryAfter  time.Duration // 0: absent
	TokensGone  bool          // the tokens budget shows 0
	TokensBack  time.Duration // and is said to return after this; 0: absent
}

const (
	// The part of the shown window that is kept back: of 1000 an hour 50, which
	// is one a minute once the others are spent. With less, a fixed window that
	// turns early is noticed too late ("alone"); with more, too much of a late
	// one is spent slowly.
	keepBackPart = 20
	// So often in a row is Remaining 0 seen before it is taken to mean nothing.
	stuckTimes = 3
	// Shorter windows keep nothing back: their end is never far.
	keepBackFrom = 10 * time.Minute
)

// outageTimes is the number of 503s in a row after which all calls wait: one alone may be
// about a single route.
const outageTimes = 3

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
	meter      meter
	demand     demand
	longest    bool          // every header is about the longest window
	outage     int           // 503s in a row
	stuck      int           // responses that showed Remaining 0 and were served all the same
	stuckLast  time.Duration // the latest of those that count
	pauses     uint8         // refusals in a row that came after a pause: 1 short, 2 or more long
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
	c.meter = newMeter(windows[c.shortest])
	c.gate.longest = windows[c.shown].Period
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

// ShowLongest has every header be about the longest window, as the API documents
// it. Otherwise the first header's limit tells which window it is about.
func (c *Core) ShowLongest() { c.longest = true }

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
	if until, blocked := c.gate.wait(now, c.inflight, c.lastSend); blocked {
		return until, c.gate.why
	}
	// The first call goes alone, as a window that an earlier run has filled
	// cannot be seen before the first response ("restarted": 100 refusals).
	if until := c.lastSend + startPatience; !c.responded && c.contention.cold == 0 && c.inflight > 0 && now < until {
		return until, Why{Start, c.shown}
	}
	alone := c.lastSend + alonePatience
	if room, until := c.contention.room(now); c.inflight >= room && now < alone {
		if until == 0 || until > alone {
			until = alone
		}
		return until, Why{Shared, c.shown}
	}
	if at, i, full := c.full(now); full {
		return at, Why{Full, i}
	}
	if at := c.meter.wait(now, 0); at > now {
		return at, Why{Full, c.shortest}
	}
	if !c.cert.known || c.cert.left() > c.kept(now) {
		return 0, Why{}
	}
	if c.inflight > 0 && now < alone {
		return alone, Why{Spread, c.shown}
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
	n := max(c.cert.left(), 0) + 1
	if c.cert.late {
		// The promise is below what is left: the ledger's next slot shows more.
		n = max(n, l.free(now, c.inflight)+1)
	}
	by, ok := l.when(now, n, c.inflight)
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
	call := c.sentCall(now)
	c.demand.add(c.latest)
	return call
}

func (c *Core) sentCall(now time.Time) Call {
	t := c.time(now)
	c.sent++
	call := Call{seq: c.sent, out: c.inflight, prev: c.lastSend}
	if !c.responded && c.contention.cold == 0 && c.inflight > 0 {
		c.contention.earlier(t) // the first call hangs
	}
	c.inflight++
	c.cert.shift(-1)
	c.cert.recent.add(t, 1)
	c.meter.take(t)
	c.lastSend = t
	return call
}

// Lost notes that call will have no response. It may have arrived, and as late as
// now ("alone").
func (c *Core) Lost(now time.Time, call Call) {
	t := c.time(now)
	c.inflight--
	c.meter.back(call, false)
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
	t := c.time(now)
	c.inflight--
	c.cert.shift(1)
	c.meter.back(call, true)
	c.meter.giveBack(t)
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
