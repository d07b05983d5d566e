package connix_test

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
)

func TestProject_lifecycle(t *testing.T) {
	clock := connixtest.NewClock(overviewTime)
	srv := newServer(t, connixtest.WithClock(clock))
	client, ctx := srv.Client(t), t.Context()

	created := must(client.Projects.Create(ctx, connix.CreateProjectRequest{Name: "my-ai-project"}))(t)
	equal(t, "created", *created, connix.Project{ID: "1", Name: "my-ai-project", CreatedAt: overviewTime, UpdatedAt: overviewTime})
	srv.Expect(t, connixtest.Match{Method: "POST", Route: "/projects", Body: map[string]any{"name": "my-ai-project"}, Status: 201}, 1)

	equal(t, "got", *must(client.Projects.Get(ctx, created.ID))(t), *created)
	srv.Expect(t, connixtest.Match{Method: "GET", Route: "/projects/1", Status: 200}, 1)

	clock.Advance(time.Hour)
	name := "renamed"
	updated := must(client.Projects.Update(ctx, created.ID, connix.UpdateProjectRequest{Name: &name}))(t)
	equal(t, "updated", *updated, connix.Project{ID: "1", Name: "renamed", CreatedAt: overviewTime, UpdatedAt: overviewTime.Add(time.Hour)})
	srv.Expect(t, connixtest.Match{Method: "PATCH", Route: "/projects/1", Body: map[string]any{"name": "renamed"}, Status: 200}, 1)
	equal(t, "got after the update", *must(client.Projects.Get(ctx, created.ID))(t), *updated)

	if err := client.Projects.Delete(ctx, created.ID); err != nil {
		t.Fatal(err)
	}
	srv.Expect(t, connixtest.Match{Method: "DELETE", Route: "/projects/1", Status: 204}, 1)
	_, err := client.Projects.Get(ctx, created.ID)
	e := mustError(t, err, connix.ErrNotFound)
	equal(t, "code", e.Code, connix.CodeResourceNotFound)
	equal(t, "projects left", len(must(client.Projects.List(ctx, nil))(t).Items), 0)
}

// The rules of a project's name are the server's; what it says of a bad one
// arrives whole. Creating and renaming have the same rules.
func TestProject_names(t *testing.T) {
	srv := newServer(t, offContract("names that break the rules"))
	client, ctx := srv.Client(t), t.Context()
	other := srv.AddProject(connix.Project{Name: "other"})
	for _, c := range []struct {
		name string
		ok   bool
	}{
		{"abc", true},
		{strings.Repeat("a", 50), true},
		{"9-Lives-0", true},
		{"a--b", true},
		{"", false},
		{"ab", false},
		{strings.Repeat("a", 51), false},
		{"-abc", false},
		{"abc-", false},
		{"two words", false},
		{"under_score", false},
		{"dot.ted", false},
		{"größe", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			created, err := client.Projects.Create(ctx, connix.CreateProjectRequest{Name: c.name})
			if c.ok {
				if err != nil || created.Name != c.name {
					t.Fatalf("Create: %+v, %v", created, err)
				}
				if err := client.Projects.Delete(ctx, created.ID); err != nil {
					t.Fatal(err)
				}
			} else {
				mustBlame(t, err, 400, "name")
			}
			updated, err := client.Projects.Update(ctx, other.ID, connix.UpdateProjectRequest{Name: &c.name})
			if !c.ok {
				mustBlame(t, err, 400, "name")
			} else if err != nil || updated.Name != c.name || updated.ID != other.ID {
				t.Errorf("Update: %+v, %v", updated, err)
			}
		})
	}
	// Nothing that was refused was done.
	equal(t, "projects", len(must(client.Projects.List(ctx, nil))(t).Items), 1)
}

func TestProject_nameIsUnique(t *testing.T) {
	srv := newServer(t)
	client, ctx := srv.Client(t), t.Context()
	first := srv.AddProject(connix.Project{Name: "first"})
	second := srv.AddProject(connix.Project{Name: "second"})

	_, err := client.Projects.Create(ctx, connix.CreateProjectRequest{Name: "first"})
	mustBlame(t, err, 409, "name")
	if errors.Is(err, connix.ErrUnknownOutcome) {
		t.Error("after a conflict the outcome is known")
	}
	_, err = client.Projects.Update(ctx, second.ID, connix.UpdateProjectRequest{Name: &first.Name})
	mustBlame(t, err, 409, "name")
	equal(t, "the name of the second", must(client.Projects.Get(ctx, second.ID))(t).Name, "second")

	// Its own name is not taken, and a deleted project's is free again.
	must(client.Projects.Update(ctx, first.ID, connix.UpdateProjectRequest{Name: &first.Name}))(t)
	if err := client.Projects.Delete(ctx, first.ID); err != nil {
		t.Fatal(err)
	}
	again := must(client.Projects.Create(ctx, connix.CreateProjectRequest{Name: "first"}))(t)
	if again.ID == first.ID {
		t.Error("the id of a deleted project was given again")
	}
}

func TestProject_updateThatChangesNothing(t *testing.T) {
	srv := newServer(t)
	project := srv.AddProject(connix.Project{})
	_, err := srv.Client(t).Projects.Update(t.Context(), project.ID, connix.UpdateProjectRequest{})
	mustRefuse(t, err, "update")
	srv.Expect(t, connixtest.Match{}, 0)
}

func TestProject_deleteEndsItsAgents(t *testing.T) {
	srv := newServer(t)
	client, ctx := srv.Client(t), t.Context()
	gone, left := srv.AddAgent(connix.Agent{}), srv.AddAgent(connix.Agent{})
	if err := client.Projects.Delete(ctx, gone.ProjectID); err != nil {
		t.Fatal(err)
	}
	_, err := client.Agents.Get(ctx, gone.ID)
	mustErrorIs(t, err, connix.ErrNotFound)
	must(client.Agents.Get(ctx, left.ID))(t)
}

func TestProjects_notFound(t *testing.T) {
	srv := newServer(t)
	client, ctx := srv.Client(t), t.Context()
	name := "any-name"
	for _, c := range []struct {
		method string
		call   func(id connix.ID) error
	}{
		{"GET", func(id connix.ID) error { _, err := client.Projects.Get(ctx, id); return err }},
		{"PATCH", func(id connix.ID) error {
			_, err := client.Projects.Update(ctx, id, connix.UpdateProjectRequest{Name: &name})
			return err
		}},
		{"DELETE", func(id connix.ID) error { return client.Projects.Delete(ctx, id) }},
	} {
		for _, id := range []connix.ID{"404", "proj_none"} {
			e := mustError(t, c.call(id), connix.ErrNotFound)
			equal(t, c.method, []any{e.StatusCode, e.Code, e.Method, e.Route}, []any{404, "RESOURCE_NOT_FOUND", c.method, "/projects/{id}"})
		}
	}
}

func TestProjectFindByName(t *testing.T) {
	srv := newServer(t)
	client, ctx := srv.Client(t), t.Context()
	// The search finds it within others, most of them newer.
	wanted := srv.AddProject(connix.Project{Name: "alpha", CreatedAt: overviewTime})
	srv.AddProjects(150, func(i int) connix.Project {
		return connix.Project{ID: connix.IntID(int64(1000 + i)), Name: "alpha-" + connix.IntID(int64(i)).String(), CreatedAt: overviewTime.Add(time.Hour)}
	})
	srv.AddProject(connix.Project{Name: "Alphabet"})

	found := must(client.Projects.FindByName(ctx, "alpha"))(t)
	equal(t, "found", *found, wanted)
	srv.Expect(t, connixtest.Match{Method: "GET", Route: "/projects"}, 2) // a hundred a page
	equal(t, "query", srv.Requests()[0].Query, "limit=100&page=1&search=alpha")

	for _, name := range []string{"ALPHA", "alph", "beta"} {
		got, err := client.Projects.FindByName(ctx, name)
		e := mustError(t, err, connix.ErrNotFound)
		if got != nil || e.StatusCode != 0 || e.Route != "/projects" || e.Method != "GET" {
			t.Errorf("%s: got %v, %+v", name, got, *e)
		}
	}
	_, err := client.Projects.FindByName(ctx, "")
	mustRefuse(t, err, "name")
	_, err = client.Projects.FindByName(ctx, "alpha", connix.WithRequestID("one-for-many"))
	mustRefuse(t, err, "WithRequestID")

	srv.Close()
	_, err = client.Projects.FindByName(ctx, "alpha")
	if e := mustError(t, err); errors.Is(err, connix.ErrNotFound) || e.StatusCode != 0 {
		t.Errorf("without a server: %v", err)
	}
}

// The reference pages write project ids as strings, and list id and name alone.
func TestProjects_inTheReferenceDialect(t *testing.T) {
	srv := newServer(t, connixtest.WithDialect(connixtest.ReferenceDialect))
	client, ctx := srv.Client(t), t.Context()
	created := must(client.Projects.Create(ctx, connix.CreateProjectRequest{Name: "my-ai-project"}))(t)
	if !strings.HasPrefix(created.ID.String(), "proj_") {
		t.Fatalf("the id is %q", created.ID)
	}
	page := must(client.Projects.List(ctx, nil))(t)
	equal(t, "page", *page, connix.Page[connix.Project]{Items: []connix.Project{{ID: created.ID, Name: created.Name}}})
	name := "renamed"
	equal(t, "renamed", must(client.Projects.Update(ctx, created.ID, connix.UpdateProjectRequest{Name: &name}))(t).Name, name)
	equal(t, "found", must(client.Projects.FindByName(ctx, name))(t).ID, created.ID)

	_, err := client.Projects.Create(ctx, connix.CreateProjectRequest{Name: "renamed"})
	e := mustError(t, err, connix.ErrConflict)
	if e.Code != "conflict" || !strings.HasPrefix(e.Details.Issue, "name ") || e.Details.Field != "" {
		t.Errorf("the error is %s, %+v", e.Code, e.Details)
	}
	if err := client.Projects.Delete(ctx, created.ID); err != nil {
		t.Error(err)
	}
	_, err = client.Projects.Get(ctx, created.ID)
	mustErrorIs(t, err, connix.ErrNotFound)
}

func TestEnsure(t *testing.T) {
	srv := newServer(t)
	client, ctx := srv.Client(t), t.Context()
	srv.AddProject(connix.Project{Name: "name-of-another"})
	name := connix.CreateProjectRequest{Name: "name"}
	first, created, err := client.Projects.Ensure(ctx, name)
	if err != nil || !created || first.Name != "name" {
		t.Fatalf("got %v, %t, %v", first, created, err)
	}
	second, created, err := client.Projects.Ensure(ctx, name)
	if err != nil || created || second.ID != first.ID {
		t.Errorf("got %v, %t, %v", second, created, err)
	}
	srv.Expect(t, connixtest.Match{Method: "POST"}, 1)
}

// Of many callers at a time, one creates the project and all get it.
func TestEnsure_race(t *testing.T) {
	srv := newServer(t)
	client, ctx := srv.Client(t), t.Context()
	var callers sync.WaitGroup
	var creators atomic.Int64
	for range 20 {
		callers.Go(func() {
			project, created, err := client.Projects.Ensure(ctx, connix.CreateProjectRequest{Name: "name"})
			if err != nil || project.ID != "1" {
				t.Errorf("got %v, %v", project, err)
			}
			if created {
				creators.Add(1)
			}
		})
	}
	callers.Wait()
	equal(t, "creators", creators.Load(), 1)
}

func TestEnsure_unknownOutcome(t *testing.T) {
	for _, c := range []struct {
		name          string
		fault         connixtest.Fault
		creates, left int
		want          error
	}{
		{"done, and the response lost", connixtest.Fault{Times: 1, Action: connixtest.ResetAfter()}, 1, 1, nil},
		{"not done", connixtest.Fault{Times: 1, Action: connixtest.HTMLError(502)}, 2, 1, nil},
		{"not done twice", connixtest.Fault{Times: 2, Action: connixtest.ResetBefore()}, 3, 1, nil},
		{"never done", connixtest.Fault{Action: connixtest.HTMLError(504)}, 3, 0, connix.ErrUnknownOutcome},
		{"refused", connixtest.Fault{Action: connixtest.RespondError(403, "FORBIDDEN", "no")}, 1, 0, connix.ErrForbidden},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := newServer(t)
			c.fault.Method = "POST"
			srv.Inject(c.fault)
			project, created, err := srv.Client(t).Projects.Ensure(t.Context(), connix.CreateProjectRequest{Name: "name"})
			if c.want != nil {
				mustErrorIs(t, err, c.want)
			} else if err != nil || !created || project.Name != "name" {
				t.Errorf("got %v, %t, %v", project, created, err)
			}
			srv.Expect(t, connixtest.Match{Method: "POST"}, c.creates)
			equal(t, "projects", len(must(srv.Client(t).Projects.List(t.Context(), nil))(t).Items), c.left)
		})
	}
}

// A search that fails after a creation of unknown outcome hides neither.
func TestEnsure_searchFails(t *testing.T) {
	srv := newServer(t)
	srv.Inject(connixtest.Fault{Method: "POST", Action: connixtest.ResetAfter()})
	srv.Inject(connixtest.Fault{Method: "GET", Skip: 1, Action: connixtest.RespondError(403, "FORBIDDEN", "no")})
	_, _, err := srv.Client(t).Projects.Ensure(t.Context(), connix.CreateProjectRequest{Name: "name"})
	e := mustError(t, err, connix.ErrUnknownOutcome, connix.ErrForbidden)
	equal(t, "method", e.Method, "POST")
}

func TestEnsure_refused(t *testing.T) {
	srv := newServer(t)
	client := srv.Client(t)
	for name, option := range map[string]connix.CallOption{
		"WithRequestID": connix.WithRequestID("one"), "WithPrefetch": connix.WithPrefetch(1), "WithMaxPages": connix.WithMaxPages(1), "WithUntil": connix.WithUntil(),
	} {
		_, _, err := client.Projects.Ensure(t.Context(), connix.CreateProjectRequest{Name: "name"}, option)
		mustRefuse(t, err, name)
	}
	_, _, err := client.Projects.Ensure(t.Context(), connix.CreateProjectRequest{})
	mustRefuse(t, err, "name")
	srv.Expect(t, connixtest.Match{}, 0)
}
