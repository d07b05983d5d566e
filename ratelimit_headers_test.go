package connix_test

import (
	"context"
	"errors"
	"math"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	connix "github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
)

// What the rate headers say, where they make sense: the rest is nil or zero.
func TestRateLimitHeaders_read(t *testing.T) {
	reset := time.Unix(1_900_000_000, 0)
	for _, c := range []struct {
		limit, remaining, reset string
		want                    connix.RateLimit
	}{
		{"1000", "999", "1900000000", connix.RateLimit{Limit: new(1000), Remaining: new(999), Reset: reset}},
		{"1000", "1000", "1900000000", connix.RateLimit{Limit: new(1000), Remaining: new(1000), Reset: reset}},
		{"1000", "0", "", connix.RateLimit{Limit: new(1000), Remaining: new(0)}},
		{"1000", "1001", "soon", connix.RateLimit{Limit: new(1000)}},
		{"many", "-1", "99999999999999", connix.RateLimit{}},
		{"", "7", "-5", connix.RateLimit{Remaining: new(7)}},
		{"99999999999999999999", "1e3", "NaN", connix.RateLimit{}},
	} {
		srv := connixtest.NewServer(t)
		srv.Inject(connixtest.Fault{Action: connixtest.RateHeaders(c.limit, c.remaining, c.reset)})
		var meta connix.Response
		if _, err := srv.Client(t).Hello(t.Context(), "", connix.WithResponse(&meta)); err != nil {
			t.Fatal(err)
		}
		equal(t, "limit "+c.limit+", remaining "+c.remaining+", reset "+c.reset, meta.RateLimits.Requests, c.want)
	}
}

// rlPause is how long a refusal keeps everything back.
const rlPause = 70 * time.Second

// TestRateLimiter_denied closes the gate while others wait: who cannot wait for
// it is told at once, the others go one by one until it is known to be open.
func TestRateLimiter_denied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := rlOpened(t)
		for range 98 {
			rlTake(t, l).Settle(connix.RateLimitResult{StatusCode: 200})
		}
		last := rlTake(t, l)
		time.Sleep(50 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		impatient := make(chan error, 1)
		go func() {
			_, err := l.Wait(ctx, rlPatient)
			impatient <- err
		}()
		synctest.Wait()
		granted := make(chan connix.Permit, 2)
		for range 2 {
			go func() {
				p, err := l.Wait(t.Context(), connix.RateLimitRequest{MaxWait: 2 * time.Minute})
				if err != nil {
					t.Error(err)
				}
				granted <- p
			}()
		}
		synctest.Wait()
		begin := time.Now()
		last.Settle(rlResult(429, 1000, 800))
		err := <-impatient
		if e, ok := errors.AsType[*connix.RateLimitError](err); !ok || e.Reason != connix.RateLimitDenied || e.Wait != rlPause || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("told after %v", took)
		}
		if s := l.Status(); !s.BlockedUntil.Equal(begin.Add(rlPause)) || s.BlockedBy != connix.RateLimitDenied || s.Waiters != 2 {
			t.Errorf("%+v", s)
		}
		first := <-granted
		if took := time.Since(begin); took != rlPause {
			t.Errorf("the first went after %v", took)
		}
		time.Sleep(3 * time.Second)
		first.Settle(rlResult(200, 1000, 799))
		(<-granted).Cancel()
		if took := time.Since(begin); took != rlPause+3*time.Second {
			t.Errorf("the second went after %v", took)
		}
	})
}

func TestRateLimiter_retryAfter(t *testing.T) {
	tests := map[string]struct {
		retryAfter, want time.Duration
	}{
		"none":                {0, rlPause},
		"shorter":             {time.Second, rlPause},
		"longer":              {10 * time.Minute, 10 * time.Minute},
		"negative":            {-time.Hour, rlPause},
		"beyond every window": {2 * time.Hour, 5 * time.Minute},
		"beyond every bounds": {math.MaxInt64, 5 * time.Minute},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := rlOpened(t)
				r := rlResult(429, 1000, 700)
				r.RetryAfter = tt.retryAfter
				rlTake(t, l).Settle(r)
				begin := time.Now()
				// Two minutes of patience: a longer pause fails at once.
				p, err := l.Wait(t.Context(), connix.RateLimitRequest{MaxWait: 2 * time.Minute})
				took := time.Since(begin)
				if tt.want > 2*time.Minute {
					if e, ok := errors.AsType[*connix.RateLimitError](err); !ok || e.Wait != tt.want || took != 0 {
						t.Errorf("%v after %v", err, took)
					}
					return
				}
				if err != nil || took != tt.want {
					t.Fatalf("%v after %v", err, took)
				}
				if _, err := l.Wait(t.Context(), connix.RateLimitRequest{}); !errors.Is(err, connix.ErrRateLimited) {
					t.Errorf("a second call goes before the first one's response: %v", err)
				}
				p.Settle(rlResult(200, 1000, 699))
			})
		})
	}
}

// Windows of the caller's own are ceilings: no header raises one, whatever the
// server's windows are, and a refusal by one that was not named costs a minute.
func TestRateLimiter_ownWindowsAreCeilings(t *testing.T) {
	for name, tt := range map[string]struct {
		windows []connix.Window
		calls   int
		took    time.Duration // at most
	}{
		"a minute below the server's": {[]connix.Window{{Limit: 50, Period: time.Minute}}, 150, 3 * time.Minute},
		"an hour below the server's":  {[]connix.Window{{Limit: 500, Period: time.Hour}}, 250, 5 * time.Minute},
		"both":                        {[]connix.Window{{Limit: 500, Period: time.Hour}, {Limit: 50, Period: time.Minute}}, 150, 3 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := connixtest.NewServer(t, connixtest.WithInMemory(), connixtest.WithRateLimits(connixtest.DefaultRateLimits()))
				client := srv.Client(t, connix.WithRateLimiter(connix.NewRateLimiter(tt.windows...)), connix.WithMaxRateLimitWait(-1))
				begin := time.Now()
				var wg sync.WaitGroup
				for range tt.calls {
					wg.Go(func() {
						if _, err := client.Hello(t.Context(), ""); err != nil {
							t.Error(err)
						}
					})
				}
				wg.Wait()
				if took := time.Since(begin); took > tt.took {
					t.Errorf("%d calls took %v, want at most %v", tt.calls, took, tt.took)
				}
				for i, w := range client.RateLimits().Windows {
					if w.Window != tt.windows[i] {
						t.Errorf("the window is %+v now, and was given as %+v", w.Window, tt.windows[i])
					}
				}
				perMinute := map[time.Time]int{}
				for _, r := range srv.Requests() {
					if perMinute[r.Time.Truncate(time.Minute)]++; r.Status == 429 && len(tt.windows) == 2 {
						t.Errorf("a call was refused at %v", r.Time)
					}
				}
				for minute, n := range perMinute {
					if last := tt.windows[len(tt.windows)-1]; last.Period == time.Minute && n > last.Limit {
						t.Errorf("%d calls in the minute of %v, want at most %d", n, minute, last.Limit)
					}
				}
			})
		})
	}
}

// TestRateLimiter_tokensSpent shows a spent Tokens budget, by servers with clocks
// of their own.
func TestRateLimiter_tokensSpent(t *testing.T) {
	for _, skew := range []time.Duration{0, time.Hour, -time.Hour} {
		tests := map[string]struct {
			limit, remaining int
			reset            time.Duration // from the server's now
			noReset          bool
			want             time.Duration // of the pause
		}{
			"soon":         {10_000, 0, 20 * time.Second, false, 20 * time.Second},
			"late":         {10_000, 0, 40 * time.Minute, false, rlPause},
			"past":         {10_000, 0, -time.Minute, false, 0},
			"absurd":       {10_000, 0, math.MaxInt64, false, rlPause},
			"no reset":     {10_000, 0, 0, true, 0},
			"not spent":    {10_000, 1, time.Minute, false, 0},
			"no budget":    {0, 0, time.Minute, false, 0},
			"negative":     {10_000, -5, 20 * time.Second, false, 20 * time.Second},
			"more than it": {10, 10_000, 20 * time.Second, false, 0},
		}
		for name, tt := range tests {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					l := rlOpened(t)
					r := rlResult(200, 1000, 998)
					r.ServerTime = time.Now().Add(skew)
					r.RateLimits.Tokens = connix.RateLimit{Limit: &tt.limit, Remaining: &tt.remaining}
					if !tt.noReset {
						r.RateLimits.Tokens.Reset = r.ServerTime.Add(tt.reset)
					}
					rlTake(t, l).Settle(r)
					s := l.Status()
					var got time.Duration
					if !s.BlockedUntil.IsZero() {
						got = time.Until(s.BlockedUntil)
						if s.BlockedBy != connix.RateLimitTokens {
							t.Errorf("because of %q", s.BlockedBy)
						}
					}
					if got != tt.want {
						t.Errorf("everything waits for %v, want %v", got, tt.want)
					}
				})
			})
		}
	}
}

// TestRateLimiter_tokensDenied names the budget that a 429 is about.
func TestRateLimiter_tokensDenied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := rlOpened(t)
		r := rlResult(429, 1000, 998)
		limit, none := 10_000, 0
		r.RateLimits.Tokens = connix.RateLimit{Limit: &limit, Remaining: &none}
		rlTake(t, l).Settle(r)
		if s := l.Status(); s.BlockedBy != connix.RateLimitTokens || time.Until(s.BlockedUntil) != rlPause {
			t.Errorf("%+v", s)
		}
	})
}

func TestRateLimiter_status(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := connix.NewRateLimiter()
		hour, minute := connix.Window{Limit: 1000, Period: time.Hour}, connix.Window{Limit: 100, Period: time.Minute}
		want := connix.RateLimitStatus{Windows: []connix.WindowStatus{{Window: hour, Remaining: 1000}, {Window: minute, Remaining: 100}}}
		if s := l.Status(); !reflect.DeepEqual(s, want) {
			t.Errorf("at first: %+v", s)
		}
		// The server's clock is an hour ahead; its hour ends in 20 minutes.
		limit, remaining := 1000, 999
		r := connix.RateLimitResult{StatusCode: 200, ServerTime: time.Now().Add(time.Hour)}
		r.RateLimits.Requests = connix.RateLimit{Limit: &limit, Remaining: &remaining, Reset: time.Now().Add(80 * time.Minute)}
		rlTake(t, l).Settle(r)
		limit, remaining = 5, 5 // ours to change: the limiter has its own copy
		s := l.Status()
		if w := s.Windows[0]; w.Window != hour || w.Remaining != 999-50 || !w.ResetAt.Equal(time.Now().Add(20*time.Minute)) {
			t.Errorf("the hour: %+v", w)
		}
		if w := s.Windows[1]; w.Window != minute || w.Remaining != 99 {
			t.Errorf("the minute: %+v", w)
		} else {
			rlMinute(t, time.Until(w.ResetAt))
		}
		if q := s.Server.Requests; *q.Limit != 1000 || *q.Remaining != 999 || !q.Reset.Equal(time.Now().Add(80*time.Minute)) {
			t.Errorf("the server said %d of %d until %v", *q.Remaining, *q.Limit, q.Reset)
		}
		*s.Server.Requests.Limit = 7 // a copy, too
		// A response that says nothing changes nothing of it.
		rlTake(t, l).Settle(connix.RateLimitResult{StatusCode: 502})
		if q := l.Status().Server.Requests; *q.Limit != 1000 {
			t.Errorf("the server said %d", *q.Limit)
		}
		// A limit of its own.
		rlTake(t, l).Settle(rlResult(200, 5000, 4990))
		if w := l.Status().Windows[0]; w.Limit != 5000 {
			t.Errorf("the hour: %+v", w)
		}
	})
}

// TestRateLimiter_resetOutOfRange shows resets that make no sense: the status falls back
// on what the limiter knows itself.
func TestRateLimiter_resetOutOfRange(t *testing.T) {
	for _, reset := range []time.Duration{-time.Hour, 0, 2 * time.Hour, math.MaxInt64} {
		synctest.Test(t, func(t *testing.T) {
			l := connix.NewRateLimiter()
			r := rlResult(200, 1000, 999)
			r.RateLimits.Requests.Reset = time.Now().Add(reset)
			rlTake(t, l).Settle(r)
			if at := time.Until(l.Status().Windows[0].ResetAt); at < time.Hour || at > time.Hour+10*time.Second {
				t.Errorf("reset %v from now: the hour is free in %v", reset, at)
			}
			for range 99 { // and nothing waits for it
				rlTake(t, l)
			}
		})
	}
}

// FuzzRateLimitResult settles permits with anything at all. No wait that comes
// of it is longer than a day or shorter than nothing, and nothing panics.
func FuzzRateLimitResult(f *testing.F) {
	f.Add(200, 1000, 999, int64(1625097600), 10000, 9950, int64(1625097600), int64(0), int64(1625094000))
	f.Add(429, 0, 0, int64(0), 0, 0, int64(0), int64(3600), int64(0))
	f.Add(429, -1, math.MaxInt, int64(math.MaxInt64), 1, 0, int64(math.MinInt64), int64(math.MinInt64), int64(math.MaxInt64))
	f.Fuzz(func(t *testing.T, status, limit, remaining int, reset int64, tokenLimit, tokenRemaining int, tokenReset, retryAfter, serverTime int64) {
		l := connix.NewRateLimiter()
		r := connix.RateLimitResult{
			StatusCode: status, RetryAfter: time.Duration(retryAfter), ServerTime: time.Unix(serverTime, 0),
			RateLimits: connix.RateLimits{
				Requests: connix.RateLimit{Limit: &limit, Remaining: &remaining, Reset: time.Unix(reset, 0)},
				Tokens:   connix.RateLimit{Limit: &tokenLimit, Remaining: &tokenRemaining, Reset: time.Unix(tokenReset, 0)},
			},
		}
		for range 3 {
			p, err := l.Wait(t.Context(), connix.RateLimitRequest{})
			if err != nil {
				e, ok := errors.AsType[*connix.RateLimitError](err)
				if !ok || e.Wait < 0 || e.Wait > 24*time.Hour || e.ResetAt.IsZero() != (e.Wait == 0) {
					t.Fatalf("%#v", err)
				}
				break
			}
			p.Settle(r)
		}
		s := l.Status()
		for _, w := range s.Windows {
			if w.Remaining < 0 || w.Remaining > w.Limit || w.Limit < 1 || w.Limit > 1_000_000 {
				t.Fatalf("%+v", w)
			}
		}
		if until := time.Until(s.BlockedUntil); until > 24*time.Hour {
			t.Fatalf("blocked for %v", until)
		}
	})
}
