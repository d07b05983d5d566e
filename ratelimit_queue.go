package connix

import (
	"context"
	"errors"
	"sync"
	"time"
)

// pacer decides for a queue. The queue calls it under its lock, with times that
// never go back.
type pacer interface {
	// grant lets one request go now, or returns the time to ask again unless
	// another request ends before; the zero time if only that can change it.
	grant(now time.Time, p *permit) (ok bool, recheck time.Time)
	// earliest returns the earliest time at which a request can go that has ahead
	// others before it in the queue, as far as that is certain, and what keeps it
	// back; now or earlier if nothing is certain.
	earliest(now time.Time, ahead int) (time.Time, blocked)
	// turn estimates when a request goes that has ahead others before it in the
	// queue, and names what keeps it back. It is not before earliest.
	turn(now time.Time, ahead int) (time.Time, blocked)
	// cancel takes back a grant whose request is certainly not sent.
	cancel(now time.Time, p *permit)
}

// blocked names what keeps a request back.
type blocked struct {
	window Window
	reason RateLimitReason
}

// queue serves waiting requests in the order in which they came, those of low
// priority after all others. It has one timer, for its head; the others need none,
// since none can go before the head.
type queue struct {
	pace pacer

	mu       sync.Mutex
	start    time.Time // of the first request; times are counted from here
	lanes    [2]lane   // the second is that of low priority
	waiters  int
	timer    *time.Timer
	timerAt  time.Time // zero: not running
	deadline time.Time // the earliest of the waiters'; zero: none has one
	swept    time.Time // the head's soonest turn as of the latest sweep
}

// lane is a list of waiters in the order in which they came.
type lane struct {
	head, tail *waiter
	n          int
}

// waiter is a request in the queue.
type waiter struct {
	prev, next *waiter
	lane       int // its index
	queued     bool
	permit     *permit
	deadline   time.Time  // zero: none
	byContext  bool       // the deadline is the context's
	ready      chan error // gets one value: nil for a grant
}

// now returns the current time, counted from start: steps of the wall clock do not
// show in it. Callers hold the lock, so that it never goes back.
func (q *queue) now() time.Time {
	if q.start.IsZero() {
		q.start = time.Now()
	}
	return q.start.Add(time.Since(q.start))
}

// wait returns when p is granted.
func (q *queue) wait(ctx context.Context, req RateLimitRequest, p *permit) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	q.mu.Lock()
	now := q.now()
	var recheck time.Time
	in := 0
	if req.LowPriority {
		in = 1
	}
	ahead := q.ahead(in)
	if ahead == 0 {
		var ok bool
		if ok, recheck = q.pace.grant(now, p); ok {
			q.mu.Unlock()
			return nil
		}
	}
	w := &waiter{permit: p, lane: in}
	w.setDeadline(ctx, now, req.MaxWait)
	at, why := q.pace.earliest(now, ahead)
	turn, slow := q.pace.turn(now, ahead)
	if w.deadline.Before(turn) && !w.deadline.IsZero() || w.deadline.Equal(now) {
		q.mu.Unlock()
		if !w.deadline.Before(at) {
			at, why = turn, slow // the estimate is the reason
		}
		return w.refusal(now, at, turn, why)
	}
	w.ready = make(chan error, 1)
	q.push(w)
	if q.head() != w {
		recheck = q.timerAt // the head's stays
	}
	q.arm(recheck)
	told := RateLimitWait{Window: why.window, Reason: why.reason, Delay: max(at.Sub(now), 0), Waiters: q.waiters}
	q.mu.Unlock()
	return q.await(ctx, req.OnWait, w, told)
}

// await waits for w's turn.
func (q *queue) await(ctx context.Context, onWait func(RateLimitWait), w *waiter, told RateLimitWait) (err error) {
	served := false
	defer func() {
		if !served { // the context ended, or OnWait panicked
			q.abandon(w)
		}
	}()
	if onWait != nil {
		onWait(told)
	}
	select {
	case err = <-w.ready:
		served = true
		return err
	case <-ctx.Done():
		err = ctx.Err()
		if errors.Is(err, context.DeadlineExceeded) {
			return &RateLimitError{Window: told.Window, Reason: told.Reason, cause: err}
		}
		return err
	}
}

// abandon takes w out of the queue, or cancels the permit that it was granted.
func (q *queue) abandon(w *waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if w.queued {
		q.remove(w)
	} else if err := <-w.ready; err == nil {
		q.pace.cancel(q.now(), w.permit)
	}
	q.pump()
}

// pump serves the queue until its head has to wait. It is called after
// everything that can change the head's turn, under the lock.
func (q *queue) pump() {
	now := q.now()
	for q.waiters > 0 {
		w := q.head()
		ok, recheck := q.pace.grant(now, w.permit)
		if !ok {
			q.sweep(now)
			if head := q.head(); head == w || head == nil {
				q.arm(recheck)
				return
			}
			continue // the head was refused; the next one has the same turn
		}
		q.remove(w)
		w.ready <- nil
	}
	q.arm(time.Time{})
}

// sweep refuses those whose deadline has passed or comes before the head's turn.
func (q *queue) sweep(now time.Time) {
	turn, why := q.pace.earliest(now, 0)
	if !turn.After(now) {
		turn = time.Time{} // nothing is certain
	}
	due := !q.deadline.IsZero() && !now.Before(q.deadline)
	later := turn.After(q.swept)
	q.swept = turn
	if !due && !later {
		return
	}
	q.deadline = time.Time{}
	for i := range q.lanes {
		for w := q.lanes[i].head; w != nil; {
			next := w.next
			switch {
			case w.deadline.IsZero():
			case !now.Before(w.deadline), w.deadline.Before(turn):
				q.remove(w)
				w.ready <- w.refusal(now, turn, turn, why)
			case q.deadline.IsZero() || w.deadline.Before(q.deadline):
				q.deadline = w.deadline
			}
			w = next
		}
	}
}

// head returns the next request to go: the first lane's, if it has any.
func (q *queue) head() *waiter {
	if w := q.lanes[0].head; w != nil {
		return w
	}
	return q.lanes[1].head
}

// ahead returns the number of requests that go before a new one in that lane.
func (q *queue) ahead(in int) int { return q.lanes[0].n + in*q.lanes[1].n }

// arm sets the timer to recheck, or to the first deadline if that is earlier.
func (q *queue) arm(recheck time.Time) {
	at := recheck
	if q.waiters == 0 {
		at = time.Time{}
	} else if !q.deadline.IsZero() && (at.IsZero() || q.deadline.Before(at)) {
		at = q.deadline
	}
	if at.Equal(q.timerAt) {
		return
	}
	q.timerAt = at
	switch {
	case at.IsZero():
		q.timer.Stop()
	case q.timer == nil:
		q.timer = time.AfterFunc(time.Until(at), q.tick)
	default:
		q.timer.Reset(time.Until(at))
	}
}

func (q *queue) tick() {
	q.mu.Lock()
	q.timerAt = time.Time{}
	q.pump()
	q.mu.Unlock()
}

func (q *queue) push(w *waiter) {
	w.queued = true
	l := &q.lanes[w.lane]
	if w.prev = l.tail; l.tail == nil {
		l.head = w
	} else {
		l.tail.next = w
	}
	l.tail = w
	l.n++
	q.waiters++
	if !w.deadline.IsZero() && (q.deadline.IsZero() || w.deadline.Before(q.deadline)) {
		q.deadline = w.deadline
	}
}

func (q *queue) remove(w *waiter) {
	l := &q.lanes[w.lane]
	if w.prev == nil {
		l.head = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		l.tail = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.prev, w.next, w.queued = nil, nil, false
	l.n--
	q.waiters--
}

// setDeadline takes the earlier of the context's deadline and maxWait.
func (w *waiter) setDeadline(ctx context.Context, now time.Time, maxWait time.Duration) {
	if maxWait >= 0 {
		w.deadline = now.Add(maxWait)
	}
	if d, ok := ctx.Deadline(); ok && (maxWait < 0 || d.Before(w.deadline)) {
		w.deadline, w.byContext = d, true
	}
}

// refusal is the error for a waiter that cannot wait until at. turn is the estimate
// of its turn.
func (w *waiter) refusal(now, at, turn time.Time, why blocked) error {
	err := &RateLimitError{Window: why.window, Reason: why.reason}
	if turn.After(now) {
		err.NextTurn = turn
	}
	if at.After(now) {
		err.ResetAt, err.Wait = at, at.Sub(now)
	}
	if w.byContext {
		err.cause = context.DeadlineExceeded
	}
	return err
}
