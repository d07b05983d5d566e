package limit

import "time"

// Planted is a Core with one rule taken out or one fault put in.
type Planted struct {
	*Core
	Fault Fault
	sent  map[uint64]time.Duration
}

// Fault is what is planted, in words.
type Fault string

// The faults: first those that a limiter could easily have, then rules that are
// taken out.
const (
	AgedFromSend     Fault = "a slot ages from the grant, not from the response"
	LateBelieved     Fault = "a late response's Remaining is believed"
	NothingKeptBack  Fault = "nothing is kept back"
	NoContention     Fault = "others make no difference"
	NoCertificate    Fault = "Remaining is not read"
	OldDisproves     Fault = "a response to an older call breaks a promise"
	LostForgotten    Fault = "a lost call is not counted"
	CancelKeeps      Fault = "a cancelled call keeps what it held"
	NotAlone         Fault = "many calls before the first response"
	NoColdRoom       Fault = "many calls after a first response that shows earlier use"
	EarlierForgotten Fault = "earlier use is not booked"
	BrokenForgotten  Fault = "what others spend is not booked"
	RoomAtOnce       Fault = "many calls as soon as others are not seen for a minute"
	NoDoubling       Fault = "a spent budget is asked for every minute"
	NeverForgives    Fault = "the pauses never start anew"
	EachRefusal      Fault = "each refusal of a burst is an event of its own"
	RetryAfterAlone  Fault = "Retry-After alone tells the pause"
	NeverUnsure      Fault = "what others spent returns when our ledger says so"
	RaiseNotBooked   Fault = "a raised limit is taken for room"
	LowerNotShifted  Fault = "a lowered limit is taken for others' calls"
	CountsItself     Fault = "Remaining is taken to count the call itself, always"
	NoTrial          Fault = "all calls go at once when the gate opens"
	TokensAgain      Fault = "a spent Tokens budget closes the gate with each response"
	ShapeUnknown     Fault = "a refusal by the server's shape is taken for others"
	NotForgotten     Fault = "a refusal after a whole period of silence is taken for the server's shape"
	NeverLate        Fault = "a late Remaining is taken for others' calls"
	StuckBelieved    Fault = "a Remaining of 0 is always believed"
	OutageIgnored    Fault = "503 and its Retry-After are ignored"
	NoForecast       Fault = "the second lane takes what the first will want"
)

// Next implements limitsim.Limiter.
func (p *Planted) Next(now time.Time) (bool, time.Time, Why) {
	if p.Fault == NotAlone {
		defer func(was bool) { p.responded = was }(p.responded)
		p.responded = true
	}
	return p.Core.Next(now)
}

// NextLow implements limitsim.Limiter.
func (p *Planted) NextLow(now time.Time) (bool, time.Time, Why) {
	if p.Fault == NoForecast {
		return p.Core.Next(now)
	}
	return p.Core.NextLow(now)
}

// Sent implements limitsim.Limiter.
func (p *Planted) Sent(now time.Time) Call {
	call := p.Core.Sent(now)
	if p.Fault == AgedFromSend {
		if p.sent == nil {
			p.sent = map[uint64]time.Duration{}
		}
		p.sent[call.seq] = p.latest
	}
	return call
}

// Responded implements limitsim.Limiter.
func (p *Planted) Responded(now time.Time, call Call, a Response) {
	t := p.time(now)
	undo := p.before(t, &call, &a)
	p.Core.Responded(now, call, a)
	undo()
	p.after(t, a)
}

// before plants what has to be there when a response is read.
func (p *Planted) before(t time.Duration, call *Call, a *Response) (undo func()) {
	undo = func() {}
	shown := &p.ledgers[p.shown]
	switch p.Fault {
	case AgedFromSend:
		since := t - p.sent[call.seq]
		delete(p.sent, call.seq)
		for i := range p.ledgers {
			p.ledgers[i].keep -= since
		}
		undo = func() {
			for i := range p.ledgers {
				p.ledgers[i].keep += since
			}
		}
	case ShapeUnknown:
		if a.Refused {
			p.contention.seen, p.contention.last = true, t
		}
	case NotForgotten:
		if a.Refused && p.pauses >= 2 {
			gap, burst := p.meter.gap, p.meter.burst
			undo = func() { p.meter.gap, p.meter.burst = gap, burst }
		}
	case NeverLate:
		p.cert.banned = t + time.Hour
	case StuckBelieved:
		p.stuck = 0
	case OutageIgnored:
		p.outage = 0
	case LateBelieved:
		call.out, call.seq = 0, p.Core.sent
	case NoCertificate:
		a.Remaining = Unsaid
	case EarlierForgotten:
		if !p.responded && a.Limit-a.Remaining > 1 {
			p.contention.earlier(t)
		}
		p.responded = true
	case BrokenForgotten:
		if a.Refused || !p.responded {
			break
		}
		before := make([]ledger, len(p.ledgers))
		for i := range p.ledgers {
			before[i] = p.ledgers[i]
			before[i].ring = append([]booking(nil), p.ledgers[i].ring...)
		}
		seen := p.contention
		undo = func() {
			if p.contention.seen && p.contention.last == t && (seen.last != t || !seen.seen) {
				p.ledgers = before
				for i := range p.ledgers {
					p.ledgers[i].book(t, 1)
				}
			}
		}
	case RaiseNotBooked:
		shown.limit = max(shown.limit, a.Limit)
	case LowerNotShifted:
		if a.Limit > 0 {
			shown.limit = min(shown.limit, a.Limit)
		}
	case OldDisproves:
		p.cert.born, p.cert.second.born = 0, 0
	case TokensAgain:
		p.tokens = true
	case EachRefusal:
		p.gate.until = 0
	case NoDoubling:
		p.gate.again = 0
	case NeverForgives:
		again := p.gate.again
		undo = func() {
			if p.gate.again == 0 {
				p.gate.again = again
			}
		}
	}
	return undo
}

// after plants what a response must not have changed.
func (p *Planted) after(t time.Duration, a Response) {
	switch p.Fault {
	case NothingKeptBack:
		p.reserve = 0
	case NoContention:
		p.contention.seen = false
	case NoColdRoom:
		p.contention.cold = 0
	case RoomAtOnce:
		p.contention.calm = min(p.contention.calm, 1) << 20
	case NeverUnsure:
		p.unsure = 0
	case RetryAfterAlone:
		if a.Refused && a.RetryAfter > 0 {
			p.gate.until = t + a.RetryAfter
		}
	case NoTrial:
		p.gate.trial = false
	case CountsItself:
		p.cert.ahead = 0
	}
}

// Lost implements limitsim.Limiter.
func (p *Planted) Lost(now time.Time, call Call) {
	if p.Fault == LostForgotten {
		p.inflight--
		return
	}
	p.Core.Lost(now, call)
}

// Cancelled implements limitsim.Limiter.
func (p *Planted) Cancelled(now time.Time, call Call) {
	if p.Fault == CancelKeeps {
		p.Core.Lost(now, call)
		return
	}
	p.Core.Cancelled(now, call)
}
