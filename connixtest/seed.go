package connixtest

import (
	"fmt"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/internal/fake/state"
	"github.com/connix-io/connix-go/internal/fake/table"
)

// AddProject puts a project on the server, past the rules that requests are
// held to and without an event, and returns it as it is there. What is zero is
// filled in: the next id, the name "project-" and the id, the server's time.
//
// Like the other Add methods it panics where that cannot be: an id, or a name that
// was given, is taken.
func (s *Server) AddProject(p connix.Project) connix.Project {
	return projectOut(s.fake.Store().AddProjects(1, func(int) state.Project { return projectIn(p) })[0])
}

// AddProjects is AddProject for n projects, of which f returns the one with the
// index i, from 0; nil returns zero ones. It is fast enough for a million.
func (s *Server) AddProjects(n int, f func(i int) connix.Project) {
	s.fake.Store().AddProjects(n, func(i int) state.Project {
		if f == nil {
			return state.Project{}
		}
		return projectIn(f(i))
	})
}

// AddAgent puts an agent on the server, without a plan: its status changes only
// when somebody changes it. What is zero is filled in: an id, the id as its name,
// a project of its own, the status running, the server's time. It panics if the
// project does not exist.
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
		in.LastActivityAt = a.LastActivityAt.UTC()
	}
	added := s.fake.Store().AddAgent(in)
	a.ID, a.Name, a.ProjectID = connix.ID(added.ID), added.Label, connix.ID(added.ProjectID)
	a.Status = connix.Status(added.Status)
	a.CreatedAt, a.UpdatedAt = added.CreatedAt, added.UpdatedAt
	return a
}

// AddWebhook puts a webhook with a secret on the server; "" is no secret. What is
// zero is filled in: an id, a URL that reaches nobody, all events where there is no
// list of them, the status active, the server's time. It panics with a URL that is
// not an absolute one of http or https.
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

// AddAPIKey puts an API key on the server and returns it with the key itself.
// What is zero is filled in: an id, the id as its name, a random key, the
// server's time. Scopes stay as they are: a key without any may only say hello.
//
// The scopes that the server knows are projects:read, projects:write,
// agents:read, agents:write, webhooks:read, webhooks:write, api-keys:read and
// api-keys:write; any other one allows nothing. An ExpiresAt in the past makes a
// key that is refused as expired; a key that is not on the server at all is refused
// as unknown. A Key that no header can carry panics.
func (s *Server) AddAPIKey(k connix.APIKey) connix.APIKey {
	in := state.APIKey{
		Key:         key(k.ID, k.Name, k.CreatedAt, time.Time{}),
		Description: k.Description,
		Secret:      k.Key.Reveal(),
		Scopes:      k.Scopes,
	}
	if k.ExpiresAt != nil {
		in.ExpiresAt = k.ExpiresAt.UTC()
	}
	if k.LastUsedAt != nil {
		in.LastUsedAt = k.LastUsedAt.UTC()
	}
	added := s.fake.Store().AddAPIKey(&in)
	k.ID, k.Name, k.Key, k.CreatedAt = connix.ID(added.ID), added.Label, connix.Secret(added.Secret), added.CreatedAt
	return k
}

// SetAgentStatus puts an agent into a status, as its work or a failure of it
// would, and drops what is left of its plan. It panics if there is no such agent.
func (s *Server) SetAgentStatus(id connix.ID, status connix.Status) {
	if !s.fake.Store().SetAgentStatus(state.ID(id), string(status)) {
		panic("connixtest: SetAgentStatus: there is no agent " + string(id))
	}
}

// AgentStep is one change of an agent's status.
type AgentStep struct {
	// After is the time since the step before it, or since the launch. 0: at
	// once.
	After time.Duration
	// Status is what the agent's becomes.
	Status connix.Status
}

// AgentPlan is what becomes of an agent after its launch, when its status is
// creating.
type AgentPlan []AgentStep

// OnLaunch has f decide what becomes of every agent that is launched from now
// on. Where f returns nil, or is nil, an agent is running after 200 ms and
// completed 600 ms later, by the server's clock; with an empty plan it stays
// creating. A step without a Status or with a negative After panics, as f may:
// that fails the test of [NewServer]. f must not wait for the server.
func (s *Server) OnLaunch(f func(connix.LaunchAgentRequest) AgentPlan) {
	if f == nil {
		s.fake.Store().OnLaunch(nil)
		return
	}
	s.fake.Store().OnLaunch(func(l state.Launch) []state.Step {
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
