package connix

import (
	"cmp"
	"errors"
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
