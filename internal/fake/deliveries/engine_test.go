package deliveries_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connix-io/connix-go/internal/fake/clock"
	"github.com/connix-io/connix-go/internal/fake/deliveries"
)

func TestDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{respond: func(_ int, w http.ResponseWriter, req *http.Request) {
			if req.Method != http.MethodPost || req.URL.String() != "/hooks/connix?x=1" || req.RequestURI != "/hooks/connix?x=1" || req.Host != "app.test" {
				t.Errorf("request %s %s (%s) to %s", req.Method, req.URL, req.RequestURI, req.Host)
			}
			w.WriteHeader(http.StatusAccepted)
			_, _ = w.Write([]byte("thanks"))
		}}
		w := newWorld(t, r, []deliveries.Webhook{hook("wh_1", func(w *deliveries.Webhook) { w.URL += "?x=1" })})
		start := time.Now()
		w.Publish(deliveries.Event{Type: "agent.launched", At: start, Resource: "agent/1", Data: map[string]any{"id": "agent_1", "name": "<n>"}})
		all := w.ended(1)
		if len(all) != 1 || len(all[0].Attempts) != 1 {
			t.Fatalf("journal: %+v", all)
		}
		d, a := all[0], r.seen()[0]
		if a.verified != nil || a.delivery.ID != d.ID || !a.delivery.Timestamp.Equal(start.Truncate(time.Second)) || a.header.Get("Content-Type") != "application/json" {
			t.Errorf("arrived: %+v", a)
		}
		var body struct {
			ID        string
			Type      string
			CreatedAt time.Time `json:"created_at"`
			Data      map[string]string
		}
		if err := json.Unmarshal([]byte(a.body), &body); err != nil || body.ID != d.EventID || body.Type != "agent.launched" || !body.CreatedAt.Equal(start) || body.Data["name"] != "<n>" {
			t.Errorf("body %s, %v", a.body, err)
		}
		if d.State != deliveries.Delivered || d.WebhookID != "wh_1" || d.EventType != "agent.launched" || string(d.Body) != a.body || d.Redelivery || d.Reason != "" {
			t.Errorf("journal: %+v", d)
		}
		if at := d.Attempts[0]; at.Status != 202 || string(at.Response) != "thanks" || at.Err != nil || !at.Time.Equal(start) || at.Header.Get("Webhook-Id") != d.ID || !strings.HasPrefix(at.URL, url) {
			t.Errorf("attempt: %+v", at)
		}
	})
}

// TestWhoGetsWhat: each webhook gets the types it asks for, while it is enabled,
// under an id of its own; the event's id is the same for all.
func TestWhoGetsWhat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{}
		w := newWorld(t, r, []deliveries.Webhook{
			hook("all"),
			hook("one", func(w *deliveries.Webhook) { w.Events = []string{"agent.stopped"} }),
			hook("none", func(w *deliveries.Webhook) { w.Events = nil }),
			hook("off", func(w *deliveries.Webhook) { w.Disabled = true }),
		})
		for _, event := range []string{"agent.launched", "agent.stopped", "project.created"} {
			w.happen("1", event)
		}
		var got []string
		ids, events := map[string]bool{}, map[string]bool{}
		for _, d := range w.ended(3) {
			got = append(got, d.WebhookID+" "+d.EventType)
			ids[d.ID], events[d.EventID] = true, true
		}
		if s := strings.Join(got, ", "); s != "all agent.launched, all agent.stopped, one agent.stopped" || len(ids) != 3 || len(events) != 2 {
			t.Errorf("%s; %d ids of %d events", s, len(ids), len(events))
		}
		if n := len(r.seen()); n != 3 {
			t.Errorf("%d arrived", n)
		}
	})
}

// TestAttempts plays responses against the schedule. Time is that of the bubble,
// so the moments are exact.
func TestAttempts(t *testing.T) {
	status := func(code int, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			if len(header) > 0 {
				w.Header().Set(header[0], header[1])
			}
			w.WriteHeader(code)
		}
	}
	hang := func(w http.ResponseWriter, r *http.Request) { time.Sleep(20 * time.Second) }
	for _, c := range []struct {
		name      string
		responses []http.HandlerFunc
		at        []time.Duration // of the attempts
		state     deliveries.State
		reason    string
	}{
		{"at once", []http.HandlerFunc{status(204)}, []time.Duration{0}, deliveries.Delivered, ""},
		{"nothing said", []http.HandlerFunc{func(http.ResponseWriter, *http.Request) {}}, []time.Duration{0}, deliveries.Delivered, ""},
		{"errors first", []http.HandlerFunc{status(500), status(404), status(200)}, []time.Duration{0, time.Second, 6 * time.Second}, deliveries.Delivered, ""},
		{"redirects are no success", []http.HandlerFunc{status(302, "Location", url), status(200)}, []time.Duration{0, time.Second}, deliveries.Delivered, ""},
		{"crashes", []http.HandlerFunc{
			func(http.ResponseWriter, *http.Request) { panic("out of cheese") },
			func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			func(http.ResponseWriter, *http.Request) { runtime.Goexit() },
			status(200),
		}, []time.Duration{0, time.Second, 6 * time.Second, 36 * time.Second}, deliveries.Delivered, ""},
		{"too slow", []http.HandlerFunc{hang, status(200)}, []time.Duration{0, 16 * time.Second}, deliveries.Delivered, ""},
		{"a longer Retry-After", []http.HandlerFunc{status(503, "Retry-After", "20"), status(200)}, []time.Duration{0, 20 * time.Second}, deliveries.Delivered, ""},
		{"a shorter Retry-After", []http.HandlerFunc{status(500), status(429, "Retry-After", "2"), status(200)}, []time.Duration{0, time.Second, 6 * time.Second}, deliveries.Delivered, ""},
		{"a Retry-After as a date", []http.HandlerFunc{status(503, "Retry-After", "Sat, 01 Jan 2000 00:01:00 GMT"), status(200)}, []time.Duration{0, time.Minute}, deliveries.Delivered, ""},
		{"an endless Retry-After", []http.HandlerFunc{status(503, "Retry-After", "4294967295"), status(200)}, []time.Duration{0, time.Hour}, deliveries.Delivered, ""},
		{"an odd Retry-After", []http.HandlerFunc{status(503, "Retry-After", "soon"), status(503, "Retry-After", "-9"), status(200)}, []time.Duration{0, time.Second, 6 * time.Second}, deliveries.Delivered, ""},
		{"gone", []http.HandlerFunc{status(500), status(410)}, []time.Duration{0, time.Second}, deliveries.Failed, "410"},
		{"hopeless", []http.HandlerFunc{status(500)}, []time.Duration{0, time.Second, 6 * time.Second, 36 * time.Second, 156 * time.Second,
			756 * time.Second, 2556 * time.Second, 6156 * time.Second}, deliveries.Failed, "given up after attempt 8: the receiver responded with 500 Internal Server Error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now() // midnight of the year 2000
				r := &receiver{respond: func(i int, w http.ResponseWriter, req *http.Request) {
					c.responses[min(i, len(c.responses)-1)](w, req)
				}}
				w := newWorld(t, r, []deliveries.Webhook{hook("wh")})
				w.happen("1", "agent.launched")
				d := w.ended(1)[0]
				seen := r.seen()
				if d.State != c.state || !strings.Contains(d.Reason, c.reason) || len(seen) != len(c.at) || len(d.Attempts) != len(c.at) {
					t.Fatalf("%d arrivals, want %d; %+v", len(seen), len(c.at), d)
				}
				for i, a := range seen {
					if a.verified != nil || a.delivery.ID != d.ID || a.at.Sub(start) != c.at[i] || a.delivery.Timestamp != a.at.Truncate(time.Second) {
						t.Errorf("attempt %d after %v, want %v: %+v", i+1, a.at.Sub(start), c.at[i], a)
					}
					if at := d.Attempts[i]; (at.Status == 0) != (at.Err != nil) || !at.Time.Equal(a.at) {
						t.Errorf("attempt %d in the journal: %+v", i+1, at)
					}
				}
			})
		})
	}
}

// TestTimeoutLeavesTheReceiverAlone: the sender stops waiting, the receiver is
// told so by its context, and goes on if it likes.
func TestTimeoutLeavesTheReceiverAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		cancelled, finished := make(chan time.Duration, 1), make(chan time.Duration, 1)
		r := &receiver{respond: func(i int, _ http.ResponseWriter, req *http.Request) {
			if i > 0 {
				return
			}
			<-req.Context().Done()
			cancelled <- time.Since(start)
			time.Sleep(time.Minute)
			finished <- time.Since(start)
		}}
		w := newWorld(t, r, []deliveries.Webhook{hook("wh")}, func(c *deliveries.Config) { c.Timeout = 10 * time.Second })
		w.happen("1", "agent.launched")
		d := w.ended(1)[0]
		if at := d.Attempts[0]; at.Status != 0 || !strings.Contains(at.Err.Error(), "too long") || at.Duration != 10*time.Second {
			t.Errorf("first attempt: %+v", at)
		}
		if c, f := <-cancelled, <-finished; c != 10*time.Second || f != 70*time.Second {
			t.Errorf("cancelled after %v, finished after %v", c, f)
		}
	})
}

// TestOrder: a resource's second event waits for its first, however long that
// takes, and other resources do not.
func TestOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var order []string
		failures := 3
		w := newWorld(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			var event struct {
				Type string
				Data struct{ ID string }
			}
			if err := json.NewDecoder(r.Body).Decode(&event); err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if event.Data.ID == "a" && event.Type == "agent.launched" && failures > 0 {
				failures--
				rw.WriteHeader(500)
				return
			}
			order = append(order, event.Data.ID+" "+event.Type)
		}), []deliveries.Webhook{hook("wh")})
		for _, event := range []string{"agent.launched", "agent.completed", "agent.stopped"} {
			w.happen("a", event)
		}
		synctest.Wait()
		w.happen("b", "agent.launched")
		w.ended(4)
		if s := strings.Join(order, ", "); s != "b agent.launched, a agent.launched, a agent.completed, a agent.stopped" {
			t.Errorf("order: %s", s)
		}
	})
}

// TestGoneDisables: after a 410 nothing more is sent, and what waits is dropped
// when its turn comes.
func TestGoneDisables(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := responding(500, 410, 200)
		at := r.respond
		r.respond = func(i int, w http.ResponseWriter, req *http.Request) {
			time.Sleep(time.Millisecond) // so that what happens meanwhile is still wanted
			at(i, w, req)
		}
		w := newWorld(t, r, []deliveries.Webhook{hook("wh")})
		w.happen("a", "agent.launched") // 500, and its next attempt finds the webhook disabled
		time.Sleep(2 * time.Millisecond)
		w.happen("b", "agent.launched") // 410
		w.happen("b", "agent.stopped")
		time.Sleep(2 * time.Millisecond)
		w.happen("c", "agent.launched") // not wanted any more
		var states []deliveries.State
		for _, d := range w.ended(3) {
			states = append(states, d.State)
		}
		if fmt.Sprint(states) != fmt.Sprint([]deliveries.State{deliveries.Dropped, deliveries.Failed, deliveries.Dropped}) {
			t.Errorf("states %v", states)
		}
		if hook, _ := w.registry.Webhook("wh"); !hook.Disabled || len(r.seen()) != 2 {
			t.Errorf("disabled: %v, %d arrivals", hook.Disabled, len(r.seen()))
		}
	})
}

// TestChanges: an attempt goes by what the webhook is at its time.
func TestChanges(t *testing.T) {
	for _, c := range []struct {
		name     string
		change   func(*world)
		state    deliveries.State
		arrivals int
	}{
		{"another URL", func(w *world) {
			w.registry.change("wh", func(w *deliveries.Webhook) { w.URL = "http://app.test/elsewhere" })
		}, deliveries.Delivered, 2},
		{"another secret", func(w *world) {
			w.registry.change("wh", func(w *deliveries.Webhook) { w.Secret = "another" })
		}, deliveries.Delivered, 2},
		{"no secret", func(w *world) { w.registry.change("wh", func(w *deliveries.Webhook) { w.Secret = "" }) }, deliveries.Delivered, 2},
		{"an unusable secret", func(w *world) {
			w.registry.change("wh", func(w *deliveries.Webhook) { w.Secret = "whsec_!" })
		}, deliveries.Failed, 1},
		{"an unusable URL", func(w *world) { w.registry.change("wh", func(w *deliveries.Webhook) { w.URL = "http://[" }) }, deliveries.Failed, 1},
		{"disabled", func(w *world) { w.registry.Disable("wh") }, deliveries.Dropped, 1},
		{"deleted", func(w *world) { w.registry.remove("wh") }, deliveries.Dropped, 1},
		{"other events", func(w *world) { w.registry.change("wh", func(w *deliveries.Webhook) { w.Events = nil }) }, deliveries.Delivered, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := responding(500, 200)
				w := newWorld(t, r, []deliveries.Webhook{hook("wh")})
				w.happen("1", "agent.launched")
				synctest.Wait()
				c.change(w)
				d := w.ended(1)[0]
				seen := r.seen()
				if d.State != c.state || len(seen) != c.arrivals {
					t.Fatalf("%d arrivals; %+v", len(seen), d)
				}
				last := seen[len(seen)-1]
				if signed := last.verified == nil; signed != (c.name != "another secret" && c.name != "no secret") {
					t.Errorf("the last arrival: %v", last.verified)
				}
				if c.name == "no secret" && (last.header.Get("Webhook-Signature") != "" || last.header.Get("Webhook-Id") != d.ID || last.header.Get("Webhook-Timestamp") == "") {
					t.Errorf("unsigned: %v", last.header)
				}
				if c.name == "another URL" && d.Attempts[1].URL != "http://app.test/elsewhere" {
					t.Errorf("sent to %s", d.Attempts[1].URL)
				}
			})
		})
	}
}

func TestNoJSON(t *testing.T) {
	w := newWorld(t, responding(200), []deliveries.Webhook{hook("wh")})
	w.Publish(deliveries.Event{Type: "agent.launched", Resource: "r", Data: make(chan int)})
	if all := w.Deliveries(); len(all) != 1 || all[0].State != deliveries.Failed || !strings.Contains(all[0].Reason, "JSON") {
		t.Errorf("journal: %+v", all)
	}
}

func TestRedeliver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := responding(500, 200)
		w := newWorld(t, r, []deliveries.Webhook{hook("wh")})
		w.happen("1", "agent.launched")
		synctest.Wait()
		first := w.Deliveries()[0]
		if err := w.Redeliver(first.ID); err == nil || first.State != deliveries.Pending {
			t.Errorf("redelivered what is %v: %v", first.State, err)
		}
		w.ended(1)
		if err := w.Redeliver(first.ID); err != nil {
			t.Fatal(err)
		}
		all := w.ended(2)
		again := all[1]
		if len(all) != 2 || !again.Redelivery || all[0].Redelivery || again.ID != first.ID || string(again.Body) != string(first.Body) || again.State != deliveries.Delivered || len(again.Attempts) != 1 {
			t.Errorf("journal: %+v", all)
		}
		seen := r.seen()
		if last := seen[2]; last.verified != nil || last.delivery.ID != first.ID || last.body != seen[0].body {
			t.Errorf("arrived: %+v", last)
		}
		if err := w.Redeliver("msg_unknown"); err == nil {
			t.Error("redelivered the unknown")
		}
		w.registry.Disable("wh")
		if err := w.Redeliver(first.ID); err == nil {
			t.Error("redelivered to a disabled webhook")
		}
		w.registry.remove("wh")
		if err := w.Redeliver(first.ID); err == nil {
			t.Error("redelivered to a webhook that is gone")
		}
		w.Close()
		if err := w.Redeliver(first.ID); err == nil {
			t.Error("redelivered after Close")
		}
	})
}

// TestJournalSize: what has ended is forgotten, oldest first; what is pending
// is not.
func TestJournalSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := responding(500, 200)
		w := newWorld(t, r, []deliveries.Webhook{hook("wh")}, func(c *deliveries.Config) { c.JournalSize = 3 })
		w.happen("pending", "agent.launched")
		synctest.Wait()
		for i := range 10 {
			w.happen(fmt.Sprint(i), "agent.launched")
			synctest.Wait()
		}
		all := w.Deliveries()
		var bodies []string
		for _, d := range all {
			_, data, _ := strings.Cut(string(d.Body), `"data":`)
			bodies = append(bodies, data)
		}
		if s := strings.Join(bodies, " "); len(all) != 4 || s != `{"id":"pending"}} {"id":"7"}} {"id":"8"}} {"id":"9"}}` {
			t.Errorf("journal: %s", s)
		}
		if all := w.ended(11); len(all) != 3 {
			t.Errorf("%d in the journal, want 3", len(all))
		}
	})
}

func TestAwait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, responding(500), []deliveries.Webhook{hook("wh")})
		w.happen("1", "agent.launched")
		late := errors.New("too late")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Second, late)
		defer cancel()
		all, err := w.Await(ctx, func(p deliveries.Progress) bool { return p.Ended > 0 })
		if !errors.Is(err, late) || len(all) != 1 || len(all[0].Attempts) != 3 {
			t.Errorf("%v, %+v", err, all)
		}
		all, err = w.Await(t.Context(), func(p deliveries.Progress) bool { return p.Attempts >= 5 })
		if err != nil || len(all[0].Attempts) != 5 {
			t.Errorf("%v, %+v", err, all)
		}
		waited := make(chan error)
		go func() {
			_, err := w.Await(t.Context(), func(p deliveries.Progress) bool { return p.Ended > 1 })
			waited <- err
		}()
		synctest.Wait()
		w.Close()
		if err := <-waited; !errors.Is(err, deliveries.ErrClosed) {
			t.Errorf("while it was closed: %v", err)
		}
	})
}

func TestReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{respond: func(i int, w http.ResponseWriter, req *http.Request) {
			switch i {
			case 0:
				w.WriteHeader(500)
			case 1:
				<-req.Context().Done()
			}
		}}
		w := newWorld(t, r, []deliveries.Webhook{hook("wh")})
		w.happen("1", "agent.launched") // waits for its second attempt
		synctest.Wait()
		w.happen("2", "agent.launched") // is being received
		w.happen("2", "agent.stopped")  // waits for its turn
		synctest.Wait()
		before := w.Deliveries()
		w.Reset()
		if all := w.Deliveries(); len(all) != 0 || len(before) != 3 {
			t.Errorf("%d deliveries before, %d after", len(before), len(all))
		}
		time.Sleep(time.Hour)
		if n := len(r.seen()); n != 2 {
			t.Errorf("%d arrivals", n)
		}
		w.happen("3", "agent.launched")
		if all := w.ended(1); len(all) != 1 || all[0].State != deliveries.Delivered {
			t.Errorf("afterwards: %+v", all)
		}
	})
}

// TestClose: it waits for handlers, leaves no goroutine (the bubble would not
// end) and sends nothing more.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		returned := false
		r := &receiver{respond: func(_ int, _ http.ResponseWriter, req *http.Request) {
			<-req.Context().Done()
			time.Sleep(time.Second)
			returned = true
		}}
		w := newWorld(t, r, []deliveries.Webhook{hook("wh")})
		w.happen("1", "agent.launched")
		w.happen("1", "agent.stopped")
		synctest.Wait()
		w.Close()
		if !returned {
			t.Error("Close did not wait for the handler")
		}
		w.happen("2", "agent.launched")
		w.Close()
		for _, d := range w.Deliveries() {
			if d.State != deliveries.Dropped || d.Reason == "" {
				t.Errorf("after Close: %+v", d)
			}
		}
		if n := len(r.seen()); n != 1 {
			t.Errorf("%d arrivals", n)
		}
	})
}

// TestConcurrency: many resources share a bounded number of attempts.
func TestConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		now, most := 0, 0
		w := newWorld(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			now--
			mu.Unlock()
		}), []deliveries.Webhook{hook("wh")})
		for i := range 200 {
			w.happen(fmt.Sprint(i), "agent.launched")
		}
		w.ended(200)
		if most != 64 {
			t.Errorf("%d at once", most)
		}
	})
}

// TestManualClock: retries and timeouts wait for the clock to be moved.
func TestManualClock(t *testing.T) {
	start := time.Date(2024, 1, 15, 10, 30, 0, 0, time.UTC)
	manual := clock.NewManual(start)
	r := &receiver{respond: func(i int, w http.ResponseWriter, req *http.Request) {
		switch i {
		case 0:
			w.WriteHeader(500)
		case 1:
			<-req.Context().Done()
		}
	}}
	w := newWorld(t, r, []deliveries.Webhook{hook("wh")}, func(c *deliveries.Config) { c.Clock = manual })
	attempted := func(n int) deliveries.Delivery {
		all, err := w.Await(t.Context(), func(p deliveries.Progress) bool { return p.Attempts >= n })
		if err != nil {
			t.Fatal(err)
		}
		return all[0]
	}
	w.happen("1", "agent.launched")
	if d := attempted(1); d.State != deliveries.Pending {
		t.Errorf("after one attempt: %+v", d)
	}
	manual.Advance(time.Second)
	for len(r.seen()) < 2 { // the second attempt has no end yet that could be awaited
		runtime.Gosched()
	}
	manual.Advance(15 * time.Second)
	if d := attempted(2); d.Attempts[1].Err == nil {
		t.Errorf("after the timeout: %+v", d.Attempts[1])
	}
	manual.Advance(5 * time.Second)
	d := w.ended(1)[0]
	if d.State != deliveries.Delivered || !d.Attempts[2].Time.Equal(start.Add(21*time.Second)) || d.Attempts[1].Duration != 15*time.Second {
		t.Errorf("in the end: %+v", d)
	}
	if at := r.seen()[2].delivery.Timestamp; !at.Equal(start.Add(21 * time.Second)) {
		t.Errorf("signed at %v", at)
	}
}

// TestSockets: without a receiver of this process, a delivery goes over HTTP.
func TestSockets(t *testing.T) {
	r := responding(302, 200)
	server := httptest.NewServer(r)
	defer server.Close()
	w := newWorld(t, http.NotFoundHandler(), []deliveries.Webhook{hook("wh", func(w *deliveries.Webhook) { w.URL = server.URL + "/hook" })},
		func(c *deliveries.Config) { c.Client, c.Retries = nil, []time.Duration{0, 0} })
	w.happen("1", "agent.launched")
	d := w.ended(1)[0]
	if seen := r.seen(); d.State != deliveries.Delivered || len(seen) != 2 || seen[1].verified != nil || seen[1].header.Get("User-Agent") != "Connix-Webhooks/1.0" {
		t.Errorf("%d arrivals; %+v", len(seen), d)
	}
	server.Close()
	w.happen("2", "agent.launched")
	if d := w.ended(2)[1]; d.State != deliveries.Failed || len(d.Attempts) != 3 || d.Attempts[2].Err == nil {
		t.Errorf("nobody listens: %+v", d)
	}
}

func TestReceivers(t *testing.T) {
	named := func(name string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(name)) })
	}
	var receivers []deliveries.Receiver
	for at, name := range map[string]string{
		"http://app.test": "host", "http://app.test/hooks": "hooks", "http://app.test/hooks/connix/": "connix", "https://app.test": "tls", "http://app.test:8080": "port",
	} {
		r, err := deliveries.NewReceiver(at, named(name))
		if err != nil {
			t.Fatal(err)
		}
		receivers = append(receivers, r)
	}
	for to, want := range map[string]string{
		"http://app.test": "host", "http://app.test/": "host", "http://app.test/hooksmith": "host", "http://APP.test/hooks?x=/y": "hooks",
		"http://app.test/hooks/connix": "connix", "http://app.test/hooks/connix/1": "connix", "https://app.test/hooks": "tls",
		"http://app.test:8080/hooks": "port", "http://other.test/hooks": "",
	} {
		w := newWorld(t, http.NotFoundHandler(), []deliveries.Webhook{hook("wh", func(w *deliveries.Webhook) { w.URL = to })},
			func(c *deliveries.Config) { c.Receivers, c.Retries = receivers, []time.Duration{} })
		w.happen("1", "agent.launched")
		if d := w.ended(1)[0]; string(d.Attempts[0].Response) != want || (d.Attempts[0].Err == nil) != (want != "") {
			t.Errorf("%s went to %q: %v", to, d.Attempts[0].Response, d.Attempts[0].Err)
		}
	}
	for _, bad := range []string{"", "app.test", "/hooks", "ftp://app.test", "http://", "http://["} {
		if _, err := deliveries.NewReceiver(bad, named("x")); err == nil {
			t.Errorf("a receiver for %q", bad)
		}
	}
	if _, err := deliveries.NewReceiver("http://app.test", nil); err == nil {
		t.Error("a receiver without a handler")
	}
}
