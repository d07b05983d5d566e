package connix

import (
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"
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
