package connix

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/connix-io/connix-go/internal/headers"
)

// maxErrorBody is how much of an answer's body an error keeps.
const maxErrorBody = 64 << 10

// outcome turns the call's history into its result: out is filled, or the error
// says what is known.
func (k *call) outcome(out any) error {
	r := &k.last
	switch {
	case k.why != nil || r.fate != fateDone:
	case k.request.method == http.MethodHead:
		k.client.quota.succeeded(k.retries > 0)
		return nil
	default:
		err := decodeBody(r.text(), out, k.request.raw, r.status)
		if err == nil {
			k.client.quota.succeeded(k.retries > 0)
			return nil
		}
		return k.invalidAnswer(err)
	}
	if k.alreadyDeleted() {
		return nil
	}
	return k.failure(k.cause())
}

// alreadyDeleted reports that a delete whose answer was lost has been found
// done: what it was to delete is gone.
func (k *call) alreadyDeleted() bool {
	return k.why == nil && k.doubt && k.request.method == http.MethodDelete && k.last.status == http.StatusNotFound
}

// invalidAnswer is a 2xx that cannot be read as the endpoint's result.
func (k *call) invalidAnswer(err error) error {
	k.doubt = k.doubt || isWrite(k.request.method)
	if envelope, ok := errors.AsType[*apiError](err); ok {
		e := k.failure(ErrInvalidResponse)
		e.Code, e.Message, e.Details = envelope.code, envelope.message, envelope.details
		return e
	}
	e := k.failure(fmt.Errorf("%w: %w", ErrInvalidResponse, err))
	e.Message = describeForeign(k.request.endpoint, k.answer)
	return e
}

// cause gathers what lies beneath a failure, the last attempt's word first.
func (k *call) cause() error {
	r := &k.last
	err := r.err
	if err != nil && r.status >= 200 && r.status < 300 && !errors.Is(err, ErrResponseTooLarge) {
		err = fmt.Errorf("%w: %w", ErrInvalidResponse, err)
	}
	if err != nil && k.ctx.Err() != nil {
		err = alsoContext(err, k.ctx)
	}
	why := k.why
	if why != nil && err != nil && (errors.Is(err, why) || err.Error() == why.Error()) {
		why = nil // the wait was for nothing but the context that also ended the attempt
	}
	if k.answer.status == http.StatusTooManyRequests && !is[*RateLimitError](why) {
		err = join(err, k.serverRateLimit())
	}
	return join(err, why)
}

// serverRateLimit is a 429 in the words of the limiter's refusals.
func (k *call) serverRateLimit() error {
	e := &RateLimitError{Wait: k.answer.retryAfter}
	if reset := k.limits.limits.Requests; e.Wait == 0 && reset.Remaining != nil && *reset.Remaining == 0 && !reset.Reset.IsZero() {
		// By the server's clock, as far as its Date shows it.
		now := headers.Date(headers.First(k.answer.header, "Date"))
		if now.IsZero() {
			now = k.answer.receivedAt
		}
		e.Wait = min(max(reset.Reset.Sub(now), 0), headers.MaxRetryAfter)
	}
	if e.Wait > 0 {
		e.ResetAt = k.answer.receivedAt.Add(e.Wait)
	}
	// The limiter has heard of the 429 too, and may keep everything back for longer.
	s := k.client.RateLimits()
	if wait := time.Until(s.BlockedUntil); wait > e.Wait {
		e.ResetAt, e.Wait, e.Reason = s.BlockedUntil, wait, s.BlockedBy
	}
	return e
}

// failure builds the call's error around its last answer.
func (k *call) failure(err error) *Error {
	if k.doubt {
		err = join(err, ErrUnknownOutcome)
	}
	e := &Error{
		RequestID:  k.requestID[0],
		Method:     k.request.method,
		Route:      k.request.route,
		Attempts:   k.history,
		Err:        err,
		credential: k.client.credential.masked(),
	}
	r := k.answer
	if r.status == 0 {
		if len(k.history) > 0 {
			e.Message = "no answer from " + k.client.base.Host
		}
		return e
	}
	e.StatusCode, e.RetryAfter = r.status, r.retryAfter
	e.Body = bytes.Clone(r.text())
	e.Body = e.Body[:min(len(e.Body), maxErrorBody)]
	if r.requestID != "" {
		e.RequestID = r.requestID
	}
	if r.status >= 200 && r.status < 300 {
		return e
	}
	envelope, ok := readErrorEnvelope(r.text())
	if !ok {
		e.Message = describeForeign(k.request.endpoint, r)
		return e
	}
	e.Code, e.Message, e.Details = envelope.code, envelope.message, envelope.details
	if envelope.requestID != "" {
		e.RequestID = envelope.requestID
	}
	return e
}

// fillResponse gives the caller what WithResponse asked for.
func (k *call) fillResponse() {
	to := k.config.response
	if to == nil {
		return
	}
	r := k.answer
	*to = Response{
		StatusCode:   r.status,
		RequestID:    r.requestID,
		ResponseTime: headers.Duration(headers.First(r.header, "X-Response-Time")),
		Header:       r.header,
		RateLimits:   k.limits.limits,
		Attempts:     k.history,
		Body:         bytes.Clone(r.text()),
	}
	if to.RequestID == "" {
		to.RequestID = k.requestID[0]
	}
}
