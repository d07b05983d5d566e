package connix

import "time"

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
