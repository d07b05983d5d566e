package connix

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/connix-io/connix-go/internal/headers"
	"github.com/connix-io/connix-go/internal/retry"
)

// Response holds the metadata of a call's last response. [WithResponse] fills it,
// whether the call succeeds or fails.
type Response struct {
	// StatusCode is the HTTP status, 0 if there was no response.
	StatusCode int
	// RequestID is the response's request ID, or the one sent if it has none.
	RequestID string
	// ResponseTime is the time that the server measured (X-Response-Time), 0 if
	// the header is absent.
	ResponseTime time.Duration
	// Header and Body are nil if there was no response. The body is decompressed
	// and cut at the limit of WithMaxResponseBytes, and that of an error status at
	// 64 KiB.
	Header http.Header
	// RateLimits holds the values of the response's rate limit headers.
	RateLimits RateLimits
	// Attempts lists every attempt that was sent, oldest first.
	Attempts []Attempt
	Body     []byte
}

// String returns the status, the request ID and the number of attempts. The other
// fields may hold a secret: the response that creates an API key does.
func (r Response) String() string {
	status := "no response"
	if r.StatusCode != 0 {
		status = strings.TrimSpace(strconv.Itoa(r.StatusCode) + " " + http.StatusText(r.StatusCode))
	}
	return fmt.Sprintf("%s [request id %s, %d attempts]", status, printable(r.RequestID, maxText), len(r.Attempts))
}

// Format writes the text of [Response.String] for every verb.
func (r Response) Format(f fmt.State, verb rune) { formatText(f, verb, r.String()) }

// MarshalJSON returns the status, the request ID, the response time and the number of
// attempts, for logs; it is not read back. Header and Body may hold a secret.
func (r Response) MarshalJSON() ([]byte, error) { return r.printed().json() }

// LogValue returns the text of [Response.String] for slog.
func (r Response) LogValue() slog.Value { return slog.StringValue(r.String()) }

// Attempt describes one HTTP exchange of a call. Each retry and each redirect adds
// one.
type Attempt struct {
	// StatusCode is the HTTP status, 0 if there was no response.
	StatusCode int
	// RequestID is the response's request ID, or the one sent if it has none.
	RequestID string
	// Duration is the time from sending the request to the last byte of the
	// response.
	Duration time.Duration
	// Delay is the retry's delay before this attempt. RateWait is the wait for the
	// rate limit before it.
	Delay, RateWait time.Duration
	// Err is the reason why there was no response, or why its body could not be
	// read completely. It is nil for a complete response, whatever its status.
	Err error
}

// exchange is one exchange with the server, once it is over: nothing changes it
// afterwards.
type exchange struct {
	retry.Attempt
	header             http.Header
	body               *body  // pooled; nil if no response came
	requestID          string // the response's, "" if it has none
	sentAt, receivedAt time.Time
	written            bool // the headers of the request were
}

// text returns the body as it came, nil for none.
func (x *exchange) text() []byte {
	if x.body == nil {
		return nil
	}
	return x.body.Bytes()
}

// readRetryAfter compares a date with the server's own clock if the response
// shows it: the two clocks may be hours apart.
func (x *exchange) readRetryAfter() {
	value := headers.First(x.header, "Retry-After")
	if value == "" {
		return
	}
	x.RetryAfter, _ = headers.RetryAfter(value, headers.ServerTime(x.header, time.Now()))
}

// history is what a call has tried.
type history struct {
	attempts []Attempt   // what the caller is shown
	first    [1]Attempt  // room for the list of a call that needs no second attempt
	last     exchange    // the last attempt
	response exchange    // the last attempt that got a response; zero if none did
	limits   rateHeaders // what that response said
}

func (h *history) begin() { h.attempts = h.first[:0] }

// add takes up an exchange, and the response if one came.
func (h *history) add(x exchange) {
	h.last = x
	if x.Status != 0 {
		releaseBuffer(h.response.body)
		h.response = x
		h.limits.read(x.header)
	}
}

// list shows the last exchange to the caller.
func (h *history) list(a *attempt, requestID string) {
	x := &h.last
	h.attempts = append(h.attempts, Attempt{
		StatusCode: x.Status,
		RequestID:  cmp.Or(x.requestID, requestID),
		Duration:   x.receivedAt.Sub(x.sentAt),
		Delay:      a.delay,
		RateWait:   a.rateWait,
		Err:        x.Err,
	})
}

// errUnseen is the error of a request that net/http sent and then repeated by
// itself, as it does with a read if a kept connection turns out dead.
var errUnseen = errors.New("a kept connection was lost, and the transport repeated the request")

// listUnseen shows the caller a request that was sent and repeated by the
// transport before the last exchange.
func (h *history) listUnseen(a *attempt, requestID string) {
	h.attempts = append(h.attempts, Attempt{RequestID: requestID, Delay: a.delay, RateWait: a.rateWait, Err: errUnseen})
	a.delay, a.rateWait = 0, 0
}

func (h *history) release() { releaseBuffer(h.response.body) }

// The rate-limit headers, by their canonical names.
const (
	headerLimitRequests     = "X-Ratelimit-Limit-Requests"
	headerRemainingRequests = "X-Ratelimit-Remaining-Requests"
	headerResetRequests     = "X-Ratelimit-Reset-Requests"
	headerLimitTokens       = "X-Ratelimit-Limit-Tokens"
	headerRemainingTokens   = "X-Ratelimit-Remaining-Tokens"
	headerResetTokens       = "X-Ratelimit-Reset-Tokens"
)

// rateHeaders holds one response's rate-limit headers. The counts are in it, so
// that the pointers of a [RateLimits] cost no allocation.
type rateHeaders struct {
	limits RateLimits
	counts [4]int
}

// read replaces the headers of an earlier response.
func (h *rateHeaders) read(header http.Header) {
	*h = rateHeaders{}
	h.limits.Requests = h.budget(header, 0, headerLimitRequests, headerRemainingRequests, headerResetRequests)
	h.limits.Tokens = h.budget(header, 2, headerLimitTokens, headerRemainingTokens, headerResetTokens)
}

func (h *rateHeaders) budget(header http.Header, at int, limit, remaining, reset string) RateLimit {
	l := RateLimit{
		Limit:     h.count(header, at, limit),
		Remaining: h.count(header, at+1, remaining),
		Reset:     headers.UnixTime(headers.First(header, reset)),
	}
	if l.Limit != nil && l.Remaining != nil && *l.Remaining > *l.Limit {
		l.Remaining = nil // out of range
	}
	return l
}

func (h *rateHeaders) count(header http.Header, at int, name string) *int {
	n, ok := headers.Count(headers.First(header, name))
	if !ok {
		return nil
	}
	h.counts[at] = n
	return &h.counts[at]
}

// lastDate caches the last Date header: all responses of a second have the same.
type lastDate struct{ last atomic.Pointer[parsedDate] }

type parsedDate struct {
	text string
	at   time.Time
}

func (d *lastDate) parse(text string) time.Time {
	last := d.last.Load()
	if last == nil || last.text != text {
		last = &parsedDate{text, headers.Date(text)}
		d.last.Store(last)
	}
	return last.at
}
