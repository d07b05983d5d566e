package state

import (
	"fmt"

	"github.com/connix-io/connix-go/internal/fake/table"
)

// CreateProject makes a project.
func (s *Store) CreateProject(name string) (*Project, error) {
	if err := checkProjectName(name); err != nil {
		return nil, err
	}
	now := s.begin()
	defer s.end()
	if err := s.checkNameFree(name, ""); err != nil {
		return nil, err
	}
	p := &Project{table.Key{ID: s.newProjectID(), Label: name, CreatedAt: stamp(now), UpdatedAt: stamp(now)}}
	s.projects.Insert(p)
	s.publish(Event{Type: EventProjectCreated, At: now, Project: p})
	return p, nil
}

// Project returns one project.
func (s *Store) Project(id ID) (*Project, error) {
	defer s.view()()
	return s.project(id)
}

func (s *Store) project(id ID) (*Project, error) {
	p, ok := s.projects.Get(id)
	if !ok {
		return nil, notFound("Project", id)
	}
	return p, nil
}

// Projects returns a page of projects and their total.
func (s *Store) Projects(q table.Query[*Project]) ([]*Project, int) {
	return page(s, &s.projects, q)
}

// UpdateProject changes what is given, and so leaves the project as it is where
// name is nil.
func (s *Store) UpdateProject(id ID, name *string) (*Project, error) {
	now := s.begin()
	defer s.end()
	p, err := s.project(id)
	if err != nil || name == nil {
		return p, err
	}
	if err := checkProjectName(*name); err != nil {
		return nil, err
	}
	if err := s.checkNameFree(*name, id); err != nil {
		return nil, err
	}
	changed := *p
	changed.Label, changed.UpdatedAt = *name, stamp(now)
	s.projects.Replace(&changed)
	s.publish(Event{Type: EventProjectUpdated, At: now, Project: &changed})
	return &changed, nil
}

// DeleteProject removes a project and its agents. The agents end silently: the
// project's event stands for them.
func (s *Store) DeleteProject(id ID) error {
	now := s.begin()
	defer s.end()
	p, err := s.project(id)
	if err != nil {
		return err
	}
	s.projects.Delete(id)
	s.deleteAgentsOf(id)
	s.publish(Event{Type: EventProjectDeleted, At: now, Project: p})
	return nil
}

// checkNameFree refuses a name that another project than the one with the id
// has.
func (s *Store) checkNameFree(name string, id ID) error {
	for _, p := range s.projects.Labeled(name) {
		if p.ID != id {
			return &Error{Kind: Conflict, Message: fmt.Sprintf("A project named '%s' already exists", name), Field: "name", Issue: "is already taken"}
		}
	}
	return nil
}
