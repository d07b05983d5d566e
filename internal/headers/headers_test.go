package headers_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/connix-io/connix-go/internal/headers"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestRetryAfter(t *testing.T) {
	const absent = time.Duration(-1)
	for value, want := range map[string]time.Duration{
		"":                                  absent,
		" ":                                 absent,
		"soon":                              absent,
		"-1":                                absent,
		"NaN":                               absent,
		"Inf":                               absent,
		"1e3":                               absent,
		"0x10":                              absent,
		"1.2.3":                             absent,
		"+-1":                               absent,
		"0":                                 0,
		"7":                                 7 * time.Second,
		" 7 ":                               7 * time.Second,
		"1.5":                               1500 * time.Millisecond,
		"9223372036":                        headers.MaxRetryAfter,
		"9223372037":                        headers.MaxRetryAfter,
		strings.Repeat("9", 400):            headers.MaxRetryAfter,
		"1740830400":                        headers.MaxRetryAfter, // a Unix time by mistake
		now.Format(http.TimeFormat):         0,
		"Sun, 01 Mar 2026 12:00:30 GMT":     30 * time.Second,
		"Sunday, 01-Mar-26 12:00:30 GMT":    30 * time.Second,
		"Sun Mar  1 12:00:30 2026":          30 * time.Second,
		"Sun, 01 Mar 2026 11:00:00 GMT":     0,
		"Fri, 31 Dec 9999 23:59:59 GMT":     headers.MaxRetryAfter,
		"Sun, 01 Mar 2026 12:00:30 Nowhere": absent,
	} {
		d, ok := headers.RetryAfter(value, now)
		if !ok {
			d = absent
		}
		if d != want {
			t.Errorf("Retry-After %.40q: %v, want %v", value, d, want)
		}
	}
}

func TestCount(t *testing.T) {
	for value, want := range map[string]int{
		"": -1, "-5": -1, "1.0": -1, "x": -1, "1000000001": -1, "99999999999999999999": -1,
		"0": 0, "42": 42, " 7 ": 7, "1000000000": 1000000000,
	} {
		n, ok := headers.Count(value)
		if !ok {
			n = -1
		}
		if n != want {
			t.Errorf("count %q: %d, want %d", value, n, want)
		}
	}
}

func TestUnixTime(t *testing.T) {
	for value, want := range map[string]time.Time{
		"": {}, "soon": {}, "-1": {}, "0": {}, "99999999999": {}, "NaN": {},
		"1625097600":   time.Unix(1625097600, 0),
		"1625097600.5": time.Unix(1625097600, 5e8),
	} {
		if got := headers.UnixTime(value); !got.Equal(want) {
			t.Errorf("Unix time %q: %v, want %v", value, got, want)
		}
	}
}

func TestDuration(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"": 0, "fast": 0, "-5ms": 0, "2h": 0, "99999999999999": 0,
		"150ms": 150 * time.Millisecond, "1.5s": 1500 * time.Millisecond, "150": 150 * time.Millisecond, "0.5": 500 * time.Microsecond,
	} {
		if got := headers.Duration(value); got != want {
			t.Errorf("duration %q: %v, want %v", value, got, want)
		}
	}
}

func TestDate(t *testing.T) {
	if got := headers.Date(now.Format(http.TimeFormat)); !got.Equal(now) {
		t.Errorf("date: %v, want %v", got, now)
	}
	for _, value := range []string{"", "yesterday", "2026-03-01"} {
		if got := headers.Date(value); !got.IsZero() {
			t.Errorf("date %q: %v, want none", value, got)
		}
	}
}

func TestServerTime(t *testing.T) {
	local := now.Add(time.Hour)
	for date, want := range map[string]time.Time{now.Format(http.TimeFormat): now, "": local, "never": local} {
		if got := headers.ServerTime(http.Header{"Date": {date}}, local); !got.Equal(want) {
			t.Errorf("Date %q: %v, want %v", date, got, want)
		}
	}
	if got := headers.ServerTime(nil, local); !got.Equal(local) {
		t.Errorf("no Date: %v, want %v", got, local)
	}
}

// Whatever stands in a header, what is read stays in its bounds.
func FuzzHeaders(f *testing.F) {
	for _, seed := range []string{"", "3600", "-1", "1.5", "NaN", "1e400", "Sun, 01 Mar 2026 12:00:30 GMT", "150ms", "9223372037", "٣"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if d, ok := headers.RetryAfter(value, now); d < 0 || d > headers.MaxRetryAfter || !ok && d != 0 {
			t.Errorf("Retry-After %q: %v, %v", value, d, ok)
		}
		if n, ok := headers.Count(value); ok && (n < 0 || n > 1e9) {
			t.Errorf("count %q: %d", value, n)
		}
		if d := headers.Duration(value); d < 0 || d > time.Hour {
			t.Errorf("duration %q: %v", value, d)
		}
		if at := headers.UnixTime(value); !at.IsZero() && (at.Year() < 1999 || at.Year() > 2101) {
			t.Errorf("Unix time %q: %v", value, at)
		}
		if want, err := http.ParseTime(value); err == nil && !headers.Date(value).Equal(want) || err != nil && !headers.Date(value).IsZero() {
			t.Errorf("date %q: %v, want %v", value, headers.Date(value), want)
		}
	})
}
