// Command bench measures connix-go beside net/http with encoding/json, and beside
// other SDKs, and prints tables in Markdown. All do the same work against a server on
// loopback, in another process, each in its own API's JSON: over HTTP/1.1 in plain
// text, and over HTTP/2 with TLS.
//
//	go run . [-passes 11] [-only HTTP/2]
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
	only := flag.String("only", "", "measure one protocol alone, "+http1+" or "+http2+", and no programs")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, max(*passes, 1), *only, os.Stdout)
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

// figures are those of one subject over one protocol, compared with its floor. A
// ratio has two values: over the floor without request ids, and over the one with.
// The second is connix-go's alone, since only connix-go sends ids.
type figures struct {
	get, post, list, throughput ratio
	getCost, postCost           cost // over the floor's
	floorGet, floorPost         cost
	listBytes                   float64 // allocated, of the floor's
	sent, floorSent             float64 // bytes of a GET on the wire
	connections, floorOpened    int64
}

type ratio struct{ bare, ids float64 }

// protocol is HTTP/1.1 or HTTP/2, and the server's URLs for it by API.
type protocol struct {
	name string
	urls map[string]listeners
}

// run measures everything and prints the tables.
func run(interrupted context.Context, passes int, only string, out io.Writer) error {
	defer removeCertificate()
	server, err := startChild(interrupted)
	if err != nil {
		return err
	}
	defer server.stop()
	// The calls' context cannot end: one that can costs more. When this is
	// interrupted, the server ends, and the calls with it.
	ctx := context.WithoutCancel(interrupted)
	for _, p := range []protocol{{http1, server.Plain}, {http2, server.TLS}} {
		if only != "" && only != p.name {
			continue
		}
		measured, err := measureSubjects(ctx, server, p, passes)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		lists, err := measureLists(ctx, p.urls, passes)
		if err != nil {
			return fmt.Errorf("%s: lists: %w", p.name, err)
		}
		if err := writeTable(out, p.name, measured, lists); err != nil {
			return err
		}
	}
	if only != "" {
		return nil
	}
	programs, err := measurePrograms(interrupted, server.TLS[nameConnix].Fast)
	if err != nil {
		return err
	}
	return writePrograms(out, programs)
}

const (
	http1 = "HTTP/1.1"
	http2 = "HTTP/2"
)

func measureSubjects(ctx context.Context, server *child, p protocol, passes int) ([]figures, error) {
	measured := make([]figures, len(subjects))
	for i, s := range subjects {
		if err := measureCalls(ctx, server, p, s, passes, &measured[i]); err != nil {
			return nil, fmt.Errorf("%s: %w", s.title, err)
		}
		if err := measureTogether(ctx, server, p, s, passes, &measured[i]); err != nil {
			return nil, fmt.Errorf("%s, %d goroutines: %w", s.title, goroutines, err)
		}
	}
	return measured, nil
}

func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// measureCalls compares single calls, one after the other.
func measureCalls(ctx context.Context, server *child, p protocol, s subject, passes int, f *figures) error {
	base := p.urls[s.name].Fast
	sdk, err := s.sdk(base)
	if err != nil {
		return err
	}
	floor, floorIDs := s.floor(base, false), s.floor(base, true)
	for _, c := range []struct {
		name                 string
		floor, floorIDs, sdk doing
		time                 *ratio
		note                 func(floor, sdk cost)
	}{
		{"GET one", floor.get, floorIDs.get, sdk.get, &f.get, func(floor, sdk cost) { f.floorGet, f.getCost = floor, sdk.over(floor) }},
		{"POST", floor.post, floorIDs.post, sdk.post, &f.post, func(floor, sdk cost) { f.floorPost, f.postCost = floor, sdk.over(floor) }},
		{"list", floor.list, floorIDs.list, sdk.list, &f.list, func(floor, sdk cost) { f.listBytes = sdk.bytes / floor.bytes }},
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
		if c.time.bare, err = timeRatio(ctx, passes, c.floor, c.sdk); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		if s.name == nameConnix {
			if c.time.ids, err = timeRatio(ctx, passes, c.floorIDs, c.sdk); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
		}
		progress("%s, %s: %s: %.3f x, %.3f x with ids, %+.1f allocations, %.2f x the bytes", p.name, s.title, c.name,
			c.time.bare, c.time.ids, sdkCost.allocations-floorCost.allocations, sdkCost.bytes/floorCost.bytes)
	}
	if f.floorSent, err = sentBytes(ctx, server, base, floor.get); err != nil {
		return err
	}
	f.sent, err = sentBytes(ctx, server, base, sdk.get)
	progress("%s, %s: %.0f bytes sent by a GET, %.0f by the floor's", p.name, s.title, f.sent, f.floorSent)
	return err
}

// sentBytes returns how many bytes the server gets for each of many calls.
func sentBytes(ctx context.Context, server *child, base string, do doing) (float64, error) {
	got, err := server.during(ctx, base, func(ctx context.Context) error {
		for range countedCalls {
			if err := do(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	return float64(got.Bytes) / countedCalls, err
}

func (c cost) over(floor cost) cost {
	return cost{c.allocations - floor.allocations, c.bytes - floor.bytes}
}

// measureTogether compares the throughput of many goroutines, each side on a client
// of its own, and counts the most connections that a round opened.
func measureTogether(ctx context.Context, server *child, p protocol, s subject, passes int, f *figures) error {
	base := p.urls[s.name].Fast
	sdk, err := s.sdk(base)
	if err != nil {
		return err
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections() // which some of the SDKs use
	counted := func(do doing, most *int64) doing {
		return func(ctx context.Context) error {
			got, err := server.during(ctx, base, do)
			*most = max(*most, got.Connections)
			return err
		}
	}
	all := []doing{counted(together(s.floor(base, false).get), &f.floorOpened), counted(together(sdk.get), &f.connections)}
	if s.name == nameConnix {
		passes = max(passes, 30) // the differences are small, and a round is short
		all = append(all, together(s.floor(base, true).get))
	}
	times, err := interleaved(ctx, passes, all)
	if err != nil {
		return err
	}
	f.throughput.bare = medianRatio(times[0], times[1])
	if len(times) == 3 {
		f.throughput.ids = medianRatio(times[2], times[1])
	}
	progress("%s, %s: %d goroutines: %.3f x the throughput, %.3f x with ids, %d connections", p.name, s.title, goroutines,
		f.throughput.bare, f.throughput.ids, f.connections)
	return nil
}
