package deliveries

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/connix-io/connix-go/internal/signature"
)

// Attempt is one exchange with a receiver.
type Attempt struct {
	// Time is when it began, Duration how long it took.
	Time     time.Time
	Duration time.Duration
	URL      string
	// Header is what was sent.
	Header http.Header
	// Status is that of the response, 0 where none came; Err then says why.
	Status   int
	Response []byte // the start of the response's body
	Err      error

	unsendable bool // for reasons that no retry mends
}

// describe says how an attempt ended, for people.
func (a *Attempt) describe() string {
	if a.Err != nil {
		return a.Err.Error()
	}
	return fmt.Sprintf("the receiver responded with %d %s", a.Status, http.StatusText(a.Status))
}

// maxResponse is how much of a response's body is read and kept.
const maxResponse = 64 << 10

var errTimeout = errors.New("the receiver took too long")

// exchange sends a delivery once and reads the response.
func (e *Engine) exchange(ctx context.Context, w Webhook, d *delivery) (a Attempt, retryAfter time.Duration) {
	clock := e.config.Clock
	a.Time, a.URL = clock.Now(), w.URL
	defer func() { a.Duration = clock.Now().Sub(a.Time) }()
	r, err := newRequest(ctx, w, d, a.Time)
	if err != nil {
		a.Err, a.unsendable = err, true
		return a, 0
	}
	a.Header = r.Header.Clone()

	attempting, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timeout := clock.AfterFunc(e.config.Timeout, func() { cancel(errTimeout) })
	defer timeout.Stop()
	response, err := e.client.Do(r.WithContext(attempting))
	if err == nil {
		a.Response, err = io.ReadAll(io.LimitReader(response.Body, maxResponse))
		_ = response.Body.Close()
	}
	switch {
	case err == nil:
		a.Status = response.StatusCode
		retryAfter = parseRetryAfter(response.Header.Get("Retry-After"), clock.Now())
	case errors.Is(context.Cause(attempting), errTimeout):
		// The receiver may have begun to respond; that does not count.
		a.Err, a.Response = fmt.Errorf("%w: %v", errTimeout, e.config.Timeout), nil
	default:
		a.Err, a.Response = err, nil
	}
	return a, retryAfter
}

// newRequest returns the signed request of an attempt made now.
func newRequest(ctx context.Context, w Webhook, d *delivery, now time.Time) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(d.Body))
	if err != nil {
		return nil, fmt.Errorf("the URL cannot be delivered to: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "Connix-Webhooks/1.0")
	if w.Secret == "" {
		r.Header.Set("Webhook-Id", d.ID)
		r.Header.Set("Webhook-Timestamp", strconv.FormatInt(now.Unix(), 10))
		return r, nil
	}
	if err := (signature.Standard{}).Sign(r.Header, w.Secret, signature.Delivery{ID: d.ID, Timestamp: now}, d.Body); err != nil {
		return nil, fmt.Errorf("the delivery cannot be signed: %w", err)
	}
	return r, nil
}
