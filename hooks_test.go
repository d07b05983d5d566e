package connix_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
)

// allHooks notes every hook that is called.
func allHooks(note func(string)) connix.Hooks {
	return connix.Hooks{
		AttemptDone: func(_ context.Context, i connix.AttemptInfo) {
			note(fmt.Sprintf("attempt %d: %s %s %d", i.Number, i.Method, i.Route, i.StatusCode))
		},
		RetryWait: func(_ context.Context, i connix.RetryWaitInfo) {
			note(fmt.Sprintf("retry: %s %s %d", i.Method, i.Route, i.StatusCode))
		},
		RateLimitWait: func(_ context.Context, i connix.RateLimitWaitInfo) {
			note(fmt.Sprintf("rate limit: %s %s %v", i.Method, i.Route, i.Window))
		},
		CallDone: func(_ context.Context, i connix.CallInfo) {
			note(fmt.Sprintf("call: %s %s %d after %d", i.Method, i.Route, i.StatusCode, i.Attempts))
		},
	}
}

// Hooks follow a call in the order in which things happen, with the route's
// template and the caller's context.
func TestHooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		var lines []string
		type key struct{}
		ctx := context.WithValue(t.Context(), key{}, "of the caller")
		hooks := allHooks(func(line string) { lines = append(lines, line) })
		var attempts []connix.AttemptInfo
		inner, callDone := hooks.AttemptDone, hooks.CallDone
		hooks.AttemptDone = func(ctx context.Context, i connix.AttemptInfo) {
			inner(ctx, i)
			attempts = append(attempts, i)
			if ctx.Value(key{}) != "of the caller" {
				t.Error("a hook has another context than the call's")
			}
		}
		hooks.RetryWait = func(_ context.Context, i connix.RetryWaitInfo) {
			lines = append(lines, fmt.Sprintf("retry after %v: %d", i.Delay, i.StatusCode))
		}
		var done connix.CallInfo
		hooks.CallDone = func(ctx context.Context, i connix.CallInfo) { callDone(ctx, i); done = i }
		client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			switch calls++; calls {
			case 1:
				w.Header().Set("Retry-After", "3")
				writeJSON(w, 503, "")
			case 2:
				w.Header().Set("Location", "/api/v1/projects/8")
				writeJSON(w, 307, "")
			default:
				w.Header().Set("X-RateLimit-Remaining-Requests", "7")
				writeJSON(w, 200, `{"id":8}`)
			}
		}, connix.WithHooks(hooks), connix.WithRetryPolicy(connix.RetryPolicy{MaxRetries: 3, MaxDelay: 8 * time.Second}))
		start := time.Now()
		must(client.Projects.Get(ctx, "7"))(t)
		equal(t, "hooks", lines, []string{
			"attempt 1: GET /projects/{id} 503", "retry after 3s: 503",
			"attempt 2: GET /projects/{id} 307",
			"attempt 3: GET /projects/{id} 200", "call: GET /projects/{id} 200 after 3",
		})
		equal(t, "delays", []time.Duration{attempts[0].Delay, attempts[1].Delay, attempts[2].Delay}, []time.Duration{0, 3 * time.Second, 0})
		equal(t, "the call", []any{done.RequestID, done.Duration, *done.RateLimits.Requests.Remaining, done.Err}, []any{"req_of_the_response", time.Since(start), 7, nil})
	})
}

// The end of every call is told, with what the caller gets; a call that was
// refused was none.
func TestHooks_failures(t *testing.T) {
	srv := newServer(t)
	var infos []connix.CallInfo
	client := srv.Client(t, connix.WithHooks(connix.Hooks{CallDone: func(_ context.Context, i connix.CallInfo) { infos = append(infos, i) }}))
	_, refused := client.Projects.Get(t.Context(), "..")
	mustRefuse(t, refused, "id")
	equal(t, "calls", len(infos), 0)

	_, notFound := client.Projects.Get(t.Context(), "404")
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	_, never := client.Hello(canceled, "")
	srv.Close()
	_, lost := client.Hello(t.Context(), "", connix.WithMaxRetries(1), connix.WithRequestID("mine"))
	equal(t, "calls", len(infos), 3)
	equal(t, "not found", []any{infos[0].Err, infos[0].StatusCode, infos[0].Attempts}, []any{notFound, 404, 1})
	equal(t, "never sent", []any{infos[1].Err, infos[1].StatusCode, infos[1].Attempts}, []any{never, 0, 0})
	equal(t, "lost", []any{infos[2].Err, infos[2].StatusCode, infos[2].Attempts, infos[2].RequestID}, []any{lost, 0, 2, "mine"})
}

// A wait for the rate limit is told before it begins, and is none of the
// retry's.
func TestHooks_rateLimit(t *testing.T) {
	bubble{}.test(t, func(t *testing.T, srv *connixtest.Server) {
		var waits []connix.RateLimitWaitInfo
		var told []time.Time
		client := srv.Client(t,
			connix.WithRateLimiter(connix.NewRateLimiter(connix.Window{Limit: 1000, Period: time.Hour}, connix.Window{Limit: 2, Period: time.Minute})),
			connix.WithHooks(connix.Hooks{RateLimitWait: func(_ context.Context, i connix.RateLimitWaitInfo) {
				waits, told = append(waits, i), append(told, time.Now())
			}}))
		start := time.Now()
		var meta connix.Response
		for range 3 {
			must(client.Projects.List(t.Context(), nil, connix.WithResponse(&meta)))(t)
		}
		if len(waits) == 0 {
			t.Fatalf("three calls of two a minute took %v, and no wait was told", time.Since(start))
		}
		last := waits[len(waits)-1]
		equal(t, "wait", []any{last.Method, last.Route, last.RequestID, last.Window}, []any{"GET", "/projects", meta.RequestID, connix.Window{Limit: 2, Period: time.Minute}})
		if last.Delay <= 0 || meta.Attempts[0].RateWait < last.Delay || !told[len(told)-1].Before(time.Now()) {
			t.Errorf("told of %v, waited %v", last.Delay, meta.Attempts[0].RateWait)
		}
	})
}

// Without a logger nothing is written anywhere, whatever happens.
func TestLogger_silentByDefault(t *testing.T) {
	var written bytes.Buffer
	before, output, flags := slog.Default(), log.Writer(), log.Flags()
	t.Cleanup(func() { slog.SetDefault(before); log.SetOutput(output); log.SetFlags(flags) })
	slog.SetDefault(slog.New(slog.NewTextHandler(&written, &slog.HandlerOptions{Level: slog.LevelDebug})))
	log.SetOutput(&written)
	stdout, stderr := os.Stdout, os.Stderr
	t.Cleanup(func() { os.Stdout, os.Stderr = stdout, stderr })
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	os.Stdout, os.Stderr = write, write

	client := serve(t, responding(503, "<html>"), connix.WithRetryPolicy(connix.RetryPolicy{MaxRetries: 2}))
	_, failed := client.Hello(t.Context(), "")
	_, refused := client.Projects.Get(t.Context(), "")
	lost := must(connix.NewClient(connix.WithAPIKey("key"), connix.WithRetryPolicy(connix.RetryPolicy{MaxRetries: 2}), connix.WithHTTPClient(&http.Client{
		Transport: roundTripper(func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }),
	})))(t)
	_, never := lost.Hello(t.Context(), "")

	os.Stdout, os.Stderr = stdout, stderr
	_ = write.Close()
	printed, _ := io.ReadAll(read)
	if failed == nil || refused == nil || never == nil {
		t.Error("a call succeeded")
	}
	if text := written.String() + string(printed); text != "" {
		t.Errorf("written:\n%s", text)
	}
}

// With a logger there is one line for each attempt and each wait: where it went,
// how it ended and the request id, and no header, query, body or secret.
func TestLogger_lines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		logger := slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
		calls := 0
		client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			if calls++; calls == 1 {
				w.Header().Set("Retry-After", "2")
				writeJSON(w, 503, `{"error":{"code":"SECRET_BODY","message":"secret-body"}}`)
				return
			}
			writeJSON(w, 200, `{"message":"secret-body"}`)
		}, connix.WithLogger(logger), connix.WithAPIKey("secret-key"), connix.WithRetryPolicy(connix.DefaultRetryPolicy()),
			connix.WithRateLimiter(connix.NewRateLimiter(connix.Window{Limit: 2, Period: time.Minute})), connix.WithMaxRateLimitWait(-1))
		must(client.Hello(t.Context(), "secret-query", connix.WithHeader("X-Trace", "secret-header")))(t)
		must(client.Hello(t.Context(), "secret-query"))(t)

		var lines []string
		for line := range strings.Lines(out.String()) {
			var fields map[string]any
			if err := json.Unmarshal([]byte(line), &fields); err != nil {
				t.Fatal(err)
			}
			text := fmt.Sprintf("%s %s %s", fields["level"], strings.TrimPrefix(fields["msg"].(string), "connix: "), fields["route"])
			if status, ok := fields["status"]; ok {
				text += fmt.Sprintf(" %v", status)
			}
			if fields["request_id"] == "" || fields["method"] != "GET" {
				t.Errorf("the line says too little: %s", line)
			}
			lines = append(lines, text)
		}
		// The third request of two a minute waits.
		equal(t, "lines", lines, []string{
			"DEBUG attempt done /hello 503", "WARN retrying /hello 503", "DEBUG attempt done /hello 200",
			"INFO waiting for the rate limit /hello", "DEBUG attempt done /hello 200",
		})
		if strings.Contains(strings.ToLower(out.String()), "secret") {
			t.Errorf("the log shows what it must not:\n%s", out.String())
		}
	})
}

// A logger that does not want a level is asked for nothing of it.
func TestLogger_levels(t *testing.T) {
	var out bytes.Buffer
	client := serve(t, responding(200, `{"message":"x"}`), connix.WithLogger(slog.New(slog.NewTextHandler(&out, nil))))
	must(client.Hello(t.Context(), ""))(t)
	equal(t, "lines above debug for a call that went well", out.String(), "")
}
