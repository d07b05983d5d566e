package limit

import (
	"testing"
	"time"
	"unsafe"
)

func TestLedger(t *testing.T) {
	const s = time.Second
	type step struct {
		at       time.Duration
		book     int // slots, booked at at
		inflight int
		free     int
		k        int           // when k calls fit
		when     time.Duration // -1: time alone cannot tell
	}
	w := Window{Limit: 10, Period: 100 * s}
	// A slot stays 100.5 s, in steps of 100.5 ms, and leaves at the end of one.
	leaves := func(at time.Duration) time.Duration {
		const keep, step = 100*s + s/2, 100500 * time.Microsecond
		return (at + keep + step - 1) / step * step
	}
	tests := map[string][]step{
		"empty":                  {{at: 0, free: 10, k: 10, when: 0}},
		"in flight counts":       {{at: 0, inflight: 4, free: 6, k: 6, when: 0}, {at: 0, inflight: 4, free: 6, k: 7, when: -1}},
		"a slot leaves":          {{at: 5 * s, book: 10, free: 0, k: 1, when: leaves(5 * s)}, {at: leaves(5*s) - 1, free: 0, k: 10, when: leaves(5 * s)}, {at: leaves(5 * s), free: 10, k: 1, when: leaves(5 * s)}},
		"the k-th leaves":        {{at: 0, book: 4, free: 6, k: 6, when: 0}, {at: 20 * s, book: 4, free: 2, k: 6, when: leaves(0)}, {at: 20 * s, free: 2, k: 7, when: leaves(20 * s)}, {at: 20 * s, free: 2, k: 11, when: -1}},
		"more than fits":         {{at: 0, book: 25, free: -15, k: 1, when: leaves(0)}},
		"nothing is booked":      {{at: 0, book: 0, free: 10, k: 1, when: 0}, {at: 0, book: -3, free: 10, k: 1, when: 0}},
		"the ring wraps":         {{at: 0, book: 1, free: 9, k: 1, when: 0}, {at: 101 * s, book: 2, free: 8, k: 9, when: leaves(101 * s)}, {at: 250 * s, book: 3, free: 7, k: 10, when: leaves(250 * s)}},
		"near times share a row": {{at: 0, book: 1, free: 9, k: 1, when: 0}, {at: 1, book: 1, free: 8, k: 10, when: leaves(1)}},
	}
	for name, steps := range tests {
		t.Run(name, func(t *testing.T) {
			l := newLedger(w)
			for i, st := range steps {
				l.book(st.at, st.book)
				if got := l.free(st.at, st.inflight); got != st.free {
					t.Errorf("step %d: %d free, want %d", i, got, st.free)
				}
				got, ok := l.when(st.at, st.k, st.inflight)
				if !ok {
					got = -1
				}
				if got != st.when {
					t.Errorf("step %d: %d calls fit at %v, want %v", i, st.k, got, st.when)
				}
			}
		})
	}
}

// TestLedger_bounded books at every moment for several periods: the ring holds
// it, and no slot leaves before its time or is lost.
func TestLedger_bounded(t *testing.T) {
	for _, w := range []Window{{1000, time.Hour}, {100, 2 * time.Second}, {5, time.Millisecond}, {1, 1}} {
		l := newLedger(w)
		var booked []time.Duration
		for now := time.Duration(0); now < 3*l.keep; now += l.keep/2500 + 1 {
			l.book(now, 1)
			booked = append(booked, now)
			alive := 0
			for i := len(booked) - 1; i >= 0 && booked[i] > now-l.keep; i-- {
				alive++
			}
			if l.used < alive {
				t.Fatalf("%v: at %v %d slots, %d are less than a period old", w, now, l.used, alive)
			}
		}
		if l.expire(4 * l.keep * 2); l.used != 0 || l.size != 0 || len(l.ring) > l.most() {
			t.Errorf("%v: %d slots in %d bookings stay, ring %d of %d", w, l.used, l.size, len(l.ring), l.most())
		}
	}
}

func TestLedger_soonest(t *testing.T) {
	l := newLedger(Window{Limit: 10, Period: time.Minute})
	l.book(0, 4)
	first, _ := l.when(0, 7, 0)
	tests := []struct {
		ahead, inflight int
		want            time.Duration
	}{
		{0, 0, 0},
		{5, 0, 0},
		{6, 0, first},
		{9, 0, first},
		{10, 0, l.keep},
		{16, 0, first + l.keep},
		{25, 0, 2 * l.keep},
		{0, 6, first},
		{4, 6, l.keep}, // those in flight hold their slots for a period
	}
	for _, tt := range tests {
		if got := l.soonest(0, tt.ahead, tt.inflight); got != tt.want {
			t.Errorf("%d ahead, %d in flight: %v, want %v", tt.ahead, tt.inflight, got, tt.want)
		}
	}
}

// A ledger takes no memory before the first call, and a ring takes at most 8 KB.
func TestLedger_memory(t *testing.T) {
	for _, w := range []Window{{1000, time.Hour}, {100, time.Minute}, {5, time.Millisecond}} {
		l := newLedger(w)
		if l.ring != nil {
			t.Errorf("%v: %d bookings before the first call", w, len(l.ring))
		}
		now := min(1<<32-2000, 1<<62/l.step) * l.step // the numbers of short steps wrap around on the way
		for i := range 5000 {
			now += l.step
			l.book(now, 1)
			if i == 99 && len(l.ring) > 128 {
				t.Errorf("%v: %d bookings for 100 calls", w, len(l.ring))
			}
		}
		if got := unsafe.Sizeof(booking{}) * uintptr(len(l.ring)); got > 8100 || len(l.ring) != l.most() {
			t.Errorf("%v: the full ring takes %d bytes and has %d bookings of %d", w, got, len(l.ring), l.most())
		}
		if l.used != l.size || l.used < int(l.keep/l.step) {
			t.Errorf("%v: %d slots in %d bookings", w, l.used, l.size)
		}
		if end := l.empty(now); end < now+l.keep || end > now+l.keep+l.step {
			t.Errorf("%v: the last slot leaves after %v", w, end-now)
		}
	}
}
