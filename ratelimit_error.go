package connix

import (
	"fmt"
	"time"
)

// A RateLimitError tells that a request was refused for its rate. Returned by
// a [RateLimiter] it means that the request was not sent, because its permit
// would have come later than its context or the longest wait allow. It matches
// [ErrRateLimited], and [context.DeadlineExceeded] if the context's deadline
// was the reason.
type RateLimitError struct {
	// Window is the limit that stands in the way; the zero Window if unknown.
	Window Window
	// ResetAt is when it is worthwhile to try again, by the local clock: not
	// earlier, and perhaps not yet then. Zero if unknown.
	ResetAt time.Time
	// Wait is the time until ResetAt, counted from the refusal. Zero if
	// unknown.
	Wait time.Duration
	// Reason tells what stands in the way; "" if unknown.
	Reason RateLimitReason

	cause error // context.DeadlineExceeded or nil
}

// Error tells the window and how long to wait.
func (e *RateLimitError) Error() string {
	if e == nil {
		return "connix: rate limit"
	}
	text := "connix: rate limit"
	if e.Window != (Window{}) {
		text += fmt.Sprintf(" of %d per %v", e.Window.Limit, e.Window.Period)
	}
	switch {
	case e.Reason != "":
		text += ": " + string(e.Reason)
	case e.Window == (Window{}) && e.Wait <= 0 && e.cause == nil:
		text += " of the server, which does not say for how long"
	}
	if e.Wait > 0 {
		text += fmt.Sprintf(": try again in %v", e.Wait.Round(time.Millisecond))
	}
	if e.cause != nil {
		text += ": " + e.cause.Error()
	}
	return text
}

// Is reports whether target is [ErrRateLimited].
func (e *RateLimitError) Is(target error) bool { return target == ErrRateLimited }

// Unwrap returns [context.DeadlineExceeded] if the context's deadline is why
// the request could not wait, else nil.
func (e *RateLimitError) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.cause
}
