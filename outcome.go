package connix

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/connix-io/connix-go/internal/headers"
	"github.com/connix-io/connix-go/internal/retry"
)

// outcome turns the call's history into its result: out is filled, or the error
// says what is known.
func (k *call) outcome(out any) error {
	last := &k.history.last
	if k.why == nil && last.Outcome == retry.Succeeded {
		var err error
		if k.request.method != http.MethodHead && !k.succeededWithoutBody() {
			var unread []string
			unread, err = decodeBody(last.text(), out, k.request.raw, last.Status)
			k.logUnread(unread)
		}
		if err != nil {
			return k.conceal(k.invalidResponse(err))
		}
		k.client.budget.Succeeded(k.retry.Retries > 0)
		return nil
	}
	if k.alreadyDeleted() {
		return nil
	}
	return k.conceal(k.failure(k.cause()))
}

// succeededWithoutBody reports whether the response is empty and its status tells
// enough.
func (k *call) succeededWithoutBody() bool {
	return k.request.bodyOptional && len(bytes.TrimSpace(k.history.last.text())) == 0
}

// alreadyDeleted reports whether a delete of unknown outcome has been found done:
// the API itself says that the resource is gone. Of a path given to [Client.Do] it
// is not known what a 404 means.
func (k *call) alreadyDeleted() bool {
	last := &k.history.last
	if k.why != nil || !k.retry.Uncertain || k.request.method != http.MethodDelete || k.request.raw {
		return false
	}
	envelope, ok := readErrorEnvelope(last.text())
	return ok && saysGone(last.Status, envelope.Code)
}

// saysGone reports whether a status and the code in the API's error body say that
// the resource does not exist. A status alone may be a proxy's.
func saysGone(status int, code string) bool {
	switch status {
	case http.StatusNotFound, http.StatusGone:
		return errors.Is(classOfCode(code), ErrNotFound) || strings.EqualFold(code, "GONE") || strings.EqualFold(code, "RESOURCE_GONE")
	}
	return false
}

// invalidResponse is the error of a 2xx that cannot be read as the endpoint's
// result.
func (k *call) invalidResponse(err error) *Error {
	k.retry.Uncertain = k.retry.Uncertain || retry.IsWrite(k.request.method)
	if envelope, ok := errors.AsType[*apiError](err); ok {
		e := k.failure(ErrInvalidResponse)
		e.Code, e.Message, e.Details = envelope.Code, envelope.Message, envelope.details()
		return e
	}
	e := k.failure(fmt.Errorf("%w: %w", ErrInvalidResponse, err))
	e.Message = describeForeign(k.request.endpoint, &k.history.response)
	return e
}

// cause gathers what lies beneath a failure, the last attempt's word first.
func (k *call) cause() error {
	last := &k.history.last
	err := last.Err
	if err != nil && last.Status > 0 && last.Status < 300 && !errors.Is(err, ErrResponseTooLarge) {
		err = fmt.Errorf("%w: %w", ErrInvalidResponse, err)
	}
	if err != nil && k.ctx.Err() != nil {
		err = alsoContext(err, k.ctx)
	}
	why := k.why
	if why != nil && err != nil && (errors.Is(err, why) || err.Error() == why.Error()) {
		why = nil // it is the context that also ended the attempt
	}
	if k.history.response.Status == http.StatusTooManyRequests && !is[*RateLimitError](why) {
		err = join(err, k.serverRateLimit())
	}
	return join(err, why)
}

// serverRateLimit is a 429 in the words of the limiter's refusals.
func (k *call) serverRateLimit() error {
	response := &k.history.response
	e := &RateLimitError{Wait: response.RetryAfter}
	if reset := k.history.limits.limits.Requests; e.Wait == 0 && reset.Remaining != nil && *reset.Remaining == 0 && !reset.Reset.IsZero() {
		now := headers.ServerTime(response.header, response.receivedAt)
		e.Wait = min(max(reset.Reset.Sub(now), 0), headers.MaxRetryAfter)
	}
	if e.Wait > 0 {
		e.ResetAt = response.receivedAt.Add(e.Wait)
	}
	// The limiter has heard of the 429 too, and may keep everything back for longer.
	s := k.client.RateLimits()
	if wait := time.Until(s.BlockedUntil); wait > e.Wait {
		e.ResetAt, e.Wait, e.Reason = s.BlockedUntil, wait, s.BlockedBy
	}
	return e
}

// failure builds the call's error around its last response.
func (k *call) failure(err error) *Error {
	if k.retry.Uncertain {
		err = join(err, ErrUnknownOutcome)
	}
	e := &Error{
		RequestID:  k.requestID[0],
		Method:     k.request.method,
		Route:      k.request.route,
		Attempts:   k.history.attempts,
		Err:        err,
		credential: k.client.credential.masked(),
	}
	r := &k.history.response
	if r.Status == 0 {
		if len(k.history.attempts) > 0 {
			e.Message = "no response from " + k.client.base.Host
		}
		return e
	}
	e.StatusCode, e.RetryAfter = r.Status, r.RetryAfter
	e.Body = bytes.Clone(r.text()[:min(len(r.text()), maxErrorBody)])
	if r.requestID != "" {
		e.RequestID = r.requestID
	}
	if r.Status < 300 {
		return e
	}
	envelope, ok := readErrorEnvelope(r.text())
	if !ok {
		e.Message = describeForeign(k.request.endpoint, r)
		return e
	}
	e.Code, e.Message, e.Details = envelope.Code, envelope.Message, envelope.details()
	if envelope.RequestID != "" {
		e.RequestID = envelope.RequestID
	}
	return e
}

// fillResponse gives the caller what WithResponse asked for.
func (k *call) fillResponse() {
	r := &k.history.response
	to := k.config.response
	if to == nil {
		return
	}
	*to = Response{
		StatusCode:   r.Status,
		RequestID:    r.requestID,
		ResponseTime: headers.Duration(headers.First(r.header, "X-Response-Time")),
		Header:       r.header,
		RateLimits:   k.history.limits.limits,
		Attempts:     k.history.attempts,
		Body:         bytes.Clone(r.text()),
	}
	if to.RequestID == "" {
		to.RequestID = k.requestID[0]
	}
}

// notFound returns the error of a search that matched nothing, which no response
// says.
func notFound(c *Client, e endpoint, what string) error {
	return &Error{Method: e.method, Route: e.route, Message: what, Err: ErrNotFound, credential: c.credential.masked()}
}
