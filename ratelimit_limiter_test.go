package connix_test

import (
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	connix "github.com/connix-io/connix-go"
)

// slidingServer is the strictest server: it refuses a request when the last
// period holds as many as the window allows. It shows its first window.
type slidingServer struct {
	windows []connix.Window
	mu      sync.Mutex
	log     []time.Time
	refused int
}

func (s *slidingServer) serve() connix.RateLimitResult {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	used := make([]int, len(s.windows))
	for i, w := range s.windows {
		old, _ := slices.BinarySearchFunc(s.log, now.Add(-w.Period).Add(1), time.Time.Compare)
		used[i] = len(s.log) - old
	}
	status := http.StatusOK
	for i, w := range s.windows {
		if used[i] >= w.Limit {
			status = http.StatusTooManyRequests
		}
	}
	if status == http.StatusOK {
		s.log = append(s.log, now)
		used[0]++
	} else {
		s.refused++
	}
	return rlResult(status, s.windows[0].Limit, s.windows[0].Limit-used[0])
}

// rlResult is a response that shows a limit and what remains of it.
func rlResult(status, limit, remaining int) connix.RateLimitResult {
	return connix.RateLimitResult{
		StatusCode: status,
		RateLimits: connix.RateLimits{Requests: connix.RateLimit{Limit: &limit, Remaining: &remaining}},
	}
}

// rlPatient waits as long as it takes.
var rlPatient = connix.RateLimitRequest{MaxWait: -1}

// rlTake gets a permit that needs no wait.
func rlTake(t *testing.T, l connix.RateLimiter) connix.Permit {
	t.Helper()
	p, err := l.Wait(t.Context(), connix.RateLimitRequest{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// rlOpened is a limiter whose first response was there: the whole of an hour's
// and a minute's window is free, but for one.
func rlOpened(t *testing.T) connix.RateLimiter {
	t.Helper()
	l := connix.NewRateLimiter()
	rlTake(t, l).Settle(rlResult(200, 1000, 999))
	return l
}

// rlFilled is a limiter whose minute is full.
func rlFilled(t *testing.T) connix.RateLimiter {
	t.Helper()
	l := rlOpened(t)
	for i := range 99 {
		rlTake(t, l).Settle(rlResult(200, 1000, 998-i))
	}
	return l
}

// rlMinute bounds the time after which a full minute has room again.
func rlMinute(t *testing.T, d time.Duration) {
	t.Helper()
	if d < time.Minute || d > time.Minute+500*time.Millisecond {
		t.Errorf("a full minute has room after %v", d)
	}
}

func TestRateLimiter_spendsTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		windows := []connix.Window{{Limit: 100, Period: 2 * time.Second}}
		server := &slidingServer{windows: windows}
		l := connix.NewRateLimiter(windows...)
		begin := time.Now()
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				for range 25 {
					p, err := l.Wait(t.Context(), rlPatient)
					if err != nil {
						t.Error(err)
						return
					}
					time.Sleep(300 * time.Microsecond)
					r := server.serve()
					time.Sleep(300 * time.Microsecond)
					p.Settle(r)
				}
			})
		}
		wg.Wait()
		if took := time.Since(begin); took > 6200*time.Millisecond || server.refused > 0 {
			t.Errorf("400 calls took %v and %d were refused", took, server.refused)
		}
	})
}

// TestRateLimiter_manyCallers has 5,000 callers come at once. They are served in their
// order, nobody twice and nobody late.
func TestRateLimiter_manyCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const callers = 5000
		windows := []connix.Window{{Limit: 100_000, Period: time.Hour}, {Limit: 1000, Period: time.Minute}}
		server := &slidingServer{windows: windows}
		l := connix.NewRateLimiter(windows...)
		begin := time.Now()
		waits := make([]time.Duration, callers)
		var order []int
		var mu sync.Mutex
		var wg sync.WaitGroup
		for i := range callers {
			wg.Go(func() {
				time.Sleep(time.Duration(i)) // so that they come in this order
				p, err := l.Wait(t.Context(), rlPatient)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				waits[i] = time.Since(begin)
				order = append(order, i)
				mu.Unlock()
				r := server.serve()
				time.Sleep(10 * time.Millisecond)
				p.Settle(r)
			})
		}
		wg.Wait()
		// Those who are granted at the same moment run in any order.
		for i := 1; i < callers; i++ {
			if waits[i] < waits[i-1] {
				t.Fatalf("caller %d went after %v, the one before it after %v", i, waits[i], waits[i-1])
			}
		}
		if server.refused > 0 || len(order) != callers {
			t.Errorf("%d refused, %d served", server.refused, len(order))
		}
		slices.Sort(waits)
		median, longest := waits[callers/2], waits[callers-1]
		t.Logf("median wait %v, longest %v", median, longest)
		if longest > 5*time.Minute+2*time.Second {
			t.Errorf("the last of 5,000 callers waited %v at 1,000 a minute", longest)
		}
	})
}

func TestPermit_endsOnce(t *testing.T) {
	result := rlResult(200, 1000, 998)
	lost := connix.RateLimitResult{}
	tests := map[string]struct {
		end  func(connix.Permit)
		used int // slots of the minute
	}{
		"settle, then all":          {func(p connix.Permit) { p.Settle(result); p.Settle(lost); p.Cancel(); p.Settle(result) }, 2},
		"cancel, then all":          {func(p connix.Permit) { p.Cancel(); p.Settle(result); p.Cancel(); p.Settle(lost) }, 1},
		"lost, then all":            {func(p connix.Permit) { p.Settle(lost); p.Cancel(); p.Settle(result) }, 2},
		"all at once, by goroutine": {func(p connix.Permit) { rlTogether(50, func() { p.Settle(result) }) }, 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := rlOpened(t)
				tt.end(rlTake(t, l))
				if free := l.Status().Windows[1].Remaining; free != 100-tt.used {
					t.Errorf("%d of the minute are used, want %d", 100-free, tt.used)
				}
			})
		})
	}
}

func rlTogether(n int, f func()) {
	var wg sync.WaitGroup
	for range n {
		wg.Go(f)
	}
	wg.Wait()
}

func BenchmarkRateLimiter(b *testing.B) {
	l := connix.NewRateLimiter(connix.Window{Limit: 1_000_000, Period: time.Millisecond})
	result := rlResult(200, 1_000_000, 1_000_000)
	b.ReportAllocs()
	for b.Loop() {
		p, err := l.Wait(b.Context(), rlPatient)
		if err != nil {
			b.Fatal(err)
		}
		p.Settle(result)
	}
}

func TestRateLimiter_allocations(t *testing.T) {
	l := connix.NewRateLimiter(connix.Window{Limit: 1_000_000, Period: time.Millisecond})
	result := rlResult(200, 1_000_000, 1_000_000)
	n := testing.AllocsPerRun(1000, func() { rlTake(t, l).Settle(result) })
	if n > 1 {
		t.Errorf("%v allocations for Wait and Settle, want 1", n)
	}
}
