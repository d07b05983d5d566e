package connix

import (
	"cmp"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"time"
)

// typeJSON is a header's value in many requests; net/http only reads it.
var typeJSON = []string{"application/json"}

// call is one call of the API on its way: [Client.do] takes it through its
// stations in order. It is used once, by one goroutine.
type call struct {
	client  *Client
	ctx     context.Context
	request request
	config  callConfig

	sent      http.Request // each attempt sends a copy; a redirect changes its URL
	requestID [1]string    // sent with every attempt, as a header's value
	began     time.Time

	permit  Permit // held by the attempt under way; nil: none
	attempt attempt
	history []Attempt
	first   [1]Attempt // room for the history of a call that needs no second
	limits  rateHeaders

	// Before the next attempt.
	delay, rateWait time.Duration

	// Over all attempts.
	retries, hops int
	rateWaited    time.Duration // in the limiter, in all
	renewed       bool          // the credential was renewed
	doubt         bool          // a write was sent whose fate is unknown
	ahead         bool          // the first attempt was made ahead of the retry loop
	pausing       bool

	last   result  // the last attempt
	answer *result // the last attempt that got an answer, zero where none did
	next   verdict
	why    error // why it ended, where the last attempt does not say
}

// noAnswer is what no server said. Nothing writes to it.
var noAnswer result

// do makes one call with the caller's options.
func (c *Client) do(ctx context.Context, r request, out any, opts []CallOption) error {
	k := &call{client: c, ctx: ctx, request: r, answer: &noAnswer}
	if err := k.config.resolve(opts, takenByCalls); err != nil {
		return err
	}
	return k.run(out)
}

// doResolved makes one call with options that are resolved already, as each of
// an iterator's calls is made, and returns what identifies its last response.
func (c *Client) doResolved(ctx context.Context, r request, out any, cfg *callConfig) (responseID, error) {
	k := &call{client: c, ctx: ctx, request: r, config: *cfg, answer: &noAnswer}
	err := k.run(out)
	return responseID{k.answer.status, k.answerID()}, err
}

// run validates, waits for the rate limit, exchanges until an answer is final,
// and turns that answer into out or into an error.
func (k *call) run(out any) error {
	if err := k.validate(out); err != nil {
		return err
	}
	defer k.release()
	if k.why = k.acquire(k.began); k.why == nil {
		k.exchange()
	}
	err := k.outcome(out)
	k.fillResponse()
	k.observeCall(err)
	return err
}

// validate refuses what cannot be sent as it was meant, before anything is.
func (k *call) validate(out any) error {
	switch {
	case k.client == nil || k.client.transport == nil:
		return &ArgumentError{Name: "client", Issue: "was not made by NewClient"}
	case k.ctx == nil:
		return &ArgumentError{Name: "ctx", Issue: "is nil"}
	case k.request.err != nil:
		return k.request.err
	}
	err := checkOut(out)
	if err != nil {
		return err
	}
	if k.sent.URL, err = k.request.url(&k.client.base); err != nil {
		return err
	}
	k.requestID[0] = k.config.requestID
	if k.requestID[0] == "" {
		k.requestID[0] = newRequestID()
	}
	k.began = time.Now()
	k.history = k.first[:0]
	return nil
}

// acquire waits for the rate limit's permit, outside of any attempt's timeout.
func (k *call) acquire(now time.Time) error {
	k.rateWait, k.attempt = 0, attempt{started: now}
	if k.ctx.Err() != nil {
		return contextError(k.ctx)
	}
	limiter := k.client.limiter
	if limiter == nil {
		return nil
	}
	permit, err := limiter.Wait(k.ctx, RateLimitRequest{
		Method:  k.request.method,
		Route:   k.request.route,
		MaxWait: k.client.maxWait,
		OnWait:  k.onRateLimitWait(),
	})
	k.attempt.started = time.Now()
	k.rateWait = k.attempt.started.Sub(now)
	k.rateWaited += k.rateWait
	if err != nil {
		return k.refusedByLimiter(err)
	}
	k.permit = permit
	return nil
}

// refusedByLimiter makes the refusal match the context's error too, where it is
// the context that leaves no time.
func (k *call) refusedByLimiter(err error) error {
	if k.ctx.Err() != nil {
		return alsoContext(err, k.ctx)
	}
	limit, ok := errors.AsType[*RateLimitError](err)
	deadline, has := k.ctx.Deadline()
	if ok && has && time.Until(deadline) <= limit.Wait && !errors.Is(err, context.DeadlineExceeded) {
		return join(err, context.DeadlineExceeded)
	}
	return err
}

// makeRequest makes what every attempt sends a copy of, with headers and a
// context of the attempt's own.
func (k *call) makeRequest() {
	req := &k.sent
	req.Method = k.request.method
	switch body := k.request.body; {
	case k.request.stream != nil:
		req.Body, req.ContentLength = streamBody(k.request.stream)
	case body != nil:
		req.Body, req.ContentLength = jsonBody(body), int64(len(body))
		req.GetBody = func() (io.ReadCloser, error) { return jsonBody(body), nil }
	}
}

// headers returns a fresh header map for one attempt, all but the credential.
func (k *call) headers() http.Header {
	h := maps.Clone(k.client.headers)
	h[headerRequestID] = k.requestID[:]
	if k.request.body != nil || k.request.stream != nil {
		h["Content-Type"] = typeJSON
	}
	if k.config.header != nil {
		maps.Copy(h, k.config.header)
	}
	return h
}

// finishAttempt reads the attempt's answer, settles its permit and notes it.
func (k *call) finishAttempt(resp *http.Response, err error) {
	if k.last.status != 0 {
		before := k.last // it stays the answer unless this attempt has one too
		k.answer = &before
	}
	k.last = k.attempt.read(k.request.method, resp, err, k.client.maxBody)
	r := &k.last
	if r.status != 0 {
		releaseBuffer(k.answer.body)
		k.answer = r
		k.limits.read(r.header)
	}
	if isWrite(k.request.method) && r.fate == fateUnknown {
		k.doubt = true
	}
	k.settle()
	if is[credentialError](r.err) || is[unsentError](r.err) {
		return // the transport was not asked: there was no attempt
	}
	k.history = append(k.history, Attempt{
		StatusCode: r.status,
		RequestID:  cmp.Or(r.requestID, k.requestID[0]),
		Duration:   r.receivedAt.Sub(r.sentAt),
		Delay:      k.delay,
		RateWait:   k.rateWait,
		Err:        r.err,
	})
	k.observeAttempt()
}

// settle tells the limiter what became of the attempt's permit.
func (k *call) settle() {
	permit := k.permit
	if permit == nil {
		return
	}
	k.permit = nil
	r := &k.last
	switch {
	case r.fate == fateUnsent:
		permit.Cancel()
	case r.status == 0:
		permit.Settle(RateLimitResult{})
	default:
		permit.Settle(k.rateLimitResult())
	}
}

// release leaves nothing behind, also where a transport or a hook panicked: a
// permit that is never settled would hold up every other call on the key.
func (k *call) release() {
	if k.permit != nil {
		k.permit.Settle(RateLimitResult{})
	}
	if k.attempt.cancel != nil {
		k.attempt.cancel()
	}
	releaseBuffer(k.answer.body)
}

// contextError returns the error of a context that has ended, and its cause.
func contextError(ctx context.Context) error { return alsoContext(context.Cause(ctx), ctx) }

// alsoContext makes err match the error of a context that has ended.
func alsoContext(err error, ctx context.Context) error {
	if ended := ctx.Err(); ended != nil && !errors.Is(err, ended) {
		return join(err, ended)
	}
	return err
}
