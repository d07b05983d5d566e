package connix_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/internal/memnet"
)

// handled returns the handler's response to a request.
func handled(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// TestWebhookHandler_responses goes through every response that does not depend on
// what was delivered before.
func TestWebhookHandler_responses(t *testing.T) {
	failed := errors.New("the database is away")
	get := func(method string) func(testing.TB) *http.Request {
		return func(tb testing.TB) *http.Request {
			r := deliver(tb, nil, "msg_1", agentEvent)
			r.Method = method
			return r
		}
	}
	edit := func(f func(*http.Request)) func(testing.TB) *http.Request {
		return func(tb testing.TB) *http.Request {
			r := deliver(tb, nil, "msg_1", agentEvent)
			f(r)
			return r
		}
	}
	for _, c := range []struct {
		name    string
		v       *connix.WebhookVerifier
		request func(testing.TB) *http.Request
		process error
		panics  any
		status  int
		called  bool
		told    error
	}{
		{name: "right", request: get(http.MethodPost), status: 200, called: true},
		{name: "GET", request: get(http.MethodGet), status: 405},
		{name: "HEAD", request: get(http.MethodHead), status: 405},
		{name: "PUT", request: get(http.MethodPut), status: 405},
		{name: "unsigned", request: edit(func(r *http.Request) { r.Header.Del("webhook-signature") }), status: 400, told: connix.ErrSignatureMissing},
		{name: "other bytes", request: edit(func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("{}")); r.ContentLength = 2 }), status: 400, told: connix.ErrSignatureMismatch},
		{name: "odd time", request: edit(func(r *http.Request) { r.Header.Set("webhook-timestamp", "now") }), status: 400, told: connix.ErrWebhookMalformed},
		{name: "old", v: verifierAt(webhookNow.Add(time.Hour)), request: get(http.MethodPost), status: 400, told: connix.ErrWebhookStale},
		{name: "not an event", request: func(tb testing.TB) *http.Request { return deliver(tb, nil, "msg_1", "[]") }, status: 400, told: connix.ErrWebhookMalformed},
		{name: "too large", request: func(tb testing.TB) *http.Request { return deliver(tb, nil, "msg_1", strings.Repeat(" ", 1<<20+1)) }, status: 413, told: connix.ErrWebhookTooLarge},
		{name: "broken off", request: edit(func(r *http.Request) { r.Body = io.NopCloser(failing{io.ErrUnexpectedEOF}) }), status: 408, told: io.ErrUnexpectedEOF},
		{name: "no secret", v: &connix.WebhookVerifier{Secrets: []connix.Secret{""}}, request: get(http.MethodPost), status: 500, told: connix.ErrNoWebhookSecret},
		{name: "a foreign scheme's no", v: &connix.WebhookVerifier{Secrets: []connix.Secret{"s"}, Scheme: foreignScheme{failed}}, request: get(http.MethodPost), status: 400, told: failed},
		{name: "callback failed", request: get(http.MethodPost), process: failed, status: 500, called: true, told: failed},
		{name: "callback panicked", request: get(http.MethodPost), panics: "out of cheese", status: 500, called: true},
		{name: "callback panicked with an error", request: get(http.MethodPost), panics: failed, status: 500, called: true, told: failed},
		{name: "callback panicked with a slice", request: get(http.MethodPost), panics: []int{1}, status: 500, called: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := c.v
			if v == nil {
				v = verifierAt(webhookNow)
			}
			called := false
			var told []error
			h := connix.WebhookHandler(v, func(_ context.Context, e *connix.Event) error {
				called = true
				if c.panics != nil {
					panic(c.panics)
				}
				return c.process
			}, nil, connix.WithWebhookErrors(func(ctx context.Context, e *connix.Event, err error) {
				if (e != nil) != called || ctx == nil {
					t.Errorf("told of the event %+v", e)
				}
				told = append(told, err)
			}))
			w := handled(h, c.request(t))
			if w.Code != c.status || called != c.called {
				t.Errorf("status %d, called %v; want %d, %v", w.Code, called, c.status, c.called)
			}
			if allow := w.Header().Get("Allow"); (allow == "POST") != (c.status == 405) {
				t.Errorf("Allow: %q", allow)
			}
			wantTold := c.told != nil || c.panics != nil
			if wantTold != (len(told) == 1) || c.told != nil && !errors.Is(told[0], c.told) {
				t.Errorf("told %v, want %v", told, c.told)
			}
			if c.panics != nil && len(told) == 1 {
				p, ok := errors.AsType[*connix.WebhookPanicError](told[0])
				if !ok || !strings.Contains(string(p.Stack), "webhook_handler_test.go") || !strings.HasPrefix(p.Error(), "connix: panic") {
					t.Errorf("told %+v", told[0])
				}
			}
		})
	}
}

type foreignScheme struct{ err error }

func (s foreignScheme) Sign(http.Header, connix.Secret, connix.Delivery, []byte) error { return s.err }
func (s foreignScheme) Verify(http.Header, []connix.Secret, []byte) (connix.Delivery, error) {
	return connix.Delivery{}, s.err
}

func TestWebhookHandler_withoutParts(t *testing.T) {
	for name, h := range map[string]http.Handler{
		"verifier": connix.WebhookHandler(nil, func(context.Context, *connix.Event) error { return nil }),
		"callback": connix.WebhookHandler(verifierAt(webhookNow), nil),
	} {
		if w := handled(h, deliver(t, nil, "msg_1", agentEvent)); w.Code != 500 {
			t.Errorf("without a %s: %d", name, w.Code)
		}
	}
}

// TestWebhookHandler_repeats: an event that was processed is not processed
// again, one whose callback failed is.
func TestWebhookHandler_repeats(t *testing.T) {
	var outcome any
	var seen []string
	h := connix.WebhookHandler(verifierAt(webhookNow), func(_ context.Context, e *connix.Event) error {
		seen = append(seen, e.ID+" "+e.Delivery.ID)
		if err, ok := outcome.(error); ok {
			return err
		}
		if outcome != nil {
			panic(outcome)
		}
		return nil
	}, connix.WithWebhookErrors(func(context.Context, *connix.Event, error) {}), connix.WithDedup(nil))
	const unnamed = `{"type":"agent.failed"}`
	for i, step := range []struct {
		outcome    any
		id, body   string
		status     int
		processing string
	}{
		{errors.New("no"), "msg_1", agentEvent, 500, "evt_1 msg_1"},
		{"panic", "msg_1", agentEvent, 500, "evt_1 msg_1"},
		{nil, "msg_1", agentEvent, 200, "evt_1 msg_1"},
		{nil, "msg_1", agentEvent, 200, ""},
		{errors.New("no"), "msg_2", agentEvent, 200, ""}, // the same event, for another webhook
		{nil, "msg_1", strings.Replace(agentEvent, "evt_1", "evt_2", 1), 200, "evt_2 msg_1"},
		{errors.New("no"), "msg_3", unnamed, 500, " msg_3"},
		{nil, "msg_3", unnamed, 200, " msg_3"},
		{nil, "msg_3", unnamed, 200, ""},
		{nil, "msg_4", unnamed, 200, " msg_4"},
	} {
		seen, outcome = nil, step.outcome
		w := handled(h, deliver(t, nil, step.id, step.body))
		if got := strings.Join(seen, ","); w.Code != step.status || got != step.processing {
			t.Errorf("step %d: status %d, processed %q; want %d, %q", i, w.Code, got, step.status, step.processing)
		}
	}
}

func TestWebhookHandler_inFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		h := connix.WebhookHandler(verifierAt(webhookNow), func(context.Context, *connix.Event) error {
			calls++
			time.Sleep(time.Minute)
			return nil
		})
		var wg sync.WaitGroup
		wg.Go(func() {
			if w := handled(h, deliver(t, nil, "msg_1", agentEvent)); w.Code != 200 {
				t.Errorf("first: %d", w.Code)
			}
		})
		synctest.Wait()
		w := handled(h, deliver(t, nil, "msg_1", agentEvent))
		if w.Code != 503 || w.Header().Get("Retry-After") == "" {
			t.Errorf("while it is processed: %d, %v", w.Code, w.Header())
		}
		wg.Wait()
		if w := handled(h, deliver(t, nil, "msg_1", agentEvent)); w.Code != 200 || calls != 1 {
			t.Errorf("afterwards: %d, %d calls", w.Code, calls)
		}
	})
}

// scriptedDedup records what it is asked and returns what it is told to.
type scriptedDedup struct {
	state                connix.DedupState
	noClaim              bool
	begin, commit, abort error
	log                  []string
}

func (d *scriptedDedup) Begin(_ context.Context, id string) (connix.DedupClaim, connix.DedupState, error) {
	d.log = append(d.log, "begin "+id)
	if d.state != connix.DedupNew || d.begin != nil || d.noClaim {
		return nil, d.state, d.begin
	}
	return scriptedClaim{d, id}, d.state, nil
}

type scriptedClaim struct {
	d  *scriptedDedup
	id string
}

func (c scriptedClaim) Commit(ctx context.Context) error {
	c.d.log = append(c.d.log, "commit "+c.id)
	return errors.Join(c.d.commit, ctx.Err())
}

func (c scriptedClaim) Abort(ctx context.Context) error {
	c.d.log = append(c.d.log, "abort "+c.id)
	return errors.Join(c.d.abort, ctx.Err())
}

// TestWebhookHandler_dedup: every claim is ended, whatever happens, and what the
// Dedup fails with is reported.
func TestWebhookHandler_dedup(t *testing.T) {
	away := errors.New("the store is away")
	failed := errors.New("the callback failed")
	ok := func(context.Context, *connix.Event) error { return nil }
	for _, c := range []struct {
		name    string
		dedup   scriptedDedup
		process func(context.Context, *connix.Event) error
		status  int
		log     string
		told    []error
	}{
		{"new", scriptedDedup{}, ok, 200, "begin evt_1,commit evt_1", nil},
		{"done", scriptedDedup{state: connix.DedupDone}, ok, 200, "begin evt_1", nil},
		{"in flight", scriptedDedup{state: connix.DedupInFlight}, ok, 503, "begin evt_1", nil},
		{"unknown state", scriptedDedup{state: 7}, ok, 500, "begin evt_1", []error{nil}},
		{"new without a claim", scriptedDedup{noClaim: true}, ok, 500, "begin evt_1", []error{nil}},
		{"begin fails", scriptedDedup{begin: away}, ok, 500, "begin evt_1", []error{away}},
		{"commit fails", scriptedDedup{commit: away}, ok, 200, "begin evt_1,commit evt_1", []error{away}},
		{"callback fails", scriptedDedup{}, func(context.Context, *connix.Event) error { return failed }, 500, "begin evt_1,abort evt_1", []error{failed}},
		{"abort fails too", scriptedDedup{abort: away}, func(context.Context, *connix.Event) error { return failed }, 500, "begin evt_1,abort evt_1", []error{away, failed}},
		{"panic", scriptedDedup{}, func(context.Context, *connix.Event) error { panic(failed) }, 500, "begin evt_1,abort evt_1", []error{failed}},
	} {
		var told []error
		dedup := c.dedup
		ctx, cancel := context.WithCancel(t.Context())
		h := connix.WebhookHandler(verifierAt(webhookNow), func(ctx context.Context, e *connix.Event) error {
			cancel() // the sender hangs up: the claim must be ended nevertheless
			return c.process(ctx, e)
		}, connix.WithDedup(&dedup), connix.WithWebhookErrors(func(_ context.Context, _ *connix.Event, err error) { told = append(told, err) }))
		w := handled(h, deliver(t, nil, "msg_1", agentEvent).WithContext(ctx))
		cancel()
		if got := strings.Join(dedup.log, ","); w.Code != c.status || got != c.log {
			t.Errorf("%s: status %d, %s; want %d, %s", c.name, w.Code, got, c.status, c.log)
		}
		if !slices.EqualFunc(told, c.told, func(got, want error) bool { return want == nil || errors.Is(got, want) }) {
			t.Errorf("%s: told %v, want %v", c.name, told, c.told)
		}
	}
}

// TestWebhookHandler_unwinds: http.ErrAbortHandler goes on to the server and
// Goexit to the end of the goroutine, and the event is given back.
func TestWebhookHandler_unwinds(t *testing.T) {
	for name, leave := range map[string]func(){
		"abort":  func() { panic(http.ErrAbortHandler) },
		"goexit": runtime.Goexit,
	} {
		var dedup scriptedDedup
		h := connix.WebhookHandler(verifierAt(webhookNow), func(context.Context, *connix.Event) error { leave(); return nil }, connix.WithDedup(&dedup))
		r := deliver(t, nil, "msg_1", agentEvent)
		w := httptest.NewRecorder()
		recovered, returned := any(nil), false
		var wg sync.WaitGroup
		wg.Go(func() {
			defer func() { recovered = recover() }()
			h.ServeHTTP(w, r)
			returned = true
		})
		wg.Wait()
		err, _ := recovered.(error)
		if returned || errors.Is(err, http.ErrAbortHandler) != (name == "abort") || w.Body.Len() != 0 {
			t.Errorf("%s: returned %v, recovered %v", name, returned, recovered)
		}
		if got := strings.Join(dedup.log, ","); got != "begin evt_1,abort evt_1" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestWebhookHandler_logsPanics: without a report, a panic and its stack go
// where net/http's own would.
func TestWebhookHandler_logsPanics(t *testing.T) {
	var out bytes.Buffer
	server := &http.Server{ErrorLog: log.New(&out, "", 0)}
	h := connix.WebhookHandler(verifierAt(webhookNow), func(context.Context, *connix.Event) error { panic("out of cheese") })
	r := deliver(t, nil, "msg_1", agentEvent)
	w := handled(h, r.WithContext(context.WithValue(t.Context(), http.ServerContextKey, server)))
	if text := out.String(); w.Code != 500 || !strings.Contains(text, "out of cheese") || !strings.Contains(text, "webhook_handler_test.go") {
		t.Errorf("status %d, logged %q", w.Code, text)
	}
	out.Reset()
	failing := connix.WebhookHandler(verifierAt(webhookNow), func(context.Context, *connix.Event) error { return errors.New("no") })
	r = deliver(t, nil, "msg_1", agentEvent)
	handled(failing, r.WithContext(context.WithValue(t.Context(), http.ServerContextKey, server)))
	if out.Len() != 0 {
		t.Errorf("an error of the callback was logged: %q", out.String())
	}
	for name, unset := range map[string]http.Handler{
		"no usable webhook secret": connix.WebhookHandler(&connix.WebhookVerifier{Secrets: []connix.Secret{""}}, func(context.Context, *connix.Event) error { return nil }),
		"has no callback":          connix.WebhookHandler(verifierAt(webhookNow), nil),
	} {
		out.Reset()
		r = deliver(t, nil, "msg_1", agentEvent)
		w := handled(unset, r.WithContext(context.WithValue(t.Context(), http.ServerContextKey, server)))
		if w.Code != 500 || !strings.Contains(out.String(), name) {
			t.Errorf("%s: status %d, logged %q", name, w.Code, out.String())
		}
	}
}

// TestWebhookHandler_withoutSignedID: an event that no signed id identifies is
// recognized by its bytes and its signed time, whatever its unsigned id.
func TestWebhookHandler_withoutSignedID(t *testing.T) {
	const unnamed, other, invalid = `{"type":"agent.failed"}`, `{"type":"agent.failed","data":1}`, "{\"type\":\"agent.failed\",\"id\":\"\xff\"}"
	type delivery struct {
		scheme   connix.WebhookScheme
		id, body string
		later    time.Duration
	}
	github, stripe := connix.GitHubWebhooks(""), connix.StripeWebhooks("")
	for name, c := range map[string]struct {
		opts       []connix.WebhookHandlerOption
		deliveries []delivery
		calls      int
	}{
		"replayed under other ids": {nil, []delivery{{github, "1", unnamed, 0}, {github, "2", unnamed, 0}, {github, "", unnamed, 0}}, 1},
		"other bytes":              {nil, []delivery{{github, "1", unnamed, 0}, {github, "1", other, 0}}, 2},
		"an id in the body":        {nil, []delivery{{github, "1", agentEvent, 0}, {github, "2", agentEvent, 0}}, 1},
		"signed at another time":   {nil, []delivery{{stripe, "", unnamed, 0}, {stripe, "", unnamed, 0}, {stripe, "", unnamed, time.Second}}, 2},
		"a signed id":              {nil, []delivery{{nil, "1", unnamed, 0}, {nil, "1", unnamed, 0}, {nil, "2", unnamed, 0}}, 2},
		"ids in invalid UTF-8":     {nil, []delivery{{nil, "1", invalid, 0}, {nil, "2", strings.Replace(invalid, "\xff", "\xfe", 1), 0}, {nil, "1", invalid, time.Second}}, 2},
		"and no signed id":         {nil, []delivery{{github, "1", invalid, 0}, {github, "1", strings.Replace(invalid, "\xff", `\ud800`, 1), 0}, {github, "2", invalid, 0}}, 2},
		"turned off": {[]connix.WebhookHandlerOption{connix.WithoutDigestDedup()},
			[]delivery{{github, "1", unnamed, 0}, {github, "1", unnamed, 0}, {github, "2", unnamed, 0}, {github, "", unnamed, 0}, {github, "", unnamed, 0}}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			v := verifierAt(webhookNow)
			v.Scheme = c.deliveries[0].scheme
			h := connix.WebhookHandler(v, func(context.Context, *connix.Event) error { calls++; return nil }, c.opts...)
			for i, d := range c.deliveries {
				header, err := connix.SignWebhook(d.scheme, webhookSecret, connix.Delivery{ID: d.id, Timestamp: webhookNow.Add(d.later)}, []byte(d.body))
				if err != nil {
					t.Fatal(err)
				}
				if d.id == "" {
					header.Del("X-Github-Delivery") // SignWebhook makes one up
				}
				r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(d.body))
				r.Header = header
				if w := handled(h, r); w.Code != 200 {
					t.Errorf("delivery %d: status %d", i, w.Code)
				}
			}
			if calls != c.calls {
				t.Errorf("%d calls, want %d", calls, c.calls)
			}
		})
	}
}

// blockingDedup blocks in the named method until it is released, whatever ctx says.
type blockingDedup struct {
	method  string
	release chan struct{}
	log     chan string
}

func (d *blockingDedup) block(method string) {
	if method == d.method {
		<-d.release
	}
	d.log <- method
}

func (d *blockingDedup) Begin(context.Context, string) (connix.DedupClaim, connix.DedupState, error) {
	d.block("begin")
	return d, connix.DedupNew, nil
}
func (d *blockingDedup) Commit(context.Context) error { d.block("commit"); return nil }
func (d *blockingDedup) Abort(context.Context) error  { d.block("abort"); return nil }

// TestWebhookHandler_blockingDedup: a Dedup that ignores its context holds no
// request, and a claim that comes too late is released.
func TestWebhookHandler_blockingDedup(t *testing.T) {
	for method, c := range map[string]struct {
		fails  error
		status int
		took   time.Duration
		log    []string // after the release
	}{
		"begin":  {nil, 500, 5 * time.Second, []string{"begin", "abort"}},
		"commit": {nil, 200, 10 * time.Second, []string{"begin", "commit"}},
		"abort":  {errors.New("no"), 500, 10 * time.Second, []string{"begin", "abort"}},
	} {
		t.Run(method, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &blockingDedup{method, make(chan struct{}), make(chan string, 5)}
				var told []error
				h := connix.WebhookHandler(verifierAt(webhookNow), func(context.Context, *connix.Event) error { return c.fails },
					connix.WithDedup(d), connix.WithWebhookErrors(func(_ context.Context, _ *connix.Event, err error) { told = append(told, err) }))
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second) // as a sender that hangs up
				defer cancel()
				began := time.Now()
				w := handled(h, deliver(t, nil, "msg_1", agentEvent).WithContext(ctx))
				if took := time.Since(began); w.Code != c.status || took != c.took {
					t.Errorf("status %d after %v, want %d after %v", w.Code, took, c.status, c.took)
				}
				if !errors.Is(errors.Join(told...), context.DeadlineExceeded) {
					t.Errorf("told %v", told)
				}
				close(d.release)
				synctest.Wait()
				close(d.log)
				var log []string
				for entry := range d.log {
					log = append(log, entry)
				}
				if !slices.Equal(log, c.log) {
					t.Errorf("log %q, want %q", log, c.log)
				}
			})
		})
	}
}

// leavingDedup panics, or ends its goroutine.
type leavingDedup struct{ leave func() }

func (d leavingDedup) Begin(context.Context, string) (connix.DedupClaim, connix.DedupState, error) {
	d.leave()
	return nil, 0, nil
}

func TestWebhookHandler_panickingDedup(t *testing.T) {
	for name, leave := range map[string]func(){"panic": func() { panic("out of cheese") }, "goexit": runtime.Goexit} {
		var told []error
		h := connix.WebhookHandler(verifierAt(webhookNow), func(context.Context, *connix.Event) error { t.Error("called"); return nil },
			connix.WithDedup(leavingDedup{leave}), connix.WithWebhookErrors(func(_ context.Context, _ *connix.Event, err error) { told = append(told, err) }))
		w := handled(h, deliver(t, nil, "msg_1", agentEvent))
		if _, panicked := errors.AsType[*connix.WebhookPanicError](errors.Join(told...)); w.Code != 500 || len(told) != 1 || panicked != (name == "panic") {
			t.Errorf("%s: status %d, told %v", name, w.Code, told)
		}
	}
}

// TestWebhookHandler_slowBody: a sender that stalls within the body is given up
// after 30 seconds, or the server's own timeout. The deadline does not end the
// callback.
func TestWebhookHandler_slowBody(t *testing.T) {
	for name, c := range map[string]struct {
		readTimeout    time.Duration // the server's
		stall, process time.Duration
		status         int
		took           time.Duration
	}{
		"stalls":               {stall: time.Hour, status: 408, took: 30 * time.Second},
		"in time":              {stall: 29 * time.Second, status: 200, took: 29 * time.Second},
		"a slow callback":      {stall: 20 * time.Second, process: time.Minute, status: 200, took: 80 * time.Second},
		"the server's timeout": {readTimeout: 45 * time.Second, stall: time.Hour, status: 408, took: 45 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := &http.Server{ReadTimeout: c.readTimeout, Handler: connix.WebhookHandler(verifierAt(webhookNow), func(ctx context.Context, _ *connix.Event) error {
					time.Sleep(c.process)
					return ctx.Err()
				}, connix.WithWebhookErrors(func(context.Context, *connix.Event, error) {}))}
				listener := memnet.Listen(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80})
				go func() { _ = server.Serve(listener) }()
				defer server.Close()
				body, send := io.Pipe()
				go func() {
					_, _ = io.WriteString(send, agentEvent[:20])
					time.Sleep(c.stall)
					_, _ = io.WriteString(send, agentEvent[20:])
					_ = send.Close()
				}()
				r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://app.test/", body)
				if err != nil {
					t.Fatal(err)
				}
				r.Header = deliver(t, nil, "msg_1", agentEvent).Header
				transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return listener.Dial(ctx) }}
				defer transport.CloseIdleConnections()
				began := time.Now()
				resp, err := transport.RoundTrip(r)
				if err != nil {
					t.Fatal(err)
				}
				_ = resp.Body.Close()
				_ = body.Close()
				if took := time.Since(began).Round(time.Second); resp.StatusCode != c.status || took != c.took {
					t.Errorf("status %d after %v, want %d after %v", resp.StatusCode, took, c.status, c.took)
				}
				time.Sleep(c.stall)
			})
		})
	}
}
