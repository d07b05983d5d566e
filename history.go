package connix

import (
	"cmp"
	"net/http"
	"time"

	"github.com/connix-io/connix-go/internal/headers"
	"github.com/connix-io/connix-go/internal/retry"
)

// exchange is one exchange with the server, once it is over: nothing changes it
// afterwards.
type exchange struct {
	retry.Attempt
	header             http.Header
	body               *body  // pooled; nil if no response came
	requestID          string // the response's, "" if it has none
	sentAt, receivedAt time.Time
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
	x.RetryAfter, x.HasRetryAfter = headers.RetryAfter(value, headers.ServerTime(x.header, time.Now()))
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

func (h *history) release() { releaseBuffer(h.response.body) }
