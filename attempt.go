package connix

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/connix-io/connix-go/internal/headers"
	"github.com/connix-io/connix-go/internal/retry"
)

// attempt is one exchange while it is under way: send, read.
type attempt struct {
	// delay and rateWait passed before it.
	delay, rateWait time.Duration

	started  time.Time // once its permit is there
	cancel   context.CancelFunc
	secret   []string   // what it was authenticated with
	conn     *connTrace // nil: not traced
	location string     // of a redirect
}

// connTrace is what the transport says of its connections. A dial that is
// abandoned may still report, on a goroutine of the transport's.
type connTrace struct {
	wanted, got atomic.Bool
	hooks       httptrace.ClientTrace
}

// neverConnected reports that a connection was asked for and none was had. It
// is false where the transport does not say.
func (t *connTrace) neverConnected() bool { return t != nil && t.wanted.Load() && !t.got.Load() }

// timeoutError ends an attempt that took longer than WithTimeout allows.
type timeoutError struct{ after time.Duration }

func (e timeoutError) Error() string {
	return "no complete response within " + e.after.String() + " (see WithTimeout)"
}
func (timeoutError) Timeout() bool        { return true }
func (timeoutError) Temporary() bool      { return true }
func (timeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

// withTimeout bounds what an attempt may take that began at now. Where the call's
// own deadline comes first, no second timer runs.
func (c *Client) withTimeout(ctx context.Context, now time.Time) (context.Context, context.CancelFunc) {
	if c.timeout <= 0 {
		return ctx, func() {}
	}
	end := now.Add(c.timeout)
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(end) {
		return ctx, func() {}
	}
	return context.WithDeadlineCause(ctx, end, c.timedOut)
}

// send sends one attempt. It authenticates here, closest to the wire, and only
// towards the API's origin.
func (k *call) send(req *http.Request) (*http.Response, error) {
	a := &k.attempt
	ctx, cancel := k.client.withTimeout(k.ctx, a.started)
	a.cancel = cancel
	if retry.IsWrite(req.Method) {
		ctx = a.trace(ctx)
	}
	hop := req.WithContext(ctx)
	hop.Header = k.headers()
	if cookies := req.Header["Cookie"]; cookies != nil {
		hop.Header["Cookie"] = cookies // put there by the caller's Jar
	}
	if !retry.SameOrigin(hop.URL, &k.client.base) {
		closeBody(hop)
		return nil, retry.Refusal{Err: ErrRedirectRefused}
	}
	name, secret, err := k.client.credential.header(ctx, k)
	if err != nil {
		closeBody(hop)
		return nil, err
	}
	a.secret = secret
	hop.Header[name] = secret
	if ctx.Err() != nil {
		closeBody(hop)
		return nil, retry.Refusal{Err: context.Cause(ctx)}
	}
	resp, err := k.client.transport.RoundTrip(hop)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil && k.ctx.Err() == nil && errors.Is(err, ctx.Err()) && !retry.BeforeSending(err) {
			err = cause // which says whose timeout it was
		}
		return resp, err
	}
	switch {
	case resp == nil, resp.Body == nil && resp.ContentLength > 0 && req.Method != http.MethodHead:
		return nil, errBrokenTransport
	case resp.Body == nil:
		resp.Body = http.NoBody
	}
	if retry.IsRedirect(resp.StatusCode) {
		// Hidden from http.Client, which would follow it, or quote a location that
		// it cannot parse.
		a.location = headers.First(resp.Header, "Location")
		redirect := *resp
		redirect.Header = resp.Header.Clone()
		redirect.Header.Del("Location")
		return &redirect, nil
	}
	return resp, nil
}

// errBrokenTransport is the error of a transport that breaks the rules of
// [http.RoundTripper]. Whether the request was sent is not known.
var errBrokenTransport = errors.New("the transport returned neither an error nor a response with a body")

// trace watches whether the transport ever had a connection.
func (a *attempt) trace(ctx context.Context) context.Context {
	conn := new(connTrace)
	a.conn = conn
	conn.hooks.GetConn = func(string) { conn.wanted.Store(true) }
	conn.hooks.GotConn = func(httptrace.GotConnInfo) { conn.got.Store(true) }
	return httptrace.WithClientTrace(ctx, &conn.hooks)
}

// read ends the attempt: it reads the response, if one came, and classifies it.
func (a *attempt) read(method string, resp *http.Response, err error, limit int64) exchange {
	x := exchange{sentAt: a.started}
	x.Err = redacted(transportError(err), a.secret)
	if err == nil {
		x.Status, x.header, x.Location = resp.StatusCode, resp.Header, a.location
		if a.location != "" {
			x.header["Location"] = []string{a.location}
		}
		x.body, x.Err = readBody(resp, limit)
		x.Final = errors.Is(x.Err, ErrResponseTooLarge)
		x.requestID = headers.First(x.header, headerRequestID)
		x.readRetryAfter()
	} else if resp != nil && resp.Body != nil {
		_ = resp.Body.Close()
	}
	x.receivedAt = time.Now()
	a.cancel()
	x.Outcome = retry.Classify(method, x.Status, x.Err, a.conn.neverConnected())
	return x
}

// transportError takes the URL, whose query may hold anything, out of what
// http.Client says, and says as it does of a response in plain http to TLS. It looks
// at the outermost error alone: those within belong to who wrapped them.
func transportError(err error) error {
	if wrapped, ok := err.(*url.Error); ok { //nolint:errorlint // see above
		err = wrapped.Err
	}
	if record, ok := err.(tls.RecordHeaderError); ok && string(record.RecordHeader[:]) == "HTTP/" { //nolint:errorlint // see above
		return http.ErrSchemeMismatch
	}
	return err
}

// redacted takes the credential out of an error's text, in case a transport of the
// caller's quotes the request.
func redacted(err error, secret []string) error {
	const shortest = 8 // what is shorter is no credential, and may be part of a word
	if err == nil || len(secret) == 0 {
		return err
	}
	text, bare := err.Error(), strings.TrimPrefix(secret[0], bearerPrefix)
	if len(bare) < shortest || !strings.Contains(text, bare) {
		return err
	}
	return redactedError{err, strings.ReplaceAll(text, bare, "****")}
}

type redactedError struct {
	err  error
	text string
}

func (e redactedError) Error() string { return e.text }
func (e redactedError) Unwrap() error { return e.err }

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}
