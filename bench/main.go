// Command bench measures connix-go beside net/http with encoding/json, and
// beside other SDKs, and prints a table in Markdown. All do the same work against
// a server on loopback, in a process of its own, each in its own API's JSON.
//
//	go run . [-passes 11]
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
)

func main() {
	if os.Getenv(serveVariable) != "" {
		exit(serve(os.Stdin, os.Stdout))
	}
	passes := flag.Int("passes", 11, "how often each comparison is repeated, 9 or more for figures to rely on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, max(*passes, 1), os.Stdout)
	stop()
	exit(err)
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// figures is what was measured of one subject, compared with its floor.
type figures struct {
	get, post, list          float64 // times
	getCost, postCost        cost    // over the floor's
	floorGet, floorPost      cost
	listAllocations          float64 // over the floor's
	listBytes                float64 // of the floor's
	throughput               float64
	connections, floorOpened int
}

// run measures everything and prints the table.
func run(interrupted context.Context, passes int, out io.Writer) error {
	server, err := startChild(interrupted)
	if err != nil {
		return err
	}
	defer server.stop()
	// The calls' context has no end of its own: one that may end costs more. The
	// server ends when this is interrupted, and the calls with it.
	ctx := context.WithoutCancel(interrupted)
	measured := make([]figures, len(subjects))
	for i, s := range subjects {
		if err := measureCalls(ctx, server, s, passes, &measured[i]); err != nil {
			return fmt.Errorf("%s: %w", s.title, err)
		}
		if err := measureTogether(ctx, server, s, passes, &measured[i]); err != nil {
			return fmt.Errorf("%s, %d goroutines: %w", s.title, goroutines, err)
		}
	}
	lists, err := measureLists(ctx, server, passes)
	if err != nil {
		return fmt.Errorf("lists: %w", err)
	}
	sizes, err := measureSizes(interrupted)
	if err != nil {
		return err
	}
	return writeTable(out, measured, lists, sizes)
}

func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// measureCalls compares single calls, one after the other.
func measureCalls(ctx context.Context, server *child, s subject, passes int, f *figures) error {
	base := server.Fast[s.name]
	sdk, err := s.sdk(base)
	if err != nil {
		return err
	}
	floor := s.floor(base)
	for _, c := range []struct {
		name       string
		floor, sdk doing
		time       *float64
		note       func(floor, sdk cost)
	}{
		{"GET one", floor.get, sdk.get, &f.get, func(floor, sdk cost) { f.floorGet, f.getCost = floor, sdk.over(floor) }},
		{"POST", floor.post, sdk.post, &f.post, func(floor, sdk cost) { f.floorPost, f.postCost = floor, sdk.over(floor) }},
		{"list", floor.list, sdk.list, &f.list, func(floor, sdk cost) {
			f.listAllocations, f.listBytes = sdk.allocations-floor.allocations, sdk.bytes/floor.bytes
		}},
	} {
		floorCost, err := costOf(ctx, c.floor)
		if err != nil {
			return fmt.Errorf("%s, floor: %w", c.name, err)
		}
		sdkCost, err := costOf(ctx, c.sdk)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		c.note(floorCost, sdkCost)
		if *c.time, err = timeRatio(ctx, passes, c.floor, c.sdk); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		progress("%s: %s: %.3f x, %+.1f allocations, %.2f x the bytes", s.title, c.name,
			*c.time, sdkCost.allocations-floorCost.allocations, sdkCost.bytes/floorCost.bytes)
	}
	return nil
}

func (c cost) over(floor cost) cost {
	return cost{c.allocations - floor.allocations, c.bytes - floor.bytes}
}

// measureTogether compares many goroutines' throughput, on clients of their own,
// and counts the most connections that a round opened.
func measureTogether(ctx context.Context, server *child, s subject, passes int, f *figures) error {
	base := server.Fast[s.name]
	sdk, err := s.sdk(base)
	if err != nil {
		return err
	}
	floor := s.floor(base)
	http.DefaultTransport.(*http.Transport).CloseIdleConnections() // which some of the SDKs use
	counted := func(do doing, most *int) doing {
		return func(ctx context.Context) error {
			before, err := server.opened(ctx, s.name)
			if err != nil {
				return err
			}
			if err := do(ctx); err != nil {
				return err
			}
			after, err := server.opened(ctx, s.name)
			*most = max(*most, after-before)
			return err
		}
	}
	if s.name == nameConnix {
		passes = max(passes, 30) // the differences are small, and a round is short
	}
	times, err := interleaved(ctx, passes, []doing{
		counted(together(floor.get), &f.floorOpened),
		counted(together(sdk.get), &f.connections),
	})
	if err != nil {
		return err
	}
	f.throughput = medianRatio(times[0], times[1])
	progress("%s: %d goroutines: %.3f x the throughput, %d connections", s.title, goroutines, f.throughput, f.connections)
	return nil
}
