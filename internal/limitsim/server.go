package limitsim

import (
	"math"
	"time"

	"github.com/connix-io/connix-go/internal/limit"
)

// Kind is how a server counts a window.
type Kind uint8

// The kinds. A bucket starts full and refills at Limit per Period. A counter
// is the cheap approximation of a sliding log: the part of the previous fixed
// window that still overlaps, plus the current one.
const (
	Fixed Kind = iota
	Sliding
	Bucket
	Counter
)

func (k Kind) String() string { return [...]string{"fixed", "sliding", "bucket", "counter"}[k] }

// ServerWindow is a window as one server counts it.
type ServerWindow struct {
	limit.Window
	Kind  Kind
	Phase time.Duration // a fixed window turns at this time first, then every Period
	Burst int           // of a bucket; 0: Limit
}

// window is a ServerWindow at work.
type window struct {
	ServerWindow
	turn   int64 // number of the fixed window that count is of
	count  int
	before int             // count of the window before it
	log    []time.Duration // ring
	head   int
	size   int
	tokens float64
	last   time.Duration // when tokens was right
}

func newWindow(w ServerWindow) window {
	if w.Burst == 0 {
		w.Burst = w.Limit
	}
	return window{ServerWindow: w, tokens: float64(w.Burst), turn: math.MinInt64}
}

// advance brings the state to now.
func (w *window) advance(now time.Duration) {
	switch w.Kind {
	case Fixed, Counter:
		turn := int64((now - w.Phase + 2*w.Period) / w.Period)
		switch {
		case turn == w.turn+1:
			w.before, w.count = w.count, 0
		case turn != w.turn:
			w.before, w.count = 0, 0
		}
		w.turn = turn
	case Sliding:
		for w.size > 0 && w.log[w.head] <= now-w.Period {
			w.head = (w.head + 1) % len(w.log)
			w.size--
		}
	case Bucket:
		w.tokens = min(float64(w.Burst), w.tokens+float64(now-w.last)*w.rate())
		w.last = now
	}
}

func (w *window) rate() float64 { return float64(w.Limit) / float64(w.Period) }

// turnsAt is when the fixed window that holds now ends.
func (w *window) turnsAt(now time.Duration) time.Duration {
	return w.Phase + time.Duration(int64((now-w.Phase+2*w.Period)/w.Period)-1)*w.Period
}

// remaining is the number of calls that fit at now, to which it is advanced.
func (w *window) remaining(now time.Duration) int {
	switch w.Kind {
	case Fixed:
		return w.Limit - w.count
	case Sliding:
		return w.Limit - w.size
	case Counter:
		part := float64(w.turnsAt(now)-now) / float64(w.Period)
		return int(math.Floor(float64(w.Limit) - float64(w.count) - part*float64(w.before)))
	}
	return int(w.tokens + 1e-9)
}

// take counts a call.
func (w *window) take(now time.Duration) {
	switch w.Kind {
	case Fixed, Counter:
		w.count++
	case Sliding:
		if w.size == len(w.log) {
			w.grow()
		}
		w.log[(w.head+w.size)%len(w.log)] = now
		w.size++
	case Bucket:
		w.tokens--
	}
}

func (w *window) grow() {
	log := make([]time.Duration, max(64, 2*len(w.log)))
	for i := range w.size {
		log[i] = w.log[(w.head+i)%len(w.log)]
	}
	w.log, w.head = log, 0
}

// freeAt is when one call fits, if it does not at now.
func (w *window) freeAt(now time.Duration) time.Duration {
	switch w.Kind {
	case Fixed:
		return w.turnsAt(now)
	case Sliding:
		return w.log[(w.head+w.size-w.Limit)%len(w.log)] + w.Period
	case Counter:
		return now + w.Period/100
	}
	return now + time.Duration(math.Ceil((1-w.tokens)/w.rate()))
}

// Headers is which rate headers a server sends.
type Headers uint8

// The variants. Reset and Date are not among them, as the core has no input for
// either.
const (
	AllHeaders      Headers = iota
	NoHeaders               // not one
	RemainingOnly           // no Limit
	RemainingBefore         // Remaining is written before the call is counted
	RemainingStuck          // Remaining is always 0
)

func (h Headers) String() string {
	return [...]string{"all", "none", "Remaining only", "Remaining before the call", "Remaining stuck at 0"}[h]
}

// Tokens is a second budget, in a fixed window. The zero value is none.
type Tokens struct {
	Limit, Cost int // Cost divides Limit
	Period      time.Duration
	Lenient     bool // it is shown, and nothing is refused for it
}

// server counts the calls of one key.
type server struct {
	windows    []window
	headers    Headers
	retryAfter bool
	lag        time.Duration
	outage     Outage
	past       []shownAt // not older than the lag, but for the first
	tokens     Tokens
	spent      window // of the tokens
}

func newServer(c *Config) *server {
	s := &server{headers: c.Headers, lag: c.Lag, outage: c.Outage, retryAfter: c.RetryAfter, tokens: c.Tokens}
	for _, w := range c.Windows {
		s.windows = append(s.windows, newWindow(w))
	}
	if t := c.Tokens; t.Limit > 0 {
		s.spent = newWindow(ServerWindow{Window: limit.Window{Limit: t.Limit / t.Cost, Period: t.Period}, Kind: Fixed})
		if !t.Lenient {
			s.windows = append(s.windows, s.spent)
		}
	}
	return s
}

// fits tells whether a call is let through now, and if not, when one would be.
func (s *server) fits(now time.Duration) (ok bool, at time.Duration) {
	at = now
	for i := range s.windows {
		w := &s.windows[i]
		w.advance(now)
		if w.remaining(now) < 1 {
			at = max(at, w.freeAt(now))
		}
	}
	return at == now, at
}

// take counts a call that fits.
func (s *server) take(now time.Duration) {
	for i := range s.windows {
		s.windows[i].take(now)
	}
}

// serve responds to a call that arrives now. The first window is the one that the
// headers show.
func (s *server) serve(now time.Duration) (a limit.Response) {
	ok, at := s.fits(now)
	if o := &s.outage; now >= o.From && now < o.Until {
		if o.Calls--; o.Calls == 0 {
			o.Until = 0
		}
		ok, at = false, now
		if o.Unavailable > 0 {
			return limit.Response{Unavailable: true, RetryAfter: o.Unavailable, Remaining: limit.Unsaid}
		}
	}
	shown := &s.windows[0]
	before := shown.remaining(now)
	if ok {
		s.take(now)
	} else {
		a.Refused = true
		if s.retryAfter {
			a.RetryAfter = (at - now + time.Second - 1) / time.Second * time.Second
		}
	}
	a.Limit, a.Remaining = shown.Limit, max(shown.remaining(now), 0)
	switch s.headers {
	case NoHeaders:
		a.Limit, a.Remaining = 0, limit.Unsaid
	case RemainingOnly:
		a.Limit = 0
	case RemainingBefore:
		a.Remaining = max(before, 0)
	case RemainingStuck:
		a.Remaining = 0
	}
	a.Remaining = s.delayed(now, a.Remaining)
	s.showTokens(now, ok, &a)
	return a
}

// delayed returns the Remaining that was right the lag ago.
func (s *server) delayed(now time.Duration, remaining int) int {
	if s.lag == 0 || remaining < 0 {
		return remaining
	}
	s.past = append(s.past, shownAt{now, remaining})
	for len(s.past) > 1 && s.past[1].at <= now-s.lag {
		s.past = s.past[1:]
	}
	if s.past[0].at > now-s.lag {
		return s.windows[0].Limit
	}
	return s.past[0].remaining
}

// shownAt is a Remaining and the time at which it was right.
type shownAt struct {
	at        time.Duration
	remaining int
}

func (s *server) showTokens(now time.Duration, served bool, a *limit.Response) {
	if s.tokens.Limit == 0 {
		return
	}
	s.spent.advance(now)
	if served && s.spent.remaining(now) > 0 {
		s.spent.take(now)
	}
	if s.spent.remaining(now) < 1 {
		a.TokensGone, a.TokensBack = true, s.spent.turnsAt(now)-now
	}
}

// change sets a new limit for the shown window.
func (s *server) change(now time.Duration, n int) {
	w := &s.windows[0]
	w.advance(now)
	w.Limit, w.Burst = n, n
	w.tokens = min(w.tokens, float64(n))
}
