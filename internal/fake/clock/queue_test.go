package clock_test

import (
	"slices"
	"testing"
	"time"

	"github.com/connix-io/connix-go/internal/fake/clock"
)

func TestQueue_order(t *testing.T) {
	start := time.Date(2024, 1, 15, 10, 30, 0, 0, time.UTC)
	var q clock.Queue[string]
	if q.First() != nil {
		t.Fatal("an empty queue has a first item")
	}
	q.Add(start.Add(2), "c")
	q.Add(start, "a")
	gone := q.Add(start.Add(1), "gone")
	q.Add(start, "b")
	q.Add(start.Add(2), "d")
	if !q.Remove(gone) || q.Remove(gone) {
		t.Error("an item can be removed once")
	}
	var got []string
	for i := q.First(); i != nil; i = q.First() {
		got = append(got, i.Value)
		q.Remove(i)
	}
	if want := []string{"a", "b", "c", "d"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
