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
	os.Exit(m.Run())
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

// Every SDK and every floor gets what it asks for, or their figures say nothing.
func TestWork(t *testing.T) {
	c := server(t)
	for _, s := range subjects {
		sdk, err := s.sdk(c.Fast[s.name])
		if err != nil {
			t.Fatal(err)
		}
		for side, w := range map[string]work{"sdk": sdk, "floor": s.floor(c.Fast[s.name])} {
			for what, do := range map[string]doing{"get": w.get, "post": w.post, "list": w.list, "all": w.all, "together": together(w.get)} {
				if err := do(t.Context()); err != nil {
					t.Errorf("%s, %s, %s: %v", s.title, side, what, err)
				}
			}
		}
	}
}

// What a call may cost beyond what net/http and encoding/json cost.
const (
	mostAllocations = 0   // of one GET or POST, over the floor's
	mostListBytes   = 0.4 // of a list of 100, of the floor's
)

func TestCost(t *testing.T) {
	c, us := server(t), subjects[0]
	sdk, err := us.sdk(c.Fast[us.name])
	if err != nil {
		t.Fatal(err)
	}
	floor := us.floor(c.Fast[us.name])
	of := func(do doing) cost {
		t.Helper()
		// A context that cannot end, as the command's: one that can costs more.
		got, err := costOf(context.Background(), do)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for name, pair := range map[string][2]doing{"GET one": {floor.get, sdk.get}, "POST": {floor.post, sdk.post}} {
		if floor, sdk := of(pair[0]).allocations, of(pair[1]).allocations; sdk > floor+mostAllocations {
			t.Errorf("%s: %.1f allocations, at most %d more than the floor's %.1f wanted", name, sdk, mostAllocations, floor)
		}
	}
	if floor, sdk := of(floor.list).bytes, of(sdk.list).bytes; sdk > mostListBytes*floor {
		t.Errorf("list of 100: %.0f bytes, at most %.2f of the floor's %.0f wanted", sdk, mostListBytes, floor)
	}
}

// A burst of goroutines shares a bounded number of connections.
func TestConnections(t *testing.T) {
	c, us := server(t), subjects[0]
	sdk, err := us.sdk(c.Fast[us.name])
	if err != nil {
		t.Fatal(err)
	}
	if err := together(sdk.get)(t.Context()); err != nil {
		t.Fatal(err)
	}
	n, err := c.opened(t.Context(), us.name)
	if err != nil || n < 1 || n > 64 {
		t.Errorf("%d connections, %v; between 1 and 64 wanted", n, err)
	}
}
