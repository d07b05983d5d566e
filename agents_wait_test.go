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

// polls is what WaitFor asks for.
var polls = connixtest.Match{Method: "GET", Route: "/agents/{id}"}

func TestWaitFor(t *testing.T) {
	until := connix.WithUntil
	for _, c := range []struct {
		name    string
		plan    connixtest.AgentPlan
		options []connix.CallOption
		want    connix.Status
		after   time.Duration
		polls   int
	}{
		{"any end", tenMinutes, nil, connix.StatusCompleted, 620 * time.Second, 31},
		{"any end, by name", tenMinutes, []connix.CallOption{until()}, connix.StatusCompleted, 620 * time.Second, 31},
		{"a state on the way", tenMinutes, []connix.CallOption{until(connix.StatusRunning)}, connix.StatusRunning, time.Second, 2},
		{"the state it is in", connixtest.AgentPlan{}, []connix.CallOption{until("other", connix.StatusCreating)}, connix.StatusCreating, 0, 1},
		{"the first of several", tenMinutes, []connix.CallOption{until(connix.StatusCompleted, connix.StatusRunning)}, connix.StatusRunning, time.Second, 2},
		{"the last option counts", tenMinutes, []connix.CallOption{until("never"), nil, until(connix.StatusRunning)}, connix.StatusRunning, time.Second, 2},
		{"an end that was asked for", connixtest.AgentPlan{{Status: connix.StatusFailed}}, []connix.CallOption{until(connix.StatusFailed)}, connix.StatusFailed, 0, 1},
		{"a state nobody knows", connixtest.AgentPlan{{After: 5 * time.Second, Status: "hibernating"}}, []connix.CallOption{until("hibernating")}, "hibernating", 7 * time.Second, 4},
		{"a fixed interval", connixtest.AgentPlan{{After: 9500 * time.Millisecond, Status: connix.StatusStopped}}, []connix.CallOption{connix.WithPollInterval(time.Second, time.Second)}, connix.StatusStopped, 10 * time.Second, 11},
		{"an interval", tenMinutes, []connix.CallOption{connix.WithPollInterval(5*time.Minute, 7*time.Minute)}, connix.StatusCompleted, 15 * time.Minute, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			waiting(t, c.plan, func(ctx context.Context, t *testing.T, srv *connixtest.Server, id connix.ID) {
				client, start := srv.Client(t), time.Now()
				agent := must(client.Agents.WaitFor(ctx, id, c.options...))(t)
				equal(t, "status", agent.Status, c.want)
				equal(t, "waited", time.Since(start).Truncate(time.Second), c.after)
				srv.Expect(t, polls, c.polls)
			})
		})
	}
}

func TestWaitFor_refusedOptions(t *testing.T) {
	srv := newServer(t)
	client, ctx := srv.Client(t), t.Context()
	for name, options := range map[string][]connix.CallOption{
		"WithUntil":        {connix.WithUntil(connix.StatusRunning, "")},
		"WithRequestID":    {connix.WithRequestID("one")},
		"WithPrefetch":     {connix.WithPrefetch(1)},
		"WithMaxPages":     {connix.WithMaxPages(1)},
		"WithPollInterval": {connix.WithPollInterval(time.Second, time.Minute), connix.WithPollInterval(0, time.Second)},
	} {
		_, err := client.Agents.WaitFor(ctx, "agent_1", options...)
		mustRefuse(t, err, name)
	}
	_, err := client.Agents.WaitFor(ctx, "agent_1", connix.WithPollInterval(time.Minute, time.Second))
	mustRefuse(t, err, "WithPollInterval")
	for name, option := range map[string]connix.CallOption{
		"WithUntil": connix.WithUntil(), "WithPollInterval": connix.WithPollInterval(time.Second, time.Second),
	} {
		_, err := client.Agents.Get(ctx, "agent_1", option)
		mustRefuse(t, err, name)
		_, err = collect(client.Agents.All(ctx, nil, option))
		mustRefuse(t, err, name)
		_, err = client.Agents.FindByName(ctx, "1", "name", option)
		mustRefuse(t, err, name)
	}
	srv.Expect(t, connixtest.Match{}, 0)
}

// A slow poll does not end a wait that has time for another, and the last poll is
// made shortly before the deadline.
func TestWaitFor_pollsUntilTheDeadline(t *testing.T) {
	for name, c := range map[string]struct {
		slow, ends, within, after time.Duration
	}{
		"a slow poll":          {2 * time.Second, 2500 * time.Millisecond, 6 * time.Second, 3 * time.Second},
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

// The pauses grow with the time that was waited, and with what the rate limit
// leaves of its hour.
func TestWaitFor_pauses(t *testing.T) {
	for name, c := range map[string]struct {
		headers connixtest.Action
		want    string
	}{
		"a fresh hour":       {nil, "1s 2s 4s 8s 14.3s 14.3s 14.2s 14.2s"},
		"nothing stated":     {connixtest.NoRateHeaders(), "1s 1s 1s 1s 1s 1s 1s 1s"},
		"little left":        {connixtest.RateHeaders("1000", "10", "946688400"), "1s 2s 4s 8s 16s 32s 1m0s 1m0s"},
		"nothing left":       {connixtest.RateHeaders("1000", "0", "946688400"), "1s 2s 4s 8s 16s 32s 1m0s 1m0s"},
		"reset in the past":  {connixtest.RateHeaders("1000", "10", "7"), "1s 1s 1s 1s 1s 1s 1s 1s"},
		"reset in a century": {connixtest.RateHeaders("1000", "900", "4102444800"), "1s 2s 4s 8s 16s 16s 16s 16s"},
	} {
		t.Run(name, func(t *testing.T) {
			waiting(t, connixtest.AgentPlan{{After: 24 * time.Hour, Status: connix.StatusStopped}}, func(ctx context.Context, t *testing.T, srv *connixtest.Server, id connix.ID) {
				if c.headers != nil {
					srv.Inject(connixtest.Fault{Action: c.headers})
				}
				ctx, cancel := context.WithCancel(ctx)
				n := 0
				client := srv.Client(t, connix.WithHooks(connix.Hooks{CallDone: func(context.Context, connix.CallInfo) {
					if n++; n == 9 {
						cancel()
					}
				}}))
				_, err := client.Agents.WaitFor(ctx, id)
				mustErrorIs(t, err, context.Canceled)
				var pauses []string
				var before time.Time
				for _, r := range must(srv.AwaitRequests(t.Context(), polls, 9))(t) {
					if !before.IsZero() {
						pauses = append(pauses, r.Time.Sub(before).Round(100*time.Millisecond).String())
					}
					before = r.Time
				}
				equal(t, "pauses", strings.Join(pauses, " "), c.want)
			})
		})
	}
}

// One agent is noticed to have ended within an eighth of its life, or 2 seconds, at
// a price that leaves the rate limit to others.
func TestWaitFor_costAndLateness(t *testing.T) {
	for _, c := range []struct {
		life   time.Duration
		stated bool // the responses state the rate limit
		polls  int
	}{
		{2 * time.Minute, true, 15}, {5 * time.Minute, false, 45}, {5 * time.Second, false, 8}, {30 * time.Minute, false, 100}, {30 * time.Minute, true, 90},
	} {
		waiting(t, connixtest.AgentPlan{{After: c.life, Status: connix.StatusCompleted}}, func(ctx context.Context, t *testing.T, srv *connixtest.Server, id connix.ID) {
			if !c.stated {
				srv.Inject(connixtest.Fault{Action: connixtest.NoRateHeaders()})
			}
			start := time.Now()
			must(srv.Client(t).Agents.WaitFor(ctx, id))(t)
			if late, most := time.Since(start)-c.life, max(c.life/8, 2*time.Second); late > most {
				t.Errorf("%s: %s late, at most %s wanted", c.life, late, most)
			}
			if n := len(must(srv.AwaitRequests(t.Context(), polls, 1))(t)); n > c.polls {
				t.Errorf("%s: %d polls, at most %d wanted", c.life, n, c.polls)
			}
		})
	}
}

// An outage of whatever kind does not end a wait.
func TestWaitFor_outage(t *testing.T) {
	for name, action := range map[string]connixtest.Action{
		"503":                 connixtest.RespondError(503, "INTERNAL_ERROR", "maintenance"),
		"500":                 connixtest.RespondError(500, "INTERNAL_ERROR", "broken"),
		"501":                 connixtest.Respond(501, "", nil),
		"a gateway's page":    connixtest.HTMLError(502),
		"lost before":         connixtest.ResetBefore(),
		"lost after":          connixtest.ResetAfter(),
		"cut":                 connixtest.Truncate(10),
		"429":                 connixtest.RateLimited(""),
		"429 with a pause":    connixtest.RateLimited("7"),
		"429 with a far time": connixtest.RateLimited("4000"),
		"503 with a far time": connixtest.Respond(503, "", map[string][]string{"Retry-After": {"4000"}}),
	} {
		t.Run(name, func(t *testing.T) {
			waiting(t, tenMinutes, func(ctx context.Context, t *testing.T, srv *connixtest.Server, id connix.ID) {
				time.AfterFunc(30*time.Second, func() {
					outage := srv.Inject(connixtest.Fault{Action: action})
					time.AfterFunc(11*time.Minute, outage.Remove)
				})
				start := time.Now()
				agent := must(srv.Client(t, connix.WithRetryPolicy(connix.RetryPolicy{MaxRetries: 1, BaseDelay: time.Second, MaxDelay: time.Second})).Agents.WaitFor(ctx, id))(t)
				equal(t, "status", agent.Status, connix.StatusCompleted)
				if waited := time.Since(start); waited < 11*time.Minute || waited > 14*time.Minute {
					t.Errorf("waited %s", waited)
				}
			})
		})
	}
}

// A wait that ends in an outage shows the last failure, and the state before.
func TestWaitFor_endsInOutage(t *testing.T) {
	waiting(t, tenMinutes, func(ctx context.Context, t *testing.T, srv *connixtest.Server, id connix.ID) {
		time.AfterFunc(10*time.Second, func() {
			srv.Inject(connixtest.Fault{Action: connixtest.RespondError(503, "INTERNAL_ERROR", "the database is away")})
		})
		ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
		defer cancel()
		start := time.Now()
		_, err := srv.Client(t).Agents.WaitFor(ctx, id)
		e := mustError(t, err, context.DeadlineExceeded, connix.ErrServer)
		equal(t, "route", e.Route, "/agents/{id}")
		for _, word := range []string{"still running", "503", "the database is away"} {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("the text does not say %q: %v", word, err)
			}
		}
		if waited := time.Since(start); waited > 2*time.Minute {
			t.Errorf("it took %s", waited)
		}
	})
}

// The limiter's refusal is no end either: the wait goes on when calls are allowed.
func TestWaitFor_refusedByLimiter(t *testing.T) {
	waiting(t, tenMinutes, func(ctx context.Context, t *testing.T, srv *connixtest.Server, id connix.ID) {
		client := srv.Client(t, connix.WithRateLimiter(connix.NewRateLimiter(connix.Window{Limit: 3, Period: 8 * time.Minute})), connix.WithMaxRateLimitWait(0))
		start := time.Now()
		must(client.Agents.WaitFor(ctx, id))(t)
		if waited := time.Since(start); waited < 10*time.Minute || waited > 18*time.Minute {
			t.Errorf("waited %s", waited)
		}
	})
}

// Failures that a later poll would meet again end the wait at once.
func TestWaitFor_endsAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		action connixtest.Action
		want   error
	}{
		"400":            {connixtest.RespondError(400, "INVALID_REQUEST", "no"), connix.ErrInvalidRequest},
		"401":            {connixtest.RespondError(401, "UNAUTHORIZED", "no"), connix.ErrUnauthorized},
		"403":            {connixtest.RespondError(403, "FORBIDDEN", "no"), connix.ErrForbidden},
		"404":            {connixtest.RespondError(404, "RESOURCE_NOT_FOUND", "no"), connix.ErrNotFound},
		"409":            {connixtest.RespondError(409, "CONFLICT", "no"), connix.ErrConflict},
		"422":            {connixtest.RespondError(422, "INVALID_REQUEST", "no"), connix.ErrInvalidRequest},
		"a redirect":     {connixtest.RedirectTo("https://example.com/", 302), connix.ErrRedirectRefused},
		"no agent":       {connixtest.Respond(200, `{}`, nil), connix.ErrInvalidResponse},
		"no JSON at all": {connixtest.Respond(200, `<html>`, nil), connix.ErrInvalidResponse},
	} {
		t.Run(name, func(t *testing.T) {
			waiting(t, tenMinutes, func(ctx context.Context, t *testing.T, srv *connixtest.Server, id connix.ID) {
				srv.Inject(connixtest.Fault{Action: c.action})
				start := time.Now()
				_, err := srv.Client(t).Agents.WaitFor(ctx, id)
				mustErrorIs(t, err, c.want)
				equal(t, "waited", time.Since(start), 0)
				srv.Expect(t, polls, 1)
			})
		})
	}
	t.Run("no credential", func(t *testing.T) {
		waiting(t, tenMinutes, func(ctx context.Context, t *testing.T, srv *connixtest.Server, id connix.ID) {
			client := srv.Client(t, connix.WithAPIKeySource(func(context.Context) (string, error) { return "", errShutdown }))
			_, err := client.Agents.WaitFor(ctx, id)
			mustErrorIs(t, err, errShutdown)
			srv.Expect(t, polls, 0)
		})
	})
}

func TestWaitFor_endsOtherwise(t *testing.T) {
	waiting(t, connixtest.AgentPlan{{After: 2 * time.Second, Status: connix.StatusFailed}}, func(ctx context.Context, t *testing.T, srv *connixtest.Server, id connix.ID) {
		agent, err := srv.Client(t).Agents.WaitFor(ctx, id, connix.WithUntil(connix.StatusRunning, connix.StatusCompleted))
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
		equal(t, "request id of the last poll", e.RequestID, last.Header.Get("X-Request-ID"))
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

// A wait ends with its context, and at once where the next poll would come
// after the deadline.
func TestWaitFor_endsWithItsContext(t *testing.T) {
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

// A poll that fails ends the wait with its own error, whole.
func TestWaitFor_fails(t *testing.T) {
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
