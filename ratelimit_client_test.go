package connix_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
)

// A ceiling of the caller's own holds under the API's windows and without them.
func TestMaxRate(t *testing.T) {
	for name, opt := range map[string]connix.Option{
		"under the windows": connix.WithRateLimiter(connix.NewRateLimiter()),
		"alone":             connix.WithoutRateLimiter(),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := connixtest.NewServer(t, connixtest.WithInMemory())
				client := srv.Client(t, opt, connix.WithMaxRate(2, 3))
				began := time.Now()
				for range 9 {
					if _, err := client.Hello(t.Context(), ""); err != nil {
						t.Fatal(err)
					}
				}
				// Three at once, the other six at two a second.
				if took := time.Since(began).Round(time.Millisecond); took != 3*time.Second {
					t.Errorf("9 calls took %v, want 3s", took)
				}
			})
		})
	}
}
