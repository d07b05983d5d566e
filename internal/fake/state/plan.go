package state

import (
	"container/heap"
	"time"

	"github.com/connix-io/connix-go/internal/fake/clock"
)

// Step is one change of an agent's status.
type Step struct {
	After  time.Duration // since the step before it, or the launch
	Status string
}

// DefaultPlan is what an agent does that nobody made a plan for. It has ended
// within a second, which is when a client that waits first looks.
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
	queue    transitions
	of       map[ID]*transition
	timer    clock.Timer
	armedFor time.Time
	asked    int
	closed   bool
}

// transition is the next step of one agent.
type transition struct {
	agent ID
	due   time.Time // on the server's clock
	steps []Step    // the first is the one that is due
	order int
	index int
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
	s.plans.asked++
	t := &transition{agent: agent, due: from.Add(max(steps[0].After, 0)), steps: steps, order: s.plans.asked}
	s.plans.of[agent] = t
	heap.Push(&s.plans.queue, t)
}

// cancel takes everything off an agent's plan.
func (s *Store) cancel(agent ID) {
	if t := s.plans.of[agent]; t != nil {
		heap.Remove(&s.plans.queue, t.index)
		delete(s.plans.of, agent)
	}
}

// settle takes every step that is due, in order of time, and sets the timer for
// the next. Every use of the store begins with it, so that what a reader sees
// follows from the clock alone; the timer is there for the observer, who would
// otherwise hear of a change only when somebody looked.
func (s *Store) settle(now time.Time) {
	for len(s.plans.queue) > 0 && !s.plans.queue[0].due.After(now) {
		t := s.plans.queue[0]
		s.cancel(t.agent)
		if a, ok := s.agents.Get(t.agent); ok {
			s.setStatus(a, t.steps[0].Status, t.due)
			s.schedule(t.agent, t.due, t.steps[1:])
		}
	}
	s.arm(now)
}

// arm sets the timer for the first transition.
func (s *Store) arm(now time.Time) {
	p := &s.plans
	if len(p.queue) == 0 || p.closed {
		p.stop()
		return
	}
	due := p.queue[0].due
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

type transitions []*transition

func (q transitions) Len() int { return len(q) }

func (q transitions) Less(i, j int) bool {
	if c := q[i].due.Compare(q[j].due); c != 0 {
		return c < 0
	}
	return q[i].order < q[j].order
}

func (q transitions) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

func (q *transitions) Push(x any) {
	t := x.(*transition)
	t.index = len(*q)
	*q = append(*q, t)
}

func (q *transitions) Pop() any {
	last := len(*q) - 1
	t := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return t
}
