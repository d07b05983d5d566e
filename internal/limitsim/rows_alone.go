package limitsim

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/connix-io/connix-go/internal/limit"
)

var rowAlone = Row{
	Name:      "alone",
	Situation: "the key is ours alone, always busy; every mix of kinds for hour and minute, any phase, jitter to 2 s a way, 1 to 256 workers",
	Runs:      12,
	Measure: func(runs int, limiter Factory) []Figure {
		var refused, others, late int
		var first, corner, whole spread
		mixes(runs, 1, func(r *rand.Rand, h, m Kind) {
			c := scenario(r, h, m)
			c.New = limiter
			p := Run(c)[0]
			refused += len(p.Refused)
			if p.Others {
				others++
			}
			if p.Late {
				late++
			}
			whole.add(float64(len(p.Served)) / float64(Oracle(c).served()))
			part := float64(p.served(firstMinutes)) / float64(slidingOracle(c, firstMinutes))
			if justFills(c) {
				corner.add(part)
			} else {
				first.add(part)
			}
		})
		figures := []Figure{
			atMost("refused", float64(refused), Count, 0),
			atMost("runs in which others are noticed", float64(others), Count, 0),
			atMost("runs in which Remaining is taken to be late", float64(late), Count, 0),
			atLeast("8 minutes, of the sliding oracle, least", first.least, Percent, 0.97),
			worthKnowing("8 minutes, mean", first.mean(), Percent),
			atLeast("10 hours, of the server's own oracle, least", whole.least, Percent, 0.97),
			worthKnowing("10 hours, mean", whole.mean(), Percent),
		}
		if corner.n > 0 {
			figures = append(figures, atLeast("8 minutes where slow workers just fill the minute, least", corner.least, Percent, 0.95))
		}
		return figures
	},
}

// firstMinutes is a time in which the hour does not bind.
const firstMinutes = 8 * time.Minute

// slidingOracle is what an oracle serves until t if every window slides, which
// is all that a limiter may count on before it knows better.
func slidingOracle(c Config, t time.Duration) int {
	c.Windows = slices.Clone(c.Windows)
	for i := range c.Windows {
		c.Windows[i].Kind = Sliding
	}
	c.Until = t
	return Oracle(c).served()
}

// justFills tells the corner in which 97 % is out of reach: round trips of a
// second and more, and so few workers that they just fill the minute. A slot is
// free a minute after the server counted it, which is up to a round trip before
// a limiter can be sure of that. With more workers the time is made up for, and
// with fewer the minute is never full.
func justFills(c Config) bool {
	trip := c.RTT + c.Jitter
	perMinute := float64(c.Procs[0].Workers) * float64(time.Minute) / float64(trip)
	return trip >= time.Second && perMinute > 90 && perMinute < 150
}

var rowFuzz = Row{
	Name:      "fuzz",
	Situation: "the key is ours alone; besides, lost responses, cancelled calls, responses without headers, bursts, idle hours, other windows, odd headers",
	Runs:      12,
	Measure: func(runs int, limiter Factory) []Figure {
		var refused, others, late, calls int
		mixes(runs, 2, func(r *rand.Rand, h, m Kind) {
			c := fuzzed(r, h, m)
			c.New = limiter
			p := Run(c)[0]
			refused += len(p.Refused)
			calls += len(p.Served)
			if p.Others {
				others++
			}
			if p.Late {
				late++
			}
		})
		return []Figure{
			atMost("refused", float64(refused), Count, 0),
			atMost("runs in which others are noticed", float64(others), Count, 0),
			atMost("runs in which Remaining is taken to be late", float64(late), Count, 0),
			worthKnowing("calls", float64(calls), Count),
		}
	},
}

var rowCancelled = Row{
	Name:      "cancelled",
	Situation: "nine of ten granted calls are cancelled before they are sent; the key is ours alone",
	Runs:      2,
	Measure: func(runs int, limiter Factory) []Figure {
		var refused, whole, first spread
		mixes(runs, 15, func(r *rand.Rand, h, m Kind) {
			c := scenario(r, h, m)
			c.New, c.Cancelled, c.Jitter = limiter, 0.9, 0
			p := Run(c)[0]
			refused.add(float64(len(p.Refused)))
			first.add(float64(p.served(firstMinutes)) / float64(slidingOracle(c, firstMinutes)))
			whole.add(float64(len(p.Served)) / float64(Oracle(c).served()))
		})
		return []Figure{
			atMost("refused", refused.sum, Count, 0),
			atLeast("8 minutes, of the sliding oracle, least", first.least, Percent, 0.97),
			atLeast("10 hours, of the server's own oracle, least", whole.least, Percent, 0.97),
		}
	},
}

var rowWork = Row{
	Name:      "work",
	Situation: "400 calls by 16 workers, 100 per 2 s, round trips below 1 ms (ideal 6.0 s)",
	Runs:      10,
	Measure: func(runs int, limiter Factory) []Figure {
		var refused int
		var took spread
		for n := range runs {
			for _, kind := range kinds {
				r := rand.New(rand.NewPCG(3, uint64(n)))
				c := Config{
					Seed: r.Uint64(), Until: time.Hour, New: limiter,
					Windows: []ServerWindow{{Window: limit.Window{Limit: 100, Period: 2 * time.Second}, Kind: kind, Phase: upTo(r, 2*time.Second)}},
					RTT:     50*time.Microsecond + upTo(r, 900*time.Microsecond),
					Procs:   []Proc{{Workers: 16, Calls: 400}},
				}
				p := Run(c)[0]
				refused += len(p.Refused)
				took.addTime(p.Done)
			}
		}
		return []Figure{
			atMost("refused", float64(refused), Count, 0),
			atMost("the slowest", took.top, Seconds, 6.2),
		}
	},
}
