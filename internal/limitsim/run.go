package limitsim

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/connix-io/connix-go/internal/limit"
)

// epoch is the time 0 of every simulation.
var epoch = time.Unix(0, 0)

// sim is a simulation under way.
type sim struct {
	*Config
	events
	oracle  bool
	now     time.Duration
	server  *server
	procs   []proc
	workers []worker
	waiting []int32 // at the oracle's door
	opensAt time.Duration
}

type proc struct {
	Proc
	ProcResult
	limiter    Limiter
	queue      []int32
	wakeAt     time.Duration
	left       int           // calls to begin
	limit      int           // that was shown last
	retryAfter time.Duration // until when it was told to wait
}

type worker struct {
	proc     int32
	rand     rand.PCG
	call     limit.Call
	wanted   time.Duration
	granted  time.Duration
	back     time.Duration // of the response
	response limit.Response
	lost     bool
	bare     bool
	foreign  bool
}

func run(c *Config, oracle bool) Result {
	s := &sim{Config: c, oracle: oracle, server: newServer(c)}
	s.start()
	for len(s.heap) > 0 {
		e := s.pop()
		if e.at > c.Until {
			break
		}
		s.now = e.at
		s.handle(e)
	}
	r := make(Result, len(s.procs))
	for i := range s.procs {
		p := &s.procs[i]
		status := p.limiter.Status(s.time())
		p.Others, p.Late = status.Others, status.Late
		r[i] = p.ProcResult
	}
	return r
}

func (s *sim) start() {
	windows := s.Known
	if windows == nil {
		for _, w := range s.Windows {
			windows = append(windows, w.Window)
		}
	}
	for i, p := range s.Procs {
		q := proc{Proc: p, left: p.Calls, limit: s.Windows[0].Limit}
		if q.left == 0 {
			q.left = math.MaxInt
		}
		switch {
		case p.Careless || s.oracle:
			q.limiter = careless{}
		case p.With > 0:
			q.limiter = s.procs[p.With].limiter
		case s.New != nil:
			q.limiter = s.New(epoch, windows...)
		default:
			q.limiter = limit.New(epoch, windows...)
		}
		s.procs = append(s.procs, q)
		for range p.Workers {
			w := worker{proc: int32(i)}
			w.rand.Seed(s.Seed, uint64(len(s.workers)))
			s.push(p.Start, wants, int32(len(s.workers)))
			s.workers = append(s.workers, w)
		}
	}
	for i, ch := range s.Changes {
		s.push(ch.At, changes, int32(i))
	}
}

func (s *sim) handle(e event) {
	switch e.kind {
	case wants:
		s.want(e.id)
	case arrives:
		s.arrive(e.id)
	case responded:
		s.end(e.id)
	case givenUp:
		s.giveUp(e.id)
	case wakes:
		if p := &s.procs[e.id]; p.wakeAt == e.at {
			p.wakeAt = 0
			s.pump(p, e.id)
		}
	case opens:
		if s.opensAt == e.at {
			s.opensAt = 0
			s.letIn()
		}
	case changes:
		s.server.change(s.now, s.Changes[e.id].Limit)
	}
}

// want puts a worker into its process' queue.
func (s *sim) want(id int32) {
	w := &s.workers[id]
	p := &s.procs[w.proc]
	if p.left == 0 || p.stopped(s.now) {
		return
	}
	p.left--
	w.wanted = s.now
	p.queue = append(p.queue, id)
	if len(p.queue) == 1 {
		s.pump(p, w.proc)
	}
}

// pump grants until the limiter refuses.
func (s *sim) pump(p *proc, id int32) {
	for len(p.queue) > 0 && !p.stopped(s.now) {
		next, sent := p.limiter.Next, p.limiter.Sent
		if p.Low {
			next, sent = p.limiter.NextLow, p.limiter.SentLow
		}
		ok, recheck, _ := next(s.time())
		if !ok {
			if at := recheck.Sub(epoch); !recheck.IsZero() && at != p.wakeAt {
				p.wakeAt = at
				s.push(at, wakes, id)
			}
			return
		}
		w := p.queue[0]
		p.queue = p.queue[1:]
		if s.now < p.retryAfter {
			p.Early++
		}
		s.workers[w].call = sent(s.time())
		p.Waits = append(p.Waits, s.now-s.workers[w].wanted)
		s.workers[w].granted = s.now
		s.send(w)
	}
}

// stopped tells whether the program is gone, and its callers with it.
func (p *proc) stopped(now time.Duration) bool { return p.Stop > 0 && now >= p.Stop }

// send draws what becomes of a call, and draws the same for the oracle.
func (s *sim) send(id int32) {
	w := &s.workers[id]
	out := s.RTT/2 + time.Duration(w.luck()*float64(s.Jitter))
	w.back = s.RTT/2 + time.Duration(w.luck()*float64(s.Jitter))
	chance, part := w.luck(), w.luck()
	w.lost, w.bare, w.foreign = chance < s.Lost, part < s.Bare, part > 1-s.Foreign
	switch {
	case w.lost:
		giveUp := s.GiveUp
		if giveUp == 0 {
			giveUp = 30 * time.Second
		}
		s.push(s.now+giveUp, givenUp, id)
		if part < 0.5 {
			s.push(s.now+time.Duration(2*part*float64(giveUp)), arrives, id)
		}
	case chance < s.Lost+s.Cancelled && !s.oracle:
		s.procs[w.proc].limiter.Cancelled(s.time(), w.call)
		s.again(id)
	default:
		s.push(s.now+out, arrives, id)
	}
}

// arrive is a call at the server.
func (s *sim) arrive(id int32) {
	w := &s.workers[id]
	if w.foreign {
		w.response = limit.Response{Remaining: limit.Unsaid}
		s.push(s.now+w.back, responded, id)
		return
	}
	p := &s.procs[w.proc]
	if s.oracle && !p.Careless {
		s.waiting = append(s.waiting, id)
		if len(s.waiting) == 1 {
			s.letIn()
		}
		return
	}
	w.response = s.server.serve(s.now)
	if w.response.Refused || w.response.Unavailable {
		p.Refused = append(p.Refused, Refusal{w.granted, s.now})
	} else {
		p.Served = append(p.Served, s.now)
		if w.bare {
			w.response = limit.Response{Remaining: limit.Unsaid}
		}
	}
	if !w.lost {
		s.push(s.now+w.back, responded, id)
	}
}

// letIn serves those at the oracle's door who fit.
func (s *sim) letIn() {
	for len(s.waiting) > 0 {
		if ok, at := s.server.fits(s.now); !ok {
			if at != s.opensAt {
				s.opensAt = at
				s.push(at, opens, 0)
			}
			return
		}
		id := s.waiting[0]
		s.waiting = s.waiting[1:]
		s.server.take(s.now)
		w := &s.workers[id]
		s.procs[w.proc].Served = append(s.procs[w.proc].Served, s.now)
		if !w.lost {
			s.push(s.now+w.back, responded, id)
		}
	}
}

// end is the response at its worker.
func (s *sim) end(id int32) {
	w := &s.workers[id]
	p := &s.procs[w.proc]
	p.Done = s.now
	if n := w.response.Limit; n != 0 && n != p.limit {
		p.limit = n
		p.Shown = append(p.Shown, s.now)
	}
	p.retryAfter = max(p.retryAfter, s.now+w.response.RetryAfter)
	if (w.response.Refused || w.response.Unavailable) && p.Calls > 0 {
		p.left++ // it is sent again
	}
	p.limiter.Responded(s.time(), w.call, w.response)
	s.pumpAll(w.proc)
	s.again(id)
}

func (s *sim) giveUp(id int32) {
	w := &s.workers[id]
	s.procs[w.proc].limiter.Lost(s.time(), w.call)
	s.pumpAll(w.proc)
	s.again(id)
}

// pumpAll pumps every process that uses the limiter of proc id.
func (s *sim) pumpAll(id int32) {
	if !s.procs[id].Low {
		s.pump(&s.procs[id], id)
	}
	for _, low := range []bool{false, true} { // the first lane goes first
		for i := range s.procs {
			if p := &s.procs[i]; p.Low == low && (int32(i) != id || low) && (p.With > 0 || low || s.procs[id].With == i) {
				s.pump(p, int32(i))
			}
		}
	}
}

// again makes the worker want its next call.
func (s *sim) again(id int32) {
	w := &s.workers[id]
	load := s.procs[w.proc].Load
	at := s.now
	if load.Pause > 0 {
		at += time.Duration(rand.New(&w.rand).ExpFloat64() * float64(load.Pause))
	}
	if load.Every > 0 {
		at = (at/load.Every + 1) * load.Every
	}
	s.push(at, wants, id)
}

func (s *sim) time() time.Time { return epoch.Add(s.now) }

// luck is the next random number in [0,1).
func (w *worker) luck() float64 { return float64(w.rand.Uint64()>>11) / (1 << 53) }

// careless lets everything go.
type careless struct{}

func (careless) Next(time.Time) (bool, time.Time, limit.Why)          { return true, time.Time{}, limit.Why{} }
func (c careless) NextLow(now time.Time) (bool, time.Time, limit.Why) { return c.Next(now) }
func (careless) SentLow(time.Time) limit.Call                         { return limit.Call{} }
func (careless) Sent(time.Time) limit.Call                            { return limit.Call{} }
func (careless) Responded(time.Time, limit.Call, limit.Response)      {}
func (careless) Lost(time.Time, limit.Call)                           {}
func (careless) Cancelled(time.Time, limit.Call)                      {}
func (careless) Status(time.Time) limit.Status                        { return limit.Status{} }
