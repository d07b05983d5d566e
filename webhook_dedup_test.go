package connix_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/connix-io/connix-go"
)

func begin(t *testing.T, d connix.Dedup, id string, want connix.DedupState) connix.DedupClaim {
	t.Helper()
	claim, got, err := d.Begin(t.Context(), id)
	if got != want || err != nil || (claim != nil) != (want == connix.DedupNew) {
		t.Errorf("Begin(%s) = %v, %v, %v; want %v", id, claim, got, err, want)
	}
	return claim
}

func TestMemoryDedup_states(t *testing.T) {
	d := connix.NewMemoryDedup(0)
	ctx := t.Context()
	first := begin(t, d, "a", connix.DedupNew)
	begin(t, d, "a", connix.DedupInFlight)
	begin(t, d, "b", connix.DedupNew)
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	ok(first.Abort(ctx))
	second := begin(t, d, "a", connix.DedupNew)
	// The first claim has ended: it affects the second one by nothing.
	ok(first.Abort(ctx))
	begin(t, d, "a", connix.DedupInFlight)
	ok(first.Commit(ctx))
	begin(t, d, "a", connix.DedupInFlight)
	ok(second.Commit(ctx))
	ok(second.Commit(ctx))
	begin(t, d, "a", connix.DedupDone)
	ok(second.Abort(ctx)) // too late
	begin(t, d, "a", connix.DedupDone)
	begin(t, d, "b", connix.DedupInFlight)
}

// TestMemoryDedup_forgets the one committed longest ago, and nothing in flight.
func TestMemoryDedup_forgets(t *testing.T) {
	const size = 3
	d := connix.NewMemoryDedup(size)
	begin(t, d, "slow", connix.DedupNew)
	for i := range 10 {
		id := fmt.Sprint(i)
		if err := begin(t, d, id, connix.DedupNew).Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	begin(t, d, "slow", connix.DedupInFlight)
	for i := range 10 {
		want := connix.DedupNew
		if i >= 10-size {
			want = connix.DedupDone
		}
		begin(t, d, fmt.Sprint(i), want)
	}
}

// TestMemoryDedup_concurrent: of many who begin, one has the event.
func TestMemoryDedup_concurrent(t *testing.T) {
	d := connix.NewMemoryDedup(100)
	var owners [50]atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range owners {
				id := fmt.Sprint(i)
				if claim, state, _ := d.Begin(t.Context(), id); state == connix.DedupNew {
					owners[i].Add(1)
					_ = claim.Commit(t.Context())
				}
			}
		})
	}
	wg.Wait()
	for i := range owners {
		if n := owners[i].Load(); n != 1 {
			t.Errorf("event %d had %d owners", i, n)
		}
	}
}

func TestDedupState_string(t *testing.T) {
	for state, want := range map[connix.DedupState]string{connix.DedupNew: "new", connix.DedupInFlight: "in flight", connix.DedupDone: "done", 9: "unknown"} {
		if got := state.String(); got != want {
			t.Errorf("%d: %q", int(state), got)
		}
	}
}
