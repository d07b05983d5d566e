package connix

import (
	"fmt"
	"net/http"
	"net/textproto"
	"strings"
)

// CallOption changes one call. A nil CallOption does nothing; a value that
// cannot be used makes the call return an [*ArgumentError] before anything is
// sent.
type CallOption func(*callConfig) error

// callConfig is what the options of one call wrote.
type callConfig struct {
	header      http.Header
	requestID   string
	response    *Response
	maxRetries  int
	retriesSet  bool
	retryUnsafe bool
	prefetch    int
	maxPages    int
	// given holds the options that not every call takes.
	given optionSet
}

// responseID identifies a response, for an error that follows from what it says.
type responseID struct {
	status    int
	requestID string
}

// optionSet is a set of options that mean something to some calls only.
type optionSet uint16

const (
	optionRequestID optionSet = 1 << iota
	optionPrefetch
	optionMaxPages
)

// The options that each kind of method takes, of those that not all do.
const (
	takenByCalls     = optionRequestID
	takenByIterators = optionPrefetch | optionMaxPages
)

// limitedOptions says where each option of an optionSet means something.
var limitedOptions = [...]struct {
	option      optionSet
	name, issue string
}{
	{optionRequestID, "WithRequestID", "is for one call, and an iterator makes several"},
	{optionPrefetch, "WithPrefetch", "is for iterators only"},
	{optionMaxPages, "WithMaxPages", "is for iterators only"},
}

// resolve applies the options of a method that takes, of the limited ones, only
// those in takes.
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

// clearResponse leaves nothing of an earlier call to a caller of WithResponse
// whose call is refused.
func (cfg *callConfig) clearResponse() {
	if cfg.response != nil {
		*cfg.response = Response{}
	}
}

// reservedHeaders would let a call contradict its client: credentials belong to
// options that guard them, the others to the transport.
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

// WithHeader sets a header of this call; a later value of the same name replaces
// the earlier one. Credentials (X-API-Key, Authorization, Cookie), headers that
// have an option of their own and those of the transport are refused, as are
// names and values that a header cannot carry.
func WithHeader(name, value string) CallOption {
	return func(cfg *callConfig) error {
		key := textproto.CanonicalMIMEHeaderKey(name)
		if !isToken(name) {
			return &ArgumentError{Name: "WithHeader", Issue: fmt.Sprintf("%.40q is no header name", name)}
		}
		if instead, ok := reservedHeaders[key]; ok {
			return &ArgumentError{Name: "WithHeader", Issue: key + " cannot be set: " + instead}
		}
		if issue := headerValueIssue(value); issue != "" {
			return &ArgumentError{Name: "WithHeader", Issue: "the value of " + key + " " + issue}
		}
		if key == "Idempotency-Key" || key == "X-Idempotency-Key" {
			// Under its canonical name net/http would repeat a POST by itself, unseen
			// and uncounted. Names are the same to a server in any case.
			key = strings.ToLower(key)
		}
		if cfg.header == nil {
			cfg.header = make(http.Header)
		}
		cfg.header[key] = []string{value}
		return nil
	}
}

// WithRequestID sends id as X-Request-ID, the same on the call's retries, in
// place of a random one: 1 to 128 visible ASCII characters. Iterators make
// several calls and refuse it.
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

// WithResponse fills r with what the last answer said besides its result, also
// when the call fails; an iterator fills it before each page is yielded. A call
// that is refused before anything is sent leaves r as it is. It must not be nil,
// nor shared by calls in flight at the same time.
func WithResponse(r *Response) CallOption {
	return func(cfg *callConfig) error {
		if r == nil {
			return &ArgumentError{Name: "WithResponse", Issue: "is nil"}
		}
		cfg.response = r
		return nil
	}
}

// WithMaxRetries replaces the policy's MaxRetries for this call; 0 never retries.
func WithMaxRetries(n int) CallOption {
	return func(cfg *callConfig) error {
		if n < 0 {
			return &ArgumentError{Name: "WithMaxRetries", Issue: "is negative"}
		}
		cfg.maxRetries, cfg.retriesSet = n, true
		return nil
	}
}

// WithRetryUnsafe lets this POST or PATCH be retried when its outcome is
// unknown, as a GET would be: it may then be done twice. Use it where that does
// no harm.
func WithRetryUnsafe() CallOption {
	return func(cfg *callConfig) error { cfg.retryUnsafe = true; return nil }
}

// WithMaxPages ends an iterator after n pages, without an error. Only iterators
// take it; n must be positive.
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

// headerValueIssue says why a header cannot carry s, "" where it can.
func headerValueIssue(s string) string {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return "holds a line break or another control character"
		}
	}
	return ""
}

// isToken reports whether s is a token of RFC 9110: a method or a header name.
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
