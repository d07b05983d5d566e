package state

import (
	"time"

	"github.com/connix-io/connix-go/internal/fake/clock"
)

// Step is one change of an agent's status.
type Step struct {
	After  time.Duration // since the step before it, or the launch
	Status string
}

// DefaultPlan is the plan of agents without another one. It ends within a second, which
// is when a client that waits first looks.
func DefaultPlan() []Step {
	return []Step{{200 * time.Millisecond, StatusRunning}, {600 * time.Millisecond, StatusCompleted}}
}

// Launch is what a plan may depend on.
type Launch struct {
	Name      string
	ProjectID ID
}

// plans is what lies ahead of the agents: a transition for each that has a step
// to go, and one timer for the first of them.
type plans struct {
	onLaunch func(Launch) []Step
	queue    clock.Queue[transition]
	of       map[ID]*clock.Item[transition]
	timer    clock.Timer
	armedFor time.Time
	closed   bool
}

// transition is the next step of one agent, due by the server's clock.
type transition struct {
	agent ID
	steps []Step // the first is the one that is due
}

// OnLaunch sets what makes the plans of agents launched from now on. A nil plan
// is the default one; a plan without steps leaves the agent creating.
func (s *Store) OnLaunch(f func(Launch) []Step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.plans.onLaunch = f
}

// schedule puts the first of the steps on an agent's plan, counted from the
// given moment, in place of what was on it.
func (s *Store) schedule(agent ID, from time.Time, steps []Step) {
	s.cancel(agent)
	if len(steps) == 0 {
		return
	}
	s.plans.of[agent] = s.plans.queue.Add(from.Add(max(steps[0].After, 0)), transition{agent, steps})
}

// cancel takes everything off an agent's plan.
func (s *Store) cancel(agent ID) {
	if t := s.plans.of[agent]; t != nil {
		s.plans.queue.Remove(t)
		delete(s.plans.of, agent)
	}
}

// settle takes every step that is due, in order of time, and sets the timer for
// the next. Every use of the store begins with it, so that what a reader sees
// follows from the clock alone; the timer is there for the observer, who would
// otherwise hear of a change at the next use of the store only.
func (s *Store) settle(now time.Time) {
	for t := s.plans.queue.First(); t != nil && !t.Due.After(now); t = s.plans.queue.First() {
		id, steps := t.Value.agent, t.Value.steps
		s.cancel(id)
		if a, ok := s.agents.Get(id); ok {
			s.setStatus(a, steps[0].Status, t.Due)
			s.schedule(id, t.Due, steps[1:])
		}
	}
	s.arm(now)
}

// arm sets the timer for the first transition.
func (s *Store) arm(now time.Time) {
	p := &s.plans
	first := p.queue.First()
	if first == nil || p.closed {
		p.stop()
		return
	}
	due := first.Due
	if p.timer != nil && p.armedFor.Equal(due) {
		return
	}
	p.stop()
	p.armedFor = due
	var timer clock.Timer
	timer = s.clock.AfterFunc(due.Sub(now), func() {
		s.mu.Lock()
		if s.plans.timer == timer { // not replaced while it fired
			s.plans.timer = nil
		}
		s.settle(s.Now())
		s.end()
	})
	p.timer = timer
}

func (p *plans) stop() {
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
}
