package connix

import (
	"context"
	"fmt"
	"net/http"
	"net/textproto"
	"strings"
	"time"
)

// CallOption configures one call. A nil CallOption does nothing. An invalid value
// makes the call return an [*ArgumentError] before anything is sent.
type CallOption func(*callConfig) error

// callConfig collects the values of a call's options.
type callConfig struct {
	header      http.Header
	requestID   string
	response    *Response
	maxRetries  int
	retriesSet  bool
	retryUnsafe bool
	lowPriority bool
	timeout     *timeoutError // nil: the client's
	prefetch    int
	maxPages    int
	wait        *waitConfig // nil: nothing was said of waits
	concurrency int         // 0: nothing was said
	// waitCtx, unless nil, ends the waits for the rate limit instead of the call's
	// context.
	waitCtx  context.Context
	rateWait *time.Duration // nil: the client's
	// given holds the limited options that the call was given.
	given optionSet
}

// responseID identifies a response, for an error that follows from its content.
type responseID struct {
	status    int
	requestID string
}

// optionSet is a set of limited options: those that only some methods accept.
type optionSet uint16

const (
	optionRequestID optionSet = 1 << iota
	optionPrefetch
	optionMaxPages
	optionUntil
	optionPollInterval
	optionConcurrency
)

// The limited options that each kind of method accepts.
const (
	takenByCalls     = optionRequestID
	takenByIterators = optionPrefetch | optionMaxPages
	takenByWaits     = optionUntil | optionPollInterval
	takenByBulk      = optionConcurrency
)

// limitedOptions lists the options of an optionSet, with the reason to refuse each.
var limitedOptions = [...]struct {
	option      optionSet
	name, issue string
}{
	{optionRequestID, "WithRequestID", "is for one call, and this method makes several"},
	{optionPrefetch, "WithPrefetch", "is for iterators only"},
	{optionMaxPages, "WithMaxPages", "is for iterators only"},
	{optionUntil, "WithUntil", "is for methods that wait"},
	{optionPollInterval, "WithPollInterval", "is for methods that wait"},
	{optionConcurrency, "WithConcurrency", "is for methods that make many calls at a time"},
}

// resolve applies the options of a method. Of the limited options, it accepts those
// in takes.
func (cfg *callConfig) resolve(opts []CallOption, takes optionSet) error {
	err := cfg.apply(opts, takes)
	if err != nil {
		cfg.clearResponse()
	}
	return err
}

func (cfg *callConfig) apply(opts []CallOption, takes optionSet) error {
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		if err := opt(cfg); err != nil {
			return err
		}
	}
	if cfg.given&^takes == 0 {
		return nil
	}
	for _, o := range limitedOptions {
		if cfg.given&^takes&o.option != 0 {
			return &ArgumentError{Name: o.name, Issue: o.issue}
		}
	}
	return nil
}

// clearResponse empties the Response of a call that is refused, so that it does not
// look like an earlier call's.
func (cfg *callConfig) clearResponse() {
	if cfg.response != nil {
		*cfg.response = Response{}
	}
}

// reservedHeaders belong to the client or to the transport; each has the option to
// use instead or the reason.
var reservedHeaders = map[string]string{
	"X-Api-Key":         "use WithAPIKey",
	"Authorization":     "use WithTokenSource",
	"Cookie":            "use WithHTTPClient with a Jar",
	"Host":              "use WithBaseURL",
	"Content-Length":    "it follows from the body",
	"Transfer-Encoding": "it follows from the body",
	"Connection":        "it belongs to the transport",
	"Accept-Encoding":   "the client decompresses by itself",
	"X-Request-Id":      "use WithRequestID",
	"User-Agent":        "use WithUserAgent",
}

// WithHeader sets a header of the call's requests; a later value for the same name
// replaces the earlier one. It refuses credentials (X-API-Key, Authorization,
// Cookie), headers with an option of their own, the transport's headers, and names
// and values that a header cannot carry.
func WithHeader(name, value string) CallOption {
	return func(cfg *callConfig) error {
		key := textproto.CanonicalMIMEHeaderKey(name)
		if !isToken(name) {
			return &ArgumentError{Name: "WithHeader", Issue: fmt.Sprintf("%.40q is not a valid header name", name)}
		}
		if instead, ok := reservedHeaders[key]; ok {
			return &ArgumentError{Name: "WithHeader", Issue: key + " cannot be set: " + instead}
		}
		if issue := headerValueIssue(value); issue != "" {
			return &ArgumentError{Name: "WithHeader", Issue: "the value of " + key + " " + issue}
		}
		if key == "Idempotency-Key" || key == "X-Idempotency-Key" {
			// Under its canonical name net/http would send a POST again by itself, unseen
			// and uncounted. Servers ignore the case of names.
			key = strings.ToLower(key)
		}
		if cfg.header == nil {
			cfg.header = make(http.Header)
		}
		cfg.header[key] = []string{value}
		return nil
	}
}

// WithRequestID sends id in the X-Request-ID header instead of a random one. The
// call's retries send the same. id must be 1 to 128 visible ASCII characters.
// Iterators make several calls and refuse this option.
func WithRequestID(id string) CallOption {
	return func(cfg *callConfig) error {
		if id == "" || len(id) > 128 || strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			return &ArgumentError{Name: "WithRequestID", Issue: "must be 1 to 128 visible ASCII characters"}
		}
		cfg.requestID = id
		cfg.given |= optionRequestID
		return nil
	}
}

// WithResponse fills r with the metadata of the last response, whether the call
// succeeds or fails; it empties r if the call is refused before anything is sent. An
// iterator fills r before it yields each page. r must not be nil, and calls in flight
// at the same time must not share it.
func WithResponse(r *Response) CallOption {
	return func(cfg *callConfig) error {
		if r == nil {
			return &ArgumentError{Name: "WithResponse", Issue: "is nil"}
		}
		cfg.response = r
		return nil
	}
}

// WithMaxRetries replaces [RetryPolicy].MaxRetries for this call; 0 never retries.
func WithMaxRetries(n int) CallOption {
	return func(cfg *callConfig) error {
		if n < 0 {
			return &ArgumentError{Name: "WithMaxRetries", Issue: "is negative"}
		}
		cfg.maxRetries, cfg.retriesSet = n, true
		return nil
	}
}

// WithRetryUnsafe treats this POST or PATCH as idempotent: it is retried even if the
// outcome of an attempt is unknown, so the server may apply it twice. Use it where
// that does no harm.
func WithRetryUnsafe() CallOption {
	return func(cfg *callConfig) error { cfg.retryUnsafe = true; return nil }
}

// WithAttemptTimeout replaces the timeout of [WithTimeout] for the attempts of this
// call; 0 means no bound. Each retry and each page of an iterator has the whole
// timeout: bound all together with the context.
func WithAttemptTimeout(d time.Duration) CallOption {
	return func(cfg *callConfig) error {
		if d < 0 {
			return &ArgumentError{Name: "WithAttemptTimeout", Issue: "is negative"}
		}
		cfg.timeout = &timeoutError{d, "WithAttemptTimeout"}
		return nil
	}
}

// WithLowPriority puts the call, or the calls of an iterator, behind all others of
// its rate limiter: those of batch work. It takes nothing that calls without this
// option will want, as far as their recent rate shows that. A limiter of your own may
// ignore it.
func WithLowPriority() CallOption {
	return func(cfg *callConfig) error { cfg.lowPriority = true; return nil }
}

// WithRateLimitWait replaces [WithMaxRateLimitWait] for this call: the longest time
// to wait for the rate limiter, and after a 429. 0 does not wait at all; a negative d
// waits for as long as the context allows.
func WithRateLimitWait(d time.Duration) CallOption {
	return func(cfg *callConfig) error { cfg.rateWait = &d; return nil }
}

// WithMaxPages ends an iterator after n pages, without an error. n must be positive.
// Only iterators accept this option.
func WithMaxPages(n int) CallOption {
	return func(cfg *callConfig) error {
		if n < 1 {
			return &ArgumentError{Name: "WithMaxPages", Issue: "must be positive"}
		}
		cfg.maxPages = n
		cfg.given |= optionMaxPages
		return nil
	}
}

// headerValueIssue returns why a header cannot carry s, "" if it can.
func headerValueIssue(s string) string {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return "holds a line break or another control character"
		}
	}
	return ""
}

// isToken reports whether s is a token as in RFC 9110, such as a method or a header
// name.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		alphanumeric := c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !alphanumeric && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}
