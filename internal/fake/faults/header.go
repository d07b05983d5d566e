package faults

import (
	"maps"
	"net/http"
	"strings"
	"time"
)

// The actions of this file pass the request to the API and change the header
// of its response.

// SetHeaders replaces headers of the API's response. A header without values is
// removed.
func SetHeaders(header http.Header) Action {
	header = canonical(header)
	return edit(func(h http.Header) { maps.Copy(h, header) })
}

// RateHeaders replaces the three headers of the Requests budget by these
// texts; "" removes one.
func RateHeaders(limit, remaining, reset string) Action {
	return SetHeaders(rate("Requests", limit, remaining, reset))
}

// TokenHeaders replaces the three headers of the Tokens budget by these
// texts; "" removes one.
func TokenHeaders(limit, remaining, reset string) Action {
	return SetHeaders(rate("Tokens", limit, remaining, reset))
}

func rate(budget, limit, remaining, reset string) http.Header {
	h := make(http.Header)
	for name, value := range map[string]string{"Limit-": limit, "Remaining-": remaining, "Reset-": reset} {
		key := http.CanonicalHeaderKey("X-RateLimit-" + name + budget)
		h[key] = nil
		if value != "" {
			h[key] = []string{value}
		}
	}
	return h
}

// NoRateHeaders removes every rate limit header.
func NoRateHeaders() Action {
	return edit(func(h http.Header) {
		maps.DeleteFunc(h, func(name string, _ []string) bool { return strings.HasPrefix(name, "X-Ratelimit-") })
	})
}

// SkewDate moves the Date header by d.
func SkewDate(d time.Duration) Action {
	return edit(func(h http.Header) {
		date, err := http.ParseTime(h.Get("Date"))
		if err != nil {
			date = time.Now()
		}
		h.Set("Date", date.Add(d).UTC().Format(http.TimeFormat))
	})
}

func edit(change func(http.Header)) Action {
	return func(w http.ResponseWriter, r *http.Request, api http.Handler) {
		a := capture(w, r, api)
		change(a.header)
		a.send(w)
	}
}

// canonical returns a copy with the names in the form that net/http uses.
func canonical(h http.Header) http.Header {
	c := make(http.Header, len(h))
	for name, values := range h {
		c[http.CanonicalHeaderKey(name)] = values
	}
	return c
}
