package fake

import (
	"time"

	"github.com/connix-io/connix-go/internal/fake/state"
)

// projectJSON is a project as the API writes it.
type projectJSON struct {
	ID        state.ID  `json:"id"`
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// projectItemJSON is a project in a list of the reference dialect.
type projectItemJSON struct {
	ID   state.ID `json:"id"`
	Name string   `json:"name"`
}

func wireProject(p *state.Project) projectJSON {
	return projectJSON{p.ID, p.Label, p.CreatedAt, p.UpdatedAt}
}

func wireProjectItem(p *state.Project) projectItemJSON { return projectItemJSON{p.ID, p.Label} }

func createProject(c *call) (response, error) {
	name, err := c.object.text("name")
	if err != nil {
		return response{}, err
	}
	p, err := c.store.CreateProject(name)
	if err != nil {
		return response{}, err
	}
	return created(wireProject(p))
}

func getProject(c *call) (response, error) {
	p, err := c.store.Project(c.id)
	if err != nil {
		return response{}, err
	}
	return ok(wireProject(p))
}

func updateProject(c *call) (response, error) {
	name, err := c.object.optionalText("name")
	switch {
	case err != nil:
		return response{}, err
	case name == nil:
		return response{}, nothingToChange()
	}
	p, err := c.store.UpdateProject(c.id, name)
	if err != nil {
		return response{}, err
	}
	return ok(wireProject(p))
}

func nothingToChange() error { return badRequest("body", "must name at least one field to change") }

func deleteProject(c *call) (response, error) {
	if err := c.store.DeleteProject(c.id); err != nil {
		return response{}, err
	}
	return noContent()
}

func listProjects(c *call) (response, error) {
	q, err := readPageQuery[*state.Project](c.r.URL.RawQuery)
	if err != nil {
		return response{}, err
	}
	if q.search != "" {
		q.Keep = func(p *state.Project) bool { return matchesText(q.search, p.Label) }
	}
	var page []*state.Project
	var total int
	// Every project is active. So that filter costs nothing, and another finds
	// nothing.
	if q.status == "" || q.status == state.StatusActive {
		page, total = c.store.Projects(q.Query)
	}
	if c.fake.config.Dialect == Reference {
		return ok(map[string]any{"projects": wires(page, wireProjectItem)})
	}
	return ok(list{wires(page, wireProject), q.pagination(total)})
}
