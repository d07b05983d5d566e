package connix_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
)

// The proof that the limiter spends the budget and meets no 429, with the real
// client against the real fake:
//
//	go test -run 'RateLimitProof' -v .                        # small, as in CI
//	go test -run 'RateLimitProof' -v . -ratelimit.full        # all arrivals × latencies × workers × kinds
//	go test -run 'RateLimitedWork' -v . -ratelimit.full       # 400 calls on a real socket, 100 per 2 s
var rateLimitFull = flag.Bool("ratelimit.full", false, "run the whole matrix of the limiter's proof")

// proof is one cell of the matrix.
type proof struct {
	kind    connixtest.WindowKind
	workers int
	latency time.Duration
	arrival string
}

func (p proof) String() string {
	kind := map[connixtest.WindowKind]string{connixtest.FixedWindow: "fixed", connixtest.SlidingWindow: "sliding", connixtest.TokenBucket: "bucket"}[p.kind]
	return fmt.Sprintf("%s, %d workers, %v, %s", kind, p.workers, p.latency, p.arrival)
}

// served is what came of a run.
type served struct {
	calls, refused atomic.Int64
	mu             sync.Mutex
	waits          []time.Duration
}

// call makes one call, notes how long it waited for its turn and reports whether
// there was one before the context's end.
func (s *served) call(ctx context.Context, t *testing.T, client *connix.Client) bool {
	var meta connix.Response
	_, err := client.Hello(ctx, "", connix.WithResponse(&meta))
	if err != nil && ctx.Err() == nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a call failed: %v", err)
	}
	for _, a := range meta.Attempts {
		if a.StatusCode == http.StatusTooManyRequests {
			s.refused.Add(1)
		}
	}
	if err == nil {
		s.calls.Add(1)
		s.mu.Lock()
		s.waits = append(s.waits, meta.Attempts[0].RateWait)
		s.mu.Unlock()
	}
	return err == nil
}

// starvation is the longest wait and the median one.
func (s *served) starvation() (longest, median time.Duration) {
	slices.Sort(s.waits)
	return s.waits[len(s.waits)-1], s.waits[len(s.waits)/2]
}

// The API's windows a tenth as large, so that an hour's virtual work is small
// enough for real HTTP: 100 calls in 6 minutes and 10 in 6 seconds.
var proofWindows = []connix.Window{{Limit: 100, Period: 6 * time.Minute}, {Limit: 10, Period: 6 * time.Second}}

const proofTime = 40 * time.Minute

// least is what the strictest reading of the windows lets through in the time:
// on a sliding server a slot returns a period and a round trip after its use.
func (p proof) least() float64 {
	round := 2 * p.latency
	turns := float64(proofTime) / float64(proofWindows[0].Period+round)
	return turns * float64(proofWindows[0].Limit)
}

func (p proof) run(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(rand.N(proofWindows[0].Period)) // any phase of a fixed window
		srv := connixtest.NewServer(t, connixtest.WithInMemory(), connixtest.WithLatency(p.latency/2, p.latency),
			connixtest.WithRateLimits(connixtest.RateLimits{Windows: proofWindows, Kind: p.kind}))
		client := srv.Client(t, connix.WithRateLimiter(connix.NewRateLimiter(proofWindows...)), connix.WithMaxRateLimitWait(-1))
		ctx, cancel := context.WithTimeout(t.Context(), proofTime)
		defer cancel()
		var s served
		var workers sync.WaitGroup
		busy := func(ctx context.Context) {
			for range p.workers {
				workers.Go(func() {
					for s.call(ctx, t, client) {
						continue
					}
				})
			}
			workers.Wait()
		}
		switch p.arrival {
		case "steady":
			busy(ctx)
		case "bursts":
			for ctx.Err() == nil {
				burst, done := context.WithTimeout(ctx, time.Minute)
				busy(burst)
				done()
				time.Sleep(90 * time.Second)
			}
		case "idle, then all at once":
			s.call(ctx, t, client)
			time.Sleep(20 * time.Minute)
			busy(ctx)
		}
		if s.refused.Load() > 0 {
			t.Errorf("%v: %d responses of 429", p, s.refused.Load())
		}
		share := float64(s.calls.Load()) / p.least()
		if p.arrival == "steady" && p.workers > 1 && share < 0.97 {
			t.Errorf("%v: %d calls, %.1f %% of what a sliding server lets through", p, s.calls.Load(), 100*share)
		}
		if waiters := client.RateLimits().Waiters; waiters != 0 {
			t.Errorf("%v: %d waiters are left", p, waiters)
		}
		longest, median := s.starvation()
		t.Logf("%-50v %4d calls (%.0f %% of a sliding server), %d refused, waits: longest %v, median %v", p, s.calls.Load(), 100*share,
			s.refused.Load(), longest.Round(time.Millisecond), median.Round(time.Millisecond))
	})
}

func TestRateLimitProof(t *testing.T) {
	kinds := []connixtest.WindowKind{connixtest.FixedWindow, connixtest.SlidingWindow, connixtest.TokenBucket}
	cells := []proof{
		{connixtest.FixedWindow, 1, 100 * time.Millisecond, "bursts"},
		{connixtest.SlidingWindow, 256, time.Second, "steady"},
		{connixtest.TokenBucket, 16, 0, "idle, then all at once"},
	}
	for _, kind := range kinds {
		cells = append(cells, proof{kind, 16, 100 * time.Millisecond, "steady"})
	}
	if *rateLimitFull {
		cells = nil
		for _, kind := range kinds {
			for _, workers := range []int{1, 16, 256} {
				for _, latency := range []time.Duration{0, 100 * time.Millisecond, 2 * time.Second} {
					for _, arrival := range []string{"steady", "bursts", "idle, then all at once"} {
						cells = append(cells, proof{kind, workers, latency, arrival})
					}
				}
			}
		}
	}
	for _, p := range cells {
		p.run(t)
	}
}

// Five thousand calls at once take their turns, first come, first served.
func TestRateLimitProof_fiveThousandAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		windows := []connix.Window{{Limit: 100, Period: time.Minute}}
		srv := connixtest.NewServer(t, connixtest.WithInMemory(), connixtest.WithJournalSize(10),
			connixtest.WithRateLimits(connixtest.RateLimits{Windows: windows, Kind: connixtest.SlidingWindow}))
		client := srv.Client(t, connix.WithRateLimiter(connix.NewRateLimiter(windows...)), connix.WithMaxRateLimitWait(-1))
		const calls = 5000
		var s served
		var all sync.WaitGroup
		var turns [calls]time.Time
		began := time.Now()
		for i := range calls {
			all.Go(func() {
				s.call(t.Context(), t, client)
				turns[i] = time.Now()
			})
			synctest.Wait() // so that the order of arrival is known
		}
		all.Wait()
		if s.refused.Load() > 0 || s.calls.Load() != calls {
			t.Errorf("%d served, %d responses of 429", s.calls.Load(), s.refused.Load())
		}
		if !slices.IsSortedFunc(turns[:], time.Time.Compare) {
			t.Error("they were not served in the order in which they came")
		}
		// Fifty full minutes, and the little that the limiter adds to each.
		if took := time.Since(began); took > 50*time.Minute {
			t.Errorf("took %v, want 49 minutes and a little", took)
		}
		t.Logf("%d calls at 100 a minute took %v", calls, time.Since(began))
	})
}

// The work that the field is measured by: 400 calls from 16 goroutines against
// 100 per 2 seconds, on a real socket: 6.0 s at best. In CI the window is a tenth
// as long.
func TestRateLimitProof_work(t *testing.T) {
	windows := []connix.Window{{Limit: 100, Period: 200 * time.Millisecond}}
	if *rateLimitFull {
		windows[0].Period = 2 * time.Second
	}
	srv := connixtest.NewServer(t, connixtest.WithRateLimits(connixtest.RateLimits{Windows: windows, Kind: connixtest.SlidingWindow}))
	client := srv.Client(t, connix.WithRateLimiter(connix.NewRateLimiter(windows...)))
	var s served
	var left atomic.Int64
	left.Store(400)
	var workers sync.WaitGroup
	began := time.Now()
	for range 16 {
		workers.Go(func() {
			for left.Add(-1) >= 0 {
				s.call(t.Context(), t, client)
			}
		})
	}
	workers.Wait()
	if s.refused.Load() > 0 || s.calls.Load() != 400 {
		t.Errorf("%d of 400 served, %d responses of 429", s.calls.Load(), s.refused.Load())
	}
	t.Logf("400 calls took %v with %d responses of 429", time.Since(began).Round(time.Millisecond), s.refused.Load())
}
