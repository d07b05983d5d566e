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

// First returns the first value of a header by its canonical name, without the
// canonicalization of [http.Header.Get].
func First(h http.Header, canonical string) string {
	if values := h[canonical]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// Count reads a whole number from 0 to 1e9; anything else is absent.
func Count(value string) (n int, ok bool) {
	value = strings.TrimSpace(value)
	if value == "" {
		return 0, false // without the error that it would cost
	}
	u, err := strconv.ParseUint(value, 10, 31)
	if err != nil || u > maxCount {
		return 0, false
	}
	return int(u), true
}

// UnixTime reads a time in Unix seconds, a fraction allowed, between the years
// 2000 and 2100; anything else is the zero time.
func UnixTime(value string) time.Time {
	const year2000, year2100 = 946684800, 4102444800
	if value == "" {
		return time.Time{} // without the error that it would cost
	}
	if whole, err := strconv.ParseInt(value, 10, 64); err == nil && whole >= year2000 && whole <= year2100 {
		return time.Unix(whole, 0) // as nearly all are
	}
	seconds, ok := number(value)
	if !ok || seconds < year2000 || seconds > year2100 {
		return time.Time{}
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*1e9))
}

// RetryAfter reads seconds, a fraction allowed, or an HTTP date, which is
// compared with the time now. A date in the past is 0; a negative number, NaN
// or other text is absent.
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

// ServerTime returns the time now by the server's clock, as the response's Date
// shows it, or local if it shows none: the two clocks may be hours apart.
func ServerTime(h http.Header, local time.Time) time.Time {
	if at := Date(First(h, "Date")); !at.IsZero() {
		return at
	}
	return local
}

// Date reads an HTTP date; anything else is the zero time.
func Date(value string) time.Time {
	if value == "" {
		return time.Time{} // without the error that it would cost
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return time.Time{}
	}
	return at
}

// Duration reads a duration such as "150ms" or "1.5s", a bare number being
// milliseconds. What is negative, over an hour or no duration is 0.
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

// number reads a decimal number; hexadecimal, exponents, infinities and NaN are
// refused.
func number(value string) (float64, bool) {
	value = strings.TrimSpace(value)
	if value == "" || strings.Trim(value, "0123456789.+-") != "" {
		return 0, false
	}
	f, err := strconv.ParseFloat(value, 64)
	if err != nil && !math.IsInf(f, 0) {
		return 0, false
	}
	return f, true
}
