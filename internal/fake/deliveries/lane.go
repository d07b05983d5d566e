package deliveries

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/connix-io/connix-go/internal/fake/clock"
)

// laneKey is what the order of deliveries is kept for.
type laneKey struct{ webhook, resource string }

// lane is the queue of one resource's deliveries to one webhook. One of them is
// tried at a time, and the next only when it has ended.
type lane struct {
	key   laneKey
	queue []*delivery // the first is the one that is tried; empty: the lane is gone
	timer clock.Timer // for the next attempt; nil where none is waited for
}

func (l *lane) stop() {
	if l.timer != nil {
		l.timer.Stop()
		l.timer = nil
	}
}

// enqueue puts a delivery at the end of its lane.
func (e *Engine) enqueue(d *delivery) {
	e.add(d)
	key := laneKey{d.WebhookID, d.resource}
	l := e.lanes[key]
	if l == nil {
		l = &lane{key: key}
		e.lanes[key] = l
		e.ready = append(e.ready, l)
	}
	l.queue = append(l.queue, d)
}

// dispatch starts attempts while there is room for them.
func (e *Engine) dispatch() {
	for e.running < maxConcurrent && len(e.ready) > 0 {
		l := e.ready[0]
		e.ready = e.ready[1:]
		e.running++
		ctx, d := e.ctx, l.queue[0]
		e.attempting.Go(func() { e.try(ctx, l, d) })
	}
}

// try makes one attempt at a delivery and decides how it goes on.
func (e *Engine) try(ctx context.Context, l *lane, d *delivery) {
	outcome, attempt := e.attempt(ctx, d)
	if outcome.disable {
		e.config.Registry.Disable(d.WebhookID)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.running--
	defer e.dispatch()
	if ctx.Err() != nil {
		return // Reset or Close has dropped the delivery
	}
	if attempt != nil {
		d.Attempts = append(d.Attempts, *attempt)
		e.attempts++
	}
	if outcome.state == Pending {
		e.wait(l, outcome.delay)
		e.changes.Wake()
		return
	}
	e.end(d, outcome.state, outcome.reason)
	if l.queue = l.queue[1:]; len(l.queue) == 0 {
		delete(e.lanes, l.key)
		return
	}
	e.ready = append(e.ready, l)
}

// wait lets the lane go on after a while.
func (e *Engine) wait(l *lane, delay time.Duration) {
	if delay <= 0 {
		e.ready = append(e.ready, l)
		return
	}
	var timer clock.Timer
	timer = e.config.Clock.AfterFunc(delay, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		if l.timer != timer {
			return // stopped when it was already on its way
		}
		l.timer = nil
		e.ready = append(e.ready, l)
		e.dispatch()
	})
	l.timer = timer
}

// attempt makes one attempt, if the webhook still wants it; nil where it was
// not made.
func (e *Engine) attempt(ctx context.Context, d *delivery) (outcome, *Attempt) {
	w, ok := e.config.Registry.Webhook(d.WebhookID)
	switch {
	case !ok:
		return outcome{state: Dropped, reason: "the webhook is gone"}, nil
	case w.Disabled:
		return outcome{state: Dropped, reason: "the webhook is disabled"}, nil
	}
	a, retryAfter := e.exchange(ctx, w, d)
	return judge(a, retryAfter, len(d.Attempts)+1, e.config.Retries), &a
}

// outcome is what follows from an attempt.
type outcome struct {
	state   State
	reason  string
	delay   time.Duration // before the next attempt, where state is Pending
	disable bool          // the webhook
}

// longestDeferral bounds how long a receiver can put the sender off.
const longestDeferral = time.Hour

// judge decides by the n-th attempt, from 1, how a delivery goes on.
func judge(a Attempt, retryAfter time.Duration, n int, retries []time.Duration) outcome {
	switch {
	case a.Status >= 200 && a.Status < 300:
		return outcome{state: Delivered}
	case a.Status == http.StatusGone:
		return outcome{state: Failed, reason: "the receiver responded with 410 Gone: its webhook is disabled", disable: true}
	case a.unsendable:
		return outcome{state: Failed, reason: a.Err.Error()}
	case n > len(retries):
		return outcome{state: Failed, reason: fmt.Sprintf("given up after attempt %d: %s", n, a.describe())}
	}
	return outcome{state: Pending, delay: max(retries[n-1], min(retryAfter, longestDeferral))}
}

// parseRetryAfter reads seconds or a date, 0 for neither.
func parseRetryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(text, 10, 32); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}
