package recorder_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/connix-io/connix-go/internal/fake/recorder"
)

func TestRecorder_boundedBody(t *testing.T) {
	for _, tc := range []struct {
		max  int
		want string
	}{{-1, "one two three"}, {0, ""}, {5, "one t"}, {100, "one two three"}} {
		r := recorder.New(tc.max)
		if n, err := r.Write([]byte("one ")); n != 4 || err != nil {
			t.Errorf("max %d: Write took %d, %v", tc.max, n, err)
		}
		if n, err := io.WriteString(r, "two three"); n != 9 || err != nil {
			t.Errorf("max %d: WriteString took %d, %v", tc.max, n, err)
		}
		if got := r.Body.String(); got != tc.want || r.Code != http.StatusOK {
			t.Errorf("max %d: %d %q, want 200 %q", tc.max, r.Code, got, tc.want)
		}
	}
}

func TestRecorder_earlyHints(t *testing.T) {
	r := recorder.New(-1)
	r.Header().Set("Link", "</style.css>")
	r.WriteHeader(http.StatusEarlyHints)
	r.Header().Del("Link")
	r.WriteHeader(http.StatusCreated)
	r.Header().Set("Too-Late", "1")
	if got := r.Result(); got.StatusCode != http.StatusCreated || len(got.Header) != 0 {
		t.Errorf("%d %v, want 201 and no header", got.StatusCode, got.Header)
	}
	if http.NewResponseController(r).Flush() != nil || !r.Flushed {
		t.Error("a handler cannot flush")
	}
}
