package limit

import (
	"testing"
	"time"
)

func TestGate(t *testing.T) {
	const (
		m     = time.Minute
		pause = m * 7 / 6
	)
	denied, tokens := Why{Denied, 1}, Why{Tokens, 0}
	type event struct {
		at   time.Duration
		do   func(g *gate, now time.Duration)
		want time.Duration // until
	}
	refused := func(spent bool, retryAfter time.Duration) func(*gate, time.Duration) {
		return func(g *gate, now time.Duration) { g.refused(now, spent, retryAfter, denied) }
	}
	hold := func(back time.Duration) func(*gate, time.Duration) {
		return func(g *gate, now time.Duration) { g.hold(now, back, tokens) }
	}
	passed := func(plenty bool) func(*gate, time.Duration) {
		return func(g *gate, now time.Duration) { g.passed(now, plenty) }
	}
	tests := map[string][]event{
		"a full window": {
			{0, refused(false, 0), pause},
			{2 * m, refused(false, 0), 2*m + pause},
			{4 * m, refused(false, 0), 4*m + pause},
		},
		"a spent budget": {
			{0, refused(true, 0), pause},
			{2 * m, refused(true, 0), 2*m + 2*pause},
			{8 * m, refused(true, 0), 8*m + 4*pause},
			{20 * m, refused(true, 0), 20*m + 4*pause},
			{40 * m, passed(false), 20*m + 4*pause},
			{41 * m, refused(true, 0), 41*m + 4*pause},
			{60 * m, passed(true), 41*m + 4*pause},
			{61 * m, refused(true, 0), 61*m + pause},
		},
		"a burst is one event": {
			{0, refused(true, 0), pause},
			{1, refused(true, 0), pause},
			{m, refused(true, 0), pause},
			{2 * m, refused(true, 0), 2*m + 2*pause},
		},
		"Retry-After lengthens": {
			{0, refused(false, 10*m), 10 * m},
			{m, refused(false, 5*m), 10 * m},
			{2 * m, refused(false, 9*m), 11 * m},
		},
		"Retry-After beyond every window": {
			{0, refused(false, time.Hour), time.Hour},
			{2 * time.Hour, refused(false, 24*time.Hour), 2*time.Hour + 5*m},
		},
		"Retry-After does not shorten": {{0, refused(false, time.Second), pause}},
		"a budget comes back soon":     {{0, hold(3 * time.Second), 3 * time.Second}},
		"or late": {
			{0, hold(time.Hour), pause},
			{2 * m, hold(time.Hour), 2*m + 2*pause},
		},
		"or at an absurd time": {{0, hold(0), 0}, {0, hold(-time.Hour), 0}},
		"held while closed":    {{0, refused(false, 0), pause}, {m, hold(time.Hour), pause}},
		"what was sent before does not open it": {
			{0, refused(true, 0), pause},
			{1, passed(true), pause},
			{2 * m, refused(true, 0), 2*m + 2*pause},
		},
	}
	for name, events := range tests {
		t.Run(name, func(t *testing.T) {
			g := gate{unit: m, longest: time.Hour}
			for i, e := range events {
				if e.do(&g, e.at); g.until != e.want {
					t.Errorf("event %d: closed until %v, want %v", i, g.until, e.want)
				}
			}
		})
	}
}

func TestGateLetsOneTry(t *testing.T) {
	g := gate{unit: time.Minute, longest: time.Hour}
	var lastSend time.Duration
	wait := func(now time.Duration, inflight int, want time.Duration, blocked bool) {
		t.Helper()
		if until, got := g.wait(now, inflight, lastSend); until != want || got != blocked {
			t.Errorf("at %v with %d in flight: %v, %v; want %v, %v", now, inflight, until, got, want, blocked)
		}
	}
	wait(0, 50, 0, false)
	g.refused(0, false, 0, Why{})
	opens := g.until
	lastSend = opens
	wait(opens-1, 0, opens, true)
	wait(opens, 0, 0, false)
	wait(opens, 1, opens+alonePatience, true) // the one that tries was sent now
	wait(opens+alonePatience, 1, 0, false)
	g.passed(opens+1, true)
	wait(opens+1, 50, 0, false)
}
