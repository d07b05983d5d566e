package limit_test

import (
	"testing"
	"time"

	"github.com/connix-io/connix-go/internal/limit"
	"github.com/connix-io/connix-go/internal/limitsim"
)

// rules are the faults and the row of the simulation that notices each.
var rules = []struct {
	fault limit.Fault
	row   string
	runs  int
}{
	{limit.AgedFromSend, "alone", 2},
	{limit.LateBelieved, "fuzz", 2},
	{limit.NothingKeptBack, "alone", 2},
	{limit.NoContention, "shared", 2},
	{limit.NoCertificate, "alone", 2},
	{limit.OldDisproves, "fuzz", 8},
	{limit.LostForgotten, "fuzz", 4},
	{limit.CancelKeeps, "cancelled", 1},
	{limit.NotAlone, "restarted", 4},
	{limit.NoColdRoom, "restarted", 4},
	{limit.EarlierForgotten, "started again", 4},
	{limit.BrokenForgotten, "fleet", 1},
	{limit.RoomAtOnce, "shared", 6},
	{limit.NoDoubling, "shared", 2},
	{limit.NeverForgives, "tokens", 1},
	{limit.EachRefusal, "tokens", 1},
	{limit.RetryAfterAlone, "shared", 2},
	{limit.NeverUnsure, "used up", 4},
	{limit.RaiseNotBooked, "changed", 2},
	{limit.LowerNotShifted, "changed", 8},
	{limit.CountsItself, "headers", 1},
	{limit.NoTrial, "tokens", 1},
	{limit.TokensAgain, "tokens", 1},
	{limit.ShapeUnknown, "shapes", 2},
	{limit.NotForgotten, "outage", 1},
	{limit.NeverLate, "lag", 1},
	{limit.StuckBelieved, "stuck", 1},
	{limit.OutageIgnored, "outage", 1},
	{limit.NoForecast, "lanes", 1},
}

// TestEveryRuleIsNeeded plants each fault and takes out each rule, and sees the
// simulation fail for it: so the simulation can fail, and no rule is idle.
func TestEveryRuleIsNeeded(t *testing.T) {
	rules := rules
	if limitsim.Race {
		rules = rules[:4]
	}
	for _, rule := range rules {
		t.Run(string(rule.fault), func(t *testing.T) {
			t.Parallel()
			for _, f := range limitsim.RowOf(rule.row).Measure(rule.runs, plant(rule.fault)) {
				if !f.OK { // in the form of the documentation's table
					t.Logf("| %s | **%s** %v; required: %s |", rule.fault, rule.row, f, f.Required)
					return
				}
			}
			t.Errorf("the row %q does not notice it", rule.row)
		})
	}
}

func plant(fault limit.Fault) limitsim.Factory {
	return func(start time.Time, windows ...limit.Window) limitsim.Limiter {
		return &limit.Planted{Core: limit.New(start, windows...), Fault: fault}
	}
}
