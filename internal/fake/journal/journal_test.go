package journal_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connix-io/connix-go/internal/fake/journal"
)

func routes(entries []journal.Entry) string {
	var b strings.Builder
	for _, e := range entries {
		b.WriteString(e.Route)
	}
	return b.String()
}

func TestTheNewestAreKept(t *testing.T) {
	j := journal.New(3, 1<<20)
	want := []string{"a", "ab", "abc", "bcd", "cde", "def", "efg"}
	for i, route := range strings.Split("abcdefg", "") {
		j.Add(journal.Entry{Route: route})
		if got := routes(j.Entries()); got != want[i] {
			t.Errorf("after %s: %q, want %q", route, got, want[i])
		}
	}
	if got := j.Dropped(); got != 4 {
		t.Errorf("Dropped = %d, want 4", got)
	}
	j.Reset()
	j.Add(journal.Entry{Route: "x"})
	if got := routes(j.Entries()); got != "x" || j.Dropped() != 0 {
		t.Errorf("after Reset: %q, %d dropped", got, j.Dropped())
	}
}

func TestAnEntryIsASnapshot(t *testing.T) {
	j := journal.New(3, 1<<20)
	x := j.Add(journal.Entry{})
	header := http.Header{"A": {"1"}}
	x.Respond(201, header)
	x.Wrote([]byte("one"))
	before := j.Entries()[0]
	header.Set("A", "2")
	x.Wrote([]byte("two"))
	x.MarkFault()
	if string(before.Response) != "one" || before.Fault || before.ResponseHeader.Get("A") != "1" {
		t.Errorf("the snapshot has changed: %+v", before)
	}
	after := j.Entries()[0]
	if after.Status != 201 || string(after.Response) != "onetwo" || !after.Fault {
		t.Errorf("the entry has not: %+v", after)
	}
	// Two snapshots do not share what is appended later.
	_ = append(before.Response, "xxx"...)
	if got := string(j.Entries()[0].Response); got != "onetwo" {
		t.Errorf("the journal's response is %q", got)
	}
}

func TestResponsesAreBounded(t *testing.T) {
	j := journal.New(1, 1<<20)
	x := j.Add(journal.Entry{})
	for range 1000 {
		x.Wrote(make([]byte, 1000))
	}
	if got := len(j.Entries()[0].Response); got != 256<<10 {
		t.Errorf("%d bytes are kept", got)
	}
}

func TestAwait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := journal.New(10, 1<<20)
		answered := func(n int) func([]journal.Entry) bool {
			return func(all []journal.Entry) bool {
				for _, e := range all {
					if e.Status != 0 {
						n--
					}
				}
				return n <= 0
			}
		}
		start := time.Now()
		go func() {
			time.Sleep(time.Second)
			x := j.Add(journal.Entry{Route: "a"})
			time.Sleep(time.Second)
			x.Respond(200, nil)
		}()
		var wg sync.WaitGroup
		for range 3 { // all are woken
			wg.Go(func() {
				all, err := j.Await(t.Context(), answered(1))
				if err != nil || len(all) != 1 || time.Since(start) != 2*time.Second {
					t.Errorf("after %v: %v, %v", time.Since(start), all, err)
				}
			})
		}
		wg.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		all, err := j.Await(ctx, answered(2))
		if !errors.Is(err, context.DeadlineExceeded) || len(all) != 1 || time.Since(start) != time.Minute+2*time.Second {
			t.Errorf("after %v: %v, %v", time.Since(start), all, err)
		}
		if all, err := j.Await(ctx, answered(1)); err != nil || len(all) != 1 {
			t.Errorf("what is there already, with a context that is over: %v, %v", all, err)
		}
	})
}

func TestContext(t *testing.T) {
	if x := journal.FromContext(t.Context()); x != nil {
		t.Errorf("a context of nothing carries %v", x)
	}
	x := journal.New(1, 1<<20).Add(journal.Entry{})
	if got := journal.FromContext(journal.NewContext(t.Context(), x)); got != x {
		t.Errorf("FromContext = %v, want %v", got, x)
	}
}

func TestJournal_boundedBytes(t *testing.T) {
	j := journal.New(100, 1000)
	for i := range 10 {
		x := j.Add(journal.Entry{Path: fmt.Sprint(i), Body: make([]byte, 100)})
		x.Wrote(make([]byte, 200))
	}
	all := j.Entries()
	if len(all) != 3 || all[0].Path != "7" || j.Dropped() != 7 {
		t.Errorf("%d entries from %v, %d dropped; want the newest 3", len(all), all[0].Path, j.Dropped())
	}
	j.Add(journal.Entry{Path: "huge", Body: make([]byte, 5000)})
	if all := j.Entries(); len(all) != 1 || all[0].Path != "huge" {
		t.Errorf("%d entries, want the huge one alone", len(all))
	}
	late := j.Add(journal.Entry{Path: "late"})
	j.Reset()
	late.Wrote(make([]byte, 5000)) // it is counted nowhere
	for i := range 9 {
		j.Add(journal.Entry{Path: fmt.Sprint(i), Body: make([]byte, 100)})
	}
	if all := j.Entries(); len(all) != 9 {
		t.Errorf("%d entries after a Reset, want 9", len(all))
	}
}
