package connix_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	connix "github.com/connix-io/connix-go"
)

func TestMaxRate_isSteady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := connix.NewMaxRate(rlOpened(t), 4, 3) // 4 a second, 3 at once
		begin := time.Now()
		var mu sync.Mutex
		var went []time.Duration
		rlTogether(11, func() {
			p, err := l.Wait(t.Context(), connix.RateLimitRequest{MaxWait: 10 * time.Second})
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			went = append(went, time.Since(begin))
			mu.Unlock()
			p.Settle(connix.RateLimitResult{StatusCode: 200})
		})
		for i, at := range went {
			want := max(0, time.Duration(i-2)*250*time.Millisecond)
			if at < want || at > want+time.Microsecond {
				t.Errorf("call %d went after %v, want %v", i, at, want)
			}
		}
	})
}

func TestMaxRate_refuses(t *testing.T) {
	tests := map[string]struct {
		maxWait, deadline time.Duration
	}{
		"no wait":    {maxWait: 0},
		"short wait": {maxWait: 900 * time.Millisecond},
		"context":    {maxWait: -1, deadline: 900 * time.Millisecond},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := connix.NewMaxRate(rlOpened(t), 1, 1)
				rlTake(t, l)
				ctx := t.Context()
				if tt.deadline > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.deadline)
					defer cancel()
				}
				begin := time.Now()
				_, err := l.Wait(ctx, connix.RateLimitRequest{MaxWait: tt.maxWait})
				e, ok := errors.AsType[*connix.RateLimitError](err)
				if !ok || !errors.Is(err, connix.ErrRateLimited) || errors.Is(err, context.DeadlineExceeded) != (tt.deadline > 0) {
					t.Fatalf("%v", err)
				}
				if want := (connix.Window{Limit: 1, Period: time.Second}); e.Window != want || e.Reason != connix.RateLimitMaxRate || e.Wait.Round(time.Microsecond) != time.Second {
					t.Errorf("%+v", e)
				}
				if time.Since(begin) != 0 {
					t.Errorf("told after %v", time.Since(begin))
				}
				time.Sleep(e.Wait)
				rlTake(t, l) // the refused one took nothing
			})
		})
	}
}

// TestMaxRate_givesBack returns what was taken where the window refuses, the
// context ends in the other queue, or the wait is canceled.
func TestMaxRate_givesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := connix.NewMaxRate(rlFilled(t), 0.01, 2)
		for range 5 {
			if _, err := l.Wait(t.Context(), connix.RateLimitRequest{MaxWait: time.Second}); !errors.Is(err, connix.ErrRateLimited) {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			go cancel()
			if _, err := l.Wait(ctx, rlPatient); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
		}
		time.Sleep(61 * time.Second)
		rlTake(t, l)
		rlTake(t, l)
		// Both are used; those who give up in this queue take none either.
		begin := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if _, err := l.Wait(ctx, rlPatient); !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if n := l.Status().Waiters; n != 10 {
			t.Errorf("%d wait", n)
		}
		cancel()
		wg.Wait()
		p, err := l.Wait(t.Context(), rlPatient)
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took.Round(time.Microsecond) > 100*time.Second {
			t.Errorf("the next one waited %v at one per 100 s", took)
		}
		p.Cancel()
	})
}

// TestMaxRate_passesOn hands the rest of the patience and the hook to the next
// limiter, and its status on.
func TestMaxRate_passesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := connix.NewMaxRate(rlFilled(t), 1, 1)
		rlWaits(t, l, rlPatient).Cancel() // a minute later the window has room
		for range 100 {
			rlWaits(t, l, rlPatient).Settle(connix.RateLimitResult{StatusCode: 200})
		}
		// 100 s later the first 39 or so have left the window again.
		for range 39 {
			rlWaits(t, l, rlPatient).Settle(connix.RateLimitResult{StatusCode: 200})
		}
		if s := l.Status(); len(s.Windows) != 2 || s.Windows[1].Limit != 100 {
			t.Errorf("%+v", s)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		window := connix.NewRateLimiter(connix.Window{Limit: 1, Period: 10 * time.Second})
		l := connix.NewMaxRate(window, 1, 1)
		rlTake(t, l).Settle(connix.RateLimitResult{StatusCode: 200})
		var reasons []connix.RateLimitReason
		hook := func(w connix.RateLimitWait) { reasons = append(reasons, w.Reason) }
		// A second for the ceiling, and 9 more for the window: not within 9.
		begin := time.Now()
		_, err := l.Wait(t.Context(), connix.RateLimitRequest{MaxWait: 9 * time.Second, OnWait: hook})
		if e, ok := errors.AsType[*connix.RateLimitError](err); !ok || e.Reason != connix.RateLimitFull || time.Since(begin).Round(time.Microsecond) != time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		rlWaits(t, l, connix.RateLimitRequest{MaxWait: 20 * time.Second, OnWait: hook})
		if took := time.Since(begin); took < 10*time.Second || took > 11*time.Second {
			t.Errorf("it took %v", took)
		}
		// The second one found its token in place, given back by the first.
		if want := []connix.RateLimitReason{connix.RateLimitMaxRate, connix.RateLimitFull}; !slices.Equal(reasons, want) {
			t.Errorf("waited for %q, want %q", reasons, want)
		}
	})
}

func rlWaits(t *testing.T, l connix.RateLimiter, req connix.RateLimitRequest) connix.Permit {
	t.Helper()
	p, err := l.Wait(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestMaxRate_gateOpens has many callers wait for a closed gate: no more than the
// ceiling allows go when it opens.
func TestMaxRate_gateOpens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := rlOpened(t)
		rlTake(t, inner).Settle(rlResult(429, 1000, 500)) // others use the key: a pause of 70 s
		l := connix.NewMaxRate(inner, 1, 1)
		begin := time.Now()
		var mu sync.Mutex
		perSecond := map[int]int{}
		rlTogether(20, func() {
			p, err := l.Wait(t.Context(), rlPatient)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			perSecond[int(time.Since(begin)/time.Second)]++
			mu.Unlock()
			p.Settle(connix.RateLimitResult{StatusCode: 200})
		})
		for second, n := range perSecond {
			if n > 1 || second < 70 {
				t.Errorf("%d calls went in second %d", n, second)
			}
		}
	})
}
