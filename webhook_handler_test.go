package connix_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
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

// TestWebhookHandler_withoutIDs: what has neither id is processed each time.
func TestWebhookHandler_withoutIDs(t *testing.T) {
	v := verifierAt(webhookNow)
	v.Scheme = connix.StripeWebhooks("")
	calls := 0
	h := connix.WebhookHandler(v, func(context.Context, *connix.Event) error { calls++; return nil })
	for range 2 {
		if w := handled(h, deliver(t, v.Scheme, "", `{"type":"agent.failed"}`)); w.Code != 200 {
			t.Errorf("status %d", w.Code)
		}
	}
	if calls != 2 {
		t.Errorf("%d calls", calls)
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
	begin, commit, abort error
	log                  []string
}

func (d *scriptedDedup) Begin(_ context.Context, id string) (connix.DedupState, error) {
	d.log = append(d.log, "begin "+id)
	return d.state, d.begin
}

func (d *scriptedDedup) Commit(ctx context.Context, id string) error {
	d.log = append(d.log, "commit "+id)
	return errors.Join(d.commit, ctx.Err())
}

func (d *scriptedDedup) Abort(ctx context.Context, id string) error {
	d.log = append(d.log, "abort "+id)
	return errors.Join(d.abort, ctx.Err())
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
		{"begin fails", scriptedDedup{begin: away}, ok, 500, "begin evt_1", []error{away}},
		{"commit fails", scriptedDedup{commit: away}, ok, 200, "begin evt_1,commit evt_1", []error{away}},
		{"callback fails", scriptedDedup{}, func(context.Context, *connix.Event) error { return failed }, 500, "begin evt_1,abort evt_1", []error{failed}},
		{"abort fails too", scriptedDedup{abort: away}, func(context.Context, *connix.Event) error { return failed }, 500, "begin evt_1,abort evt_1", []error{away, failed}},
		{"panic", scriptedDedup{}, func(context.Context, *connix.Event) error { panic(failed) }, 500, "begin evt_1,abort evt_1", []error{failed}},
	} {
		var told []error
		dedup := c.dedup
		h := connix.WebhookHandler(verifierAt(webhookNow), c.process, connix.WithDedup(&dedup),
			connix.WithWebhookErrors(func(_ context.Context, _ *connix.Event, err error) { told = append(told, err) }))
		// The sender has hung up: the claim must be ended nevertheless.
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		w := handled(h, deliver(t, nil, "msg_1", agentEvent).WithContext(ctx))
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
