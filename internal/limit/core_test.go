package limit_test

import (
	"testing"
	"time"

	"github.com/connix-io/connix-go/internal/limit"
)

var (
	start  = time.Unix(1_700_000_000, 0)
	hour   = limit.Window{Limit: 1000, Period: time.Hour}
	minute = limit.Window{Limit: 100, Period: time.Minute}
)

// script drives a core by hand.
type script struct {
	*limit.Core
	t     *testing.T
	at    time.Duration
	calls []limit.Call // granted and without an end, in order
}

func newScript(t *testing.T, windows ...limit.Window) *script {
	return &script{Core: limit.New(start, windows...), t: t}
}

func (s *script) now() time.Time { return start.Add(s.at) }

// send grants n calls.
func (s *script) send(n int) {
	s.t.Helper()
	for i := range n {
		if ok, recheck, why := s.Next(s.now()); !ok {
			s.t.Fatalf("at %v call %d of %d has to wait until %v: %+v", s.at, i, n, recheck.Sub(start), why)
		}
		s.calls = append(s.calls, s.Sent(s.now()))
	}
}

// blocked expects that no call may go until a time, 0: until a response.
func (s *script) blocked(until time.Duration, reason limit.Reason, window int) {
	s.t.Helper()
	ok, recheck, why := s.Next(s.now())
	var got time.Duration
	if !recheck.IsZero() {
		got = recheck.Sub(start)
	}
	if want := (limit.Why{Reason: reason, Window: window}); ok || got != until || why != want {
		s.t.Fatalf("at %v: %v, until %v, %+v; want blocked until %v, %+v", s.at, ok, got, why, until, want)
	}
}

// respond ends the oldest n calls; the first one's Remaining is remaining.
func (s *script) respond(n int, of, remaining int) {
	for i := range n {
		a := limit.Response{Limit: of, Remaining: limit.Unsaid}
		if of > 0 {
			a.Remaining = remaining - i
		}
		s.Responded(s.now(), s.calls[0], a)
		s.calls = s.calls[1:]
	}
}

// keeps is how long a slot stays of that window, at the time at.
func keeps(w limit.Window, at time.Duration) time.Duration {
	keep := w.Period + min(max(w.Period/200, 10*time.Millisecond), time.Second)
	step := keep / 1000
	return (at + keep + step - 1) / step * step
}

func TestCore(t *testing.T) {
	const s, m = time.Second, time.Minute
	tests := map[string]func(*script){
		"the first call goes alone": func(c *script) {
			c.send(1)
			c.blocked(2*s, limit.Start, 0)
			c.respond(1, 1000, 999)
			c.send(99)
			c.blocked(keeps(minute, 0), limit.Full, 1)
		},
		"without headers the windows bind": func(c *script) {
			for i := range 10 {
				c.at = time.Duration(i) * 2 * m
				c.send(1)
				c.respond(1, 0, 0)
				c.send(99)
				c.respond(99, 0, 0)
			}
			c.at = 20 * m
			c.blocked(keeps(hour, 0), limit.Full, 0)
		},
		"calls in flight fill a window": func(c *script) {
			c.send(1)
			c.respond(1, 0, 0)
			c.send(99)
			c.at = 2 * m
			c.send(1)
			c.blocked(0, limit.Full, 1)
		},
		"a lost first call": func(c *script) {
			c.send(1)
			c.at = 30 * s
			c.Lost(c.now(), c.calls[0])
			c.send(8)
			c.blocked(40*s, limit.Shared, 0)
			c.at = 40 * s
			c.send(1) // they hang: one more
			c.blocked(50*s, limit.Shared, 0)
		},
		"an earlier run has used some": func(c *script) {
			c.send(1)
			c.respond(1, 1000, 700)
			c.send(8)
			c.blocked(10*s, limit.Shared, 0)
			c.respond(8, 1000, 699)
			c.at = 65 * s
			c.send(99)
		},
		"the last calls are spread": func(c *script) {
			c.send(1)
			c.respond(1, 1000, 999)
			// 949 of 999 go, in minutes that are not full.
			for left := 949; left > 0; {
				c.at += 61 * s
				n := min(left, 99)
				c.send(n)
				c.respond(n, 1000, 999-(949-left)-1)
				left -= n
			}
			// 50 are left, and 51 fit when the first call is an hour old.
			at := c.at + (keeps(hour, 0)-c.at)/51
			c.blocked(at, limit.Spread, 0)
			c.at = at
			c.send(1)
			c.blocked(at+10*s, limit.Spread, 0)
			// A cancelled one does not put the next one off.
			c.Cancelled(c.now(), c.calls[0])
			c.calls = nil
			c.send(1)
			// The hour has turned.
			c.respond(1, 1000, 999)
			c.send(40)
		},
		"a refusal": func(c *script) {
			c.send(1)
			c.respond(1, 1000, 999)
			c.send(2)
			c.at = s
			c.Responded(c.now(), c.calls[0], limit.Response{Refused: true, Limit: 1000, Remaining: 990})
			c.blocked(s+m*7/6, limit.Denied, limit.UnknownWindow)
			c.Responded(c.now(), c.calls[1], limit.Response{Refused: true, Limit: 1000, Remaining: 990, RetryAfter: 5 * m})
			c.blocked(s+5*m, limit.Denied, limit.UnknownWindow)
			c.at = s + 5*m
			c.calls = nil
			c.send(1)
			c.blocked(c.at+10*s, limit.Denied, limit.UnknownWindow)
		},
		"a refusal by the server's shape": func(c *script) {
			c.send(1)
			c.respond(1, 1000, 999)
			c.send(20)
			c.at = s
			c.respond(8, 1000, 998)
			refuse := func() {
				c.Responded(c.now(), c.calls[0], limit.Response{Refused: true, Limit: 1000, Remaining: 991})
				c.calls = c.calls[1:]
			}
			for range 12 {
				refuse()
			}
			// A short pause, and one call tries.
			c.blocked(s+1200*time.Millisecond, limit.Denied, limit.UnknownWindow)
			c.at += 20 * s
			c.send(1)
			c.blocked(c.at+10*s, limit.Denied, limit.UnknownWindow)
			c.respond(1, 1000, 990)
			// Some seven were taken: five and a half at once from now on, one each 0.6 s.
			c.send(4)
			c.blocked(c.at+300*time.Millisecond+1, limit.Full, 1)
			if c.Status(c.now()).Others {
				c.t.Error("others are noticed")
			}
		},
		"a refusal by a full window": func(c *script) {
			c.send(1)
			c.respond(1, 1000, 999)
			c.send(30)
			c.respond(29, 1000, 998)
			refuse := func() {
				c.Responded(c.now(), c.calls[0], limit.Response{Refused: true, Limit: 1000, Remaining: 970})
				c.calls = c.calls[1:]
			}
			refuse()
			c.at = 10 * s
			c.send(1)
			refuse()
			c.blocked(10*s+m*7/6, limit.Denied, limit.UnknownWindow)
			c.at += m * 7 / 6
			c.send(1)
			c.respond(1, 1000, 969)
			// Thirty fit into the minute: one each 2 s.
			c.blocked(c.at+2*s+1, limit.Full, 1)
		},
		"an outage": func(c *script) {
			c.send(1)
			c.respond(1, 1000, 999)
			c.send(4)
			down := limit.Response{Unavailable: true, RetryAfter: m, Remaining: limit.Unsaid}
			for i := range 3 {
				c.Responded(c.now(), c.calls[i], down)
			}
			c.blocked(m, limit.Unavailable, limit.UnknownWindow)
			c.at = m
			c.send(1)
			c.blocked(m+10*s, limit.Unavailable, limit.UnknownWindow)
			c.Responded(c.now(), c.calls[4], limit.Response{Limit: 1000, Remaining: 995})
			c.send(50)
		},
		"the longest is shown": func(c *script) {
			c.ShowLongest()
			c.send(1)
			c.respond(1, 100, 99)
			if w := c.Status(c.now()).Windows; w[0].Limit != 100 || !w[0].Shown {
				c.t.Errorf("windows %+v", w)
			}
		},
		"a ceiling": func(c *script) {
			c.KeepBelow()
			c.send(1)
			c.respond(1, 5000, 4999) // of a window that is not known
			c.send(1)
			c.respond(1, 100, 99) // the minute's
			c.send(1)
			c.respond(1, 1000, 999) // not the minute's
			for i, w := range c.Status(c.now()).Windows {
				if want := []int{1000, 100}[i]; w.Limit != want {
					c.t.Errorf("the limit is %d, want %d", w.Limit, want)
				}
			}
		},
		"a refusal for the hour": func(c *script) {
			c.send(1)
			c.Responded(c.now(), c.calls[0], limit.Response{Refused: true, Limit: 1000, Remaining: 0})
			c.blocked(m*7/6, limit.Denied, 0)
		},
		"others spend": func(c *script) {
			c.send(1)
			c.respond(1, 1000, 999)
			c.at = s
			c.send(1)
			c.respond(1, 1000, 990)
			c.send(1)
			c.blocked(11*s, limit.Shared, 0)
		},
		"tokens are spent": func(c *script) {
			c.send(1)
			gone := limit.Response{Limit: 1000, Remaining: 999, TokensGone: true, TokensBack: 10 * s}
			c.Responded(c.now(), c.calls[0], gone)
			c.blocked(10*s, limit.Tokens, 0)
			c.at = 10 * s
			c.calls = nil
			c.send(1)
			c.blocked(20*s, limit.Tokens, 0)
			// They are still shown as spent, and the call passed.
			gone.Remaining--
			c.Responded(c.now(), c.calls[0], gone)
			c.send(98)
		},
		"time goes back": func(c *script) {
			c.at = m
			c.send(1)
			c.respond(1, 1000, 999)
			c.at = 0
			c.send(99)
			c.blocked(keeps(minute, m), limit.Full, 1)
		},
		"the headers show the minute": func(c *script) {
			c.send(1)
			c.respond(1, 100, 99)
			c.send(99)
			c.respond(99, 100, 98)
			c.at = s
			// The certificate is spent: the next one when the ledger has room.
			c.blocked(keeps(minute, 0), limit.Spread, 1)
		},
	}
	for name, run := range tests {
		t.Run(name, func(t *testing.T) { run(newScript(t, hour, minute)) })
	}
}

func TestStatus(t *testing.T) {
	c := newScript(t, hour, minute)
	c.send(1)
	c.respond(1, 1000, 999)
	c.send(40)
	c.respond(30, 1000, 998)
	s := c.Status(c.now())
	want := []limit.WindowStatus{
		{Window: hour, Remaining: 959 - 50, FreeAt: start.Add(keeps(hour, 0)), Shown: true},
		{Window: minute, Remaining: 59, FreeAt: start.Add(keeps(minute, 0))},
	}
	for i, w := range s.Windows {
		if w != want[i] {
			t.Errorf("window %d: %+v, want %+v", i, w, want[i])
		}
	}
	if s.InFlight != 10 || s.Others || !s.Until.IsZero() {
		t.Errorf("%+v", s)
	}
	c.Responded(c.now(), c.calls[0], limit.Response{Refused: true, Remaining: limit.Unsaid})
	if s = c.Status(c.now()); !s.Until.Equal(start.Add(70*time.Second)) || s.Why.Reason != limit.Denied || !s.Others {
		t.Errorf("after a refusal: %+v", s)
	}
}

func TestEarliest(t *testing.T) {
	c := newScript(t, hour, minute)
	c.send(1)
	c.respond(1, 1000, 999)
	tests := []struct {
		ahead  int
		want   time.Duration
		reason limit.Reason
	}{
		{0, 0, limit.None},
		{98, 0, limit.None},
		{99, keeps(minute, 0), limit.Full},
		{350, 3 * 60300 * time.Millisecond, limit.Full},
	}
	for _, tt := range tests {
		at, why := c.Earliest(c.now(), tt.ahead)
		if at.Sub(start) != tt.want || why.Reason != tt.reason {
			t.Errorf("%d ahead: %v, %+v; want %v, %v", tt.ahead, at.Sub(start), why, tt.want, tt.reason)
		}
	}
}

// FuzzCore drives a core by arbitrary events. Whatever happens, a call that has
// to wait is told a later time, or waits for a call that is in flight: nobody
// waits for ever.
func FuzzCore(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 200, 2, 7, 0, 0, 3, 9, 4, 1, 1})
	f.Add([]byte{0, 2, 255, 255, 0, 1, 0, 0, 0, 0, 5, 5, 0, 1, 1, 1})
	f.Fuzz(func(t *testing.T, events []byte) {
		c := newScript(t, hour, minute, limit.Window{Limit: 5, Period: time.Second})
		next := func() (b byte) {
			if len(events) > 0 {
				b, events = events[0], events[1:]
			}
			return b
		}
		for len(events) > 0 {
			kind := next()
			c.at += time.Duration(next()) * time.Duration(next()) * 50 * time.Millisecond
			ok, recheck, why := c.Next(c.now())
			switch {
			case ok && why.Reason != limit.None, !ok && why.Reason == limit.None:
				t.Fatalf("admitted %v, because of %+v", ok, why)
			case !ok && recheck.IsZero() && len(c.calls) == 0:
				t.Fatalf("at %v waits for a response, and nothing is in flight: %+v", c.at, why)
			case !ok && !recheck.IsZero() && !recheck.After(c.now()):
				t.Fatalf("at %v waits until %v", c.at, recheck.Sub(start))
			case ok:
				c.calls = append(c.calls, c.Sent(c.now()))
			}
			if len(c.calls) == 0 {
				continue
			}
			i := int(next()) % len(c.calls)
			call := c.calls[i]
			switch kind % 5 {
			case 0:
				continue
			case 1:
				c.Lost(c.now(), call)
			case 2:
				c.Cancelled(c.now(), call)
			default:
				limits := []int{0, 1, 100, 500, 1000, 1_000_000}
				a := limit.Response{Limit: limits[int(next())%len(limits)], Remaining: int(next()) * 4, Refused: kind > 200, TokensGone: kind > 240}
				a.RetryAfter, a.TokensBack = time.Duration(next())*time.Second, time.Duration(next())*time.Second
				if a.Remaining = min(a.Remaining, a.Limit); a.Limit == 0 {
					a.Remaining = limit.Unsaid
				}
				c.Responded(c.now(), call, a)
			}
			c.calls = append(c.calls[:i], c.calls[i+1:]...)
			c.Status(c.now())
			c.Earliest(c.now(), int(kind))
		}
	})
}

func TestNoAllocations(t *testing.T) {
	c := newScript(t, hour, minute)
	if n := testing.AllocsPerRun(5000, c.cycle); n != 0 {
		t.Errorf("%v allocations a call", n)
	}
}

// cycle is one call whose turn it may or may not be.
func (s *script) cycle() {
	s.at += 3700 * time.Millisecond
	if ok, _, _ := s.Next(s.now()); ok {
		s.Responded(s.now(), s.Sent(s.now()), limit.Response{Limit: 1000, Remaining: 500})
	}
}

func BenchmarkCore(b *testing.B) {
	c := &script{Core: limit.New(start, hour, minute)}
	b.ReportAllocs()
	for b.Loop() {
		c.cycle()
	}
}
