package state_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connix-io/connix-go/internal/fake/clock"
	"github.com/connix-io/connix-go/internal/fake/state"
	"github.com/connix-io/connix-go/internal/fake/table"
)

var start = time.Date(2024, 1, 15, 10, 30, 0, 0, time.UTC)

// log notes events as "type resource status@time since the start".
type log struct {
	mu     sync.Mutex
	events []string
}

func (l *log) observe(e state.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := e.Type
	if e.Agent != nil {
		text += " " + e.Agent.Label + " " + e.Agent.Status
	} else {
		text += " " + e.Project.Label
	}
	l.events = append(l.events, fmt.Sprintf("%s@%v", text, e.At.Sub(start)))
}

func (l *log) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	events := l.events
	l.events = nil
	return events
}

func (l *log) want(t *testing.T, want ...string) {
	t.Helper()
	if got := l.take(); !slices.Equal(got, want) {
		t.Errorf("events:\n got %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

func newStore() (*state.Store, *clock.Manual, *log) {
	c, l := clock.NewManual(start), &log{}
	return state.New(state.Config{Clock: c, Observe: l.observe}), c, l
}

func launch(t *testing.T, s *state.Store, project state.ID, name string) *state.Agent {
	t.Helper()
	a, _, err := s.LaunchAgent(state.Launch{Name: name, ProjectID: project})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func statusOf(t *testing.T, s *state.Store, id state.ID) string {
	t.Helper()
	a, err := s.Agent(id)
	if err != nil {
		t.Fatal(err)
	}
	return a.Status
}

func TestTheDefaultPlan(t *testing.T) {
	s, c, l := newStore()
	p, _ := s.CreateProject("one")
	a := launch(t, s, p.ID, "worker")
	for _, step := range []struct {
		advance time.Duration
		want    string
	}{
		{0, "creating"}, {199 * time.Millisecond, "creating"}, {time.Millisecond, "running"},
		{599 * time.Millisecond, "running"}, {time.Millisecond, "completed"}, {time.Hour, "completed"},
	} {
		c.Advance(step.advance)
		if got := statusOf(t, s, a.ID); got != step.want {
			t.Errorf("at %v: %s, want %s", c.Now().Sub(start), got, step.want)
		}
	}
	l.want(t, "project.created one@0s", "agent.launched worker creating@0s", "agent.completed worker completed@800ms")
	a, _ = s.Agent(a.ID)
	if at := start.Add(800 * time.Millisecond); !a.UpdatedAt.Equal(at) || !a.LastActivityAt.Equal(at) || !a.CreatedAt.Equal(start) {
		t.Errorf("times of %+v", a)
	}
}

func TestPlansOfATest(t *testing.T) {
	s, c, l := newStore()
	p, _ := s.CreateProject("one")
	l.take()
	plans := map[string][]state.Step{
		"fails":   {{After: 3 * time.Second, Status: "failed"}},
		"errs":    {{After: time.Second, Status: "running"}, {After: time.Second, Status: "error"}},
		"at once": {{Status: "running"}, {Status: "completed"}},
		"never":   {},
		"odd":     {{After: time.Second, Status: "dreaming"}, {After: -time.Hour, Status: "dreaming"}},
	}
	var asked []state.Launch
	s.OnLaunch(func(l state.Launch) []state.Step {
		asked = append(asked, l)
		return plans[l.Name]
	})
	ids := map[string]state.ID{}
	for _, name := range []string{"fails", "errs", "at once", "never", "odd", "default"} {
		ids[name] = launch(t, s, p.ID, name).ID
	}
	if len(asked) != 6 || asked[0] != (state.Launch{Name: "fails", ProjectID: p.ID}) {
		t.Errorf("plans were asked for %v", asked)
	}
	if got := statusOf(t, s, ids["at once"]); got != "completed" {
		t.Errorf("an agent without delays is %s at once", got)
	}
	l.take()
	c.Advance(time.Hour)
	for name, want := range map[string]string{"fails": "failed", "errs": "error", "at once": "completed", "never": "creating", "odd": "dreaming", "default": "completed"} {
		if got := statusOf(t, s, ids[name]); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	l.want(t, "agent.completed default completed@800ms", "agent.failed errs error@2s", "agent.failed fails failed@3s")
}

// TestStateFollowsFromTheClock reads without a timer having had a chance to
// fire: the one of a system clock may be late.
func TestStateFollowsFromTheClock(t *testing.T) {
	c := &lateClock{now: start}
	l := &log{}
	s := state.New(state.Config{Clock: c, Observe: l.observe})
	p, _ := s.CreateProject("one")
	a := launch(t, s, p.ID, "worker")
	c.now = start.Add(time.Minute)
	page, total := s.Agents(table.Query[*state.Agent]{Limit: 1, Keep: func(a *state.Agent) bool { return a.Status == "completed" }})
	if total != 1 || page[0].ID != a.ID {
		t.Errorf("%d agents are completed, want 1", total)
	}
	l.want(t, "project.created one@0s", "agent.launched worker creating@0s", "agent.completed worker completed@800ms")
}

// lateClock has timers that never fire.
type lateClock struct{ now time.Time }

func (c *lateClock) Now() time.Time                              { return c.now }
func (c *lateClock) AfterFunc(time.Duration, func()) clock.Timer { return deadTimer{} }

type deadTimer struct{}

func (deadTimer) Stop() bool { return true }

func TestStopAndSetStatusEndThePlan(t *testing.T) {
	s, c, l := newStore()
	p, _ := s.CreateProject("one")
	a, b := launch(t, s, p.ID, "a"), launch(t, s, p.ID, "b")
	l.take()
	c.Advance(300 * time.Millisecond)
	if got, err := s.StopAgent(a.ID); err != nil || got.Status != "stopped" || !got.UpdatedAt.Equal(start.Add(300*time.Millisecond)) {
		t.Errorf("StopAgent = %+v, %v", got, err)
	}
	if !s.SetAgentStatus(b.ID, "paused") || s.SetAgentStatus("agent_none", "paused") {
		t.Error("SetAgentStatus does not tell whether there is such an agent")
	}
	c.Advance(time.Hour)
	if x, y := statusOf(t, s, a.ID), statusOf(t, s, b.ID); x != "stopped" || y != "paused" {
		t.Errorf("an hour later: %s and %s", x, y)
	}
	// Again: nothing happens, and nothing is told.
	if got, err := s.StopAgent(a.ID); err != nil || got.Status != "stopped" || got.UpdatedAt.Equal(c.Now()) {
		t.Errorf("second StopAgent = %+v, %v", got, err)
	}
	s.SetAgentStatus(b.ID, "failed")
	l.want(t, "agent.stopped a stopped@300ms", "agent.failed b failed@1h0m0.3s")
	e, _ := errors.AsType[*state.Error](second(s.StopAgent(b.ID)))
	if e == nil || e.Kind != state.Conflict || e.Field != "status" || e.Issue != "is failed" {
		t.Errorf("StopAgent of one that failed: %+v", e)
	}
}

func second[T any](_ T, err error) error { return err }

func TestDeletingAProjectDeletesItsAgents(t *testing.T) {
	s, c, l := newStore()
	one, _ := s.CreateProject("one")
	two, _ := s.CreateProject("two")
	gone, stays := launch(t, s, one.ID, "gone"), launch(t, s, two.ID, "stays")
	l.take()
	if err := s.DeleteProject(one.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Agent(gone.ID); err == nil {
		t.Error("an agent outlives its project")
	}
	if _, _, err := s.AgentsOf(one.ID, table.Query[*state.Agent]{}); err == nil {
		t.Error("a deleted project has a list of agents")
	}
	c.Advance(time.Hour)
	if got := statusOf(t, s, stays.ID); got != "completed" {
		t.Errorf("the other project's agent is %s", got)
	}
	l.want(t, "project.deleted one@0s", "agent.completed stays completed@800ms")
}

func TestEventsAreOrderedAndComeOutsideTheLock(t *testing.T) {
	const workers, renames = 8, 50
	c := clock.NewManual(start)
	names := map[state.ID][]string{}
	observing := false
	var s *state.Store
	s = state.New(state.Config{Clock: c, Observe: func(e state.Event) {
		if observing {
			t.Error("two events at once")
		}
		observing = true
		// The store can be used, even changed, from here.
		if _, err := s.Project(e.Project.ID); err != nil {
			t.Error(err)
		}
		names[e.Project.ID] = append(names[e.Project.ID], e.Project.Label)
		observing = false
	}})
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			p, err := s.CreateProject(fmt.Sprintf("p-%d-0", w))
			if err != nil {
				t.Error(err)
				return
			}
			for i := range renames {
				name := fmt.Sprintf("p-%d-%d", w, i+1)
				if _, err := s.UpdateProject(p.ID, &name); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if len(names) != workers {
		t.Errorf("events of %d projects", len(names))
	}
	for id, all := range names {
		for i, name := range all {
			if !strings.HasSuffix(name, fmt.Sprintf("-%d", i)) {
				t.Fatalf("project %s: event %d names it %s", id, i, name)
			}
		}
		if len(all) != renames+1 {
			t.Errorf("project %s: %d events", id, len(all))
		}
	}
}

func TestTimersOfPackageTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		events := make(chan state.Event, 10)
		s := state.New(state.Config{Clock: clock.System{}, Skew: time.Hour, Observe: func(e state.Event) { events <- e }})
		begin := time.Now()
		p, _ := s.CreateProject("one")
		launch(t, s, p.ID, "worker")
		for range 2 {
			<-events
		}
		e := <-events // nobody reads the store meanwhile
		if e.Type != "agent.completed" || time.Since(begin) != 800*time.Millisecond || !e.At.Equal(begin.Add(time.Hour+800*time.Millisecond)) {
			t.Errorf("after %v: %+v", time.Since(begin), e)
		}
		launch(t, s, p.ID, "late")
		<-events
		s.Close()
		time.Sleep(time.Hour)
		if len(events) > 0 {
			t.Errorf("an event after Close: %+v", <-events)
		}
	})
}

func TestResetForgets(t *testing.T) {
	s, c, l := newStore()
	p, _ := s.CreateProject("one")
	s.OnLaunch(func(state.Launch) []state.Step { return []state.Step{{After: time.Second, Status: "failed"}} })
	launch(t, s, p.ID, "a")
	k := s.AddAPIKey(&state.APIKey{})
	s.Reset()
	l.take()
	c.Advance(time.Hour)
	l.want(t)
	if _, total := s.Projects(table.Query[*state.Project]{}); total != 0 {
		t.Errorf("%d projects after Reset", total)
	}
	if got, _ := s.UseAPIKey(k.Secret); got != nil {
		t.Error("a key survives Reset")
	}
	p, _ = s.CreateProject("one")
	if p.ID != "1" {
		t.Errorf("the first project after Reset has the id %s", p.ID)
	}
	a := launch(t, s, p.ID, "b")
	c.Advance(time.Second)
	if got := statusOf(t, s, a.ID); got != "failed" {
		t.Errorf("what OnLaunch has set is forgotten: %s", got)
	}
}

func TestSeeds(t *testing.T) {
	s, _, l := newStore()
	day := start.Add(-24 * time.Hour)
	added := s.AddProjects(4, func(i int) state.Project {
		return []state.Project{
			{},
			{Key: table.Key{ID: "7", Label: "x", CreatedAt: day}},
			{Key: table.Key{UpdatedAt: day}},
			{Key: table.Key{ID: "proj_a"}},
		}[i]
	})
	want := []table.Key{
		{ID: "1", Label: "project-1", CreatedAt: start, UpdatedAt: start},
		{ID: "7", Label: "x", CreatedAt: day, UpdatedAt: day},
		{ID: "8", Label: "project-8", CreatedAt: day, UpdatedAt: day},
		{ID: "proj_a", Label: "project-a", CreatedAt: start, UpdatedAt: start},
	}
	for i, p := range added {
		if p.Key != want[i] {
			t.Errorf("project %d is %+v, want %+v", i, p.Key, want[i])
		}
	}
	a := s.AddAgent(state.Agent{})
	if p, err := s.Project(a.ProjectID); err != nil || p.ID != "9" || a.Status != "running" || a.Label != string(a.ID) {
		t.Errorf("agent %+v in %+v, %v", a, p, err)
	}
	w := s.AddWebhook(state.Webhook{Key: table.Key{Label: "http://example.com"}})
	if w.Status != "active" || w.ID == "" {
		t.Errorf("webhook %+v", w)
	}
	k := s.AddAPIKey(&state.APIKey{LastUsedAt: &day})
	if got, err := s.APIKey(k.ID); err != nil || !got.LastUsedAt.Equal(day) || len(got.Scopes) != 0 || !strings.HasPrefix(got.Secret, "cx_") {
		t.Errorf("key %+v, %v", got, err)
	}
	l.want(t) // seeds are no events

	for name, f := range map[string]func(){
		"id":             func() { s.AddProjects(1, func(int) state.Project { return state.Project{Key: table.Key{ID: "7"}} }) },
		"name":           func() { s.AddProjects(1, func(int) state.Project { return state.Project{Key: table.Key{Label: "x"}} }) },
		"id in one go":   func() { s.AddProjects(2, func(int) state.Project { return state.Project{Key: table.Key{ID: "70"}} }) },
		"name in one go": func() { s.AddProjects(2, func(int) state.Project { return state.Project{Key: table.Key{Label: "y"}} }) },
		"project":        func() { s.AddAgent(state.Agent{ProjectID: "70"}) },
		"agent":          func() { s.AddAgent(state.Agent{Key: table.Key{ID: a.ID}}) },
		"webhook":        func() { s.AddWebhook(*w) },
		"key":            func() { s.AddAPIKey(&state.APIKey{Secret: k.Secret}) },
		"key id":         func() { s.AddAPIKey(&state.APIKey{Key: table.Key{ID: k.ID}}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: what is there already was added again", name)
				}
			}()
			f()
		}()
	}
	// A panic leaves no lock behind and nothing half done.
	if _, total := s.Projects(table.Query[*state.Project]{}); total != 6 {
		t.Errorf("%d projects", total)
	}
}

func TestIDsOfOneMomentSortByTheirMaking(t *testing.T) {
	s, _, _ := newStore()
	p, _ := s.CreateProject("one")
	var made []state.ID
	for i := range 30 {
		made = append(made, launch(t, s, p.ID, fmt.Sprint(i)).ID)
	}
	if !slices.IsSortedFunc(made, state.ID.Compare) {
		t.Errorf("ids in the order they were made: %v", made)
	}
}

func TestKinds(t *testing.T) {
	for _, status := range []string{"creating", "running", "paused", "updating", "active", "dreaming", ""} {
		if state.Ended(status) {
			t.Errorf("%q has ended", status)
		}
	}
	for _, status := range []string{"stopped", "completed", "failed", "error"} {
		if !state.Ended(status) {
			t.Errorf("%q has not ended", status)
		}
	}
	for e, want := range map[*state.Error]string{
		{Message: "No"}: "No",
		{Message: "No", Field: "name", Issue: "is x"}: "No: name is x",
	} {
		if got := e.Error(); got != want {
			t.Errorf("Error() = %q, want %q", got, want)
		}
	}
}
