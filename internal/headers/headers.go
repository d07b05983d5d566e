// Package headers reads the response headers of the API: values of the rate
// limits, Retry-After, dates and durations. Whatever stands in a header, the
// result is a sane value or "absent": nothing here can panic, overflow or
// reach into the past or the far future.
package headers

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// MaxRetryAfter is the longest Retry-After that is told apart: what exceeds it
// is cut to it.
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

// Date reads an HTTP date; anything else is the zero time.
func Date(value string) time.Time {
	if value == "" {
		return time.Time{}
	}
	if at, ok := usualDate(value); ok {
		return at
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return time.Time{}
	}
	return at
}

// usualDate reads what servers send, "Sun, 01 Mar 2026 12:00:30 GMT", as
// [http.ParseTime] does, in a tenth of its time: every answer carries one. What
// is not quite so is left to it.
func usualDate(v string) (time.Time, bool) {
	const days, months = "SunMonTueWedThuFriSat", "JanFebMarAprMayJunJulAugSepOctNovDec"
	if len(v) != len(http.TimeFormat) || v[3:5] != ", " || v[7] != ' ' || v[11] != ' ' || v[16] != ' ' || v[19] != ':' || v[22] != ':' || v[25:] != " GMT" {
		return time.Time{}, false
	}
	day, ok1 := decimal(v[5:7])
	year, ok2 := decimal(v[12:16])
	hour, ok3 := decimal(v[17:19])
	minute, ok4 := decimal(v[20:22])
	second, ok5 := decimal(v[23:25])
	weekday, month := strings.Index(days, v[:3]), strings.Index(months, v[8:11])
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || weekday < 0 || weekday%3 != 0 || month < 0 || month%3 != 0 ||
		hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, false
	}
	at := time.Date(year, time.Month(month/3+1), day, hour, minute, second, 0, time.UTC)
	return at, at.Day() == day // no 31st of June
}

// decimal reads digits and nothing else.
func decimal(text string) (n int, ok bool) {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return 0, false
		}
		n = n*10 + int(text[i]-'0')
	}
	return n, true
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
