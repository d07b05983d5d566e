package connix_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
)

// openBodies is a transport that counts the answers' bodies that are not closed.
type openBodies struct {
	http.RoundTripper
	open, all atomic.Int64
}

func (o *openBodies) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := o.RoundTripper.RoundTrip(r)
	if err == nil {
		o.open.Add(1)
		o.all.Add(1)
		resp.Body = &countedBody{ReadCloser: resp.Body, open: &o.open}
	}
	return resp, err
}

type countedBody struct {
	io.ReadCloser
	open *atomic.Int64
	once sync.Once
}

func (b *countedBody) Close() error {
	b.once.Do(func() { b.open.Add(-1) })
	return b.ReadCloser.Close()
}

// A thousand goroutines share one client: each gets its own answers, and nothing
// is left open behind them. The bubble would not end with a goroutine in it.
func TestConcurrency_thousandGoroutines(t *testing.T) {
	bubble{connixtest.WithLatency(0, time.Second)}.test(t, func(t *testing.T, srv *connixtest.Server) {
		transport := &openBodies{RoundTripper: srv.HTTPClient().Transport}
		var calls atomic.Int64
		client := srv.Client(t, connix.WithHTTPClient(&http.Client{Transport: transport}),
			connix.WithHooks(connix.Hooks{CallDone: func(context.Context, connix.CallInfo) { calls.Add(1) }}))
		var wg sync.WaitGroup
		for i := range 1000 {
			wg.Go(func() {
				var meta connix.Response
				id := fmt.Sprintf("request-%d", i)
				name := fmt.Sprintf("project-of-%d", i)
				project, err := client.Projects.Create(t.Context(), connix.CreateProjectRequest{Name: name}, connix.WithResponse(&meta), connix.WithRequestID(id))
				if err != nil || project.Name != name || meta.RequestID != id {
					t.Errorf("%d: Create: %+v, %+v, %v", i, project, meta, err)
					return
				}
				switch i % 4 {
				case 0:
					if got, err := client.Projects.Get(t.Context(), project.ID); err != nil || *got != *project {
						t.Errorf("%d: Get: %+v, %v", i, got, err)
					}
				case 1:
					if _, err := client.Agents.Get(t.Context(), "agent_none"); !errors.Is(err, connix.ErrNotFound) {
						t.Errorf("%d: Get of nothing: %v", i, err)
					}
				case 2:
					for agent, err := range client.Agents.All(t.Context(), &connix.ListAgentsOptions{ProjectID: project.ID}) {
						t.Errorf("%d: there is %+v, %v", i, agent, err)
					}
				case 3:
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*time.Millisecond)
					defer cancel()
					if _, err := client.Hello(ctx, ""); err != nil && !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("%d: Hello in %d ms: %v", i, i, err)
					}
				}
			})
		}
		wg.Wait()
		equal(t, "calls", calls.Load(), 2000)
		equal(t, "bodies left open", transport.open.Load(), 0)
		if all := transport.all.Load(); all < 1750 || all > 2000 {
			t.Errorf("%d bodies were counted", all)
		}
	})
}

// Whatever becomes of a call, it closes what it opened.
func TestConcurrency_nothingStaysOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handler := func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Query().Get("name") {
			case "cut":
				w.Header().Set("Content-Length", "100")
				_, _ = w.Write([]byte("{"))
			case "large":
				_, _ = w.Write(make([]byte, 4096))
			case "slow":
				_, _ = w.Write([]byte("{"))
				_ = http.NewResponseController(w).Flush()
				select {
				case <-r.Context().Done():
				case <-time.After(time.Hour):
				}
			case "gone":
				panic(http.ErrAbortHandler)
			case "redirect":
				http.Redirect(w, r, "https://elsewhere.example/", http.StatusTemporaryRedirect)
			case "unwanted":
				w.Header().Set("Content-Encoding", "gzip")
				writeJSON(w, 200, "no gzip")
			default:
				writeJSON(w, 503, "busy")
			}
		}
		base, memory := serveMemory(t, http.HandlerFunc(handler))
		transport := &openBodies{RoundTripper: memory}
		client := must(connix.NewClient(connix.WithBaseURL(base), connix.WithAPIKey("key"), connix.WithoutRateLimiter(), connix.WithMaxResponseBytes(1000),
			connix.WithHTTPClient(&http.Client{Transport: transport}), connix.WithTimeout(time.Minute), connix.WithRetryPolicy(connix.RetryPolicy{MaxRetries: 2})))(t)
		for _, name := range []string{"cut", "large", "slow", "gone", "redirect", "unwanted", "busy"} {
			_, err := client.Hello(t.Context(), name)
			mustErrorIs(t, err)
			equal(t, "bodies left open by "+name, transport.open.Load(), 0)
		}
		// Break out of an iterator between its pages.
		for _, err := range client.Projects.All(t.Context(), nil) {
			mustErrorIs(t, err, connix.ErrServer)
			break
		}
		equal(t, "bodies left open", transport.open.Load(), 0)
		if transport.all.Load() < 10 {
			t.Errorf("only %d bodies were counted", transport.all.Load())
		}
		memory.CloseIdleConnections()
		synctest.Wait()
	})
}

// A client that is dropped leaves nothing behind: it has no goroutine of its
// own, with which the bubble would not end.
func TestConcurrency_noGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 100 {
			client := must(connix.NewClient(connix.WithAPIKey("key"), connix.WithMaxRate(1, 1), connix.WithHTTPClient(&http.Client{
				Transport: roundTripper(func(*http.Request) (*http.Response, error) { return response(200, `{"message":"x"}`), nil }),
			})))(t)
			must(client.Hello(t.Context(), ""))(t)
		}
	})
}
