package limit

import (
	"slices"
	"time"
)

// Share holds one user of a budget to a part of its windows: to a number of calls in
// any period, whatever the kind of the server's windows.
type Share struct {
	epoch    time.Time
	latest   time.Duration
	ledgers  []ledger
	inflight int
}

// NewShare returns a Share without windows, which admits everything. start is any
// time not after the first that is passed in later.
func NewShare(start time.Time) *Share { return &Share{epoch: start} }

// Update sets the windows. What was sent before counts in those whose periods stay.
func (s *Share) Update(windows []Window) {
	same := slices.EqualFunc(windows, s.ledgers, func(w Window, l ledger) bool { return w.Period == l.period })
	if !same {
		s.ledgers = make([]ledger, len(windows))
		for i, w := range windows {
			s.ledgers[i] = newLedger(w)
		}
		return
	}
	for i, w := range windows {
		s.ledgers[i].limit = w.Limit
	}
}

// Next reports whether a call may be sent now. If not, recheck is the time to ask
// again unless something else happens before; the zero time means that only the end
// of a call can change it.
func (s *Share) Next(now time.Time) (admit bool, recheck time.Time) {
	t := s.time(now)
	for i := range s.ledgers {
		l := &s.ledgers[i]
		if l.free(t, s.inflight) > 0 {
			continue
		}
		at, ok := l.when(t, 1, s.inflight)
		if !ok {
			return false, time.Time{}
		}
		if at := s.epoch.Add(at); at.After(recheck) {
			recheck = at
		}
	}
	return recheck.IsZero(), recheck
}

// Earliest is the earliest time at which a call can go that has ahead others before
// it, and the window that it waits for.
func (s *Share) Earliest(now time.Time, ahead int) (time.Time, Window) {
	t := s.time(now)
	at, window := t, Window{}
	for i := range s.ledgers {
		l := &s.ledgers[i]
		if soonest := l.soonest(t, ahead, s.inflight); soonest > at || window == (Window{}) && l.free(t, s.inflight) <= ahead {
			at, window = max(soonest, at), Window{l.limit, l.period}
		}
	}
	return s.epoch.Add(at), window
}

// Free is the number of calls that the i-th window admits now.
func (s *Share) Free(now time.Time, i int) int {
	return max(s.ledgers[i].free(s.time(now), s.inflight), 0)
}

// Sent notes that a call is granted, after Next admitted it.
func (s *Share) Sent(now time.Time) {
	s.time(now)
	s.inflight++
}

// Done notes the end of a call that was or may have been sent.
func (s *Share) Done(now time.Time) {
	t := s.time(now)
	s.inflight--
	for i := range s.ledgers {
		s.ledgers[i].book(t, 1)
	}
}

// Cancelled notes that a call was certainly not sent.
func (s *Share) Cancelled(now time.Time) {
	s.time(now)
	s.inflight--
}

func (s *Share) time(now time.Time) time.Duration {
	s.latest = max(s.latest, now.Sub(s.epoch))
	return s.latest
}
