package faults_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connix-io/connix-go/internal/fake/faults"
)

func TestDelayComesBeforeTheHeader(t *testing.T) {
	for name, row := range map[string]struct {
		action faults.Action
		status int
	}{
		"the API":         {faults.Delay(3*time.Second, nil), 200},
		"another action":  {faults.Delay(3*time.Second, faults.HTMLError(503)), 503},
		"two":             {faults.Delay(time.Second, faults.Delay(2*time.Second, faults.HTMLError(503))), 503},
		"after the API":   {faults.AfterProcessing(faults.Delay(3*time.Second, faults.HTMLError(504))), 504},
		"under a timeout": {faults.Delay(3*time.Second, faults.Truncate(5)), 200},
	} {
		t.Run(name, func(t *testing.T) {
			memory.run(t, func(t *testing.T, start func() *site) {
				s := start()
				s.inject(t, faults.Rule{Action: row.action})
				began := time.Now()
				if got := s.call(t, "GET", s.url, ""); got.status != row.status || time.Since(began) != 3*time.Second {
					t.Errorf("status %d after %v, want %d after 3s", got.status, time.Since(began), row.status)
				}
			})
		})
	}
}

// Whoever gives up during a delay leaves nothing behind, and the request, with
// a body or without, does not reach the API later.
func TestDelayEndsWithItsRequest(t *testing.T) {
	for _, method := range []string{"GET", "POST"} {
		t.Run(method, func(t *testing.T) {
			memory.run(t, func(t *testing.T, start func() *site) {
				s := start()
				s.inject(t, faults.Rule{Action: faults.Delay(time.Hour, nil)})
				s.client.Timeout = time.Second
				if got := s.call(t, method, s.url, `{"name":"my-ai-project"}`); !errors.Is(got.err, context.DeadlineExceeded) {
					t.Errorf("Do: %v, want a timeout", got.err)
				}
				synctest.Wait()
				if s.active.Load() != 0 {
					t.Error("the server still waits")
				}
				time.Sleep(2 * time.Hour)
				if s.processed.Load() != 0 {
					t.Error("the API has processed a request that was given up")
				}
			})
		})
	}
}

// The same on a socket, where the server learns of it from the kernel.
func TestDelayEndsWithItsRequestOnASocket(t *testing.T) {
	socket.run(t, func(t *testing.T, start func() *site) {
		s := start()
		arrived := make(chan struct{})
		s.inject(t, faults.Rule{Action: func(w http.ResponseWriter, r *http.Request, api http.Handler) {
			close(arrived)
			faults.Delay(time.Hour, nil)(w, r, api)
		}})
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-arrived; cancel() }()
		req, err := http.NewRequestWithContext(ctx, "POST", s.url, strings.NewReader(`{"name":"my-ai-project"}`))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := s.client.Do(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Do: %v, want context.Canceled", err)
		}
		// The server's Close, in the cleanup, waits for the handler.
	})
}

func TestResetHangsUpOnThoseWhoWait(t *testing.T) {
	for name, action := range map[string]faults.Action{
		"Delay": faults.Delay(time.Hour, nil), "Stall": faults.Stall(5, time.Hour), "Drip": faults.Drip(1), "EndlessBody": faults.EndlessBody(),
	} {
		t.Run(name, func(t *testing.T) {
			memory.run(t, func(t *testing.T, start func() *site) {
				s := start()
				begun := make(chan struct{})
				s.inject(t, faults.Rule{Action: func(w http.ResponseWriter, r *http.Request, api http.Handler) {
					close(begun)
					action(w, r, api)
				}})
				began := time.Now()
				go func() {
					<-begun
					if name != "EndlessBody" { // which never waits
						synctest.Wait()
					}
					s.Reset()
				}()
				if got := s.call(t, "GET", s.url, ""); got.err == nil && got.readErr == nil {
					t.Error("a response came to its end")
				}
				if d := time.Since(began); d != 0 {
					t.Errorf("after %v, want at once", d)
				}
				if got := s.call(t, "GET", s.url, ""); got.body != projects {
					t.Errorf("after Reset: %+v", got)
				}
			})
		})
	}
}

// arrivals reads a body and notes when each piece came.
func arrivals(t *testing.T, s *site) (header time.Duration, pieces map[time.Duration]string, err error) {
	t.Helper()
	began := time.Now()
	req, err := http.NewRequestWithContext(t.Context(), "GET", s.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	header, pieces = time.Since(began), make(map[time.Duration]string)
	for buf := make([]byte, 4096); ; {
		n, err := resp.Body.Read(buf)
		if n > 0 {
			pieces[time.Since(began)] += string(buf[:n])
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return header, pieces, err
		}
	}
}

func TestStallWaitsInTheBody(t *testing.T) {
	memory.run(t, func(t *testing.T, start func() *site) {
		s := start()
		s.inject(t, faults.Rule{Action: faults.Stall(9, 5*time.Second)})
		header, pieces, err := arrivals(t, s)
		if header != 0 || err != nil || len(pieces) != 2 || pieces[0] != projects[:9] || pieces[5*time.Second] != projects[9:] {
			t.Errorf("header after %v, pieces %v, %v", header, pieces, err)
		}
	})
}

func TestDripHasItsPace(t *testing.T) {
	size := len(projects)
	for rate, want := range map[int]struct {
		pieces int
		total  time.Duration
	}{
		0:       {size, time.Duration(size) * time.Second},
		1:       {size, time.Duration(size) * time.Second},
		4:       {size, time.Duration(size) * time.Second / 4},
		100:     {(size + 9) / 10, time.Duration(size) * time.Second / 100},
		1 << 30: {1, time.Duration(float64(size) / (1 << 30) * float64(time.Second))},
	} {
		memory.run(t, func(t *testing.T, start func() *site) {
			s := start()
			s.inject(t, faults.Rule{Action: faults.Drip(rate)})
			header, pieces, err := arrivals(t, s)
			var last time.Duration
			for at := range pieces {
				last = max(last, at)
			}
			if header != 0 || err != nil || len(pieces) != want.pieces || last != want.total {
				t.Errorf("%d bytes a second: header after %v, %d pieces in %v, %v; want %d in %v", rate, header, len(pieces), last, err, want.pieces, want.total)
			}
		})
	}
}

// A client that gives up in the middle of a body ends the exchange there.
func TestSlowBodiesEndWithTheirRequest(t *testing.T) {
	for name, action := range map[string]faults.Action{"Stall": faults.Stall(9, time.Hour), "Drip": faults.Drip(1)} {
		t.Run(name, func(t *testing.T) {
			memory.run(t, func(t *testing.T, start func() *site) {
				s := start()
				s.inject(t, faults.Rule{Action: action})
				s.client.Timeout = 10*time.Second + time.Millisecond
				got := s.call(t, "GET", s.url, "")
				if want := map[string]string{"Stall": projects[:9], "Drip": projects[:10]}[name]; got.body != want || !errors.Is(got.readErr, context.DeadlineExceeded) {
					t.Errorf("read %q, %v; want %q and a timeout", got.body, got.readErr, want)
				}
				synctest.Wait()
				if s.active.Load() != 0 {
					t.Error("the server still waits")
				}
			})
		})
	}
}

// Bytes that nobody reads keep the server no longer than its set.
func TestResetFreesBytesLeftOver(t *testing.T) {
	memory.run(t, func(t *testing.T, start func() *site) {
		s := start()
		s.inject(t, faults.Rule{Action: faults.WrongContentLength(-500_000)})
		body := strings.NewReader(strings.Repeat("x", 500_010))
		req, err := http.NewRequestWithContext(t.Context(), "POST", s.url, body)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := s.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		synctest.Wait()
		if s.active.Load() != 1 {
			t.Error("the server is not held up: this test proves nothing")
		}
		s.Reset()
		synctest.Wait()
		if s.active.Load() != 0 {
			t.Error("the server still writes")
		}
	})
}
