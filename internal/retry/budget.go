package retry

import (
	"errors"
	"sync"
)

// Budget keeps a client from answering an outage with a storm of retries. A
// retry draws on it and a success pays back, so that retries stay a share of
// what works: a bucket refilled by time would allow the same number of them in
// an outage as in good days. It is safe for concurrent use.
type Budget struct {
	mu   sync.Mutex
	left int
}

const (
	budgetCapacity = 500
	retryCost      = 5
)

// NewBudget returns a full budget.
func NewBudget() *Budget { return &Budget{left: budgetCapacity} }

// Take draws the cost of one retry. False means that too little is left.
func (b *Budget) Take() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left < retryCost {
		return false
	}
	b.left -= retryCost
	return true
}

// Succeeded pays back for a call that succeeded: a retry's cost if the call
// needed one, else a little.
func (b *Budget) Succeeded(retried bool) {
	refund := 1
	if retried {
		refund = retryCost
	}
	b.mu.Lock()
	b.left = min(b.left+refund, budgetCapacity)
	b.mu.Unlock()
}

// ErrBudget ends a call that would have been retried in better times.
var ErrBudget = errors.New("not retried: too many of this client's calls are failing")
