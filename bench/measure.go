package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"
)

const (
	block         = 16 * time.Millisecond
	blocks        = 24 // of each side in a pass
	countedCalls  = 200
	goroutines    = 64
	goroutineGets = 100
)

type doing func(context.Context) error

// timeRatio returns how many times as long b takes as a: the median, over
// passes, of the ratio of the medians of short blocks that alternate. Machines
// drift within a minute by more than what is measured, and rarely within a pass.
func timeRatio(ctx context.Context, passes int, a, b doing) (float64, error) {
	ratios := make([]float64, 0, passes)
	for range passes {
		var times [2][]float64
		for i := range blocks {
			order := [...]int{i % 2, 1 - i%2} // neither side always follows the other
			for _, side := range order {
				t, err := timeBlock(ctx, [...]doing{a, b}[side])
				if err != nil {
					return 0, err
				}
				times[side] = append(times[side], t)
			}
		}
		ratios = append(ratios, median(times[1])/median(times[0]))
	}
	return median(ratios), nil
}

// timeBlock repeats what is done for the time of a block, and returns what one
// took on the average.
func timeBlock(ctx context.Context, do doing) (float64, error) {
	began := time.Now()
	for n := 1; ; n++ {
		if err := do(ctx); err != nil {
			return 0, err
		}
		if took := time.Since(began); took >= block {
			return float64(took) / float64(n), nil
		}
	}
}

// cost is what one call allocates, in the whole process: what the transport's
// goroutines allocate for it counts too.
type cost struct{ allocations, bytes float64 }

// costOf is the median of a few averages over many calls. A collection that
// empties the pools in one of them does not show.
func costOf(ctx context.Context, do doing) (cost, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // or the pools of another P are found empty
	var allocations, bytes []float64
	for i := range 6 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range countedCalls {
			if err := do(ctx); err != nil {
				return cost{}, err
			}
		}
		runtime.ReadMemStats(&after)
		if i == 0 {
			continue // opens connections and fills caches
		}
		allocations = append(allocations, float64(after.Mallocs-before.Mallocs)/countedCalls)
		bytes = append(bytes, float64(after.TotalAlloc-before.TotalAlloc)/countedCalls)
	}
	return cost{median(allocations), median(bytes)}, nil
}

// interleaved times each of several doings once a pass, and returns the times of
// each.
func interleaved(ctx context.Context, passes int, all []doing) ([][]float64, error) {
	times := make([][]float64, len(all))
	for pass := range passes + 1 {
		for i, do := range all {
			began := time.Now()
			if err := do(ctx); err != nil {
				return nil, err
			}
			if pass > 0 { // the first opens connections
				times[i] = append(times[i], float64(time.Since(began)))
			}
		}
	}
	return times, nil
}

// medianRatio is the median of a pass's time over b's in the same pass.
func medianRatio(a, b []float64) float64 {
	ratios := make([]float64, len(a))
	for i := range a {
		ratios[i] = a[i] / b[i]
	}
	return median(ratios)
}

// together makes the same call many times from many goroutines at once.
func together(do doing) doing {
	return func(ctx context.Context) error {
		errs := make(chan error, goroutines)
		var group sync.WaitGroup
		for range goroutines {
			group.Go(func() {
				for range goroutineGets {
					if err := do(ctx); err != nil {
						errs <- err
						return
					}
				}
			})
		}
		group.Wait()
		select {
		case err := <-errs:
			return fmt.Errorf("of %d goroutines one failed: %w", goroutines, err)
		default:
			return nil
		}
	}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
