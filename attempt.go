package connix

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/connix-io/connix-go/internal/headers"
	"github.com/connix-io/connix-go/internal/retry"
)

// attempt is one exchange while it is under way: send, read.
type attempt struct {
	// delay and rateWait passed before it.
	delay, rateWait time.Duration

	started time.Time // once its permit is there
	cancel  context.CancelFunc
	secret  []string // what it was authenticated with
	trace   *connTrace
	refused bool // the transport was not asked
}

// timeoutError ends an attempt that took longer than an option allows.
type timeoutError struct {
	after  time.Duration
	option string
}

func (e *timeoutError) Error() string {
	return "no complete response within " + e.after.String() + " (see " + e.option + ")"
}
func (*timeoutError) Timeout() bool        { return true }
func (*timeoutError) Temporary() bool      { return true }
func (*timeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

// withTimeout bounds what an attempt may take that began at now. If the call's
// own deadline comes first, no second timer runs.
func (k *call) withTimeout(ctx context.Context, now time.Time) (context.Context, context.CancelFunc) {
	timeout, timedOut := k.client.timeout, k.client.timedOut
	if own := k.config.timeout; own != nil {
		timeout, timedOut = own.after, own
	}
	if timeout <= 0 {
		return context.WithCancel(ctx)
	}
	end := now.Add(timeout)
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(end) {
		return context.WithCancel(ctx)
	}
	return context.WithDeadlineCause(ctx, end, timedOut)
}

// send makes one exchange, from the credential to the last byte of the body.
func (k *call) send() exchange {
	x := k.sendOnce()
	if k.attempt.trace.stoppedEarly() && k.ctx.Err() == nil {
		x = k.sendOnce()
	}
	return x
}

func (k *call) sendOnce() exchange {
	a := &k.attempt
	ctx, cancel := k.withTimeout(k.ctx, a.started)
	a.cancel = cancel
	defer cancel()
	hop, err := k.makeHop(ctx)
	if err != nil {
		a.refused = true
		return k.settled(ctx, exchange{Attempt: retry.Attempt{Err: err, RetryAfter: tokenRetryAfter(err)}})
	}
	x := k.client.roundTrip(hop)
	var reading error
	if body, ok := hop.Body.(*streamedBody); ok {
		reading = body.finish(ctx)
	}
	if x.Status != 0 {
		k.keepCookies(ctx, hop.URL, x.header)
	}
	x = k.settled(ctx, x)
	if reading != nil && x.Outcome != retry.Succeeded {
		x.Err = join(x.Err, reading)
	}
	return x
}

// makeHop makes the attempt's request. It authenticates here, closest to the
// wire, and only towards the API's origin.
func (k *call) makeHop(ctx context.Context) (*http.Request, error) {
	if !retry.SameOrigin(k.retry.URL, &k.client.base) {
		return nil, retry.Refusal{Err: ErrRedirectRefused}
	}
	name, secret, err := k.client.credential.header(ctx, k)
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, retry.Refusal{Err: context.Cause(ctx)}
	}
	a := &k.attempt
	a.secret = secret
	a.trace = newConnTrace(k.client.protocol, k.request.method, a.cancel)
	hop := k.sent.WithContext(a.trace.watch(ctx))
	hop.URL, hop.Header = k.retry.URL, k.headers()
	hop.Header[name] = secret
	if err := k.addCookies(ctx, hop); err != nil {
		return nil, retry.Refusal{Err: err}
	}
	k.request.attach(hop, a.trace)
	return hop, nil
}

// addCookies adds those of the caller's Jar, which may not watch the context.
func (k *call) addCookies(ctx context.Context, hop *http.Request) error {
	jar := k.client.jar
	if jar == nil {
		return nil
	}
	cookies, err := watched(ctx, 0, func() ([]*http.Cookie, error) { return jar.Cookies(hop.URL), nil }, nil)
	for _, cookie := range cookies {
		hop.AddCookie(cookie)
	}
	return err
}

// keepCookies gives those of a response to the caller's Jar.
func (k *call) keepCookies(ctx context.Context, from *url.URL, header http.Header) {
	jar := k.client.jar
	if jar == nil {
		return
	}
	if cookies := (&http.Response{Header: header}).Cookies(); len(cookies) > 0 {
		_, _ = watched(ctx, 0, func() (none struct{}, err error) { jar.SetCookies(from, cookies); return none, nil }, nil)
	}
}

// settled completes an exchange with what this attempt knows of it.
func (k *call) settled(ctx context.Context, x exchange) exchange {
	a := &k.attempt
	x.sentAt, x.receivedAt = a.started, time.Now()
	x.requestID = k.concealID(x.requestID)
	if x.Status == 0 {
		ended, known := ctx.Err(), a.refused || errors.Is(x.Err, errAbandoned) || retry.FailedToConnect(x.Err)
		if !known && ended != nil && k.ctx.Err() == nil && errors.Is(x.Err, ended) {
			x.Err = context.Cause(ctx) // which says whose timeout it was
		}
		if a.trace.repeated() {
			x.Err = errRepeatedByTransport
		}
		x.Err = k.secrets().hideIn(transportError(x.Err))
	}
	e := a.evidence(ctx, &x)
	x.written = e.Written
	x.Outcome = retry.Classify(k.request.method, x.Status, x.Err, e)
	x.Err = retry.Plain(x.Err)
	return x
}

// evidence tells what was seen of the attempt besides its response.
func (a *attempt) evidence(ctx context.Context, x *exchange) retry.Evidence {
	e := retry.Evidence{Refused: a.refused, Ended: ctx.Err() != nil, Abandoned: errors.Is(x.Err, errAbandoned)}
	if a.trace != nil {
		e.Traced, e.Connected, e.Written = a.trace.wanted.Load(), a.trace.got.Load() > 0, a.trace.written.Load() > 0
	}
	return e
}

// errBrokenTransport is the error of a transport that breaks the rules of
// [http.RoundTripper]. Whether the request was sent is not known.
var errBrokenTransport = errors.New("the transport returned neither an error nor a response with a body")

// errSwitched is the error of a response that takes the connection over.
var errSwitched = errors.New("the server switched protocols, which was not asked for")

// errAbandoned says that a transport did not return when its context had ended.
var errAbandoned = errors.New("the transport did not return")

// abandonAfter is how long a transport of the caller's may take to return once
// its context has ended.
const abandonAfter = 50 * time.Millisecond

// roundTrip sends the request and reads the whole response. A transport of the
// caller's, and the bodies that it returns, may not watch the context: they run
// on a goroutine of their own, which is left behind if they do not return.
func (c *Client) roundTrip(hop *http.Request) exchange {
	ctx := hop.Context()
	if own, ok := c.transport.(*ownTransport); ok {
		used := own.current.Load()
		resp, err := used.RoundTrip(hop)
		x := c.readExchange(hop, resp, err)
		if x.Err != nil && is[*timeoutError](context.Cause(ctx)) && c.protocol.version.Load() == protocolHTTP2 {
			own.leave(used)
		}
		return x
	}
	if !c.foreign || ctx.Done() == nil {
		resp, err := c.transport.RoundTrip(hop)
		return c.readExchange(hop, resp, err)
	}
	e := foreignExchange{done: make(chan struct{})}
	go e.run(c, hop)
	select {
	case <-e.done:
	case <-ctx.Done():
		grace := time.NewTimer(abandonAfter)
		defer grace.Stop()
		select {
		case <-e.done:
		case <-grace.C:
			e.abandon()
			return exchange{Attempt: retry.Attempt{Err: join(errAbandoned, contextError(ctx))}}
		}
	}
	return e.outcome()
}

// readExchange reads what the transport returned.
func (c *Client) readExchange(hop *http.Request, resp *http.Response, err error) exchange {
	var x exchange
	switch {
	case err != nil:
		if resp != nil && resp.Body != nil {
			_ = resp.Body.Close()
		}
		x.Err = err
		return x
	case resp == nil, resp.Body == nil && resp.ContentLength > 0 && hop.Method != http.MethodHead:
		x.Err = errBrokenTransport
		return x
	}
	c.protocol.saw(resp.ProtoMajor)
	x.Status, x.header = resp.StatusCode, resp.Header
	x.requestID = headers.First(x.header, headerRequestID)
	x.readRetryAfter()
	switch {
	case resp.StatusCode == http.StatusSwitchingProtocols:
		// The body is the raw connection, which no context governs.
		if resp.Body != nil {
			_ = resp.Body.Close()
		}
		x.Err, x.Final = errSwitched, true
		return x
	case resp.Body == nil:
		resp.Body = http.NoBody
	}
	if retry.IsRedirect(resp.StatusCode) {
		x.Location = headers.First(x.header, "Location")
	}
	x.body, x.Err = readBody(resp, c.maxBody)
	x.Final = errors.Is(x.Err, ErrResponseTooLarge)
	return x
}

// transportError says as net/http does of a response in plain http to TLS. It
// looks at the outermost error alone: those within belong to who wrapped them.
func transportError(err error) error {
	if wrapped, ok := err.(*url.Error); ok { //nolint:errorlint // see above
		err = wrapped.Err
	}
	if record, ok := err.(tls.RecordHeaderError); ok && string(record.RecordHeader[:]) == "HTTP/" { //nolint:errorlint // see above
		return http.ErrSchemeMismatch
	}
	return err
}
