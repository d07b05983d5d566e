package state

import "time"

// The events of the API.
const (
	EventProjectCreated = "project.created"
	EventProjectUpdated = "project.updated"
	EventProjectDeleted = "project.deleted"
	EventAgentLaunched  = "agent.launched"
	EventAgentCompleted = "agent.completed"
	EventAgentFailed    = "agent.failed"
	EventAgentStopped   = "agent.stopped"
)

// Event is one change, with the record as the change left it (as it was, for a
// deletion). Exactly one of Project and Agent is set.
type Event struct {
	Type    string
	At      time.Time
	Project *Project
	Agent   *Agent
}

// Resource names what changed, such as "project/12": the events of one
// resource are ordered.
func (e Event) Resource() string {
	if e.Project != nil {
		return "project/" + string(e.Project.ID)
	}
	return "agent/" + string(e.Agent.ID)
}

// statusEvent returns the event that an agent's new status causes, "" for none.
func statusEvent(status string) string {
	switch status {
	case StatusCompleted:
		return EventAgentCompleted
	case StatusFailed, StatusError:
		return EventAgentFailed
	case StatusStopped:
		return EventAgentStopped
	}
	return ""
}

// publish notes an event for the observer, which end calls.
func (s *Store) publish(e Event) {
	if s.observe != nil {
		s.pending = append(s.pending, e)
	}
}

// end unlocks the store and hands pending events to the observer: one at a
// time and in order, yet outside the lock, so that the observer may use the
// store. Where another call is at it already, that one takes these too.
func (s *Store) end() {
	if s.draining {
		s.mu.Unlock()
		return
	}
	s.draining = true
	for len(s.pending) > 0 {
		events := s.pending
		s.pending = nil
		s.mu.Unlock()
		for _, e := range events {
			s.observe(e)
		}
		s.mu.Lock()
	}
	s.draining = false
	s.mu.Unlock()
}
