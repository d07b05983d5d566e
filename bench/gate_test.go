//go:build !race

package main

import (
	"context"
	"os"
	"testing"
)

// Under the race detector everything allocates more, hence the build tag.

func TestMain(m *testing.M) {
	if os.Getenv(serveVariable) != "" {
		exit(serve(os.Stdin, os.Stdout))
	}
	code := m.Run()
	removeCertificate()
	os.Exit(code)
}

func server(t *testing.T) *child {
	t.Helper()
	c, err := startChild(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.stop)
	return c
}

// Every SDK and every floor gets the right results, or their figures mean nothing.
func TestWork(t *testing.T) {
	c := server(t)
	for protocol, urls := range protocols(c) {
		for _, s := range subjects {
			base := urls[s.name].Fast
			sdk, err := s.sdk(base)
			if err != nil {
				t.Fatal(err)
			}
			for side, w := range map[string]work{"sdk": sdk, "floor": s.floor(base, false), "floor with ids": s.floor(base, true)} {
				for name, do := range map[string]doing{"get": w.get, "post": w.post, "list": w.list, "all": w.all, "together": together(w.get)} {
					if err := do(t.Context()); err != nil {
						t.Errorf("%s, %s, %s, %s: %v", protocol, s.title, side, name, err)
					}
				}
			}
		}
	}
}

func protocols(c *child) map[string]map[string]listeners {
	return map[string]map[string]listeners{http1: c.Plain, http2: c.TLS}
}

// The most that a call may cost beyond net/http and encoding/json.
const (
	mostAllocations = 0   // of one GET or POST, over the floor's
	mostListBytes   = 0.4 // of a list of 100 over HTTP/1.1, of the floor's
	mostListBytes2  = 0.5 // over HTTP/2, which keeps the response in buffers of its own
	mostSentBytes   = 160 // of a GET over HTTP/2, over the floor's that sends no request id
)

func TestCost(t *testing.T) {
	c, us := server(t), subjects[0]
	of := func(do doing) cost {
		t.Helper()
		// A context that cannot end, as the command's: one that can costs more.
		got, err := costOf(context.Background(), do)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for protocol, urls := range protocols(c) {
		base, most := urls[us.name].Fast, mostListBytes
		if protocol == http2 {
			most = mostListBytes2
		}
		sdk, err := us.sdk(base)
		if err != nil {
			t.Fatal(err)
		}
		floor := us.floor(base, false)
		for name, pair := range map[string][2]doing{"GET one": {floor.get, sdk.get}, "POST": {floor.post, sdk.post}} {
			if floor, sdk := of(pair[0]).allocations, of(pair[1]).allocations; sdk > floor+mostAllocations {
				t.Errorf("%s, %s: %.1f allocations, at most %d more than the floor's %.1f wanted", protocol, name, sdk, mostAllocations, floor)
			}
		}
		if floor, sdk := of(floor.list).bytes, of(sdk.list).bytes; sdk > most*floor {
			t.Errorf("%s, list of 100: %.0f bytes, at most %.2f of the floor's %.0f wanted", protocol, sdk, most, floor)
		}
	}
	base := c.TLS[us.name].Fast
	sdk, err := us.sdk(base)
	if err != nil {
		t.Fatal(err)
	}
	var sent [2]float64
	for i, do := range []doing{us.floor(base, false).get, sdk.get} {
		if err := do(t.Context()); err != nil { // opens the connection
			t.Fatal(err)
		}
		if sent[i], err = sentBytes(t.Context(), c, base, do); err != nil {
			t.Fatal(err)
		}
	}
	if sent[1] > sent[0]+mostSentBytes {
		t.Errorf("a GET over HTTP/2 sends %.0f bytes, at most %d more than the floor's %.0f wanted", sent[1], mostSentBytes, sent[0])
	}
}

// A burst of goroutines shares a bounded number of connections.
func TestConnections(t *testing.T) {
	c, us := server(t), subjects[0]
	// A busy machine replaces some of the 64 connections of HTTP/1.1, since net/http
	// gives up one that is not ready for reuse within 50 ms: hence three tries.
	for protocol, most := range map[string]int64{http1: 64, http2: 2} {
		base := protocols(c)[protocol][us.name].Fast
		var opened int64
		for range 3 {
			sdk, err := us.sdk(base)
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.during(t.Context(), base, together(sdk.get))
			if err != nil {
				t.Fatal(err)
			}
			if opened = got.Connections; opened >= 1 && opened <= most {
				break
			}
		}
		if opened < 1 || opened > most {
			t.Errorf("%s: %d connections; between 1 and %d wanted", protocol, opened, most)
		}
	}
}
