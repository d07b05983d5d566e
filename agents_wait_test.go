package connix_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
)

// waiting runs f in a bubble, with an agent that follows the plan. The context
// ends a wait that would not end by itself.
func waiting(t *testing.T, plan connixtest.AgentPlan, f func(ctx context.Context, t *testing.T, srv *connixtest.Server, agent connix.ID)) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		srv := newServer(t, connixtest.WithInMemory())
		srv.OnLaunch(func(connix.LaunchAgentRequest) connixtest.AgentPlan { return plan })
		client, project := srv.Client(t), srv.AddProject(connix.Project{})
		must(client.Agents.Launch(t.Context(), connix.LaunchAgentRequest{Name: "worker", ProjectID: project.ID}))(t)
		agent := must(client.Agents.FindByName(t.Context(), project.ID, "worker"))(t)
		f(ctx, t, srv, agent.ID)
	})
}

var tenMinutes = connixtest.AgentPlan{{After: time.Second, Status: connix.StatusRunning}, {After: 10 * time.Minute, Status: connix.StatusCompleted}}

func TestWaitFor(t *testing.T) {
	for _, c := range []struct {
		name     string
		plan     connixtest.AgentPlan
		statuses []connix.Status
		want     connix.Status
		after    time.Duration
		polls    int
	}{
		{"any end", tenMinutes, nil, connix.StatusCompleted, 601 * time.Second, 25},
		{"a state on the way", tenMinutes, []connix.Status{connix.StatusRunning}, connix.StatusRunning, time.Second, 2},
		{"the state it is in", connixtest.AgentPlan{}, []connix.Status{"other", connix.StatusCreating}, connix.StatusCreating, 0, 1},
		{"the first of several", tenMinutes, []connix.Status{connix.StatusCompleted, connix.StatusRunning}, connix.StatusRunning, time.Second, 2},
		{"an end that was asked for", connixtest.AgentPlan{{Status: connix.StatusFailed}}, []connix.Status{connix.StatusFailed}, connix.StatusFailed, 0, 1},
		{"a state nobody knows", connixtest.AgentPlan{{After: 5 * time.Second, Status: "hibernating"}}, []connix.Status{"hibernating"}, "hibernating", 7 * time.Second, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			waiting(t, c.plan, func(ctx context.Context, t *testing.T, srv *connixtest.Server, id connix.ID) {
				client, start := srv.Client(t), time.Now()
				agent := must(client.Agents.WaitFor(ctx, id, c.statuses...))(t)
				equal(t, "status", agent.Status, c.want)
				equal(t, "waited", time.Since(start), c.after)
				srv.Expect(t, connixtest.Match{Method: "GET", Route: "/agents/{id}"}, c.polls)
			})
		})
	}
}

// A slow look does not end a wait that has time for another, and the last look is
// made shortly before the deadline.
func TestWaitForLooksUntilTheDeadline(t *testing.T) {
	for name, c := range map[string]struct {
		slow, ends, within, after time.Duration
	}{
		"a slow look":          {2 * time.Second, 2500 * time.Millisecond, 6 * time.Second, 3 * time.Second},
		"just before it":       {0, 35 * time.Second, 40 * time.Second, 39_900 * time.Millisecond},
		"sooner than a second": {0, 300 * time.Millisecond, 500 * time.Millisecond, 400 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			waiting(t, connixtest.AgentPlan{{After: c.ends, Status: connix.StatusCompleted}}, func(ctx context.Context, t *testing.T, srv *connixtest.Server, id connix.ID) {
				if c.slow > 0 {
					srv.Inject(connixtest.Fault{Times: 1, Action: connixtest.Delay(c.slow, nil)})
				}
				start := time.Now()
				ctx, cancel := context.WithTimeout(ctx, c.within)
				defer cancel()
				if _, err := srv.Client(t).Agents.WaitFor(ctx, id); err != nil {
					t.Error(err)
				}
				equal(t, "waited", time.Since(start), c.after)
			})
		})
	}
}

// The pauses are 1, 2, 4 … and at most 30 seconds.
func TestWaitForPauses(t *testing.T) {
	waiting(t, connixtest.AgentPlan{{After: 2 * time.Minute, Status: connix.StatusStopped}}, func(ctx context.Context, t *testing.T, srv *connixtest.Server, id connix.ID) {
		must(srv.Client(t).Agents.WaitFor(ctx, id))(t)
		var pauses []string
		var before time.Time
		for _, r := range srv.Requests() {
			if r.Route != "/agents/{id}" {
				continue
			}
			if !before.IsZero() {
				pauses = append(pauses, r.Time.Sub(before).String())
			}
			before = r.Time
		}
		equal(t, "pauses", strings.Join(pauses, " "), "1s 2s 4s 8s 16s 30s 30s 30s")
	})
}

func TestWaitForEndsOtherwise(t *testing.T) {
	waiting(t, connixtest.AgentPlan{{After: 2 * time.Second, Status: connix.StatusFailed}}, func(ctx context.Context, t *testing.T, srv *connixtest.Server, id connix.ID) {
		agent, err := srv.Client(t).Agents.WaitFor(ctx, id, connix.StatusRunning, connix.StatusCompleted)
		if agent != nil {
			t.Errorf("got the agent %+v, and the error", agent)
		}
		e := mustError(t, err)
		equal(t, "error", []any{e.StatusCode, e.Method, e.Route}, []any{0, "GET", "/agents/{id}"})
		state, ok := errors.AsType[*connix.AgentStateError](err)
		if !ok || state.Agent.ID != id || state.Agent.Status != connix.StatusFailed {
			t.Fatalf("got %v, want an AgentStateError with the agent", err)
		}
		last := srv.Requests()[len(srv.Requests())-1]
		equal(t, "request id of the last look", e.RequestID, last.Header.Get("X-Request-ID"))
		equal(t, "wanted", state.Want, []connix.Status{connix.StatusRunning, connix.StatusCompleted})
		for _, word := range []string{id.String(), "failed", "running or completed"} {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("the text does not name %q: %v", word, err)
			}
		}
	})
	for _, e := range []*connix.AgentStateError{nil, {}, {Want: []connix.Status{"x"}}} {
		if e.Error() == "" {
			t.Errorf("%+v has no text", e)
		}
	}
}

// A wait ends with its context, and at once where the next look would come
// after the deadline.
func TestWaitForEndsWithItsContext(t *testing.T) {
	for _, c := range []struct {
		name   string
		ctx    func(context.Context) (context.Context, context.CancelFunc)
		want   []error
		within time.Duration
	}{
		{"deadline", func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 20*time.Second)
		}, []error{context.DeadlineExceeded}, 19_900 * time.Millisecond},
		{"canceled", func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(20*time.Second, cancel)
			return ctx, cancel
		}, []error{context.Canceled}, 20 * time.Second},
		{"canceled for a reason", func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(ctx)
			time.AfterFunc(20*time.Second, func() { cancel(errShutdown) })
			return ctx, func() { cancel(nil) }
		}, []error{context.Canceled, errShutdown}, 20 * time.Second},
		{"over before it begins", func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return ctx, cancel
		}, []error{context.Canceled}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			waiting(t, connixtest.AgentPlan{}, func(ctx context.Context, t *testing.T, srv *connixtest.Server, id connix.ID) {
				client, start := srv.Client(t), time.Now()
				ctx, cancel := c.ctx(ctx)
				defer cancel()
				agent, err := client.Agents.WaitFor(ctx, id)
				e := mustError(t, err, c.want...)
				if agent != nil || e.StatusCode != 0 || e.Route != "/agents/{id}" {
					t.Errorf("got %v, %+v", agent, e)
				}
				equal(t, "waited", time.Since(start), c.within)
				if c.within > 0 && !strings.Contains(err.Error(), "creating") {
					t.Errorf("the text does not say what the agent is: %v", err)
				}
			})
		})
	}
}

var errShutdown = errors.New("the program shuts down")

// A look that fails ends the wait with its own error, whole.
func TestWaitForFails(t *testing.T) {
	waiting(t, connixtest.AgentPlan{}, func(ctx context.Context, t *testing.T, srv *connixtest.Server, id connix.ID) {
		client := srv.Client(t)
		time.AfterFunc(10*time.Second, func() {
			if err := srv.Client(t).Projects.Delete(context.Background(), "1"); err != nil {
				t.Error(err)
			}
		})
		start := time.Now()
		_, err := client.Agents.WaitFor(ctx, id)
		e := mustError(t, err, connix.ErrNotFound)
		equal(t, "status", e.StatusCode, 404)
		equal(t, "waited", time.Since(start), 15*time.Second)
	})
	srv := newServer(t)
	_, err := srv.Client(t).Agents.WaitFor(t.Context(), "..")
	mustRefuse(t, err, "id")
	srv.Expect(t, connixtest.Match{}, 0)
}
