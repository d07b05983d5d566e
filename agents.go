package connix

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"time"
)

// Agent is an agent that was launched in a project.
type Agent struct {
	// ID is the agent's id, such as "agent_5f2c".
	ID ID `json:"id"`
	// Name is the one given at launch; it need not be unique.
	Name string `json:"name"`
	// Description is free text, "" if there is none.
	Description string `json:"description,omitempty"`
	// ProjectID is the id of the project that the agent runs in.
	ProjectID ID `json:"project_id"`
	// Status is the agent's state.
	Status Status `json:"status"`
	// Config is nil if the API sends none.
	Config *AgentConfig `json:"config,omitempty"`
	// Metadata is free-form JSON, nil if the API sends none. A number in it is a
	// [json.Number], which keeps all its digits.
	Metadata map[string]any `json:"metadata,omitempty"`
	// CreatedAt and UpdatedAt are zero if the API sends none.
	CreatedAt time.Time `json:"created_at,omitzero"`
	UpdatedAt time.Time `json:"updated_at,omitzero"`
	// LastActivityAt is nil if the agent has not been active yet.
	LastActivityAt *time.Time `json:"last_activity"`
}

func (a *Agent) missing() string { return noID(a.ID) }

// AgentConfig describes how an agent runs. A nil or zero field was not sent.
type AgentConfig struct {
	Model       string   `json:"model,omitempty"`
	Temperature *float64 `json:"temperature,omitempty"`
	MaxTokens   *int     `json:"max_tokens,omitempty"`
	Tools       []string `json:"tools,omitempty"`
}

// Status is the state of an agent, a webhook or a project. The API may add words
// at any time; a word that this package does not know is kept as it came.
type Status string

// The states of agents, and of webhooks (active, disabled) and projects (active).
const (
	StatusActive    Status = "active"
	StatusDisabled  Status = "disabled"
	StatusCreating  Status = "creating"
	StatusRunning   Status = "running"
	StatusPaused    Status = "paused"
	StatusUpdating  Status = "updating"
	StatusStopped   Status = "stopped"
	StatusCompleted Status = "completed"
	StatusFailed    Status = "failed"
	StatusError     Status = "error"
)

// Ended reports whether an agent in this state will not run again by itself:
// stopped, completed, failed or error. It is false for a word that this
// package does not know.
func (s Status) Ended() bool {
	switch s {
	case StatusStopped, StatusCompleted, StatusFailed, StatusError:
		return true
	}
	return false
}

// LaunchAgentRequest describes an agent to launch. The server requires both
// fields.
type LaunchAgentRequest struct {
	// Name need not be unique.
	Name string `json:"name"`
	// ProjectID is the project that the agent runs in.
	ProjectID ID `json:"project_id"`
}

var (
	launchAgent       = endpoint{http.MethodPost, "/agents"}
	listAgents        = endpoint{http.MethodGet, "/agents"}
	getAgent          = endpoint{http.MethodGet, "/agents/{id}"}
	stopAgent         = endpoint{http.MethodPost, "/agents/{id}/stop"}
	listProjectAgents = endpoint{http.MethodGet, "/projects/{id}/agents"}
)

// AgentsService launches and follows agents. It is the type of [Client.Agents].
type AgentsService struct{ client *Client }

// AgentLaunch is the response to a launch. It holds no id;
// [AgentsService.FindByName] finds the agent.
type AgentLaunch struct {
	// Message is a sentence that names the agent and the project.
	Message string `json:"message"`
}

func (l *AgentLaunch) missing() string {
	if l.Message == "" {
		return "message"
	}
	return ""
}

// ListAgentsOptions selects agents. Nil selects all.
type ListAgentsOptions struct {
	// ProjectID limits the list to one project; "" means all projects. The list of
	// a project is another endpoint, which filters by Status alone: Search and the
	// dates are then an [*ArgumentError].
	ProjectID ID
	ListOptions
}

// Launch calls POST /api/v1/agents. The response holds a message and no id;
// [AgentsService.FindByName] finds the agent. The Message is "" if the response has
// no body: its status says that the agent was launched. The error matches [ErrNotFound] or
// [ErrInvalidRequest] if the project does not exist. After [ErrUnknownOutcome] the
// agent may have been launched. The API overview documents the endpoint.
func (s *AgentsService) Launch(ctx context.Context, launch LaunchAgentRequest, opts ...CallOption) (*AgentLaunch, error) {
	r := launchAgent.at().withJSON(launch)
	r.bodyOptional = true
	return send[AgentLaunch](ctx, s.client, r, opts)
}

// Get calls GET /api/v1/agents/{id} and returns the agent. The error matches
// [ErrNotFound] if it does not exist. The API overview does not document the
// endpoint.
func (s *AgentsService) Get(ctx context.Context, id ID, opts ...CallOption) (*Agent, error) {
	return send[Agent](ctx, s.client, getAgent.at(id), opts)
}

// Stop calls POST /api/v1/agents/{id}/stop and returns the agent. If the response
// has no body, its status says that the API has accepted the request, and the agent
// that is returned has nothing but its ID. The API overview documents the event
// agent.stopped, but not the endpoint.
func (s *AgentsService) Stop(ctx context.Context, id ID, opts ...CallOption) (*Agent, error) {
	r := stopAgent.at(id)
	r.bodyOptional = true
	agent, err := send[Agent](ctx, s.client, r, opts)
	if err == nil && agent.ID == "" {
		agent.ID = id
	}
	return agent, err
}

// List calls GET /api/v1/agents, or GET /api/v1/projects/{id}/agents if opts has
// a ProjectID, and returns one page, the first with the server's defaults if opts
// is nil. The API overview documents neither endpoint.
func (s *AgentsService) List(ctx context.Context, opts *ListAgentsOptions, callOpts ...CallOption) (*Page[Agent], error) {
	return s.lister(opts).page(ctx, callOpts)
}

// All iterates over the agents that opts selects, page by page, as it is ranged
// over; the first error ends it. If Limit is 0, it asks for 100 a page. A loop
// that deletes what it is given, or a deletion elsewhere, makes it miss nothing;
// see [ListOptions] for what that needs.
func (s *AgentsService) All(ctx context.Context, opts *ListAgentsOptions, callOpts ...CallOption) iter.Seq2[Agent, error] {
	return s.lister(opts).all(ctx, callOpts)
}

// Pages iterates like All, yielding whole pages. If pages are read again because
// items were deleted, it yields what is new on them.
func (s *AgentsService) Pages(ctx context.Context, opts *ListAgentsOptions, callOpts ...CallOption) iter.Seq2[*Page[Agent], error] {
	return s.lister(opts).pages(ctx, callOpts)
}

// FindByName calls GET /api/v1/projects/{id}/agents and returns the newest agent
// of exactly that name, which is how to learn the id of an agent just launched.
// The error matches [ErrNotFound] if there is none. It reads the list from the
// newest agent on, 100 a call.
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
