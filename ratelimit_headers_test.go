package connix_test

import (
	"testing"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
)

// What the rate headers say, where they make sense: the rest is nil or zero.
func TestRateLimitHeaders(t *testing.T) {
	reset := time.Unix(1_900_000_000, 0)
	for _, c := range []struct {
		limit, remaining, reset string
		want                    connix.RateLimit
	}{
		{"1000", "999", "1900000000", connix.RateLimit{Limit: new(1000), Remaining: new(999), Reset: reset}},
		{"1000", "1000", "1900000000", connix.RateLimit{Limit: new(1000), Remaining: new(1000), Reset: reset}},
		{"1000", "0", "", connix.RateLimit{Limit: new(1000), Remaining: new(0)}},
		{"1000", "1001", "soon", connix.RateLimit{Limit: new(1000)}},
		{"many", "-1", "99999999999999", connix.RateLimit{}},
		{"", "7", "-5", connix.RateLimit{Remaining: new(7)}},
		{"99999999999999999999", "1e3", "NaN", connix.RateLimit{}},
	} {
		srv := connixtest.NewServer(t)
		srv.Inject(connixtest.Fault{Action: connixtest.RateHeaders(c.limit, c.remaining, c.reset)})
		var meta connix.Response
		if _, err := srv.Client(t).Hello(t.Context(), "", connix.WithResponse(&meta)); err != nil {
			t.Fatal(err)
		}
		equal(t, "limit "+c.limit+", remaining "+c.remaining+", reset "+c.reset, meta.RateLimits.Requests, c.want)
	}
}
