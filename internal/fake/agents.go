package fake

import (
	"fmt"
	"time"

	"github.com/connix-io/connix-go/internal/fake/state"
)

// agentJSON is an agent as the API writes it.
type agentJSON struct {
	ID           state.ID       `json:"id"`
	Name         string         `json:"name"`
	Description  string         `json:"description"`
	ProjectID    state.ID       `json:"project_id"`
	Status       string         `json:"status"`
	Config       *configJSON    `json:"config,omitempty"`
	Metadata     map[string]any `json:"metadata,omitempty"`
	CreatedAt    time.Time      `json:"created_at"`
	UpdatedAt    time.Time      `json:"updated_at"`
	LastActivity *time.Time     `json:"last_activity"`
}

type configJSON struct {
	Model       string   `json:"model,omitempty"`
	Temperature *float64 `json:"temperature,omitempty"`
	MaxTokens   *int     `json:"max_tokens,omitempty"`
	Tools       []string `json:"tools,omitempty"`
}

func wireAgent(a *state.Agent) agentJSON {
	var config *configJSON
	if a.Config != nil {
		config = &configJSON{a.Config.Model, a.Config.Temperature, a.Config.MaxTokens, a.Config.Tools}
	}
	return agentJSON{
		ID: a.ID, Name: a.Label, Description: a.Description, ProjectID: a.ProjectID, Status: a.Status,
		Config: config, Metadata: a.Metadata,
		CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt, LastActivity: a.LastActivityAt,
	}
}

func launchAgent(c *call) (response, error) {
	name, err := c.object.text("name")
	if err != nil {
		return response{}, err
	}
	project, err := c.object.id("project_id")
	if err != nil {
		return response{}, err
	}
	a, p, err := c.store.LaunchAgent(state.Launch{Name: name, ProjectID: project})
	if err != nil {
		return response{}, err
	}
	return created(struct {
		Message string `json:"message"`
	}{fmt.Sprintf("Agent '%s' successfully launched in project '%s'", a.Label, p.Label)})
}

func getAgent(c *call) (response, error) {
	a, err := c.store.Agent(c.id)
	if err != nil {
		return response{}, err
	}
	return ok(wireAgent(a))
}

func stopAgent(c *call) (response, error) {
	a, err := c.store.StopAgent(c.id)
	if err != nil {
		return response{}, err
	}
	return ok(wireAgent(a))
}

func listAgents(c *call) (response, error) {
	q, err := readPageQuery[*state.Agent](c.r.URL.RawQuery)
	if err != nil {
		return response{}, err
	}
	if q.search != "" || q.status != "" {
		q.Keep = func(a *state.Agent) bool {
			return (q.status == "" || a.Status == q.status) && (q.search == "" || matchesText(q.search, a.Label, a.Description))
		}
	}
	page, total := c.store.Agents(q.Query)
	if c.fake.config.Dialect == Reference {
		return ok(map[string]any{"agents": wires(page, wireAgent)})
	}
	return ok(list{wires(page, wireAgent), q.pagination(total)})
}

// listProjectAgents lists the agents of one project's agents, which is in the
// reference's dialect whatever the fake's is: the overview has no such list.
func listProjectAgents(c *call) (response, error) {
	q, err := readOffsetQuery[*state.Agent](c.r.URL.RawQuery)
	if err != nil {
		return response{}, err
	}
	if q.status != "" {
		q.Keep = func(a *state.Agent) bool { return a.Status == q.status }
	}
	page, total, err := c.store.AgentsOf(c.id, q.Query)
	if err != nil {
		return response{}, err
	}
	return ok(struct {
		Agents     []agentJSON       `json:"agents"`
		Pagination *offsetPagination `json:"pagination"`
	}{wires(page, wireAgent), q.pagination(total)})
}
