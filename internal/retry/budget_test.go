package retry

import "testing"

func TestBudget_drawnAndPaidBack(t *testing.T) {
	b := NewBudget()
	taken := 0
	for b.Take() {
		taken++
	}
	if want := budgetCapacity / retryCost; taken != want {
		t.Fatalf("%d retries from a full budget, want %d", taken, want)
	}
	b.Succeeded(true)
	if !b.Take() || b.Take() {
		t.Error("a call that succeeded after a retry should pay back exactly that retry")
	}
	for range retryCost {
		b.Succeeded(false)
	}
	if !b.Take() || b.Take() {
		t.Errorf("%d calls that succeeded at once should pay for one retry", retryCost)
	}
}
