package window_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/connix-io/connix-go/internal/fake/window"
)

// noon is a multiple of every period used here.
var noon = time.Date(2024, 1, 15, 12, 0, 0, 0, time.UTC)

// step is a moment at which a number of requests is made, and what is known of
// the window after them.
type step struct {
	at        time.Duration // since noon
	ask, get  int           // requests made, and those that are allowed
	remaining int
	reset     time.Duration // since noon
}

func TestWindows(t *testing.T) {
	minute := window.Limit{Max: 10, Period: time.Minute}
	tests := []struct {
		name  string
		kind  window.Kind
		steps []step
	}{
		{"fixed", window.Fixed, []step{
			{0, 0, 0, 10, time.Minute},
			{50 * time.Second, 12, 10, 0, time.Minute},
			{59 * time.Second, 1, 0, 0, time.Minute},
			{time.Minute, 4, 4, 6, 2 * time.Minute}, // a burst on either side of the turn
			{time.Hour + 1, 0, 0, 10, time.Hour + time.Minute},
		}},
		{"sliding", window.Sliding, []step{
			{0, 0, 0, 10, 0},
			{5 * time.Second, 4, 4, 6, 65 * time.Second},
			{50 * time.Second, 8, 6, 0, 65 * time.Second},
			{65*time.Second - 1, 1, 0, 0, 65 * time.Second},
			{65 * time.Second, 5, 4, 0, 110 * time.Second},
			{110 * time.Second, 0, 0, 6, 125 * time.Second},
			{time.Hour, 0, 0, 10, time.Hour},
		}},
		{"bucket", window.Bucket, []step{
			{0, 0, 0, 10, 0},
			{0, 12, 10, 0, time.Minute},
			{6*time.Second - 1, 1, 0, 0, time.Minute},
			{6 * time.Second, 2, 1, 0, 66 * time.Second},
			{15 * time.Second, 0, 0, 1, 66 * time.Second},
			{66 * time.Second, 0, 0, 10, 66 * time.Second},
			{time.Hour, 11, 10, 0, time.Hour + time.Minute},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := window.New(minute, tt.kind)
			for _, s := range tt.steps {
				now := noon.Add(s.at)
				got := 0
				for range s.ask {
					if w.Remaining(now) > 0 {
						w.Take(now)
						got++
					}
				}
				if got != s.get {
					t.Errorf("at %v: %d of %d requests are allowed, want %d", s.at, got, s.ask, s.get)
				}
				if got := w.Remaining(now); got != s.remaining {
					t.Errorf("at %v: %d remain, want %d", s.at, got, s.remaining)
				}
				if got := w.Reset(now).Sub(noon); got != s.reset {
					t.Errorf("at %v: resets at %v, want %v", s.at, got, s.reset)
				}
			}
		})
	}
}

// TestNoWindowAllowsMoreThanItsKind drives each kind at random and holds every
// allowance against what its kind means, counted anew from all allowances.
func TestNoWindowAllowsMoreThanItsKind(t *testing.T) {
	limit := window.Limit{Max: 7, Period: 10 * time.Second}
	for seed := range uint64(6) {
		for _, kind := range []window.Kind{window.Fixed, window.Sliding, window.Bucket} {
			random := rand.New(rand.NewPCG(seed, 0))
			w := window.New(limit, kind)
			now := noon
			var taken []time.Time
			for range 200 {
				now = now.Add(time.Duration(random.ExpFloat64() * float64(time.Second)))
				if allowed, want := w.Remaining(now) > 0, admits(kind, limit, taken, now); allowed != want {
					t.Fatalf("kind %d, seed %d, %v after %d requests: allowed %v, want %v", kind, seed, now.Sub(noon), len(taken), allowed, want)
				}
				if w.Remaining(now) > 0 {
					w.Take(now)
					taken = append(taken, now)
				}
			}
		}
	}
}

func admits(kind window.Kind, l window.Limit, taken []time.Time, now time.Time) bool {
	switch kind {
	case window.Bucket:
		// Exactly: in units of which a request is Period and a nanosecond Max.
		level, last := int64(l.Max)*int64(l.Period), noon
		full := level
		for _, at := range append(append([]time.Time{}, taken...), now) {
			level = min(full, level+int64(at.Sub(last))*int64(l.Max))
			last = at
			level -= int64(l.Period)
		}
		return level >= 0
	case window.Fixed:
		n := 0
		for _, at := range taken {
			if at.Truncate(l.Period).Equal(now.Truncate(l.Period)) {
				n++
			}
		}
		return n < l.Max
	}
	n := 0
	for _, at := range taken {
		if now.Sub(at) < l.Period {
			n++
		}
	}
	return n < l.Max
}

func TestFixedWindowsBefore1970(t *testing.T) {
	w := window.New(window.Limit{Max: 1, Period: time.Minute}, window.Fixed)
	now := time.Unix(-90, 0)
	if got := w.Reset(now); !got.Equal(time.Unix(-60, 0)) {
		t.Errorf("at -90 s resets at %v s, want -60", got.Unix())
	}
}

func TestBudget(t *testing.T) {
	b := window.NewBudget(window.Rules{
		Windows: []window.Limit{{Max: 3, Period: time.Minute}, {Max: 5, Period: time.Hour}},
		Tokens:  window.Limit{Max: 100, Period: time.Hour},
	})
	type status struct{ requests, tokens int }
	check := func(at time.Duration, allowed bool, want status) {
		t.Helper()
		now := noon.Add(at)
		if got := b.Allow(now); got != allowed {
			t.Errorf("at %v: Allow = %v", at, got)
		}
		if got := (status{b.Requests(now).Remaining, b.Tokens(now).Remaining}); got != want {
			t.Errorf("at %v: remaining %+v, want %+v", at, got, want)
		}
	}
	check(0, true, status{4, 99}) // the hour is shown, whichever was named first
	check(1, true, status{3, 98})
	check(2, true, status{2, 97})
	check(3, false, status{2, 97}) // the minute is spent; a refusal takes nothing
	check(time.Minute, true, status{1, 96})
	check(time.Minute, true, status{0, 95})
	check(time.Minute, false, status{0, 95}) // the hour is spent
	check(time.Hour, true, status{4, 99})
	if s := b.Requests(noon); s.Limit != 5 || !s.Reset.Equal(noon.Add(time.Hour)) {
		t.Errorf("status %+v", s)
	}
}

func TestRefusalsTakeNothing(t *testing.T) {
	for _, kind := range []window.Kind{window.Fixed, window.Sliding, window.Bucket} {
		b := window.NewBudget(window.Rules{Windows: []window.Limit{{Max: 2, Period: time.Minute}}, Kind: kind})
		allowed := 0
		for second := range 61 { // asking all the time does not keep a window shut
			if b.Allow(noon.Add(time.Duration(second) * time.Second)) {
				allowed++
			}
		}
		if want := map[window.Kind]int{window.Fixed: 3, window.Sliding: 3, window.Bucket: 4}[kind]; allowed != want {
			t.Errorf("kind %d: %d allowed, want %d", kind, allowed, want)
		}
	}
}

func TestTokensRefuseToo(t *testing.T) {
	b := window.NewBudget(window.Rules{Windows: []window.Limit{{Max: 9, Period: time.Hour}}, Tokens: window.Limit{Max: 2, Period: time.Minute}})
	for i, want := range []bool{true, true, false} {
		if got := b.Allow(noon); got != want {
			t.Errorf("request %d: Allow = %v", i, got)
		}
	}
	if r, tok := b.Requests(noon).Remaining, b.Tokens(noon).Remaining; r != 7 || tok != 0 {
		t.Errorf("%d requests and %d tokens remain, want 7 and 0", r, tok)
	}
}

func TestNoRulesRefuseNothing(t *testing.T) {
	b := window.NewBudget(window.Rules{})
	for range 5000 {
		if !b.Allow(noon) {
			t.Fatal("refused")
		}
	}
	want := window.Status{Limit: 1000, Remaining: 1000, Reset: noon.Add(time.Hour)}
	if got := b.Requests(noon); got.Limit != want.Limit || got.Remaining != want.Remaining || !got.Reset.Equal(want.Reset) {
		t.Errorf("requests %+v, want %+v", got, want)
	}
	if got := b.Tokens(noon); got.Limit != 10000 || got.Remaining != 10000 {
		t.Errorf("tokens %+v", got)
	}
}

func TestLimitsThatCannotBeCounted(t *testing.T) {
	for limit, ok := range map[window.Limit]bool{
		{Max: 1000, Period: time.Hour}:                   true,
		{Max: 1, Period: 1}:                              true,
		{Max: 0, Period: time.Hour}:                      false,
		{Max: -1, Period: time.Hour}:                     false,
		{Max: 1, Period: 0}:                              false,
		{Max: 1, Period: -time.Second}:                   false,
		{Max: math.MaxInt, Period: 365 * 24 * time.Hour}: false,
	} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			if err := limit.Check(); (err == nil) != ok {
				t.Errorf("Check = %v", err)
			}
		})
	}
}
