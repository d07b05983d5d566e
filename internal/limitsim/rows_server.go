package limitsim

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

var rowChanged = Row{
	Name:      "changed",
	Situation: "the limit that the headers show is lowered from 1000 to 500, and raised again, while we are busy",
	Runs:      15,
	Measure: func(runs int, limiter Factory) []Figure {
		var unseen, after, late, raised spread
		twice := 0
		mixes(runs, 9, func(r *rand.Rand, h, m Kind) {
			c := scenario(r, h, m)
			c.New = limiter
			lower := upTo(r, 2*time.Hour)
			raise := lower + time.Hour + upTo(r, 2*time.Hour)
			c.Changes = []Change{{lower, 500}, {raise, 1000}}
			p := Run(c)[0]
			if len(p.Shown) == 0 {
				return
			}
			var n [4]float64
			last := -time.Hour
			for _, refused := range p.Refused {
				switch {
				case refused.At >= raise:
					n[3]++
				case refused.Granted <= p.Shown[0]:
					n[0]++
					continue
				case refused.At > p.Shown[0]+time.Hour:
					n[2]++
				}
				n[1]++
				if refused.At < last+time.Minute {
					twice++
				}
				last = refused.At
			}
			unseen.add(n[0])
			after.add(n[1])
			late.add(n[2])
			raised.add(n[3])
		})
		return []Figure{
			atMost("refused after a response has shown the lower limit, most", after.top, Count, 10),
			atMost("the same, less than a minute apart", float64(twice), Count, 0),
			atMost("the same, more than an hour later", late.top, Count, 0),
			atMost("refused after the limit was raised", raised.top, Count, 0),
			worthKnowing("refused that were sent before, most", unseen.top, Count),
		}
	},
}

var rowHeaders = Row{
	Name:      "headers",
	Situation: "headers are missing, or Remaining does not count the call itself; 10 hours",
	Runs:      4,
	Measure: func(runs int, limiter Factory) (figures []Figure) {
		for i, headers := range []Headers{NoHeaders, RemainingOnly, RemainingBefore} {
			var part, refused spread
			mixes(runs, 10+uint64(i), func(r *rand.Rand, h, m Kind) {
				c := scenario(r, h, m)
				c.Headers, c.New = headers, limiter
				p := Run(c)[0]
				part.add(float64(len(p.Served)) / float64(Oracle(c).served()))
				refused.add(float64(len(p.Refused)))
			})
			least := 0.97
			if headers == NoHeaders {
				least = 0.90
			}
			figures = append(figures,
				atMost(fmt.Sprintf("headers %v: refused", headers), refused.sum, Count, 0),
				atLeast(fmt.Sprintf("headers %v: of the oracle, least", headers), part.least, Percent, least))
		}
		return figures
	},
}

var rowCounter = Row{
	Name:      "counter",
	Situation: "the server estimates a sliding window by two counters, and refuses what a log would allow; alone, 10 hours",
	Runs:      12,
	Measure: func(runs int, limiter Factory) []Figure {
		var refused, part spread
		for n := range runs {
			r := rand.New(rand.NewPCG(16, uint64(n)))
			c := scenario(r, Counter, Counter)
			c.New = limiter
			p := Run(c)[0]
			refused.add(float64(len(p.Refused)) / c.Until.Hours())
			part.add(float64(len(p.Served)) / float64(Oracle(c).served()))
		}
		return []Figure{
			atMost("refusals per hour, mean", refused.mean(), Mean, 20),
			worthKnowing("the same, most", refused.top, Mean),
			worthKnowing("of the oracle, mean", part.mean(), Percent),
			atLeast("of the oracle, least", part.least, Percent, 0.90),
		}
	},
}

var rowTokens = Row{
	Name:      "tokens",
	Situation: "a Tokens budget is spent before the requests are, 10 hours; and one that is shown as spent but does not bind",
	Runs:      4,
	Measure: func(runs int, limiter Factory) []Figure {
		var refused, late, lenient, look spread
		mixes(runs, 13, func(r *rand.Rand, h, m Kind) {
			c := scenario(r, h, m)
			c.New = limiter
			c.Tokens = Tokens{Limit: 5000, Cost: 10, Period: time.Hour}
			p := Run(c)[0]
			refused.add(float64(len(p.Refused)) / c.Until.Hours())
			for begin := time.Hour; begin < c.Until; begin += time.Hour {
				late.addTime(firstServed(p.Served, begin) - begin)
				look.addTime(firstLook(p, begin))
			}
			c.Tokens.Lenient = true
			lenient.add(float64(Run(c).served()) / float64(Oracle(c).served()))
		})
		return []Figure{
			atMost("refusals per hour, most", refused.top, Mean, 20),
			atMost("time from an hour's last token to the next call, most", look.top, Seconds, 80),
			atMost("noticed that the budget is back after, the latest", late.top, Seconds, 330),
			atLeast("served where it does not bind, of the oracle, least", lenient.least, Percent, 0.95),
		}
	},
}

// firstServed is when the first call after begin was served.
func firstServed(served []time.Duration, begin time.Duration) time.Duration {
	i, _ := slices.BinarySearch(served, begin)
	if i == len(served) {
		return math.MaxInt64
	}
	return served[i]
}

// firstLook is the time between the last call that was served before the first
// refusal after begin, and the next call; one that is refused as well.
func firstLook(p ProcResult, begin time.Duration) time.Duration {
	i, _ := slices.BinarySearchFunc(p.Refused, begin, func(r Refusal, at time.Duration) int { return cmp.Compare(r.At, at) })
	if i == len(p.Refused) {
		return 0
	}
	served, _ := slices.BinarySearch(p.Served, p.Refused[i].At)
	last := p.Served[served-1]
	for _, r := range p.Refused[i:] {
		if r.Granted > last+10*time.Second { // not one that was under way
			return r.Granted - last
		}
	}
	return 0
}
