package limitsim

import (
	"math/rand/v2"
	"time"
)

var rowStartedAgain = Row{
	Name:      "started again",
	Situation: "a program is started again, its last run more than a minute ago; the key is ours alone",
	Runs:      20,
	Measure: func(runs int, limiter Factory) []Figure {
		var refused int
		var slower, minute spread
		mixes(runs, 4, func(r *rand.Rand, h, m Kind) {
			c := twoLives(r, h, m, time.Minute+time.Second+upTo(r, 5*time.Minute))
			c.New = limiter
			start := c.Procs[1].Start
			p := Run(c)[1]
			refused += len(p.Refused)
			minute.add(float64(p.served(start + time.Minute)))
			c.Procs[1].Workers, c.Procs[1].Calls = 8, 30
			again := Run(c)[1].Done
			c.Procs = c.Procs[1:]
			slower.addTime(again - Run(c)[0].Done)
		})
		return []Figure{
			atMost("refused", float64(refused), Count, 0),
			atMost("30 calls by 8 workers, slower than on a fresh key by", slower.top, Seconds, 0.1),
			atLeast("calls in the first minute, least", minute.least, Count, 100),
		}
	},
}

var rowRestarted = Row{
	Name:      "restarted",
	Situation: "a program is restarted in a minute that its last run has used",
	Runs:      25,
	Measure: func(runs int, limiter Factory) []Figure {
		var refused spread
		mixes(runs, 5, func(r *rand.Rand, h, m Kind) {
			c := twoLives(r, h, m, upTo(r, 55*time.Second))
			c.New = limiter
			// A fixed hour that turns between the two runs hides that there was
			// a first one.
			if w := &c.Windows[0]; w.Kind == Fixed {
				w.Phase = c.Until % w.Period
			}
			refused.add(float64(len(Run(c)[1].Refused)))
		})
		return []Figure{
			atMost("refused, most", refused.top, Count, 8),
			worthKnowing("refused, mean", refused.mean(), Mean),
		}
	},
}

// twoLives is a busy program that stops, and is there again after gap. Its
// round trips are short enough that the first run's last calls are done by
// then, and it has so many workers that it fills its minutes.
func twoLives(r *rand.Rand, h, m Kind, gap time.Duration) Config {
	c := scenario(r, h, m)
	c.Jitter = pick(r, 0, 10*time.Millisecond)
	stop := 20*time.Second + upTo(r, 5*time.Minute)
	c.Procs = []Proc{
		{Workers: pick(r, 16, 64, 256), Stop: stop},
		{Workers: pick(r, 16, 64, 256), Start: stop + gap},
	}
	c.Until = stop + gap + 10*time.Minute
	return c
}
