package connix

import (
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Response is what a call's last answer said besides its result; [WithResponse]
// fills it, also when the call fails.
type Response struct {
	// StatusCode is 0 where no answer came.
	StatusCode int
	// RequestID is the answer's, else the one sent.
	RequestID string
	// ResponseTime is the server's own measure (X-Response-Time), 0 where absent.
	ResponseTime time.Duration
	// Header and Body are those of the last answer, nil where none came. The
	// body is decompressed and cut at WithMaxResponseBytes.
	Header http.Header
	// RateLimits is what the answer's headers said.
	RateLimits RateLimits
	// Attempts lists everything that was sent, oldest first.
	Attempts []Attempt
	Body     []byte
}

// String returns status, request id and attempts; the rest may hold a secret, as
// the answer to the creation of an API key does.
func (r Response) String() string {
	status := "no answer"
	if r.StatusCode != 0 {
		status = strings.TrimSpace(strconv.Itoa(r.StatusCode) + " " + http.StatusText(r.StatusCode))
	}
	return fmt.Sprintf("%s [request id %s, %d attempts]", status, printable(r.RequestID, maxText), len(r.Attempts))
}

// Format prints the text of [Response.String] under every verb.
func (r Response) Format(f fmt.State, verb rune) { formatText(f, verb, r.String()) }

// LogValue gives slog the text of [Response.String].
func (r Response) LogValue() slog.Value { return slog.StringValue(r.String()) }

// Attempt is one exchange of a call: the call's retries and redirects each add
// one.
type Attempt struct {
	// StatusCode is 0 where no answer came.
	StatusCode int
	// RequestID is the answer's, else the one sent.
	RequestID string
	// Duration runs from the sending to the last byte of the answer.
	Duration time.Duration
	// Delay and RateWait passed before this attempt: the retry's delay, and the
	// wait for the rate limit.
	Delay, RateWait time.Duration
	// Err says why no answer came or why it could not be read whole; nil for an
	// answer, whatever its status.
	Err error
}
