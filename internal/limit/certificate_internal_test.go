package limit

import "testing"

func TestCertificate(t *testing.T) {
	const known = true
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
			certificate{known: known, n: 999, born: 1}, 0,
		},
		"calls around it may not be counted": {
			certificate{}, Call{seq: 3, out: 2}, 990, 7, 4,
			certificate{known: known, n: 990 - 2 - 4, born: 7}, 0,
		},
		"a lower promise does not replace a higher one": {
			certificate{known: known, n: 980, born: 7}, Call{seq: 8, out: 20}, 985, 30, 20,
			certificate{known: known, n: 980, born: 7}, 0,
		},
		"more than promised: a new window": {
			certificate{known: known, n: 12, born: 7}, Call{seq: 988}, 999, 988, 0,
			certificate{known: known, n: 999, born: 988}, 0,
		},
		"as promised": {
			certificate{known: known, n: 500, born: 400}, Call{seq: 500}, 500, 500, 0,
			certificate{known: known, n: 500, born: 400}, 0,
		},
		"less than promised: others spend": {
			certificate{known: known, n: 500, born: 400}, Call{seq: 500}, 480, 503, 3,
			certificate{known: known, n: 477, born: 503}, 20,
		},
		"less, by a call from before the promise: an old window": {
			certificate{known: known, n: 900, born: 400}, Call{seq: 390}, 3, 410, 5,
			certificate{known: known, n: 900, born: 400}, 0,
		},
		"a server that does not count the call itself": {
			certificate{ahead: 1}, Call{seq: 1}, 1000, 1, 0,
			certificate{ahead: 1, known: known, n: 999, born: 1}, 0,
		},
		"nothing left": {
			certificate{known: known, n: 0, born: 1}, Call{seq: 1000}, 0, 1000, 0,
			certificate{known: known, n: 0, born: 1}, 0,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := tt.before
			if broken := c.read(tt.call, tt.remaining, tt.sent, tt.inflight); broken != tt.broken {
				t.Errorf("broken by %d, want %d", broken, tt.broken)
			}
			if c != tt.want {
				t.Errorf("%+v, want %+v", c, tt.want)
			}
		})
	}
}
