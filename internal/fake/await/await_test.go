package await_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connix-io/connix-go/internal/fake/await"
)

// counter is the smallest thing that can be waited for.
type counter struct {
	mu      sync.Mutex
	n       int
	changes await.Changes
}

func (c *counter) add() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	c.changes.Wake()
}

func (c *counter) await(ctx context.Context, n int) (int, error) {
	err := c.changes.Until(ctx, &c.mu, func() bool { return c.n >= n })
	defer c.mu.Unlock()
	return c.n, err
}

func TestChanges_manyWaiters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c counter
		var waiters sync.WaitGroup
		for n := range 10 {
			waiters.Go(func() {
				if got, err := c.await(t.Context(), n); err != nil || got < n {
					t.Errorf("waiting for %d: %d, %v", n, got, err)
				}
			})
		}
		for range 9 {
			synctest.Wait()
			c.add()
		}
		waiters.Wait()
	})
}

func TestChanges_contextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c counter
		cause := errors.New("enough")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, cause)
		defer cancel()
		go func() {
			time.Sleep(500 * time.Millisecond)
			c.add()
		}()
		if got, err := c.await(ctx, 2); got != 1 || !errors.Is(err, cause) {
			t.Errorf("%d, %v; want 1 and the cause of the context", got, err)
		}
		// A condition that holds already is met under a context that has ended.
		if got, err := c.await(ctx, 1); got != 1 || err != nil {
			t.Errorf("%d, %v; want 1 and no error", got, err)
		}
	})
}
