// Package await lets goroutines wait until what a mutex guards has changed to their
// liking, or their context ends.
package await

import (
	"context"
	"sync"
)

// Changes tells those who wait of changes. The zero value is ready. It is guarded by
// the mutex of what it tells of.
type Changes struct{ next chan struct{} }

// Wake has every waiter look again. The caller holds the mutex.
func (c *Changes) Wake() {
	if c.next != nil {
		close(c.next)
		c.next = nil
	}
}

// Until locks mu and calls done, again after each [Changes.Wake], until it reports
// true; then Until returns nil, with mu locked. If ctx ends before, it returns the
// cause, with mu locked as well. The caller unlocks mu in either case.
func (c *Changes) Until(ctx context.Context, mu sync.Locker, done func() bool) error {
	mu.Lock()
	for !done() {
		// The waiter makes the channel, so that in a synctest bubble it belongs to
		// the bubble.
		if c.next == nil {
			c.next = make(chan struct{})
		}
		next := c.next
		mu.Unlock()
		select {
		case <-next:
			mu.Lock()
		case <-ctx.Done():
			mu.Lock()
			return context.Cause(ctx)
		}
	}
	return nil
}
