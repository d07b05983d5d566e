package connix

import (
	"cmp"
	"context"
	"log/slog"
	"time"
)

// Hooks are functions that the client calls as its calls proceed, for metrics
// and traces; a nil one costs nothing. They run on the goroutine of the call,
// which waits for them (TokenRefreshed on that of the refresh, which serves many
// calls), with the context that the caller gave it. Routes are templates, so
// that they can label a metric.
type Hooks struct {
	// AttemptDone follows every exchange, failed or not.
	AttemptDone func(context.Context, AttemptInfo)
	// RetryWait comes before the pause ahead of a retry.
	RetryWait func(context.Context, RetryWaitInfo)
	// RateLimitWait comes before a wait for the rate limit.
	RateLimitWait func(context.Context, RateLimitWaitInfo)
	// TokenRefreshed follows every refresh of an OAuth2 token, failed or not.
	TokenRefreshed func(context.Context, TokenRefreshInfo)
	// CallDone follows every call whose arguments were valid, failed or not.
	CallDone func(context.Context, CallInfo)
}

// AttemptInfo is one exchange of a call.
type AttemptInfo struct {
	// Method, Route and RequestID are GET, "/projects/{id}" and the id of the
	// answer, else the one sent.
	Method, Route, RequestID string
	// Number counts the call's attempts from 1.
	Number int
	// Attempt is what the call's errors list too.
	Attempt
}

// RetryWaitInfo is the pause before a retry.
type RetryWaitInfo struct {
	// Method, Route and RequestID are those of the attempt that failed.
	Method, Route, RequestID string
	// Delay is how long the pause takes.
	Delay time.Duration
	// StatusCode is 0 and Err not nil where no answer came.
	StatusCode int
	Err        error
}

// RateLimitWaitInfo is a wait for the rate limit.
type RateLimitWaitInfo struct {
	// Method, Route and RequestID are those of the call that waits.
	Method, Route, RequestID string
	// RateLimitWait says for what, and how long.
	RateLimitWait
}

// TokenRefreshInfo is one refresh of an OAuth2 token. It may serve many calls.
type TokenRefreshInfo struct {
	// Method, Route and RequestID are those of the call that began it.
	Method, Route, RequestID string
	// Early reports that the current token was still valid: only the call that
	// began the refresh waited for it.
	Early bool
	// Duration is how long the refresh took.
	Duration time.Duration
	// Expiry is when the new token expires, zero for never or after a failure.
	Expiry time.Time
	// Err is nil for a success.
	Err error
}

// CallInfo is one call, all attempts together.
type CallInfo struct {
	// Method, Route and RequestID are those of the call's last answer.
	Method, Route, RequestID string
	// StatusCode is 0 where no answer came.
	StatusCode int
	// Attempts counts what was sent.
	Attempts int
	// Duration includes all waits.
	Duration time.Duration
	// RateLimits is what the last answer said.
	RateLimits RateLimits
	// Err is what the caller gets, nil for a success.
	Err error
}

// log writes one line, where a logger is set and wants it.
func (k *call) log(level slog.Level, message string, attrs ...slog.Attr) {
	logger := k.client.logger
	if logger == nil || !logger.Enabled(k.ctx, level) {
		return
	}
	attrs = append(attrs, slog.String("method", k.request.method), slog.String("route", k.request.route), slog.String("request_id", printable(k.responseID(), maxText)))
	logger.LogAttrs(k.ctx, level, message, attrs...)
}

// responseID is the id of the last response, else the one sent.
func (k *call) responseID() string { return cmp.Or(k.history.response.requestID, k.requestID[0]) }

func (k *call) observed() bool { return k.client.logger != nil }

func (k *call) observeAttempt() {
	if k.client.hooks.AttemptDone == nil && !k.observed() {
		return
	}
	number := len(k.history.attempts)
	last := k.history.attempts[number-1]
	if hook := k.client.hooks.AttemptDone; hook != nil {
		hook(k.ctx, AttemptInfo{
			Method: k.request.method, Route: k.request.route, RequestID: last.RequestID,
			Number: number, Attempt: last,
		})
	}
	if k.observed() {
		k.log(slog.LevelDebug, "connix: attempt done", statusAttr(last.StatusCode), slog.Int("attempt", number),
			slog.Duration("duration", last.Duration), errorAttr(last.Err))
	}
}

func (k *call) observeRetry(delay time.Duration) {
	last := &k.history.last
	if hook := k.client.hooks.RetryWait; hook != nil {
		hook(k.ctx, RetryWaitInfo{
			Method: k.request.method, Route: k.request.route, RequestID: cmp.Or(last.requestID, k.requestID[0]),
			Delay: delay, StatusCode: last.Status, Err: last.Err,
		})
	}
	if k.observed() {
		k.log(slog.LevelWarn, "connix: retrying", statusAttr(last.Status), slog.Duration("delay", delay), errorAttr(last.Err))
	}
}

// onRateLimitWait returns what the limiter calls before it makes this call
// wait: nil where nobody listens.
func (k *call) onRateLimitWait() func(RateLimitWait) {
	if k.client.hooks.RateLimitWait == nil && !k.observed() {
		return nil
	}
	return func(wait RateLimitWait) {
		if hook := k.client.hooks.RateLimitWait; hook != nil {
			hook(k.ctx, RateLimitWaitInfo{
				Method: k.request.method, Route: k.request.route, RequestID: k.requestID[0], RateLimitWait: wait,
			})
		}
		k.log(slog.LevelInfo, "connix: waiting for the rate limit", slog.Duration("delay", wait.Delay),
			slog.Int("limit", wait.Window.Limit), slog.Duration("period", wait.Window.Period),
			slog.String("reason", string(wait.Reason)), slog.Int("waiters", wait.Waiters))
	}
}

func (k *call) observeCall(err error) {
	if hook := k.client.hooks.CallDone; hook != nil {
		hook(k.ctx, CallInfo{
			Method: k.request.method, Route: k.request.route, RequestID: k.responseID(),
			StatusCode: k.history.response.Status, Attempts: len(k.history.attempts), Duration: time.Since(k.began),
			RateLimits: k.history.limits.limits, Err: err,
		})
	}
}

// observeTokenRefresh reports what the token source did. It may run when the
// call is over, and reads only what does not change.
func (k *call) observeTokenRefresh(ctx context.Context, r tokenRefresh) {
	if hook := k.client.hooks.TokenRefreshed; hook != nil {
		hook(ctx, TokenRefreshInfo{
			Method: k.request.method, Route: k.request.route, RequestID: k.requestID[0],
			Early: r.Early, Duration: r.Duration, Expiry: r.Expiry, Err: r.Err,
		})
	}
	if logger := k.client.logger; logger != nil {
		level := slog.LevelInfo
		if r.Err != nil {
			level = slog.LevelWarn
		}
		logger.LogAttrs(ctx, level, "connix: token refreshed", slog.Duration("duration", r.Duration),
			slog.Bool("early", r.Early), errorAttr(r.Err))
	}
}

func statusAttr(status int) slog.Attr { return slog.Int("status", status) }

// errorAttr is left out of the line where there is no error.
func errorAttr(err error) slog.Attr {
	if err == nil {
		return slog.Attr{}
	}
	return slog.String("error", printable(err.Error(), maxText))
}
