package limit

import (
	"testing"
	"time"
)

func TestCertificate(t *testing.T) {
	const known = true
	// certain is a certificate whose two promises are the same.
	certain := func(n int, born uint64) certificate {
		return certificate{known: known, n: n, born: born, second: promise{n, born}}
	}
	tests := map[string]struct {
		before    certificate
		call      Call
		remaining int
		sent      uint64
		inflight  int
		want      certificate
		broken    int
	}{
		"the first response": {
			certificate{n: -1}, Call{seq: 1}, 999, 1, 0,
			certain(999, 1), 0,
		},
		"calls around it may not be counted": {
			certificate{}, Call{seq: 3, out: 2}, 990, 7, 4,
			certain(990-2-4, 7), 0,
		},
		"a lower promise does not replace a higher one": {
			certain(980, 7), Call{seq: 8, out: 20}, 985, 30, 20,
			certain(980, 7), 0,
		},
		"more than promised: a new window": {
			certain(12, 7), Call{seq: 988}, 999, 988, 0,
			certain(999, 988), 0,
		},
		"as promised": {
			certain(500, 400), Call{seq: 500}, 500, 500, 0,
			certain(500, 400), 0,
		},
		"less than promised: others spend": {
			certain(500, 400), Call{seq: 500}, 480, 503, 3,
			func() certificate { c := certain(477, 503); c.banned = time.Hour; return c }(), 20,
		},
		"less, by a call from before the promise: an old window": {
			certain(900, 400), Call{seq: 390}, 3, 410, 5,
			certain(900, 400), 0,
		},
		"a server that does not count the call itself": {
			certificate{ahead: 1}, Call{seq: 1}, 1000, 1, 0,
			func() certificate { c := certain(999, 1); c.ahead = 1; return c }(), 0,
		},
		"nothing left": {
			certain(0, 1), Call{seq: 1000}, 0, 1000, 0,
			certain(0, 1), 0,
		},
		"less than the first promise, not than the second: late": {
			certificate{known: known, n: 500, born: 400, second: promise{450, 400}}, Call{seq: 500}, 480, 500, 0,
			certificate{known: known, n: 480, born: 500, late: true, second: promise{480, 500}}, 0,
		},
		"the same soon after others": {
			certificate{known: known, n: 500, born: 400, second: promise{450, 400}, banned: 1}, Call{seq: 500}, 480, 500, 0,
			func() certificate { c := certain(480, 500); c.banned = time.Hour; return c }(), 20,
		},
		"late, and less than the second promise: others spend": {
			certificate{known: known, n: 500, born: 400, late: true, second: promise{450, 400}}, Call{seq: 500}, 440, 500, 0,
			func() certificate { c := certain(440, 500); c.banned = time.Hour; return c }(), 10,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := tt.before
			if broken := c.read(0, tt.call, tt.remaining, tt.sent, tt.inflight); broken != tt.broken {
				t.Errorf("broken by %d, want %d", broken, tt.broken)
			}
			if c != tt.want {
				t.Errorf("%+v, want %+v", c, tt.want)
			}
		})
	}
}

func TestCertificate_recent(t *testing.T) {
	const s = time.Second
	var r recent
	for _, step := range []struct {
		at   time.Duration
		add  int
		want int
	}{
		{0, 5, 5}, {s, 3, 8}, {31 * s, 1, 9}, {32 * s, 0, 4}, {33*s + s/2, 2, 3}, {64 * s, 0, 2}, {65 * s, 0, 0}, {1000 * s, 7, 7}, {100_000 * s, 0, 0},
	} {
		r.add(step.at, step.add)
		if got := r.count(step.at); got != step.want {
			t.Errorf("at %v: %d, want %d", step.at, got, step.want)
		}
	}
}
