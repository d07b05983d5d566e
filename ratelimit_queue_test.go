package connix_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	connix "github.com/connix-io/connix-go"
)

func TestRateLimiter_failsBeforeSending(t *testing.T) {
	tests := map[string]struct {
		maxWait  time.Duration
		deadline time.Duration // of the context; 0: none
		byCtx    bool
	}{
		"no wait":          {maxWait: 0},
		"short wait":       {maxWait: 30 * time.Second},
		"context":          {maxWait: -1, deadline: 30 * time.Second, byCtx: true},
		"context first":    {maxWait: 40 * time.Second, deadline: 30 * time.Second, byCtx: true},
		"short wait first": {maxWait: 30 * time.Second, deadline: 40 * time.Second},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := rlFilled(t)
				ctx := t.Context()
				if tt.deadline > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.deadline)
					defer cancel()
				}
				begin := time.Now()
				p, err := l.Wait(ctx, connix.RateLimitRequest{MaxWait: tt.maxWait, OnWait: func(connix.RateLimitWait) {
					t.Error("OnWait was called")
				}})
				refusal, ok := errors.AsType[*connix.RateLimitError](err)
				if !ok || p != nil || !errors.Is(err, connix.ErrRateLimited) {
					t.Fatalf("%v, %v", p, err)
				}
				if took := time.Since(begin); took != 0 {
					t.Errorf("it took %v to tell", took)
				}
				if errors.Is(err, context.DeadlineExceeded) != tt.byCtx {
					t.Errorf("%v matches DeadlineExceeded: %v", err, !tt.byCtx)
				}
				if want := (connix.Window{Limit: 100, Period: time.Minute}); refusal.Window != want || refusal.Reason != connix.RateLimitFull {
					t.Errorf("%v, because of %q", refusal.Window, refusal.Reason)
				}
				rlMinute(t, refusal.Wait)
				if !refusal.ResetAt.Equal(begin.Add(refusal.Wait)) {
					t.Errorf("ResetAt %v is not %v from now", refusal.ResetAt, refusal.Wait)
				}
				if n := l.Status().Waiters; n != 0 {
					t.Errorf("%d wait", n)
				}
				// Nothing is held: at ResetAt all of the minute is there.
				time.Sleep(refusal.Wait)
				for range 100 {
					rlTake(t, l)
				}
			})
		})
	}
}

// TestRateLimiter_countsEarlierCallers has more callers than a minute holds, each
// with two minutes of patience: those whose turn comes later are told at once.
func TestRateLimiter_countsEarlierCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := rlFilled(t)
		served, refused := 0, 0
		var mu sync.Mutex
		var wg sync.WaitGroup
		begin := time.Now()
		for range 500 {
			wg.Go(func() {
				p, err := l.Wait(t.Context(), connix.RateLimitRequest{MaxWait: 2 * time.Minute})
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					served++
					p.Settle(connix.RateLimitResult{StatusCode: 200})
					return
				}
				refused++
				if time.Since(begin) != 0 {
					t.Errorf("told after %v", time.Since(begin))
				}
				if e, _ := errors.AsType[*connix.RateLimitError](err); e == nil || e.Wait <= 2*time.Minute {
					t.Errorf("refused for a wait that fits: %v", err)
				}
			})
		}
		wg.Wait()
		// The second hundred would begin 120 s and twice the slack from now.
		if served != 100 || refused != 400 {
			t.Errorf("%d served, %d refused", served, refused)
		}
	})
}

func TestRateLimiter_waits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := rlFilled(t)
		begin := time.Now()
		var told []connix.RateLimitWait
		p, err := l.Wait(t.Context(), connix.RateLimitRequest{MaxWait: 2 * time.Minute, OnWait: func(w connix.RateLimitWait) {
			told = append(told, w)
			if n := l.Status().Waiters; n != 1 { // also: it is not called under the lock
				t.Errorf("%d wait", n)
			}
			if time.Since(begin) != 0 {
				t.Errorf("told after %v", time.Since(begin))
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		took := time.Since(begin)
		rlMinute(t, took)
		want := connix.RateLimitWait{Window: connix.Window{Limit: 100, Period: time.Minute}, Delay: took, Waiters: 1, Reason: connix.RateLimitFull}
		if len(told) != 1 || told[0] != want {
			t.Errorf("told %+v, want %+v", told, want)
		}
		p.Cancel()
	})
}

func TestRateLimiter_firstGoesAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := connix.NewRateLimiter()
		first := rlTake(t, l)
		done := make(chan time.Duration, 2)
		begin := time.Now()
		for range 2 {
			go func() {
				p, err := l.Wait(t.Context(), connix.RateLimitRequest{MaxWait: time.Minute, OnWait: func(w connix.RateLimitWait) {
					if w.Reason != connix.RateLimitStart || w.Delay != 0 {
						t.Errorf("%+v", w)
					}
				}})
				if err != nil {
					t.Error(err)
				} else {
					p.Cancel()
				}
				done <- time.Since(begin)
			}()
		}
		time.Sleep(time.Second)
		first.Settle(rlResult(200, 1000, 999))
		if a, b := <-done, <-done; a != time.Second || b != a {
			t.Errorf("the others went after %v and %v", a, b)
		}
	})
}

// TestRateLimiter_queueTimesOut waits for a response that comes too late.
func TestRateLimiter_queueTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := connix.NewRateLimiter()
		first := rlTake(t, l)
		patient := make(chan connix.Permit, 1)
		go func() {
			p, _ := l.Wait(t.Context(), rlPatient)
			patient <- p
		}()
		synctest.Wait()
		begin := time.Now()
		_, err := l.Wait(t.Context(), connix.RateLimitRequest{MaxWait: 500 * time.Millisecond})
		if e, ok := errors.AsType[*connix.RateLimitError](err); !ok || errors.Is(err, context.DeadlineExceeded) || e.Reason != connix.RateLimitStart {
			t.Errorf("%v", err)
		}
		if took := time.Since(begin); took != 500*time.Millisecond {
			t.Errorf("waited %v", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		begin = time.Now()
		_, err = l.Wait(ctx, rlPatient)
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, connix.ErrRateLimited) || time.Since(begin) != 500*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		time.Sleep(100 * time.Millisecond)
		first.Cancel()
		(<-patient).Cancel() // it is the patient one's turn, at once
		if took := time.Since(begin); took != 600*time.Millisecond {
			t.Errorf("the patient one went %v after the first was canceled", took-600*time.Millisecond)
		}
	})
}

// TestRateLimiter_sharedKey has one call in flight at a time, as others use the
// key: who waits for its response is not refused for a wait that nobody knows.
func TestRateLimiter_sharedKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := rlOpened(t)
		rlTake(t, l).Settle(rlResult(200, 1000, 950)) // 48 calls by others
		first := rlTake(t, l)
		begin := time.Now()
		granted := make(chan error, 1)
		go func() {
			_, err := l.Wait(t.Context(), connix.RateLimitRequest{MaxWait: time.Second, OnWait: func(w connix.RateLimitWait) {
				if w.Reason != connix.RateLimitShared || w.Delay != 0 {
					t.Errorf("%+v", w)
				}
			}})
			granted <- err
		}()
		time.Sleep(100 * time.Millisecond)
		first.Settle(rlResult(200, 1000, 949))
		if err := <-granted; err != nil || time.Since(begin) != 100*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
	})
}

// TestRateLimiter_nobodyOvertakes comes at the very moment of another's turn.
func TestRateLimiter_nobodyOvertakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := connix.NewRateLimiter(connix.Window{Limit: 1, Period: time.Second})
		rlTake(t, l).Settle(connix.RateLimitResult{StatusCode: 200})
		for range 100 {
			turn := make(chan time.Duration, 1)
			var wg sync.WaitGroup
			wg.Go(func() {
				p, err := l.Wait(t.Context(), connix.RateLimitRequest{MaxWait: 5 * time.Second, OnWait: func(w connix.RateLimitWait) { turn <- w.Delay }})
				if err != nil {
					t.Error(err)
					return
				}
				p.Settle(connix.RateLimitResult{StatusCode: 200})
			})
			time.Sleep(<-turn)
			if _, err := l.Wait(t.Context(), connix.RateLimitRequest{}); !errors.Is(err, connix.ErrRateLimited) {
				t.Fatal("it went before the one that had waited")
			}
			wg.Wait()
		}
	})
}

func TestRateLimiter_contextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := rlFilled(t)
		ctx, cancel := context.WithCancel(t.Context())
		errs := make(chan error, 1)
		go func() {
			_, err := l.Wait(ctx, rlPatient)
			errs <- err
		}()
		went := make(chan time.Time, 1)
		begin := time.Now()
		synctest.Wait()
		go func() {
			p, err := l.Wait(t.Context(), rlPatient)
			if err != nil {
				t.Error(err)
			} else {
				p.Cancel()
			}
			went <- time.Now()
		}()
		time.Sleep(time.Second)
		cancel()
		if err := <-errs; !errors.Is(err, context.Canceled) || errors.Is(err, connix.ErrRateLimited) || time.Since(begin) != time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		if n := l.Status().Waiters; n != 1 {
			t.Errorf("%d wait", n)
		}
		rlMinute(t, (<-went).Sub(begin))
		if _, err := l.Wait(ctx, rlPatient); !errors.Is(err, context.Canceled) {
			t.Errorf("a context that has ended: %v", err)
		}
	})
}

// TestRateLimiter_cancelsLoseNothing has callers give up at random moments, also
// at the very moment of their turn: what they held is there for others.
func TestRateLimiter_cancelsLoseNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		windows := []connix.Window{{Limit: 1000, Period: time.Hour}, {Limit: 20, Period: time.Second}}
		server := &slidingServer{windows: windows}
		l := connix.NewRateLimiter(windows...)
		r := rand.New(rand.NewPCG(1, 2))
		var wg sync.WaitGroup
		for range 2000 {
			// Turns come at multiples of a millisecond or so: many coincide.
			patience := time.Duration(r.IntN(20_000)) * time.Millisecond
			act, lost := r.IntN(3), r.IntN(50) == 0
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				p, err := l.Wait(ctx, connix.RateLimitRequest{MaxWait: 10 * time.Second})
				switch {
				case err != nil:
				case act == 0:
					p.Cancel()
				case lost:
					p.Settle(connix.RateLimitResult{})
				default:
					time.Sleep(time.Millisecond)
					p.Settle(server.serve())
				}
			})
		}
		wg.Wait()
		if server.refused > 0 {
			t.Errorf("%d refused", server.refused)
		}
		time.Sleep(time.Minute)
		s := l.Status()
		if s.Waiters != 0 || s.Windows[1].Remaining != 20 || !s.Windows[1].ResetAt.IsZero() {
			t.Errorf("%+v", s)
		}
		for range 20 {
			rlTake(t, l).Settle(server.serve())
		}
	})
}

// TestOnWait_panics leaves nothing behind.
func TestOnWait_panics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := rlFilled(t)
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was lost")
				}
			}()
			_, _ = l.Wait(t.Context(), connix.RateLimitRequest{MaxWait: -1, OnWait: func(connix.RateLimitWait) {
				time.Sleep(2 * time.Minute) // meanwhile it is granted
				panic("hook")
			}})
		}()
		if s := l.Status(); s.Waiters != 0 || s.Windows[1].Remaining != 100 {
			t.Errorf("%+v", s)
		}
	})
}

// TestOnWait_panicsLetOthersGo has a caller panic that was granted the one call that
// may be in flight: the next one does not wait for a response that never comes.
func TestOnWait_panicsLetOthersGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := connix.NewRateLimiter()
		first := rlTake(t, l)
		begin := time.Now()
		go func() {
			defer func() { _ = recover() }()
			_, _ = l.Wait(t.Context(), connix.RateLimitRequest{MaxWait: -1, OnWait: func(connix.RateLimitWait) {
				time.Sleep(1500 * time.Millisecond)
				panic("hook")
			}})
		}()
		synctest.Wait()
		went := make(chan time.Duration, 1)
		go func() {
			if _, err := l.Wait(t.Context(), rlPatient); err != nil {
				t.Error(err)
			}
			went <- time.Since(begin)
		}()
		time.Sleep(time.Second / 2)
		first.Cancel()
		if at := <-went; at != 1500*time.Millisecond {
			t.Errorf("the next one went after %v", at)
		}
	})
}

// TestRateLimiter_firstHangs has a first call without an end: it does not hold the
// others for longer than it takes to see that.
func TestRateLimiter_firstHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := connix.NewRateLimiter()
		rlTake(t, l)
		if s := l.Status(); s.BlockedBy != connix.RateLimitStart || time.Until(s.NextTurn) != 2*time.Second || !s.BlockedUntil.IsZero() {
			t.Errorf("while it is alone: %+v", s)
		}
		begin := time.Now()
		rlWaits(t, l, connix.RateLimitRequest{MaxWait: 3 * time.Second}) // it hangs too
		if took := time.Since(begin); took != 2*time.Second {
			t.Errorf("the second went after %v", took)
		}
		for range 6 { // eight in flight, as after a restart
			rlTake(t, l)
		}
		if s := l.Status(); s.BlockedBy != connix.RateLimitShared {
			t.Errorf("with eight in flight: %+v", s)
		}
		rlWaits(t, l, rlPatient).Settle(rlResult(200, 1000, 999))
		if took := time.Since(begin); took != 12*time.Second {
			t.Errorf("the ninth went after %v", took)
		}
	})
}

// TestRateLimiter_hourEnds has 50 callers near the end of an hour's budget. Each is
// told what its place in the queue means, and who cannot wait for it fails at once.
func TestRateLimiter_hourEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := connix.NewRateLimiter(connix.Window{Limit: 1000, Period: time.Hour}, connix.Window{Limit: 1000, Period: time.Minute})
		for i := range 950 {
			rlTake(t, l).Settle(rlResult(200, 1000, 999-i))
		}
		var waiting []chan error
		begin := time.Now()
		for k := range 50 {
			granted := make(chan error, 1)
			go func() {
				p, err := l.Wait(t.Context(), connix.RateLimitRequest{MaxWait: 5 * time.Minute})
				if err == nil {
					p.Settle(rlResult(200, 1000, 50-len(waiting)))
				}
				granted <- err
			}()
			synctest.Wait()
			select {
			case err := <-granted:
				e, ok := errors.AsType[*connix.RateLimitError](err)
				if !ok || time.Since(begin) != 0 {
					t.Fatalf("caller %d: %v after %v", k, err, time.Since(begin))
				}
				// About 70 seconds for each of those that wait.
				turn := e.NextTurn.Sub(begin)
				if want := time.Duration(len(waiting)+1) * time.Hour / 51; turn < want-5*time.Second || turn > want+5*time.Second || e.Reason != connix.RateLimitSpread || e.Wait != turn {
					t.Errorf("caller %d with %d waiting: %v, turn in %v, want %v", k, len(waiting), err, turn, want)
				}
			default:
				waiting = append(waiting, granted)
			}
		}
		if len(waiting) != 4 {
			t.Errorf("%d wait, each for 70 seconds more, in 5 minutes", len(waiting))
		}
		if s := l.Status(); s.Waiters != len(waiting) || s.BlockedBy != connix.RateLimitSpread || s.NextTurn.Sub(begin) < 5*time.Minute {
			t.Errorf("%+v", s)
		}
		for _, granted := range waiting {
			if err := <-granted; err != nil {
				t.Error(err)
			}
		}
	})
}
