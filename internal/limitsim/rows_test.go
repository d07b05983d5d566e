package limitsim_test

import (
	"flag"
	"testing"

	"github.com/connix-io/connix-go/internal/limitsim"
)

var runs = flag.Int("sim.runs", 1, "repeat every simulation this many times, each with its own seed")

// TestRows simulates what is required of the limiter. It is deterministic: a
// row that fails fails again.
func TestRows(t *testing.T) {
	for _, row := range limitsim.Rows() {
		t.Run(row.Name, func(t *testing.T) {
			t.Parallel()
			n := row.Runs * *runs
			if limitsim.Race {
				n = max(n/10, min(n, 4)) // a mean of fewer says little
			}
			for _, f := range row.Measure(n, nil) {
				if f.OK {
					t.Log(f)
				} else {
					t.Errorf("%v, required %s", f, f.Required)
				}
			}
		})
	}
}
