package connix

import (
	"cmp"
	"context"
	"log/slog"
	"time"
)

// Hooks are functions that the client calls as its calls proceed, for metrics and
// traces. A nil one costs nothing. They run on the goroutine of the call
// (TokenRefreshed on that of the refresh, which serves many calls) with the context
// that the caller gave to the call. The call waits for them, also beyond the end of
// its context: a hook must return soon. A panic of a hook reaches the caller. Routes
// are templates, so that they can label a metric.
type Hooks struct {
	// AttemptDone is called after every attempt, failed or not.
	AttemptDone func(context.Context, AttemptInfo)
	// RetryWait is called before the delay of a retry.
	RetryWait func(context.Context, RetryWaitInfo)
	// RateLimitWait is called before a wait for the rate limit.
	RateLimitWait func(context.Context, RateLimitWaitInfo)
	// TokenRefreshed is called after every refresh of an OAuth2 token, failed or
	// not.
	TokenRefreshed func(context.Context, TokenRefreshInfo)
	// CallDone is called after every call whose arguments were valid, failed or
	// not.
	CallDone func(context.Context, CallInfo)
}

// AttemptInfo describes one attempt of a call.
type AttemptInfo struct {
	// Method and Route are GET and "/projects/{id}", for example. RequestID is the
	// response's, else the one sent.
	Method, Route, RequestID string
	// Number counts the call's attempts from 1.
	Number int
	// Attempt is the one that [Error.Attempts] lists, too.
	Attempt
}

// RetryWaitInfo describes the delay before a retry.
type RetryWaitInfo struct {
	// Method, Route and RequestID are those of the attempt that failed.
	Method, Route, RequestID string
	// Delay is the time until the retry.
	Delay time.Duration
	// StatusCode is 0 and Err is not nil if no response came.
	StatusCode int
	Err        error
}

// RateLimitWaitInfo describes a wait for the rate limit.
type RateLimitWaitInfo struct {
	// Method, Route and RequestID are those of the call that waits.
	Method, Route, RequestID string
	// RateLimitWait names the limit, and the time.
	RateLimitWait
}

// TokenRefreshInfo describes one refresh of an OAuth2 token, which may serve many
// calls.
type TokenRefreshInfo struct {
	// Method, Route and RequestID are those of the call that started it.
	Method, Route, RequestID string
	// Early reports that the current token was still valid: only the call that
	// began the refresh waited for it.
	Early bool
	// Duration is that of the whole refresh.
	Duration time.Duration
	// Expiry is when the new token expires; zero for never, or after a failure.
	Expiry time.Time
	// Err is nil if the refresh succeeded.
	Err error
}

// CallInfo describes one call with all its attempts.
type CallInfo struct {
	// Method and Route name the endpoint. RequestID is the last response's, else the
	// one sent.
	Method, Route, RequestID string
	// StatusCode is the last response's, 0 if none came.
	StatusCode int
	// Attempts is their number.
	Attempts int
	// Duration includes all waits.
	Duration time.Duration
	// RateLimits holds what the last response said.
	RateLimits RateLimits
	// Err is the error that the caller gets, nil for a success.
	Err error
}

// log writes one line, if a logger is set and wants it.
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

// onRateLimitWait returns the function that the limiter calls before it makes this
// call wait: nil if nobody listens.
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

// observeTokenRefresh reports a refresh of the token source. It may run when the
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

// errorAttr is left out of the line if there is no error.
func errorAttr(err error) slog.Attr {
	if err == nil {
		return slog.Attr{}
	}
	return slog.String("error", printable(err.Error(), maxText))
}
