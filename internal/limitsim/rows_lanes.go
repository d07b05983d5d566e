package limitsim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

var rowLanes = Row{
	Name:      "lanes",
	Situation: "a batch of 16 workers in the second lane, always busy, and an interactive call each 17 s in the first; 3 hours, and 10 on a fixed hour",
	Runs:      2,
	Measure: func(runs int, limiter Factory) (figures []Figure) {
		type situation struct {
			hour  Kind
			hours int
			least float64
		}
		for i, st := range []situation{{Sliding, 3, 0.97}, {Bucket, 3, 0.97}, {Fixed, 3, 0.92}, {Fixed, 10, 0.96}} {
			var refused, part, late spread
			waits := []time.Duration{}
			for n := range runs * 2 {
				r := rand.New(rand.NewPCG(50+uint64(i), uint64(n)))
				c := shaped(r, shape{hour: st.hour, minute: perMinute(100, pick(r, kinds...))}, false)
				c.Until, c.New = time.Duration(st.hours)*time.Hour, limiter
				c.Procs = []Proc{{}, {Workers: 1, Load: Load{Every: 17 * time.Second}}, {Workers: 16, With: 1, Low: true}}
				result := Run(c)
				refused.add(float64(len(result[1].Refused) + len(result[2].Refused)))
				waits = append(waits, result[1].Waits...)
				part.add(float64(result.served()) / float64(Oracle(c).served()))
			}
			slices.Sort(waits)
			for _, w := range waits {
				late.add(0)
				if w > 2*time.Minute {
					late.sum++
				}
			}
			figures = append(figures,
				atMost(fmt.Sprintf("%v hour, %d h: refused", st.hour, st.hours), refused.sum, Count, 0),
				atMost("interactive calls that wait for more than 2 minutes", late.mean(), Percent, 0.005),
				atMost("their wait, 99 of 100", waits[len(waits)*99/100].Seconds(), Seconds, 1),
				worthKnowing("the longest", waits[len(waits)-1].Seconds(), Seconds),
				atLeast("together, of the oracle, least", part.least, Percent, st.least))
		}
		return figures
	},
}
