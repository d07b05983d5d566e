package connix

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"time"
)

// Project is one project of the organization.
type Project struct {
	// ID is the project's id, a number on the wire.
	ID ID `json:"id"`
	// Name is unique within the organization.
	Name string `json:"name"`
	// CreatedAt and UpdatedAt are zero if the API sends none: a list may hold ids
	// and names alone.
	CreatedAt time.Time `json:"created_at,omitzero"`
	UpdatedAt time.Time `json:"updated_at,omitzero"`
}

var (
	createProject = endpoint{http.MethodPost, "/projects"}
	listProjects  = endpoint{http.MethodGet, "/projects"}
	getProject    = endpoint{http.MethodGet, "/projects/{id}"}
	updateProject = endpoint{http.MethodPatch, "/projects/{id}"}
	deleteProject = endpoint{http.MethodDelete, "/projects/{id}"}
)

// ProjectsService manages projects. It is the type of [Client.Projects].
type ProjectsService struct{ client *Client }

func (p *Project) missing() string { return noID(p.ID) }

// CreateProjectRequest describes a project to create.
type CreateProjectRequest struct {
	// Name must be unique within the organization: 3 to 50 letters, digits and
	// hyphens, a letter or digit first and last. The server checks it.
	Name string `json:"name"`
}

// UpdateProjectRequest changes a project. A nil field leaves the value as it is.
type UpdateProjectRequest struct {
	// Name obeys the rules of [CreateProjectRequest].
	Name *string `json:"name,omitempty"`
}

// ListProjectsOptions selects projects. Nil selects all.
type ListProjectsOptions struct{ ListOptions }

// Create calls POST /api/v1/projects and returns the new project. The error
// matches [ErrConflict] if a project has that name, and [ErrInvalidRequest] if the
// name breaks the rules. After [ErrUnknownOutcome], [ProjectsService.FindByName]
// tells whether the project exists. The API overview documents the endpoint.
func (s *ProjectsService) Create(ctx context.Context, project CreateProjectRequest, opts ...CallOption) (*Project, error) {
	return send[Project](ctx, s.client, createProject.at().withJSON(project), opts)
}

// Get calls GET /api/v1/projects/{id} and returns the project. The error matches
// [ErrNotFound] if it does not exist. The API overview does not document the
// endpoint.
func (s *ProjectsService) Get(ctx context.Context, id ID, opts ...CallOption) (*Project, error) {
	return send[Project](ctx, s.client, getProject.at(id), opts)
}

// Update calls PATCH /api/v1/projects/{id} and returns the changed project. An
// update that changes nothing is an [*ArgumentError]. If the response has no body,
// the project that is returned has nothing but its ID and the Name that was sent.
// The API overview does not document the endpoint.
func (s *ProjectsService) Update(ctx context.Context, id ID, update UpdateProjectRequest, opts ...CallOption) (*Project, error) {
	r := updateProject.at(id).withJSON(update)
	if update.Name == nil {
		r = r.refuse("update", "changes nothing")
	}
	r.bodyOptional = true
	project, err := send[Project](ctx, s.client, r, opts)
	if err == nil && project.ID == "" {
		*project = Project{ID: id, Name: *update.Name}
	}
	return project, err
}

// Delete calls DELETE /api/v1/projects/{id}, which also ends the project's
// agents. The error matches [ErrNotFound] if the project does not exist; if an
// earlier attempt of the same call may have deleted it, Delete succeeds. It may
// be called in a loop over [ProjectsService.All], which still sees every project.
// The API overview does not document the endpoint.
func (s *ProjectsService) Delete(ctx context.Context, id ID, opts ...CallOption) error {
	return s.client.do(ctx, deleteProject.at(id), &discarded{}, opts)
}

// List calls GET /api/v1/projects and returns one page, the first with the
// server's defaults if opts is nil. The API overview documents the endpoint.
func (s *ProjectsService) List(ctx context.Context, opts *ListProjectsOptions, callOpts ...CallOption) (*Page[Project], error) {
	return s.lister(opts).page(ctx, callOpts)
}

// All iterates over the projects that opts selects, page by page, as it is ranged
// over; the first error ends it. If Limit is 0, it asks for 100 a page. A loop
// that deletes what it is given, or a deletion elsewhere, makes it miss nothing;
// see [ListOptions] for what that needs.
func (s *ProjectsService) All(ctx context.Context, opts *ListProjectsOptions, callOpts ...CallOption) iter.Seq2[Project, error] {
	return s.lister(opts).all(ctx, callOpts)
}

// Pages iterates like All, yielding whole pages. If pages are read again because
// items were deleted, it yields what is new on them.
func (s *ProjectsService) Pages(ctx context.Context, opts *ListProjectsOptions, callOpts ...CallOption) iter.Seq2[*Page[Project], error] {
	return s.lister(opts).pages(ctx, callOpts)
}

// FindByName calls GET /api/v1/projects and returns the project of exactly that
// name. The error matches [ErrNotFound] if there is none. It searches the list,
// which takes a call for every 100 names that contain this one.
func (s *ProjectsService) FindByName(ctx context.Context, name string, opts ...CallOption) (*Project, error) {
	if name == "" {
		return nil, &ArgumentError{Name: "name", Issue: "is empty"}
	}
	search := &ListProjectsOptions{ListOptions{Search: name}}
	for project, err := range s.All(ctx, search, opts...) {
		if err != nil {
			return nil, err
		}
		if project.Name == name {
			return &project, nil
		}
	}
	return nil, notFound(s.client, listProjects, fmt.Sprintf("no project is named %q", name))
}

// Ensure returns the project of that name, and creates it if there is none. The
// bool reports whether it was created. Ensure may be called from many places at a
// time: if another caller has created the project meanwhile, it returns that one.
// If the outcome of a creation is unknown, it looks whether the project exists, and
// then reports it as created; if it does not exist, it tries twice more. It costs a
// call if the project exists, two or more if not. It calls GET and POST
// /api/v1/projects, which the API overview documents.
func (s *ProjectsService) Ensure(ctx context.Context, project CreateProjectRequest, opts ...CallOption) (*Project, bool, error) {
	if err := new(callConfig).resolve(opts, 0); err != nil {
		return nil, false, err
	}
	found, err := s.FindByName(ctx, project.Name, opts...)
	if !errors.Is(err, ErrNotFound) {
		return found, false, err
	}
	var failure error
	uncertain := false // one of the attempts may have created it
	for range 3 {
		var created *Project
		created, failure = s.Create(ctx, project, opts...)
		switch {
		case failure == nil:
			return created, true, nil
		case errors.Is(failure, ErrUnknownOutcome):
			uncertain = true
		case !errors.Is(failure, ErrConflict):
			return nil, false, failure
		}
		found, err = s.FindByName(ctx, project.Name, opts...)
		switch {
		case err == nil:
			return found, uncertain, nil
		case !errors.Is(err, ErrNotFound):
			return nil, false, alsoFailed(failure, err)
		}
	}
	return nil, false, failure
}

func (s *ProjectsService) lister(opts *ListProjectsOptions) lister[Project] {
	if opts == nil {
		opts = &ListProjectsOptions{}
	}
	return lister[Project]{client: s.client, request: listProjects.at(), options: opts.ListOptions, id: func(p *Project) ID { return p.ID }}
}
