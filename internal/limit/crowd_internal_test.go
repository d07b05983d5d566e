package limit

import (
	"testing"
	"time"
)

func TestCrowdRoom(t *testing.T) {
	const s = time.Second
	tests := map[string]struct {
		crowd crowd
		at    time.Duration
		n     int
		until time.Duration
	}{
		"nobody":                 {crowd{}, 0, unlimited, 0},
		"an earlier run":         {crowd{cold: 65 * s}, 64 * s, coldRoom, 65 * s},
		"an earlier run, over":   {crowd{cold: 65 * s}, 65 * s, unlimited, 0},
		"others, just now":       {crowd{seen: true, last: 10 * s, calm: 900}, 74 * s, 1, 75 * s},
		"others, a while ago":    {crowd{seen: true, last: 10 * s}, 75 * s, 1, 0},
		"and 29 answers since":   {crowd{seen: true, calm: 29}, 65 * s, 1, 0},
		"and 30 answers since":   {crowd{seen: true, calm: 30}, 65 * s, 2, 0},
		"and 1000 answers since": {crowd{seen: true, calm: 1000}, 65 * s, 34, 0},
		"others count for more":  {crowd{seen: true, last: 0, cold: 65 * s}, s, 1, 65 * s},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.crowd.span = 65 * s
			if n, until := tt.crowd.room(tt.at); n != tt.n || until != tt.until {
				t.Errorf("room %d until %v, want %d until %v", n, until, tt.n, tt.until)
			}
		})
	}
}

func TestCrowdSign(t *testing.T) {
	c := crowd{span: 65 * time.Second, calm: 500}
	c.earlier(time.Second)
	c.sign(time.Minute)
	want := crowd{span: 65 * time.Second, seen: true, last: time.Minute, cold: 66 * time.Second}
	if c != want {
		t.Errorf("%+v, want %+v", c, want)
	}
}
