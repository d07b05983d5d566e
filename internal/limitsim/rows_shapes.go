package limitsim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/connix-io/connix-go/internal/limit"
)

// shape is a server that the limiter does not know: it refuses what the documented
// minute would allow.
type shape struct {
	name            string
	hour            Kind
	minute          ServerWindow // in place of the documented one, or beside it
	beside          bool
	refused         float64 // at most
	first           float64 // of the oracle in 8 minutes, at least
	whole, meanOver float64 // of the oracle in 3 hours, the least and the mean
}

func ofBurst(n int) ServerWindow { return ServerWindow{Window: minute, Kind: Bucket, Burst: n} }

func perSecond(n int) ServerWindow {
	return ServerWindow{Window: limit.Window{Limit: n, Period: time.Second}, Kind: Fixed}
}

func perMinute(n int, kind Kind) ServerWindow {
	return ServerWindow{Window: limit.Window{Limit: n, Period: time.Minute}, Kind: kind}
}

var shapes = []shape{
	{"bucket of 80", Fixed, ofBurst(80), false, 20, 0.80, 0.97, 0.97},
	{"bucket of 50", Fixed, ofBurst(50), false, 20, 0.80, 0.97, 0.97},
	{"bucket of 20", Fixed, ofBurst(20), false, 20, 0.90, 0.97, 0.97},
	{"bucket of 10", Fixed, ofBurst(10), false, 20, 0.90, 0.97, 0.97},
	{"leaky bucket", Fixed, ofBurst(1), false, 30, 0.80, 0.94, 0.97},
	{"counter in the minute", Fixed, perMinute(100, Counter), false, 30, 0.85, 0.95, 0.97},
	{"counters", Counter, perMinute(100, Counter), false, 60, 0.80, 0.95, 0.95},
	{"10 a second", Fixed, perSecond(10), true, 20, 0.85, 0.96, 0.96},
	{"5 a second", Fixed, perSecond(5), true, 20, 0.85, 0.96, 0.96},
	{"2 a second", Fixed, perSecond(2), true, 20, 0.85, 0.96, 0.96},
	{"60 a minute", Fixed, perMinute(60, Fixed), false, 50, 0.65, 0.93, 0.93},
	{"30 a minute", Fixed, perMinute(30, Fixed), false, 50, 0.65, 0.93, 0.93},
}

var rowShapes = Row{
	Name:      "shapes",
	Situation: "the key is ours alone, 16 workers, 3 hours; the server admits less at once than the documented minute",
	Runs:      4,
	Measure: func(runs int, limiter Factory) (figures []Figure) {
		for i, s := range shapes {
			var refused, first, whole spread
			for n := range runs * 2 {
				r := rand.New(rand.NewPCG(17+uint64(i), uint64(n/2)))
				c := shaped(r, s, n%2 == 0)
				c.New = limiter
				p, oracle := Run(c)[0], Oracle(c)[0]
				refused.add(float64(len(p.Refused)))
				first.add(float64(p.served(firstMinutes)) / float64(oracle.served(firstMinutes)))
				whole.add(float64(len(p.Served)) / float64(len(oracle.Served)))
			}
			figures = append(figures,
				atMost(s.name+": refused, most", refused.top, Count, s.refused),
				atLeast("8 minutes, of the oracle, least", first.least, Percent, s.first),
				atLeast("3 hours, least", whole.least, Percent, s.whole),
				atLeast("3 hours, mean", whole.mean(), Percent, s.meanOver))
		}
		return figures
	},
}

// shaped is a server of that shape, near or far.
func shaped(r *rand.Rand, s shape, near bool) Config {
	c := Config{
		Seed: r.Uint64(), Until: 3 * time.Hour, Known: []limit.Window{hour, minute},
		Windows: []ServerWindow{{Window: hour, Kind: s.hour, Phase: upTo(r, time.Hour)}},
		RTT:     5 * time.Millisecond, Procs: []Proc{{Workers: 16}},
	}
	if !near {
		c.RTT, c.Jitter = 100*time.Millisecond, 100*time.Millisecond
	}
	if s.beside {
		c.Windows = append(c.Windows, ServerWindow{Window: minute, Kind: Fixed, Phase: upTo(r, time.Minute)})
	}
	w := s.minute
	w.Phase = upTo(r, w.Period)
	c.Windows = append(c.Windows, w)
	return c
}

var rowLag = Row{
	Name:      "lag",
	Situation: "Remaining is shown as it was 1, 5 or 30 seconds ago; the key is ours alone, 16 workers, 3 hours",
	Runs:      4,
	Measure: func(runs int, limiter Factory) (figures []Figure) {
		for i, lag := range []time.Duration{time.Second, 5 * time.Second, 30 * time.Second} {
			var refused, first, whole spread
			for n := range runs * 2 {
				r := rand.New(rand.NewPCG(40+uint64(i), uint64(n/2)))
				c := shaped(r, shape{minute: perMinute(100, pick(r, kinds...))}, n%2 == 0)
				c.Lag, c.New = lag, limiter
				p := Run(c)[0]
				refused.add(float64(len(p.Refused)))
				first.add(float64(p.served(firstMinutes)) / float64(slidingOracle(c, firstMinutes)))
				whole.add(float64(len(p.Served)) / float64(Oracle(c).served()))
			}
			figures = append(figures,
				atMost(fmt.Sprintf("%v: refused", lag), refused.sum, Count, 0),
				atLeast("8 minutes, of the sliding oracle, least", first.least, Percent, 0.97),
				atLeast("3 hours, of the oracle, least", whole.least, Percent, 0.94),
				atLeast("3 hours, mean", whole.mean(), Percent, 0.97))
		}
		return figures
	},
}

var rowStuck = Row{
	Name:      "stuck",
	Situation: "Remaining is 0 from the start while every call is served; the key is ours alone, 16 workers, 3 hours",
	Runs:      2,
	Measure: func(runs int, limiter Factory) []Figure {
		var refused, before, full spread
		mixes(runs, 45, func(r *rand.Rand, h, m Kind) {
			c := shaped(r, shape{hour: h, minute: perMinute(100, m)}, false)
			c.Headers, c.New = RemainingStuck, limiter
			p := Run(c)[0]
			refused.add(float64(len(p.Refused)))
			// Full speed begins with the first minute that holds 97 calls.
			at := fullAgain(p.Served, 0, c.Until)
			before.add(float64(p.served(at - 1)))
			full.addTime(at)
		})
		return []Figure{
			atMost("refused", refused.sum, Count, 0),
			atMost("calls served before full speed, most", before.top, Count, 3),
			worthKnowing("full speed after, the latest", full.top, Seconds),
		}
	},
}

var rowStray = Row{
	Name:      "stray",
	Situation: "one call is refused although the windows have room; the key is ours alone",
	Runs:      2,
	Measure: func(runs int, limiter Factory) (figures []Figure) {
		for _, slow := range []bool{false, true} {
			var refused, back spread
			mixes(runs, 46, func(r *rand.Rand, h, m Kind) {
				c := shaped(r, shape{hour: h, minute: perMinute(100, m)}, true)
				at := 2*time.Minute + upTo(r, 3*time.Minute)
				if slow {
					c.RTT, c.Procs = 20*time.Second, []Proc{{Workers: 64}}
				}
				// The minute alone binds; the hour's Remaining would show others.
				c.Windows[0].Limit, c.Known = 1500, []limit.Window{{Limit: 1500, Period: time.Hour}, minute}
				c.Until = at + 8*time.Minute
				c.Outage, c.New = Outage{From: at, Until: c.Until, Calls: 1}, limiter
				p := Run(c)[0]
				refused.add(float64(len(p.Refused)))
				c.Outage = Outage{}
				whole := Run(c)[0]
				from := at + 4*time.Minute
				back.add(float64(len(p.Served)-p.served(from)) / float64(len(whole.Served)-whole.served(from)))
			})
			name := "short calls"
			if slow {
				name = "64 calls of 20 s"
			}
			figures = append(figures,
				atMost(name+": refused, most", refused.top, Count, 1),
				atLeast("calls from 4 minutes later on, of a run without it, least", back.least, Percent, 0.95))
		}
		return figures
	},
}

var rowOutage = Row{
	Name:      "outage",
	Situation: "for 10 minutes every call is refused with 429, or with 503 and Retry-After 60; 16 workers, the key is ours alone",
	Runs:      1,
	Measure: func(runs int, limiter Factory) (figures []Figure) {
		for _, unavailable := range []time.Duration{0, time.Minute} {
			var refused, back, after spread
			mixes(runs, 47, func(r *rand.Rand, h, m Kind) {
				c := shaped(r, shape{hour: h, minute: perMinute(100, m)}, false)
				at := 3*time.Minute + upTo(r, time.Minute)
				c.Until = at + 30*time.Minute
				c.Outage, c.New = Outage{From: at, Until: at + 10*time.Minute, Unavailable: unavailable}, limiter
				p := Run(c)[0]
				refused.add(float64(len(p.Refused)))
				back.addTime(firstServed(p.Served, at+10*time.Minute) - at - 10*time.Minute)
				// Against a run that begins a minute later.
				c.Outage, c.Procs[0].Start = Outage{}, at+11*time.Minute
				idle := Run(c)[0]
				served := func(p *ProcResult) float64 { return float64(p.served(at+14*time.Minute) - p.served(at+12*time.Minute)) }
				after.add(served(&p) / served(&idle))
			})
			name, most := "429", 32.0 // 16 of them at once
			if unavailable > 0 {
				name, most = "503", 60
			}
			figures = append(figures,
				atMost(name+": refused, most", refused.top, Count, most),
				atMost("noticed that it is over after, the latest", back.top, Seconds, 80),
				atLeast("calls in the minutes 2 to 4 after it, of a run that begins then, least", after.least, Percent, 0.80))
		}
		return figures
	},
}
