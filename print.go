package connix

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// printed is the form in which an error, a response or an Info is shown, by fmt, by
// slog and as JSON. It is the one place that decides what is shown: names, numbers and
// texts of one line, never a body, a header or the parts of another error.
type printed []slog.Attr

// text returns the form for fmt.
func (p printed) text(name string) string {
	var b strings.Builder
	b.WriteString(name + "(")
	for i, attr := range p {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(attr.Key + "=" + attr.Value.String())
	}
	return b.String() + ")"
}

// json returns the form for [json.Marshal].
func (p printed) json() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, attr := range p {
		if i > 0 {
			b.WriteByte(',')
		}
		value := attr.Value.Any()
		if d, ok := value.(time.Duration); ok {
			value = d.String()
		}
		text, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, "%q:%s", attr.Key, text)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func (p printed) logValue() slog.Value { return slog.GroupValue(p...) }

// with adds an attribute unless its value is empty.
func (p printed) with(key string, value any) printed {
	switch v := value.(type) {
	case nil:
		return p
	case error:
		return append(p, slog.String(key, printable(v.Error(), maxText)))
	case string:
		if v == "" {
			return p
		}
		return append(p, slog.String(key, printable(v, maxText)))
	case int:
		if v == 0 {
			return p
		}
	case time.Duration:
		if v == 0 {
			return p
		}
	case time.Time:
		if v.IsZero() {
			return p
		}
	}
	return append(p, slog.Any(key, value))
}

func (e *Error) printed() printed {
	p := printed{slog.String("error", e.Error()), slog.Int("status", e.StatusCode), slog.String("code", printable(e.Code, maxText))}
	p = append(p, slog.String("request_id", printable(e.RequestID, maxText)), slog.String("method", e.Method), slog.String("route", e.Route))
	return append(p, slog.Int("attempts", len(e.Attempts)))
}

func (a Attempt) printed() printed {
	return printed{slog.Int("status", a.StatusCode)}.with("request_id", a.RequestID).with("duration", a.Duration).
		with("delay", a.Delay).with("rate_wait", a.RateWait).with("error", a.Err)
}

func (r Response) printed() printed {
	return printed{slog.Int("status", r.StatusCode)}.with("request_id", r.RequestID).with("response_time", r.ResponseTime).with("attempts", len(r.Attempts))
}

// infoOf begins the form of an Info.
func infoOf(method, route, requestID string) printed {
	return printed{slog.String("method", method), slog.String("route", route), slog.String("request_id", printable(requestID, maxText))}
}

func (i AttemptInfo) printed() printed {
	return append(infoOf(i.Method, i.Route, i.RequestID).with("attempt", i.Number), i.Attempt.printed().without("request_id")...)
}

func (i RetryWaitInfo) printed() printed {
	return infoOf(i.Method, i.Route, i.RequestID).with("delay", i.Delay).with("status", i.StatusCode).with("error", i.Err)
}

func (i RateLimitWaitInfo) printed() printed {
	return infoOf(i.Method, i.Route, i.RequestID).with("delay", i.Delay).with("limit", i.Window.Limit).with("period", i.Window.Period).
		with("waiters", i.Waiters).with("reason", string(i.Reason))
}

func (i TokenRefreshInfo) printed() printed {
	p := append(infoOf(i.Method, i.Route, i.RequestID), slog.Bool("early", i.Early))
	return p.with("duration", i.Duration).with("expiry", i.Expiry).with("error", i.Err)
}

func (i CallInfo) printed() printed {
	return infoOf(i.Method, i.Route, i.RequestID).with("status", i.StatusCode).with("attempts", i.Attempts).with("duration", i.Duration).with("error", i.Err)
}

func (p printed) without(key string) printed {
	var kept printed
	for _, attr := range p {
		if attr.Key != key {
			kept = append(kept, attr)
		}
	}
	return kept
}

// String returns the parts of the Attempt that may be shown.
func (a Attempt) String() string { return a.printed().text("connix.Attempt") }

// Format writes the text of [Attempt.String] for every verb.
func (a Attempt) Format(f fmt.State, verb rune) { formatText(f, verb, a.String()) }

// LogValue returns the parts of the Attempt that may be shown, as a group for slog.
func (a Attempt) LogValue() slog.Value { return a.printed().logValue() }

// MarshalJSON returns the parts of the Attempt that may be shown. It is for logs, and is
// not read back.
func (a Attempt) MarshalJSON() ([]byte, error) { return a.printed().json() }

// String returns the parts of the AttemptInfo that may be shown.
func (i AttemptInfo) String() string { return i.printed().text("connix.AttemptInfo") }

// Format writes the text of [AttemptInfo.String] for every verb.
func (i AttemptInfo) Format(f fmt.State, verb rune) { formatText(f, verb, i.String()) }

// LogValue returns the parts of the AttemptInfo that may be shown, as a group for slog.
func (i AttemptInfo) LogValue() slog.Value { return i.printed().logValue() }

// MarshalJSON returns the parts of the AttemptInfo that may be shown. It is for logs, and is
// not read back.
func (i AttemptInfo) MarshalJSON() ([]byte, error) { return i.printed().json() }

// String returns the parts of the RetryWaitInfo that may be shown.
func (i RetryWaitInfo) String() string { return i.printed().text("connix.RetryWaitInfo") }

// Format writes the text of [RetryWaitInfo.String] for every verb.
func (i RetryWaitInfo) Format(f fmt.State, verb rune) { formatText(f, verb, i.String()) }

// LogValue returns the parts of the RetryWaitInfo that may be shown, as a group for slog.
func (i RetryWaitInfo) LogValue() slog.Value { return i.printed().logValue() }

// MarshalJSON returns the parts of the RetryWaitInfo that may be shown. It is for logs, and is
// not read back.
func (i RetryWaitInfo) MarshalJSON() ([]byte, error) { return i.printed().json() }

// String returns the parts of the RateLimitWaitInfo that may be shown.
func (i RateLimitWaitInfo) String() string { return i.printed().text("connix.RateLimitWaitInfo") }

// Format writes the text of [RateLimitWaitInfo.String] for every verb.
func (i RateLimitWaitInfo) Format(f fmt.State, verb rune) { formatText(f, verb, i.String()) }

// LogValue returns the parts of the RateLimitWaitInfo that may be shown, as a group for slog.
func (i RateLimitWaitInfo) LogValue() slog.Value { return i.printed().logValue() }

// MarshalJSON returns the parts of the RateLimitWaitInfo that may be shown. It is for logs, and is
// not read back.
func (i RateLimitWaitInfo) MarshalJSON() ([]byte, error) { return i.printed().json() }

// String returns the parts of the TokenRefreshInfo that may be shown.
func (i TokenRefreshInfo) String() string { return i.printed().text("connix.TokenRefreshInfo") }

// Format writes the text of [TokenRefreshInfo.String] for every verb.
func (i TokenRefreshInfo) Format(f fmt.State, verb rune) { formatText(f, verb, i.String()) }

// LogValue returns the parts of the TokenRefreshInfo that may be shown, as a group for slog.
func (i TokenRefreshInfo) LogValue() slog.Value { return i.printed().logValue() }

// MarshalJSON returns the parts of the TokenRefreshInfo that may be shown. It is for logs, and is
// not read back.
func (i TokenRefreshInfo) MarshalJSON() ([]byte, error) { return i.printed().json() }

// String returns the parts of the CallInfo that may be shown.
func (i CallInfo) String() string { return i.printed().text("connix.CallInfo") }

// Format writes the text of [CallInfo.String] for every verb.
func (i CallInfo) Format(f fmt.State, verb rune) { formatText(f, verb, i.String()) }

// LogValue returns the parts of the CallInfo that may be shown, as a group for slog.
func (i CallInfo) LogValue() slog.Value { return i.printed().logValue() }

// MarshalJSON returns the parts of the CallInfo that may be shown. It is for logs, and is
// not read back.
func (i CallInfo) MarshalJSON() ([]byte, error) { return i.printed().json() }

// maxText is the number of bytes of a server's text that an error or a log line
// quotes.
const maxText = 500

// printable makes foreign text fit for one line of a log: it hides what has the shape
// of a secret, replaces characters that are not printable by spaces, and cuts the text
// at limit bytes.
func printable(text string, limit int) string {
	text = hideShapes(text)
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + "…"
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
}

// formatText writes text for any verb: quoted for %q, in hexadecimal for %x and
// %X, unchanged for all others.
func formatText(f fmt.State, verb rune, text string) {
	switch {
	case verb == 'q':
		text = strconv.Quote(text)
	case verb == 'x' || verb == 'X':
		text = fmt.Sprintf(fmt.FormatString(f, verb), text)
	}
	_, _ = io.WriteString(f, text)
}
