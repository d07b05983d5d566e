package connixtest

import (
	"fmt"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/internal/fake/state"
	"github.com/connix-io/connix-go/internal/fake/table"
)

// AddProject adds a project without validation and without an event, and returns it.
// It fills in zero fields: the next id, the name "project-" and the id, the server's
// time.
//
// Like the other Add methods it panics if the id, or a name that was given, is taken.
func (s *Server) AddProject(p connix.Project) connix.Project {
	return projectOut(s.fake.Store().AddProjects(1, func(int) state.Project { return projectIn(p) })[0])
}

// AddProjects adds n projects as AddProject does; f returns the one with the index i,
// from 0. A nil f adds zero projects. It is fast enough for a million.
func (s *Server) AddProjects(n int, f func(i int) connix.Project) {
	s.fake.Store().AddProjects(n, func(i int) state.Project {
		if f == nil {
			return state.Project{}
		}
		return projectIn(f(i))
	})
}

// AddAgent adds an agent without a plan: its status stays until a test or a request
// changes it. It fills in zero fields: an id, the id as the name, a new project, the
// status running, the server's time. It panics if the project does not exist.
func (s *Server) AddAgent(a connix.Agent) connix.Agent {
	in := state.Agent{
		Key:         key(a.ID, a.Name, a.CreatedAt, a.UpdatedAt),
		Description: a.Description,
		ProjectID:   state.ID(a.ProjectID),
		Status:      string(a.Status),
		Metadata:    a.Metadata,
	}
	if c := a.Config; c != nil {
		in.Config = &state.AgentConfig{Model: c.Model, Temperature: c.Temperature, MaxTokens: c.MaxTokens, Tools: c.Tools}
	}
	if a.LastActivityAt != nil {
		in.LastActivityAt = new(a.LastActivityAt.UTC())
	}
	added := s.fake.Store().AddAgent(in)
	a.ID, a.Name, a.ProjectID = connix.ID(added.ID), added.Label, connix.ID(added.ProjectID)
	a.Status = connix.Status(added.Status)
	a.CreatedAt, a.UpdatedAt = added.CreatedAt, added.UpdatedAt
	return a
}

// AddWebhook adds a webhook with a secret; "" means none, and unsigned deliveries. It
// fills in zero fields: an id, a URL that cannot be reached, all events if Events is
// nil, the status active, the server's time. It panics if the URL is not an absolute
// http or https URL, or if the secret is malformed.
func (s *Server) AddWebhook(w connix.Webhook, secret connix.Secret) connix.Webhook {
	in := state.Webhook{
		Key:    key(w.ID, w.URL, w.CreatedAt, w.UpdatedAt),
		Secret: secret.Reveal(),
		Status: string(w.Status),
	}
	if w.Events == nil {
		w.Events = []connix.EventType{
			connix.EventProjectCreated, connix.EventProjectUpdated, connix.EventProjectDeleted,
			connix.EventAgentLaunched, connix.EventAgentCompleted, connix.EventAgentFailed, connix.EventAgentStopped,
		}
	}
	for _, e := range w.Events {
		in.Events = append(in.Events, string(e))
	}
	added := s.fake.Store().AddWebhook(in)
	w.ID, w.URL, w.Status = connix.ID(added.ID), added.URL(), connix.Status(added.Status)
	w.CreatedAt, w.UpdatedAt = added.CreatedAt, added.UpdatedAt
	return w
}

// AddAPIKey adds an API key and returns it, the key itself included. It fills in zero
// fields: an id, the id as the name, a random key, the server's time. Scopes stay as
// they are: a key without scopes can use hello, status and docs only.
//
// The server knows the scopes projects:read, projects:write, agents:read,
// agents:write, webhooks:read, webhooks:write, api-keys:read and api-keys:write; any
// other grants nothing. A key whose ExpiresAt has passed is refused as expired. It
// panics if no header can carry the Key.
func (s *Server) AddAPIKey(k connix.APIKey) connix.APIKey {
	in := state.APIKey{
		Key:         key(k.ID, k.Name, k.CreatedAt, time.Time{}),
		Description: k.Description,
		Secret:      k.Key.Reveal(),
		Scopes:      k.Scopes,
	}
	if k.ExpiresAt != nil {
		in.ExpiresAt = new(k.ExpiresAt.UTC())
	}
	if k.LastUsedAt != nil {
		in.LastUsedAt = new(k.LastUsedAt.UTC())
	}
	added := s.fake.Store().AddAPIKey(&in)
	k.ID, k.Name, k.Key, k.CreatedAt = connix.ID(added.ID), added.Label, connix.Secret(added.Secret), added.CreatedAt
	return k
}

// SetAgentStatus sets the status of an agent, with the event that this causes, and
// drops the rest of its plan. It panics if there is no such agent.
func (s *Server) SetAgentStatus(id connix.ID, status connix.Status) {
	if !s.fake.SetAgentStatus(state.ID(id), string(status)) {
		panic("connixtest: SetAgentStatus: there is no agent " + string(id))
	}
}

// AgentStep is a change of an agent's status.
type AgentStep struct {
	// After is the time since the previous step or the launch; 0 means at once.
	After time.Duration
	// Status is the new status. It is required.
	Status connix.Status
}

// AgentPlan are the changes of an agent's status after its launch, which leaves it
// creating.
type AgentPlan []AgentStep

// OnLaunch sets the function that plans each agent launched from now on. If f is nil
// or returns nil, the agent is running after 200 ms and completed 600 ms later, by the
// server's clock. With an empty plan that is not nil it stays creating. A step without
// a Status or with a negative After panics, which fails the test of [NewServer], as
// does a panic of f. f must not wait for the server.
func (s *Server) OnLaunch(f func(connix.LaunchAgentRequest) AgentPlan) {
	if f == nil {
		s.fake.OnLaunch(nil)
		return
	}
	s.fake.OnLaunch(func(l state.Launch) []state.Step {
		plan := f(connix.LaunchAgentRequest{Name: l.Name, ProjectID: connix.ID(l.ProjectID)})
		if plan == nil {
			return nil
		}
		steps := make([]state.Step, len(plan))
		for i, step := range plan {
			if step.Status == "" || step.After < 0 {
				panic(fmt.Sprintf("connixtest: OnLaunch: step %d of the plan for %q cannot be: %+v", i, l.Name, step))
			}
			steps[i] = state.Step{After: step.After, Status: string(step.Status)}
		}
		return steps
	})
}

func key(id connix.ID, name string, created, updated time.Time) table.Key {
	return table.Key{ID: state.ID(id), Label: name, CreatedAt: created, UpdatedAt: updated}
}

func projectIn(p connix.Project) state.Project {
	return state.Project{Key: key(p.ID, p.Name, p.CreatedAt, p.UpdatedAt)}
}

func projectOut(p *state.Project) connix.Project {
	return connix.Project{ID: connix.ID(p.ID), Name: p.Label, CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt}
}
