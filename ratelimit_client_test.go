package connix_test

import (
	"io"
	"net/http"
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

// A ceiling alone does not know of 429s: the retry policy waits for them.
func TestMaxRateAloneBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := newScripted(t, func(w http.ResponseWriter, _ *http.Request, n int) {
			if n == 0 {
				w.Header().Set("Retry-After", "20")
				w.WriteHeader(429)
				return
			}
			_, _ = io.WriteString(w, `{"message":"x"}`)
		}, connix.WithMaxRate(100, 100))
		began := time.Now()
		if _, err := client.Hello(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != 20*time.Second {
			t.Errorf("the retry of a 429 came after %v, want its Retry-After of 20s", took)
		}
	})
}
