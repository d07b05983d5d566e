package connix_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
)

// running adds n running agents to a server.
func running(srv *connixtest.Server, n int) (ids []connix.ID) {
	project := srv.AddProject(connix.Project{})
	for range n {
		ids = append(ids, srv.AddAgent(connix.Agent{ProjectID: project.ID, Status: connix.StatusRunning}).ID)
	}
	return ids
}

// stopAll returns what became of each agent, and how often one came.
func stopAll(t *testing.T, ctx context.Context, client *connix.Client, ids []connix.ID, opts ...connix.CallOption) map[connix.ID]error {
	t.Helper()
	got := map[connix.ID]error{}
	for agent, err := range client.Agents.StopAll(ctx, ids, opts...) {
		if agent == nil {
			t.Fatalf("no agent: %v", err)
		}
		if _, twice := got[agent.ID]; twice {
			t.Errorf("%s came twice", agent.ID)
		}
		got[agent.ID] = err
	}
	return got
}

func stillRunning(t *testing.T, client *connix.Client) int {
	t.Helper()
	return len(must(collect(client.Agents.All(t.Context(), &connix.ListAgentsOptions{ListOptions: connix.ListOptions{Status: connix.StatusRunning}})))(t))
}

func TestStopAll(t *testing.T) {
	for _, n := range []int{0, 1, 7, 8, 9, 100} {
		srv := newServer(t)
		ids, client := running(srv, n), srv.Client(t)
		got := stopAll(t, t.Context(), client, append(slices.Clone(ids), ids...))
		equal(t, "agents", len(got), n)
		for id, err := range got {
			if err != nil || !slices.Contains(ids, id) {
				t.Errorf("%s: %v", id, err)
			}
		}
		equal(t, "still running", stillRunning(t, client), 0)
		srv.Expect(t, connixtest.Match{Method: "POST"}, n)
	}
}

// What concerns one agent does not end the others.
func TestStopAll_errors(t *testing.T) {
	srv := newServer(t)
	ids, client := running(srv, 5), srv.Client(t)
	srv.SetAgentStatus(ids[0], connix.StatusCompleted)
	srv.SetAgentStatus(ids[1], connix.StatusStopped)
	got := stopAll(t, t.Context(), client, append(ids, "agent_none"))
	equal(t, "agents", len(got), 6)
	for id, err := range got {
		if id == "agent_none" {
			mustErrorIs(t, err, connix.ErrNotFound)
		} else if err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	for agent, err := range client.Agents.StopAll(t.Context(), ids[:1]) {
		equal(t, "an agent that has ended", []any{agent.Status, err}, []any{connix.StatusCompleted, nil})
	}
}

func TestStopAll_badKey(t *testing.T) {
	srv := newServer(t)
	ids, n := running(srv, 50), 0
	for agent, err := range srv.Client(t, connix.WithAPIKey("another")).Agents.StopAll(t.Context(), ids) {
		n++
		mustErrorIs(t, err, connix.ErrUnauthorized)
		if agent != nil {
			t.Errorf("got %v", agent)
		}
	}
	equal(t, "errors", n, 1)
	if sent := len(srv.Requests()); sent > 16 {
		t.Errorf("%d requests after the first refusal", sent)
	}
}

func TestStopAll_refused(t *testing.T) {
	srv := newServer(t)
	client, ctx := srv.Client(t), t.Context()
	for name, c := range map[string]struct {
		ids    []connix.ID
		option connix.CallOption
	}{
		"id":              {[]connix.ID{"agent_1", ""}, nil},
		"WithConcurrency": {[]connix.ID{"agent_1"}, connix.WithConcurrency(0)},
		"WithRequestID":   {[]connix.ID{"agent_1"}, connix.WithRequestID("one")},
		"WithResponse":    {[]connix.ID{"agent_1"}, connix.WithResponse(new(connix.Response))},
		"WithUntil":       {[]connix.ID{"agent_1"}, connix.WithUntil()},
		"WithMaxPages":    {[]connix.ID{"agent_1"}, connix.WithMaxPages(1)},
	} {
		_, err := collect(client.Agents.StopAll(ctx, c.ids, c.option))
		mustRefuse(t, err, name)
	}
	_, err := collect(client.Agents.StopAll(nil, nil)) //nolint:staticcheck // a nil context is the point
	mustRefuse(t, err, "ctx")
	_, err = client.Agents.Get(ctx, "agent_1", connix.WithConcurrency(2))
	mustRefuse(t, err, "WithConcurrency")
	srv.Expect(t, connixtest.Match{}, 0)
}

// Through an outage, each agent is stopped and comes once.
func TestStopAll_outage(t *testing.T) {
	bubble{}.test(t, func(t *testing.T, srv *connixtest.Server) {
		ids, client := running(srv, 100), srv.Client(t)
		for i, action := range []connixtest.Action{
			connixtest.ResetAfter(), connixtest.ResetBefore(), connixtest.HTMLError(502), connixtest.RateLimited("3"),
			connixtest.AfterProcessing(connixtest.Respond(504, "", nil)),
		} {
			srv.Inject(connixtest.Fault{Probability: 0.2, Seed: uint64(i), Action: action})
		}
		outage := srv.Inject(connixtest.Fault{Skip: 40, Action: connixtest.Respond(503, "", nil)})
		time.AfterFunc(5*time.Minute, outage.Remove)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		got := stopAll(t, ctx, client, ids)
		equal(t, "agents", len(got), 100)
		for id, err := range got {
			if err != nil {
				t.Errorf("%s: %v", id, err)
			}
		}
	})
}

// When ctx ends, every agent has come once, with the reason.
func TestStopAll_contextEnds(t *testing.T) {
	bubble{}.test(t, func(t *testing.T, srv *connixtest.Server) {
		ids, client := running(srv, 60), srv.Client(t)
		srv.Inject(connixtest.Fault{Skip: 20, Action: connixtest.RespondError(503, "INTERNAL_ERROR", "away")})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		got := stopAll(t, ctx, client, ids)
		equal(t, "agents", len(got), 60)
		stopped := 0
		for _, err := range got {
			if err == nil {
				stopped++
			} else if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v", err)
			}
		}
		equal(t, "stopped", stopped, 20)
		if d := time.Since(start); d > time.Minute {
			t.Errorf("it took %s", d)
		}
	})
}

// The calls at a time are as many as was said, and after a break those that were
// sent are awaited and no others are sent.
func TestStopAll_break(t *testing.T) {
	for _, n := range []int{1, 3, 8} {
		bubble{connixtest.WithLatency(time.Second, time.Second)}.test(t, func(t *testing.T, srv *connixtest.Server) {
			ids := running(srv, 50)
			var now, most, sent atomic.Int64
			client := srv.Client(t, connix.WithHTTPClient(&http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				if r.Method == "POST" {
					sent.Add(1)
					most.Store(max(most.Load(), now.Add(1)))
					defer now.Add(-1)
				}
				resp, err := srv.HTTPClient().Transport.RoundTrip(r)
				if err != nil || resp.StatusCode != http.StatusOK {
					t.Errorf("an attempt ended with %v, %v", resp, err)
				}
				return resp, err
			})}))
			came := 0
			for _, err := range client.Agents.StopAll(t.Context(), ids, connix.WithConcurrency(n)) {
				if err != nil {
					t.Error(err)
				}
				if came++; came == 10 {
					break
				}
			}
			equal(t, "under way after the loop", now.Load(), 0)
			equal(t, "at a time", most.Load(), int64(n))
			if s := sent.Load(); s > int64(10+n) {
				t.Errorf("%d were sent", s)
			}
			equal(t, "stopped", int64(50-stillRunning(t, client)), sent.Load())
		})
	}
}

// A break drops the calls that wait for the rate limit.
func TestStopAll_breakInLimiter(t *testing.T) {
	bubble{}.test(t, func(t *testing.T, srv *connixtest.Server) {
		ids := running(srv, 50)
		client := srv.Client(t, connix.WithRateLimiter(connix.NewRateLimiter(connix.Window{Limit: 10, Period: time.Hour})), connix.WithMaxRateLimitWait(-1))
		start := time.Now()
		for _, err := range client.Agents.StopAll(t.Context(), ids) {
			if err != nil {
				t.Error(err)
			}
			break
		}
		if d := time.Since(start); d > time.Minute {
			t.Errorf("the break took %s", d)
		}
		if n := len(srv.Requests()); n > 10 {
			t.Errorf("%d requests", n)
		}
	})
}

// A panic of a hook comes out of the loop.
func TestStopAll_panic(t *testing.T) {
	srv := newServer(t)
	ids := running(srv, 20)
	client := srv.Client(t, connix.WithHooks(connix.Hooks{CallDone: func(context.Context, connix.CallInfo) { panic("the hook's own") }}))
	defer func() {
		if got := recover(); got != "the hook's own" {
			t.Errorf("recovered %v", got)
		}
	}()
	for agent, err := range client.Agents.StopAll(t.Context(), ids) {
		t.Errorf("it goes on with %v, %v", agent, err)
	}
}
