package connix

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"time"
)

// Agent is one agent, launched in a project.
type Agent struct {
	// ID is the agent's id, such as "agent_5f2c".
	ID ID `json:"id"`
	// Name is the one given at launch; it need not be unique.
	Name string `json:"name"`
	// Description is free text, "" for none.
	Description string `json:"description,omitempty"`
	// ProjectID is the id of the project that the agent runs in.
	ProjectID ID `json:"project_id"`
	// Status is the agent's state; words this package does not know are kept.
	Status Status `json:"status"`
	// Config is nil where the API sends none.
	Config *AgentConfig `json:"config,omitempty"`
	// Metadata is free-form, nil where the API sends none.
	Metadata map[string]any `json:"metadata,omitempty"`
	// CreatedAt and UpdatedAt are zero where the API sends none.
	CreatedAt time.Time `json:"created_at,omitzero"`
	UpdatedAt time.Time `json:"updated_at,omitzero"`
	// LastActivityAt is nil for an agent that has not been active yet.
	LastActivityAt *time.Time `json:"last_activity"`
}

func (a *Agent) missing() string { return noID(a.ID) }

// AgentConfig is how an agent runs. A nil field was not sent.
type AgentConfig struct {
	Model       string   `json:"model,omitempty"`
	Temperature *float64 `json:"temperature,omitempty"`
	MaxTokens   *int     `json:"max_tokens,omitempty"`
	Tools       []string `json:"tools,omitempty"`
}

// LaunchAgentRequest says what to launch and where. Both fields are required
// by the server.
type LaunchAgentRequest struct {
	Name      string `json:"name"`
	ProjectID ID     `json:"project_id"`
}

var (
	launchAgent       = endpoint{http.MethodPost, "/agents"}
	listAgents        = endpoint{http.MethodGet, "/agents"}
	getAgent          = endpoint{http.MethodGet, "/agents/{id}"}
	stopAgent         = endpoint{http.MethodPost, "/agents/{id}/stop"}
	listProjectAgents = endpoint{http.MethodGet, "/projects/{id}/agents"}
)

// AgentsService launches and follows agents; it is [Client.Agents].
type AgentsService struct{ client *Client }

// AgentLaunch is the API's answer to a launch. It names no id: see
// [AgentsService.FindByName].
type AgentLaunch struct {
	Message string `json:"message"`
}

func (l *AgentLaunch) missing() string {
	if l.Message == "" {
		return "message"
	}
	return ""
}

// ListAgentsOptions selects agents; nil selects all.
type ListAgentsOptions struct {
	// ProjectID limits the list to one project; "" means all projects. A
	// project's list is another endpoint, which filters by Status alone: Search
	// and the dates are then an [*ArgumentError].
	ProjectID ID
	ListOptions
}

// Launch calls POST /api/v1/agents. The answer holds only a message, no id:
// [AgentsService.FindByName] finds the agent. An unknown project gives
// [ErrNotFound] or [ErrInvalidRequest]. The API overview documents it.
func (s *AgentsService) Launch(ctx context.Context, launch LaunchAgentRequest, opts ...CallOption) (*AgentLaunch, error) {
	return send[AgentLaunch](ctx, s.client, launchAgent.at().withJSON(launch), opts)
}

// Get calls GET /api/v1/agents/{id}; [ErrNotFound] where there is none. The API
// overview does not document it.
func (s *AgentsService) Get(ctx context.Context, id ID, opts ...CallOption) (*Agent, error) {
	return send[Agent](ctx, s.client, getAgent.at(id), opts)
}

// Stop calls POST /api/v1/agents/{id}/stop and returns the agent as it is then.
// The API overview documents the event agent.stopped, but not this endpoint.
func (s *AgentsService) Stop(ctx context.Context, id ID, opts ...CallOption) (*Agent, error) {
	return send[Agent](ctx, s.client, stopAgent.at(id), opts)
}

// List calls GET /api/v1/agents, or GET /api/v1/projects/{id}/agents where opts
// has a ProjectID, and returns one page; nil opts means the server's first. The
// API overview documents neither.
func (s *AgentsService) List(ctx context.Context, opts *ListAgentsOptions, callOpts ...CallOption) (*Page[Agent], error) {
	return s.lister(opts).page(ctx, callOpts)
}

// All iterates over the agents that opts selects, page by page, as it is ranged
// over; the first error ends it. With Limit 0 it asks for 100 a page.
func (s *AgentsService) All(ctx context.Context, opts *ListAgentsOptions, callOpts ...CallOption) iter.Seq2[Agent, error] {
	return s.lister(opts).all(ctx, callOpts)
}

// Pages iterates like All, yielding whole pages.
func (s *AgentsService) Pages(ctx context.Context, opts *ListAgentsOptions, callOpts ...CallOption) iter.Seq2[*Page[Agent], error] {
	return s.lister(opts).pages(ctx, callOpts)
}

// FindByName returns the newest agent of exactly that name in a project, or an
// [*Error] that matches [ErrNotFound]: how to learn the id of an agent just
// launched. It reads the project's list from the newest on.
func (s *AgentsService) FindByName(ctx context.Context, projectID ID, name string, opts ...CallOption) (*Agent, error) {
	switch {
	case projectID == "":
		return nil, &ArgumentError{Name: "projectID", Issue: "is empty"}
	case name == "":
		return nil, &ArgumentError{Name: "name", Issue: "is empty"}
	}
	newestFirst := &ListAgentsOptions{ProjectID: projectID, ListOptions: ListOptions{Sort: "created_at", Order: Descending}}
	for agent, err := range s.All(ctx, newestFirst, opts...) {
		if err != nil {
			return nil, err
		}
		if agent.Name == name {
			return &agent, nil
		}
	}
	return nil, notFound(s.client, listProjectAgents, fmt.Sprintf("no agent of the project is named %q", name))
}

func (s *AgentsService) lister(opts *ListAgentsOptions) lister[Agent] {
	if opts == nil {
		opts = &ListAgentsOptions{}
	}
	l := lister[Agent]{client: s.client, request: listAgents.at(), options: opts.ListOptions, id: func(a *Agent) ID { return a.ID }}
	if opts.ProjectID != "" {
		l.request, l.offsets = listProjectAgents.at(opts.ProjectID), true
	}
	return l
}
