// Package headers reads the response headers of the API: rate limits,
// Retry-After, dates and durations. For any header value the result is within
// bounds or "absent": no function panics, overflows or returns a time in the far
// past or future.
package headers

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// MaxRetryAfter is the longest Retry-After. A longer one is cut to it.
const MaxRetryAfter = 366 * 24 * time.Hour

// maxCount bounds counts: no limit of requests or tokens is larger.
const maxCount = 1_000_000_000

// First returns the first value of the header with a canonical name, "" if there is
// none. It saves the canonicalization of [http.Header.Get].
func First(h http.Header, canonical string) string {
	if values := h[canonical]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// Count reads a whole number from 0 to 1e9. ok is false for anything else.
func Count(value string) (n int, ok bool) {
	value = strings.TrimSpace(value)
	if value == "" {
		return 0, false // strconv would allocate an error
	}
	u, err := strconv.ParseUint(value, 10, 31)
	if err != nil || u > maxCount {
		return 0, false
	}
	return int(u), true
}

// UnixTime reads Unix seconds, with or without a fraction, from the year 2000 to
// 2100. It returns the zero time for anything else.
func UnixTime(value string) time.Time {
	const year2000, year2100 = 946684800, 4102444800
	if value == "" {
		return time.Time{} // strconv would allocate an error
	}
	if whole, err := strconv.ParseInt(value, 10, 64); err == nil && whole >= year2000 && whole <= year2100 {
		return time.Unix(whole, 0) // as most are
	}
	seconds, ok := number(value)
	if !ok || seconds < year2000 || seconds > year2100 {
		return time.Time{}
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*1e9))
}

// RetryAfter reads seconds, with or without a fraction, or an HTTP date, and returns
// the time from now until then. A date in the past is 0. ok is false for a negative
// number and for any other text.
func RetryAfter(value string, now time.Time) (d time.Duration, ok bool) {
	value = strings.TrimSpace(value)
	if value == "" {
		return 0, false
	}
	if seconds, ok := number(value); ok {
		if seconds < 0 {
			return 0, false
		}
		if seconds >= MaxRetryAfter.Seconds() {
			return MaxRetryAfter, true
		}
		return time.Duration(seconds * float64(time.Second)), true
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	return min(max(at.Sub(now), 0), MaxRetryAfter), true
}

// ServerTime returns the present time by the server's clock, which the response's
// Date header shows, or local if there is none. The two clocks may be hours apart.
func ServerTime(h http.Header, local time.Time) time.Time {
	if at := Date(First(h, "Date")); !at.IsZero() {
		return at
	}
	return local
}

// Date reads an HTTP date. It returns the zero time for anything else.
func Date(value string) time.Time {
	if value == "" {
		return time.Time{} // http.ParseTime would allocate an error
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return time.Time{}
	}
	return at
}

// Duration reads a duration such as "150ms" or "1.5s"; a plain number counts
// milliseconds. It returns 0 for a negative duration, for one of more than an hour,
// and for any other text.
func Duration(value string) time.Duration {
	value = strings.TrimSpace(value)
	d, err := time.ParseDuration(value)
	if err != nil {
		ms, ok := number(value)
		if !ok || ms > float64(time.Hour/time.Millisecond) {
			return 0
		}
		d = time.Duration(ms * float64(time.Millisecond))
	}
	if d < 0 || d > time.Hour {
		return 0
	}
	return d
}

// number reads a decimal number without an exponent. ok is false for anything else.
func number(value string) (f float64, ok bool) {
	value = strings.TrimSpace(value)
	if value == "" || strings.Trim(value, "0123456789.+-") != "" {
		return 0, false
	}
	f, err := strconv.ParseFloat(value, 64)
	return f, err == nil || math.IsInf(f, 0)
}
