// Package limitsim drives the rate limiter's core through simulated hours. It
// plays the servers, the network, the workers and other processes on the same
// key, event by event and in no real time; the same Config gives the same
// Result, always.
//
// Beside it runs an oracle that knows all: the same workers with the same
// latencies, but a call that the server would refuse waits at its door and is
// let in at the first possible moment. No limiter can be faster.
//
// [Rows] is what is required of the limiter, each with the simulations that
// measure it.
package limitsim

import (
	"time"

	"github.com/connix-io/connix-go/internal/limit"
)

// Limiter is what a simulation drives: a [limit.Core], or one with a fault
// planted in it.
type Limiter interface {
	Next(now time.Time) (admit bool, recheck time.Time, why limit.Why)
	NextLow(now time.Time) (admit bool, recheck time.Time, why limit.Why)
	Sent(now time.Time) limit.Call
	SentLow(now time.Time) limit.Call
	Responded(now time.Time, call limit.Call, a limit.Response)
	Lost(now time.Time, call limit.Call)
	Cancelled(now time.Time, call limit.Call)
	Status(now time.Time) limit.Status
}

// Factory makes a process' limiter.
type Factory func(start time.Time, windows ...limit.Window) Limiter

// Config is one simulation.
type Config struct {
	Seed       uint64
	Windows    []ServerWindow // the first is the one that the headers show
	Known      []limit.Window // those that the limiter is given; nil: all
	Headers    Headers
	Lag        time.Duration // Remaining is shown as it was so long ago
	Outage     Outage
	RetryAfter bool // refusals name the moment at which one call fits
	Tokens     Tokens

	RTT       time.Duration // of a round trip, the least
	Jitter    time.Duration // more, each way, at most
	GiveUp    time.Duration // when a call without a response is given up; 0: 30 s
	Lost      float64       // part of the calls that have no response; half of them arrive
	Cancelled float64       // part of the granted calls that are not sent
	Bare      float64       // part of the responses without headers, counted all the same: the server's 5xx
	Foreign   float64       // part of the calls that something before the server responds to, uncounted: a proxy's 502

	Procs   []Proc
	Changes []Change
	Until   time.Duration
	New     Factory // nil: limit.New
}

// Outage is a time in which the server refuses the calls that arrive. The zero value
// is none.
type Outage struct {
	From, Until time.Duration
	Calls       int           // it refuses so many; 0: all
	Unavailable time.Duration // not 0: with 503 and this Retry-After, not with 429
}

// Proc is one process on the key.
type Proc struct {
	Workers     int
	Start, Stop time.Duration // Stop 0: never
	Calls       int           // that it makes in all; 0: without end
	Load        Load
	Careless    bool // it has no limiter and takes refusals as they come
	With        int  // not 0: it uses the limiter of the process of this index, which comes before it
	Low         bool // its calls are in the limiter's second lane
}

// Load is when a worker wants its next call.
type Load struct {
	Pause time.Duration // mean pause after a call, exponential; 0: none
	Every time.Duration // not 0: calls begin together, at its multiples
}

// Change sets the shown window's limit.
type Change struct {
	At    time.Duration
	Limit int
}

// Result is what came of it, for each process.
type Result []ProcResult

// ProcResult is one process' part. All times are the server's but where said.
type ProcResult struct {
	Served  []time.Duration // calls that were counted
	Refused []Refusal
	Done    time.Duration   // when its last response was there
	Shown   []time.Duration // when the first response with each changed limit was there
	Early   int             // calls granted before the end of a Retry-After that was there
	Others  bool            // it has noticed others
	Late    bool            // it takes Remaining to be late
	Waits   []time.Duration // of each granted call, from when it was wanted
}

// Refusal is a call that was refused with 429.
type Refusal struct{ Granted, At time.Duration }

// Run plays c under limiters.
func Run(c Config) Result { return run(&c, false) }

// Oracle plays c with the oracle in the limiters' place. Calls that are
// cancelled are sent, and those that a proxy responds to are not.
func Oracle(c Config) Result { return run(&c, true) }

// served is the number of calls counted until t.
func (p *ProcResult) served(t time.Duration) (n int) {
	for _, at := range p.Served {
		if at <= t {
			n++
		}
	}
	return n
}

// served is the number of all processes' calls.
func (r Result) served() (n int) {
	for i := range r {
		n += len(r[i].Served)
	}
	return n
}
