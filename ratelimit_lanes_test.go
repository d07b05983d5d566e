package connix_test

import (
	"errors"
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	connix "github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
)

// TestLowPriority_interactive runs a batch of 16 workers that are always busy, and an
// interactive call each 17 seconds, through one client for three hours.
func TestLowPriority_interactive(t *testing.T) {
	for _, kind := range []connixtest.WindowKind{connixtest.FixedWindow, connixtest.SlidingWindow, connixtest.TokenBucket} {
		synctest.Test(t, func(t *testing.T) {
			limits := connixtest.DefaultRateLimits()
			limits.Kind = kind
			srv := connixtest.NewServer(t, connixtest.WithInMemory(), connixtest.WithRateLimits(limits), connixtest.WithJournalSize(10))
			client := srv.Client(t, connix.WithRateLimiter(connix.NewRateLimiter()))
			end := time.Now().Add(3 * time.Hour)
			var wg sync.WaitGroup
			var mu sync.Mutex
			batch := 0
			for range 16 {
				wg.Go(func() {
					for time.Now().Before(end) {
						_, err := client.Hello(t.Context(), "", connix.WithLowPriority(), connix.WithRateLimitWait(-1))
						mu.Lock()
						batch++
						mu.Unlock()
						if err != nil {
							t.Error(err)
							return
						}
					}
				})
			}
			var waits []time.Duration
			for time.Now().Before(end) {
				time.Sleep(17 * time.Second)
				began := time.Now()
				if _, err := client.Hello(t.Context(), ""); err != nil {
					t.Errorf("%v: an interactive call failed: %v", kind, err)
				}
				waits = append(waits, time.Since(began))
			}
			wg.Wait()
			slices.Sort(waits)
			if p99 := waits[len(waits)*99/100]; p99 > time.Second {
				t.Errorf("%v: 99 of 100 interactive calls took at most %v", kind, p99)
			}
			if batch+len(waits) < 2700 {
				t.Errorf("%v: %d and %d calls in 3 hours", kind, batch, len(waits))
			}
		})
	}
}

// TestLowPriority_queue has 5,000 calls of low priority wait: an interactive one goes
// before them.
func TestLowPriority_queue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := rlFilled(t)
		var mu sync.Mutex
		var order []bool
		var wg sync.WaitGroup
		wait := func(low bool) {
			p, err := l.Wait(t.Context(), connix.RateLimitRequest{MaxWait: -1, LowPriority: low})
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			order = append(order, low)
			mu.Unlock()
			p.Cancel()
		}
		for range 5000 {
			wg.Go(func() { wait(true) })
		}
		synctest.Wait()
		begin := time.Now()
		wg.Go(func() {
			p, err := l.Wait(t.Context(), connix.RateLimitRequest{MaxWait: 2 * time.Minute})
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			order = append(order, false)
			mu.Unlock()
			rlMinute(t, time.Since(begin))
			p.Cancel()
		})
		wg.Wait()
		if len(order) != 5001 || slices.Index(order, false) > 100 {
			t.Errorf("%d went, the interactive one as number %d", len(order), slices.Index(order, false))
		}
	})
}

func TestWithRateLimitWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := connixtest.NewServer(t, connixtest.WithInMemory())
		limiter := connix.NewRateLimiter(connix.Window{Limit: 1, Period: 10 * time.Minute})
		client := srv.Client(t, connix.WithRateLimiter(limiter), connix.WithMaxRateLimitWait(time.Minute))
		call := func(opts ...connix.CallOption) (time.Duration, error) {
			begin := time.Now()
			_, err := client.Hello(t.Context(), "", opts...)
			return time.Since(begin), err
		}
		if _, err := call(); err != nil {
			t.Fatal(err)
		}
		for _, opts := range [][]connix.CallOption{nil, {connix.WithRateLimitWait(0)}, {connix.WithRateLimitWait(9 * time.Minute)}} {
			if took, err := call(opts...); !errors.Is(err, connix.ErrRateLimited) || took != 0 {
				t.Errorf("%d options: %v after %v", len(opts), err, took)
			}
		}
		for _, d := range []time.Duration{11 * time.Minute, -1} {
			if took, err := call(connix.WithRateLimitWait(d)); err != nil || took < 9*time.Minute {
				t.Errorf("a wait of %v: %v after %v", d, err, took)
			}
		}
	})
}

func TestShareRateLimiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hour := connix.Window{Limit: 1000, Period: time.Hour}
		server := &slidingServer{windows: []connix.Window{hour, {Limit: 100, Period: time.Minute}}}
		whole := connix.NewRateLimiter()
		a, b := connix.ShareRateLimiter(whole, 0.5), connix.ShareRateLimiter(whole, 0.25)
		end := time.Now().Add(2 * time.Hour)
		count := func(l connix.RateLimiter) (counts []time.Time) {
			for {
				p, err := l.Wait(t.Context(), rlPatient)
				if err != nil {
					t.Error(err)
				}
				if time.Now().After(end) {
					p.Cancel()
					p.Settle(connix.RateLimitResult{StatusCode: 200}) // nothing happens
					return counts
				}
				counts = append(counts, time.Now())
				time.Sleep(20 * time.Millisecond)
				p.Settle(server.serve())
			}
		}
		var wg sync.WaitGroup
		for _, user := range []struct {
			l              connix.RateLimiter
			minute, hour   int
			inBoth, atMost int
		}{{a, 50, 500, 950, 1000}, {b, 25, 250, 470, 500}} {
			wg.Go(func() {
				at := count(user.l)
				for i := range at {
					for limit, period := range map[int]time.Duration{user.minute: time.Minute, user.hour: time.Hour} {
						if j := i + limit; j < len(at) && at[j].Sub(at[i]) < period {
							t.Errorf("%d calls in %v", limit+1, at[j].Sub(at[i]))
							return
						}
					}
				}
				if len(at) < user.inBoth || len(at) > user.atMost {
					t.Errorf("%d calls in two hours, want %d to %d", len(at), user.inBoth, user.atMost)
				}
			})
		}
		time.Sleep(time.Second)
		if s := a.Status(); len(s.Windows) != 2 || s.Windows[1].Limit != 50 || s.Windows[1].Remaining != 1 && s.Windows[1].Remaining != 0 {
			t.Errorf("%+v", s.Windows)
		}
		wg.Wait()
		if server.refused > 0 {
			t.Errorf("%d refused", server.refused)
		}
	})
}

// TestShareRateLimiter_follows takes its part of a limit that the headers change, and
// gives back what is not sent.
func TestShareRateLimiter_follows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		whole := connix.NewRateLimiter()
		rlTake(t, whole).Settle(rlResult(200, 40, 39))
		l := connix.ShareRateLimiter(whole, 0.1)
		for range 10 {
			rlTake(t, l).Cancel()
		}
		for range 4 {
			rlTake(t, l).Settle(connix.RateLimitResult{StatusCode: 200})
		}
		_, err := l.Wait(t.Context(), connix.RateLimitRequest{MaxWait: time.Minute})
		e, ok := errors.AsType[*connix.RateLimitError](err)
		if want := (connix.Window{Limit: 4, Period: time.Hour}); !ok || e.Window != want || e.Reason != connix.RateLimitFull || e.Wait < 59*time.Minute {
			t.Errorf("%+v", err)
		}
		if s := l.Status(); s.BlockedBy != connix.RateLimitFull || time.Until(s.NextTurn) < 59*time.Minute {
			t.Errorf("%+v", s)
		}
		rlTake(t, whole) // there is more for others
		// A limiter of the caller's without windows has nothing to share.
		rlTake(t, connix.ShareRateLimiter(connix.NewMaxRate(whole, 100, 1), 1)).Cancel()
	})
}

func TestShareRateLimiter_panics(t *testing.T) {
	for _, fraction := range []float64{0, -1, 1.01, math.NaN(), math.Inf(1)} {
		func() {
			defer func() {
				if recover() != "connix: ShareRateLimiter: fraction must be above 0 and at most 1" {
					t.Errorf("%v was accepted", fraction)
				}
			}()
			connix.ShareRateLimiter(connix.NewRateLimiter(), fraction)
		}()
	}
}
