package memnet_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connix-io/connix-go/internal/memnet"
)

// serve starts an HTTP server in memory for the length of the test and returns
// a client that reaches it.
func serve(t *testing.T, handler http.HandlerFunc) *http.Client {
	t.Helper()
	l := memnet.Listen(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 4010})
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}}
	server.Start()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return l.Dial(ctx) }}
	t.Cleanup(func() { transport.CloseIdleConnections(); server.Close() })
	return &http.Client{Transport: transport}
}

func do(t *testing.T, client *http.Client, method string, body io.Reader) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://127.0.0.1:4010/", body)
	if err != nil {
		t.Fatal(err)
	}
	return client.Do(req)
}

func TestServe_earlyResponseToLargeBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			_, _ = io.WriteString(w, "too large")
		})
		for range 20 {
			// The length is unknown, so the server cannot skip the body cheaply, and
			// the body is larger than what it is willing to drain.
			resp, err := do(t, client, http.MethodPost, io.LimitReader(endless{}, 4<<20))
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if string(body) != "too large" || err != nil {
				t.Errorf("body %q, %v", body, err)
			}
		}
	})
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestServe_endlessResponseStopsWithReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stopped := make(chan error, 1)
		client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			_, err := io.Copy(w, endless{})
			stopped <- err
		})
		resp, err := do(t, client, http.MethodGet, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.CopyN(io.Discard, resp.Body, 1<<20)
		_ = resp.Body.Close()
		if err := <-stopped; err == nil {
			t.Error("the server's writes never failed")
		}
	})
}

func TestATimeoutOfTheClientIsInBubbleTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cancelled := make(chan struct{})
		client := serve(t, func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			close(cancelled)
		})
		client.Timeout = 5 * time.Second
		start := time.Now()
		_, err := do(t, client, http.MethodGet, nil)
		if ne, ok := errors.AsType[net.Error](err); !ok || !ne.Timeout() || time.Since(start) != 5*time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		<-cancelled // the server saw the connection go
	})
}

func TestAResetReachesTheClient(t *testing.T) {
	resets := map[string]func(net.Conn){
		"Reset":     func(c net.Conn) { c.(*memnet.Conn).Reset() },
		"SetLinger": func(c net.Conn) { _ = c.(interface{ SetLinger(int) error }).SetLinger(0); _ = c.Close() },
	}
	for name, reset := range resets {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := serve(t, func(w http.ResponseWriter, r *http.Request) {
					_, _ = io.Copy(io.Discard, r.Body)
					c, _, err := http.NewResponseController(w).Hijack()
					if err != nil {
						t.Error(err)
						return
					}
					reset(c)
				})
				_, err := do(t, client, http.MethodPost, strings.NewReader("{}"))
				if !errors.Is(err, syscall.ECONNRESET) {
					t.Errorf("the client saw %v, want ECONNRESET", err)
				}
			})
		})
	}
}
