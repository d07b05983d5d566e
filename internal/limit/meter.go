package limit

import "time"

const (
	// meterPause is the pause after a refusal that the server's shape explains.
	meterPause = 1200 * time.Millisecond
	// A meter opens after so long and so many calls that it has delayed.
	meterCalm  = 30 * time.Minute
	meterCalls = 1000
)

// meter follows a server that admits less at once than its window says: a bucket
// with a small burst, a leaky bucket, a hidden limit per second, a window that is
// estimated. It counts our calls as a bucket does. While no refusal has shown such
// a server, it only counts ("shapes": 100 refusals and more).
type meter struct {
	base   time.Duration // the gap of the shortest window: its period by its limit
	gap    time.Duration // in which one call leaves the bucket
	burst  float64       // calls that the bucket holds; 0: nothing is known
	taken  float64       // calls in the bucket at the time at
	at     time.Duration
	closed time.Duration // of the latest refusal
	brink  int           // calls since then that came when the bucket was full
	event  meterEvent
}

// meterEvent is one refusal, and those of the calls that were in flight then.
type meterEvent struct {
	seq    uint64  // calls granted until then
	left   int     // of those in flight then, without a response
	taken  float64 // in the bucket then, without the refused ones
	before struct {
		gap   time.Duration
		burst float64
	}
}

func newMeter(w Window) meter {
	gap := max(w.Period/time.Duration(w.Limit), 1)
	return meter{base: gap, gap: gap}
}

func (m *meter) advance(now time.Duration) {
	m.taken = max(m.taken-float64(now-m.at)/float64(m.gap), 0)
	m.at = now
}

// wait is the time at which the bucket has room for one more after ahead others,
// now if it has already.
func (m *meter) wait(now time.Duration, ahead int) time.Duration {
	m.advance(now)
	over := m.taken + float64(ahead) + 1 - m.burst
	if m.burst == 0 || over <= 1e-9 {
		return now
	}
	return now + time.Duration(over*float64(m.gap)) + 1
}

// take counts a call.
func (m *meter) take(now time.Duration) {
	m.advance(now)
	m.taken++
	if m.burst > 0 && m.taken > m.burst-1 {
		m.brink++
	}
}

// giveBack takes a call back that the server did not count.
func (m *meter) giveBack(now time.Duration) {
	m.advance(now)
	m.taken = max(m.taken-1, 0)
}

// refused begins an event. inflight are the calls without a response.
func (m *meter) refused(now time.Duration, sent uint64, inflight int) {
	m.advance(now)
	m.closed, m.brink = now, 0
	m.event = meterEvent{seq: sent, left: inflight, taken: m.taken}
	m.event.before.gap, m.event.before.burst = m.gap, m.burst
	m.judge()
}

// back notes the response to a call, and ends the event with its last.
func (m *meter) back(call Call, refused bool) {
	if m.event.left == 0 || call.seq > m.event.seq {
		return
	}
	m.event.left--
	if refused {
		m.event.taken = max(m.event.taken-1, 0)
	}
	m.judge()
}

// judge takes the server's burst to be three quarters of the calls that it has
// taken. Judged by the first refusal alone it would count those as taken that are
// refused next.
func (m *meter) judge() {
	if m.event.left > 0 {
		return
	}
	if m.burst == 1 {
		m.gap = m.gap * 11 / 10
		return
	}
	m.burst = max(m.event.taken*3/4, 1)
	if before := m.event.before.burst; before > 0 {
		m.burst = min(m.burst, max(before*3/4, 1))
		m.gap = m.gap * 102 / 100
	}
}

// full notes that the window is full after so many of our calls: the call that
// tried after the pause was refused too.
func (m *meter) full(period time.Duration, calls int) {
	m.burst = 1
	m.gap = max(m.gap, period/time.Duration(max(calls, 1)))
}

// forget takes the event back: a call was refused that came after a whole period
// of silence, which no window of ours explains.
func (m *meter) forget() { m.gap, m.burst = m.event.before.gap, m.event.before.burst }

// calm opens the meter by a quarter where the server has taken all for long.
func (m *meter) calm(now time.Duration, limit int) {
	if m.burst == 0 || now < m.closed+meterCalm || m.brink < meterCalls {
		return
	}
	m.closed, m.brink = now, 0
	if m.gap > m.base {
		m.gap = max(m.gap*4/5, m.base)
		return
	}
	if m.burst = m.burst*5/4 + 1; m.burst >= float64(limit) {
		m.burst = 0
	}
}
