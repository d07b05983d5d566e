package connix

import (
	"errors"
	"sync"
)

// retryQuota keeps a client from answering an outage with a storm of retries.
// Retries draw on it and successes pay back, so that retries stay a share of
// what works: a bucket refilled by time would allow the same number of them in
// an outage as in good days.
type retryQuota struct {
	mu   sync.Mutex
	left int
}

const (
	quotaCapacity  = 500
	quotaRetryCost = 5
)

func newRetryQuota() *retryQuota { return &retryQuota{left: quotaCapacity} }

// take draws one retry's cost; false means that none is left.
func (q *retryQuota) take() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.left < quotaRetryCost {
		return false
	}
	q.left -= quotaRetryCost
	return true
}

// succeeded pays back for a call that succeeded: a retry's cost where it needed
// one, else a little.
func (q *retryQuota) succeeded(retried bool) {
	refund := 1
	if retried {
		refund = quotaRetryCost
	}
	q.mu.Lock()
	q.left = min(q.left+refund, quotaCapacity)
	q.mu.Unlock()
}

// errRetryQuota ends a call that would have been retried in better times.
var errRetryQuota = errors.New("not retried: too many of this client's calls are failing")
