package limit

import (
	"testing"
	"time"
)

func TestContentionRoom(t *testing.T) {
	const s = time.Second
	tests := map[string]struct {
		contention contention
		at         time.Duration
		n          int
		until      time.Duration
	}{
		"nobody":                   {contention{}, 0, unlimited, 0},
		"an earlier run":           {contention{cold: 65 * s}, 64 * s, coldRoom, 65 * s},
		"an earlier run, over":     {contention{cold: 65 * s}, 65 * s, unlimited, 0},
		"others, just now":         {contention{seen: true, last: 10 * s, calm: 900}, 74 * s, 1, 75 * s},
		"others, a while ago":      {contention{seen: true, last: 10 * s}, 75 * s, 1, 0},
		"and 29 responses since":   {contention{seen: true, calm: 29}, 65 * s, 1, 0},
		"and 30 responses since":   {contention{seen: true, calm: 30}, 65 * s, 2, 0},
		"and 1000 responses since": {contention{seen: true, calm: 1000}, 65 * s, 34, 0},
		"others count for more":    {contention{seen: true, last: 0, cold: 65 * s}, s, 1, 65 * s},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.contention.span = 65 * s
			if n, until := tt.contention.room(tt.at); n != tt.n || until != tt.until {
				t.Errorf("room %d until %v, want %d until %v", n, until, tt.n, tt.until)
			}
		})
	}
}

func TestContentionSign(t *testing.T) {
	c := contention{span: 65 * time.Second, calm: 500}
	c.earlier(time.Second)
	c.sign(time.Minute)
	want := contention{span: 65 * time.Second, seen: true, last: time.Minute, cold: 66 * time.Second}
	if c != want {
		t.Errorf("%+v, want %+v", c, want)
	}
}
