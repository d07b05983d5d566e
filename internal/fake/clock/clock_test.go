package clock_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connix-io/connix-go/internal/fake/clock"
)

var start = time.Date(2024, 1, 15, 10, 30, 0, 0, time.UTC)

func TestAdvanceRunsWhatIsDueInOrder(t *testing.T) {
	m := clock.NewManual(start)
	var ran []string
	note := func(name string) func() {
		return func() { ran = append(ran, fmt.Sprintf("%s@%v", name, m.Now().Sub(start))) }
	}
	m.AfterFunc(3*time.Second, note("c"))
	m.AfterFunc(time.Second, note("a"))
	m.AfterFunc(time.Second, note("b")) // asked for after a, due with it
	m.AfterFunc(2*time.Second, func() {
		note("nested")()
		m.AfterFunc(time.Second, note("d"))    // due with c, asked for later
		m.AfterFunc(-time.Second, note("now")) // at once
		m.AfterFunc(time.Minute, note("e"))
	})
	stopped := m.AfterFunc(2*time.Second, note("stopped"))
	if !stopped.Stop() || stopped.Stop() {
		t.Error("Stop does not tell whether it was in time")
	}
	last := m.AfterFunc(10*time.Second, note("last"))

	m.Advance(999 * time.Millisecond)
	if len(ran) > 0 || !m.Now().Equal(start.Add(999*time.Millisecond)) {
		t.Errorf("at %v ran %v", m.Now(), ran)
	}
	m.Advance(9001 * time.Millisecond)
	want := []string{"a@1s", "b@1s", "nested@2s", "now@2s", "c@3s", "d@3s", "last@10s"}
	if !slices.Equal(ran, want) {
		t.Errorf("ran %v, want %v", ran, want)
	}
	if last.Stop() {
		t.Error("Stop of a timer that has run says that it was in time")
	}
	if got := m.Now().Sub(start); got != 10*time.Second {
		t.Errorf("the clock says %v, want 10s", got)
	}
}

func TestAdvanceByNothing(t *testing.T) {
	m := clock.NewManual(start)
	ran := false
	m.AfterFunc(0, func() { ran = true })
	if ran {
		t.Error("a callback ran outside Advance")
	}
	m.Advance(0)
	if !ran {
		t.Error("a callback that is due did not run")
	}
	defer func() {
		if recover() == nil {
			t.Error("a clock went backwards")
		}
	}()
	m.Advance(-1)
}

func TestManualIsSafeForConcurrentUse(t *testing.T) {
	m := clock.NewManual(start)
	var mu sync.Mutex
	ran := 0
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				m.AfterFunc(time.Second, func() { mu.Lock(); ran++; mu.Unlock() })
				m.AfterFunc(time.Minute, func() { t.Error("ran though it was stopped") }).Stop()
				m.Now()
			}
		})
		wg.Go(func() {
			for range 5 {
				m.Advance(time.Millisecond)
			}
		})
	}
	wg.Wait()
	m.Advance(2 * time.Minute)
	if ran != 800 {
		t.Errorf("%d callbacks ran, want 800", ran)
	}
}

func TestSystemIsPackageTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var c clock.Clock = clock.System{}
		ran := make(chan time.Time, 1)
		c.AfterFunc(time.Hour, func() { ran <- c.Now() })
		if passed := (<-ran).Sub(begin); passed != time.Hour {
			t.Errorf("the callback ran after %v, want 1h", passed)
		}
	})
}
