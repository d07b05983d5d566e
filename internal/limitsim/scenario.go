package limitsim

import (
	"math/rand/v2"
	"time"

	"github.com/connix-io/connix-go/internal/limit"
)

// The API's windows.
var (
	hour   = limit.Window{Limit: 1000, Period: time.Hour}
	minute = limit.Window{Limit: 100, Period: time.Minute}
)

// kinds are those that a server's window may have.
var kinds = []Kind{Fixed, Sliding, Bucket}

func pick[T any](r *rand.Rand, xs ...T) T { return xs[r.IntN(len(xs))] }

// upTo is a random time below d.
func upTo(r *rand.Rand, d time.Duration) time.Duration { return time.Duration(r.Int64N(int64(d))) }

// scenario is a random server of those kinds, a random network and one process.
// A skewed clock of the server moves the turns of its fixed windows, to
// anywhere: that is what the phases are.
func scenario(r *rand.Rand, h, m Kind) Config {
	return Config{
		Seed:  r.Uint64(),
		Until: 10 * time.Hour,
		Windows: []ServerWindow{
			{Window: hour, Kind: h, Phase: upTo(r, time.Hour)},
			{Window: minute, Kind: m, Phase: upTo(r, time.Minute)},
		},
		RTT:    pick(r, 100*time.Microsecond, time.Millisecond, 50*time.Millisecond, 100*time.Millisecond, 500*time.Millisecond),
		Jitter: pick(r, 0, 0, 10*time.Millisecond, 200*time.Millisecond, time.Second, 2*time.Second),
		Procs:  []Proc{{Workers: pick(r, 1, 2, 3, 4, 6, 8, 16, 32, 64, 128, 256)}},
	}
}

// mixes calls f for runs of every pair of kinds, each with its own randomness.
func mixes(runs int, row uint64, f func(r *rand.Rand, h, m Kind)) {
	for i, h := range kinds {
		for j, m := range kinds {
			for n := range runs {
				f(rand.New(rand.NewPCG(row, uint64(n)<<8|uint64(i)<<4|uint64(j))), h, m)
			}
		}
	}
}

// fuzzed is a scenario in which everything that may vary does.
func fuzzed(r *rand.Rand, h, m Kind) Config {
	c := scenario(r, h, m)
	c.Until = time.Duration(1+r.IntN(10)) * time.Hour
	c.Lost = pick(r, 0, 0, 0.01, 0.1)
	c.Cancelled = pick(r, 0, 0, 0.05, 0.5)
	c.Bare = pick(r, 0, 0, 0.05, 0.9)
	c.Foreign = pick(r, 0, 0, 0.05)
	c.GiveUp = pick(r, 5*time.Second, 30*time.Second)
	c.Procs[0].Load = pick(r,
		Load{}, Load{}, Load{Pause: time.Second}, Load{Pause: time.Minute}, Load{Every: 3 * time.Second},
		Load{Every: 10 * time.Minute}, Load{Every: 70 * time.Minute}, Load{Pause: 5 * time.Second, Every: 30 * time.Minute})
	w := c.Windows
	switch r.IntN(6) {
	case 0:
		w[0].Window = limit.Window{Limit: 5000, Period: time.Hour}
	case 1:
		w[0].Window = limit.Window{Limit: 100, Period: 2 * time.Second}
		c.Windows = w[:1]
	case 2: // the headers show the minute
		w[0], w[1] = w[1], w[0]
	case 3:
		c.Windows = append(w, ServerWindow{Window: limit.Window{Limit: 10, Period: time.Second}, Kind: pick(r, kinds...)})
	}
	for i := range c.Windows {
		c.Windows[i].Phase %= c.Windows[i].Period
	}
	fuzzHeaders(r, &c)
	return c
}

// fuzzHeaders leaves out two cases in which nobody can tell: a Remaining without
// a Limit is taken for the longest window's, and a server that writes it before
// the call is known by its first response.
func fuzzHeaders(r *rand.Rand, c *Config) {
	c.Headers = pick(r, AllHeaders, AllHeaders, AllHeaders, NoHeaders, RemainingOnly, RemainingBefore)
	switch {
	case c.Headers == RemainingOnly && c.Windows[0].Period < time.Hour:
		c.Headers = AllHeaders
	case c.Headers == RemainingBefore:
		c.Bare, c.Foreign, c.Lost = 0, 0, 0
	}
}
