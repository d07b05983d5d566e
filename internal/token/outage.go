package token

import "time"

const (
	// firstPause follows the first of several failures that may pass, and
	// doubles with each.
	firstPause, longestPause = time.Second, time.Minute
	// firstRefusalPause follows the first refusal that does not pass by itself,
	// such as invalid_client.
	firstRefusalPause, longestRefusalPause = 10 * time.Second, 5 * time.Minute
	// longestRetryAfter bounds what a server may ask for.
	longestRetryAfter = time.Hour
)

// outage remembers that the token endpoint failed: until a moment, it is not
// asked again. The zero value is no outage.
type outage struct {
	failures int
	failure  *Error
	until    time.Time
}

// begin notes another failure, and how long to be quiet in it.
func (o *outage) begin(failure *Error, now time.Time) {
	first, longest := firstPause, longestPause
	if !failure.Temporary() {
		first, longest = firstRefusalPause, longestRefusalPause
	}
	pause := longest
	if o.failures < 16 { // or the shift overflows
		pause = min(longest, first<<o.failures)
	}
	o.failures++
	failure.RetryAfter = min(max(pause, failure.RetryAfter), longestRetryAfter)
	o.failure, o.until = failure, now.Add(failure.RetryAfter)
}

// current returns the failure to repeat to those who ask now, nil for none.
func (o *outage) current(now time.Time) *Error {
	if o.failure == nil || !now.Before(o.until) {
		return nil
	}
	failure := *o.failure
	failure.RetryAfter = o.until.Sub(now)
	return &failure
}
