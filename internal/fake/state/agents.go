package state

import (
	"time"

	"github.com/connix-io/connix-go/internal/fake/table"
)

// LaunchAgent makes an agent in a project.
func (s *Store) LaunchAgent(l Launch) (*Agent, *Project, error) {
	if err := checkText("name", l.Name, true, 100); err != nil {
		return nil, nil, err
	}
	if l.ProjectID == "" {
		return nil, nil, invalid("project_id", empty)
	}
	// The plan is made by the test's own code: it runs without the lock.
	s.mu.Lock()
	makePlan := s.plans.onLaunch
	s.mu.Unlock()
	plan := DefaultPlan()
	if makePlan != nil {
		if made := makePlan(l); made != nil {
			plan = made
		}
	}

	now := s.begin()
	defer s.end()
	p, ok := s.projects.Get(l.ProjectID)
	if !ok {
		err := notFound("Project", l.ProjectID)
		err.Field, err.Issue = "project_id", "does not exist"
		return nil, nil, err
	}
	a := &Agent{
		Key:       table.Key{ID: s.newID("agent"), Label: l.Name, CreatedAt: stamp(now), UpdatedAt: stamp(now)},
		ProjectID: p.ID,
		Status:    StatusCreating,
	}
	s.insertAgent(a)
	s.publish(Event{Type: EventAgentLaunched, At: now, Agent: a})
	s.schedule(a.ID, now, plan)
	s.settle(now)
	return a, p, nil
}

// Agent returns one agent.
func (s *Store) Agent(id ID) (*Agent, error) {
	defer s.view()()
	return s.agent(id)
}

func (s *Store) agent(id ID) (*Agent, error) {
	a, ok := s.agents.Get(id)
	if !ok {
		return nil, notFound("Agent", id)
	}
	return a, nil
}

// Agents returns a page of agents and their total.
func (s *Store) Agents(q table.Query[*Agent]) ([]*Agent, int) {
	return page(s, &s.agents, q)
}

// AgentsOf returns a page of a project's agents and their total.
func (s *Store) AgentsOf(project ID, q table.Query[*Agent]) ([]*Agent, int, error) {
	done := s.view()
	_, err := s.project(project)
	t := s.byProject[project]
	done()
	if err != nil || t == nil {
		return nil, 0, err
	}
	agents, total := page(s, t, q)
	return agents, total, nil
}

// StopAgent stops an agent and drops the rest of its plan. Stopping one that is
// stopped already changes nothing; one that ended otherwise cannot be stopped.
func (s *Store) StopAgent(id ID) (*Agent, error) {
	now := s.begin()
	defer s.end()
	a, err := s.agent(id)
	switch {
	case err != nil || a.Status == StatusStopped:
		return a, err
	case Ended(a.Status):
		return nil, &Error{Kind: Conflict, Message: "The agent has ended already", Field: "status", Issue: "is " + a.Status}
	}
	s.cancel(id)
	return s.setStatus(a, StatusStopped, now), nil
}

// SetAgentStatus puts an agent into any state, drops the rest of its plan, and
// reports whether there is such an agent.
func (s *Store) SetAgentStatus(id ID, status string) bool {
	now := s.begin()
	defer s.end()
	a, err := s.agent(id)
	if err != nil {
		return false
	}
	s.cancel(id)
	s.setStatus(a, status, now)
	return true
}

func (s *Store) setStatus(a *Agent, status string, at time.Time) *Agent {
	changed := *a
	changed.Status, changed.UpdatedAt, changed.LastActivityAt = status, stamp(at), new(stamp(at))
	s.agents.Replace(&changed)
	s.byProject[a.ProjectID].Replace(&changed)
	if event := statusEvent(status); event != "" && status != a.Status {
		s.publish(Event{Type: event, At: at, Agent: &changed})
	}
	return &changed
}

// insertAgent adds an agent to the tables.
func (s *Store) insertAgent(a *Agent) {
	s.agents.Insert(a)
	t := s.byProject[a.ProjectID]
	if t == nil {
		t = new(table.Table[*Agent])
		s.byProject[a.ProjectID] = t
	}
	t.Insert(a)
}

func (s *Store) deleteAgentsOf(project ID) {
	t := s.byProject[project]
	if t == nil {
		return
	}
	for a := range t.All() {
		s.cancel(a.ID)
	}
	s.agents.DeleteFunc(func(a *Agent) bool { return a.ProjectID == project })
	delete(s.byProject, project)
}
