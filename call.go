package connix

import (
	"context"
	"maps"
	"net/http"
	"time"

	"github.com/connix-io/connix-go/internal/retry"
)

// typeJSON is a header's value in many requests; net/http only reads it.
var typeJSON = []string{"application/json"}

// call is one call of the API. [Client.do] takes it through its steps in order.
// It is used once, by one goroutine.
type call struct {
	client    *Client
	ctx       context.Context
	request   request
	config    callConfig
	requestID [1]string // sent with every attempt, as a header's value
	began     time.Time

	pacing  pacing       // the limiter's side
	sent    http.Request // each attempt sends a copy
	attempt attempt      // the one under way, or the last one
	history history      // what was tried
	retry   retry.State  // what decides whether another attempt follows
	loop    loop
	why     error // why it ended, if the last attempt does not say
}

// do makes one call with the caller's options.
func (c *Client) do(ctx context.Context, r request, out any, opts []CallOption) error {
	k := &call{client: c, ctx: ctx, request: r}
	if err := k.config.resolve(opts, takenByCalls); err != nil {
		return err
	}
	return k.run(out)
}

// doResolved makes one call with options that are resolved already, as each of
// an iterator's calls is made, and returns what identifies its last response.
func (c *Client) doResolved(ctx context.Context, r request, out any, cfg *callConfig) (responseID, error) {
	k := &call{client: c, ctx: ctx, request: r, config: *cfg}
	err := k.run(out)
	return responseID{k.history.response.Status, k.responseID()}, err
}

// send makes one call, whose response holds a T.
func send[T any](ctx context.Context, c *Client, r request, opts []CallOption) (*T, error) {
	out := new(T)
	if err := c.do(ctx, r, out, opts); err != nil {
		return nil, err
	}
	return out, nil
}

// run takes the call through its steps: it validates, waits for the rate limit,
// sends attempts until a response is final, and turns that response into out or
// into an error.
func (k *call) run(out any) error {
	if err := k.validate(out); err != nil {
		k.config.clearResponse()
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
	if err := checkOut(out); err != nil {
		return err
	}
	target, err := k.request.url(&k.client.base)
	if err != nil {
		return err
	}
	k.sent.Method = k.request.method
	k.requestID[0] = k.config.requestID
	if k.requestID[0] == "" {
		k.requestID[0] = newRequestID()
	}
	k.began = time.Now()
	k.history.begin()
	k.retry = retry.State{
		Policy:     k.policy(),
		Method:     k.request.method,
		Unsafe:     k.config.retryUnsafe,
		Replayable: k.request.stream == nil,
		Paced:      k.client.gated,
		MaxWait:    k.maxWait(),
		Home:       target,
		URL:        target,
	}
	return nil
}

// maxWait is the longest time to wait for the rate limiter and after a 429.
func (k *call) maxWait() time.Duration {
	if d := k.config.rateWait; d != nil {
		return *d
	}
	return k.client.maxWait
}

// policy is the client's, with the changes of the call's options.
func (k *call) policy() retry.Policy {
	p := retry.Policy(k.client.retry)
	if k.config.retriesSet {
		p.MaxRetries = k.config.maxRetries
	}
	return p
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

// release leaves nothing behind, also after a panic in a transport or a hook: a
// permit that is never settled would hold up every other call on the key.
func (k *call) release() {
	k.pacing.release()
	if k.attempt.cancel != nil {
		k.attempt.cancel()
	}
	k.history.release()
}
