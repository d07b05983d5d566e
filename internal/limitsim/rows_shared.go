package limitsim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/connix-io/connix-go/internal/limit"
)

var rowShared = Row{
	Name:      "shared",
	Situation: "2 to 4 processes on the key that know nothing of each other, always busy, 10 hours; with and without Retry-After",
	Runs:      6,
	Measure: func(runs int, limiter Factory) []Figure {
		var part, contact spread
		var v refusals
		mixes(runs, 6, func(r *rand.Rand, h, m Kind) {
			c := contended(r, h, m)
			c.New = limiter
			result := Run(c)
			part.add(float64(result.served()) / float64(Oracle(c).served()))
			contact.add(float64(v.judge(c, result)))
		})
		return []Figure{
			atMost("minutes of a process with more than one refusal", float64(v.bad)/float64(v.minutes), Percent, 0.02),
			atMost("refusals per process and hour", float64(v.refused)/v.hours, Mean, 20),
			atMost("calls sent before a Retry-After is over", float64(v.early), Count, 0),
			atLeast("together, of the oracle, mean", part.mean(), Percent, 0.97),
			worthKnowing("together, least", part.least, Percent),
			atMost("refusals in the 4 minutes after the last has joined, and before, mean", contact.mean(), Mean, 25),
			worthKnowing("the same, most", contact.top, Count),
		}
	},
}

func contended(r *rand.Rand, h, m Kind) Config {
	c := scenario(r, h, m)
	c.RetryAfter = pick(r, false, true)
	c.Procs = nil
	for range 2 + r.IntN(3) {
		c.Procs = append(c.Procs, Proc{Workers: pick(r, 1, 4, 16, 64, 256), Start: upTo(r, 10*time.Minute)})
	}
	return c
}

// refusals counts what is refused from 4 minutes after the last process joined.
type refusals struct {
	refused, bad, minutes, early int
	hours                        float64
}

// judge adds a result, and returns the number of refusals before that time.
func (v *refusals) judge(c Config, result Result) (before int) {
	var from time.Duration
	for _, p := range c.Procs {
		from = max(from, p.Start+4*time.Minute)
	}
	minutes := int((c.Until - from) / time.Minute)
	for i := range result {
		per := make([]int, minutes+1)
		for _, refused := range result[i].Refused {
			if refused.At < from {
				before++
				continue
			}
			v.refused++
			per[(refused.At-from)/time.Minute]++
		}
		for _, n := range per {
			if n > 1 {
				v.bad++
			}
		}
		v.minutes += minutes
		v.hours += (c.Until - from).Hours()
		v.early += result[i].Early
	}
	return before
}

var rowFleet = Row{
	Name:      "fleet",
	Situation: "2, 5 and 20 copies of one program on the key, started together, with the same network: in step; 5 hours",
	Runs:      1,
	Measure: func(runs int, limiter Factory) (figures []Figure) {
		for _, copies := range []int{2, 5, 20} {
			var part spread
			var v refusals
			for n := range runs {
				for _, kind := range kinds {
					r := rand.New(rand.NewPCG(14, uint64(n)))
					c := Config{
						Seed: r.Uint64(), Until: 5 * time.Hour, RTT: 50 * time.Millisecond, New: limiter,
						Windows: []ServerWindow{{Window: hour, Kind: kind, Phase: upTo(r, time.Hour)}, {Window: minute, Kind: kind, Phase: upTo(r, time.Minute)}},
						Procs:   slices.Repeat([]Proc{{Workers: 8}}, copies),
					}
					result := Run(c)
					v.judge(c, result)
					part.add(float64(result.served()) / float64(Oracle(c).served()))
				}
			}
			figures = append(figures,
				atMost(fmt.Sprintf("%d copies: refusals per copy and hour", copies), float64(v.refused)/v.hours, Mean, 20),
				atMost("minutes of a copy with more than one refusal", float64(v.bad)/float64(v.minutes), Percent, 0.02),
				atLeast("together, of the oracle, mean", part.mean(), Percent, 0.97))
		}
		return figures
	},
}

var rowLeft = Row{
	Name:      "left",
	Situation: "the others have left the key; time until the next minute with 97 calls begins",
	Runs:      20,
	Measure: func(runs int, limiter Factory) []Figure {
		var after spread
		mixes(runs, 7, func(r *rand.Rand, h, m Kind) {
			c := scenario(r, h, m)
			c.New = limiter
			c.Windows[0].Limit = 100_000 // the minute alone binds
			c.Jitter = pick(r, 0, 200*time.Millisecond)
			left := 10*time.Minute + upTo(r, 10*time.Minute)
			c.Procs = []Proc{
				{Workers: pick(r, 16, 64, 256)},
				{Workers: pick(r, 4, 16, 64), Start: upTo(r, 5*time.Minute), Stop: left},
			}
			c.Until = left + 10*time.Minute
			after.addTime(fullAgain(Run(c)[0].Served, left, c.Until) - left)
		})
		return []Figure{
			atMost("mean", after.mean(), Seconds, 120),
			worthKnowing("the latest", after.top, Seconds),
		}
	},
}

// fullAgain is the first time from which a minute holds 97 calls.
func fullAgain(served []time.Duration, from, end time.Duration) time.Duration {
	const full = 97
	for i, at := range served {
		if at < from {
			continue
		}
		if i+full <= len(served) && served[i+full-1] <= max(from, at)+time.Minute {
			return at
		}
	}
	return end
}

var rowUsedUp = Row{
	Name:      "used up",
	Situation: "others have used up the hour, before we started or while we made a call now and then, and are gone; 2 hours",
	Runs:      15,
	Measure: func(runs int, limiter Factory) []Figure {
		var late, refused, part spread
		mixes(runs, 8, func(r *rand.Rand, h, m Kind) {
			c := usedUp(r, h, m)
			if limiter == nil {
				limiter = func(start time.Time, windows ...limit.Window) Limiter {
					return limit.New(start, windows...)
				}
			}
			c.New = limiter
			result, oracle := Run(c), Oracle(c)
			last := len(result) - 1
			late.addTime(result[last].Served[0] - oracle[last].Served[0])
			refused.add(float64(len(result[last].Refused)) / (c.Until - c.Procs[last].Start).Hours())
			part.add(float64(len(result[last].Served)) / float64(len(oracle[last].Served)))
		})
		return []Figure{
			atMost("noticed that the server has opened after, the latest", late.top, Seconds, 330),
			worthKnowing("the same, mean", late.mean(), Seconds),
			atMost("refusals per hour, most", refused.top, Mean, 20),
			atLeast("served in 2 hours, of the oracle, mean", part.mean(), Percent, 0.97),
		}
	},
}

func usedUp(r *rand.Rand, h, m Kind) Config {
	c := scenario(r, h, m)
	c.Jitter = 0
	start := 15*time.Minute + upTo(r, 30*time.Minute)
	c.Procs = []Proc{
		{Workers: 16, Stop: start - 2*time.Minute, Careless: true, Load: Load{Pause: 5 * time.Second}},
		{Workers: 1, Stop: start - time.Minute, Load: Load{Every: 30 * time.Second}},
		{Workers: pick(r, 1, 16, 64), Start: start, With: pick(r, 0, 1)},
	}
	c.Until = start + 2*time.Hour
	return c
}
