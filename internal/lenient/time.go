package lenient

import (
	"encoding/json"
	"math"
	"strings"
	"time"
)

// Time reads a JSON value as a time: a string in one of the forms of [ParseTime], or
// a number of Unix seconds.
func Time(raw []byte) (t time.Time, ok bool) {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return ParseTime(text)
	}
	const year10000 = 253402300800
	var seconds float64
	if json.Unmarshal(raw, &seconds) != nil || seconds <= 0 || seconds >= year10000 {
		return time.Time{}, false
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*1e9)).UTC(), true
}

// ParseTime reads a time as in RFC 3339. It also accepts a blank in place of the T,
// a comma before the fraction, no seconds, no time of day, no zone (which means UTC),
// and as the zone Z, UTC, GMT, +02, +0200 or +02:00, each with or without a blank
// before it. It also reads the dates of HTTP.
func ParseTime(text string) (t time.Time, ok bool) {
	text = strings.ToUpper(strings.TrimSpace(text))
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		return checked(t)
	}
	text, zone := cutZone(text)
	for _, layout := range [...]string{"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", "Mon, 02 Jan 2006 15:04:05"} {
		if t, err := time.Parse(layout+zone.layout, text+zone.text); err == nil {
			return checked(t)
		}
	}
	return time.Time{}, false
}

// checked refuses a time that could not be written again.
func checked(t time.Time) (time.Time, bool) {
	if _, err := t.MarshalJSON(); err != nil {
		return time.Time{}, false
	}
	return t, true
}

// zone is a time's zone and the layout to parse it with.
type zone struct{ text, layout string }

// cutZone cuts the zone from the end of a time.
func cutZone(text string) (string, zone) {
	for _, name := range [...]string{"Z", "UTC", "GMT"} {
		if rest, ok := strings.CutSuffix(text, name); ok {
			return strings.TrimSpace(rest), zone{"Z", "Z07:00"}
		}
	}
	const date = len(time.DateOnly)
	if len(text) <= date {
		return text, zone{}
	}
	at := strings.LastIndexAny(text[date:], "+-")
	if at < 0 {
		return text, zone{"Z", "Z07:00"}
	}
	offset := text[date+at:]
	layout := map[int]string{len("+02"): "Z07", len("+0200"): "Z0700", len("+02:00"): "Z07:00"}[len(offset)]
	if layout == "" {
		return text, zone{}
	}
	return strings.TrimSpace(text[:date+at]), zone{offset, layout}
}
