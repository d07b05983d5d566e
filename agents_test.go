package connix_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
)

// An agent from its launch to its end, by the plan of the fake and its clock.
func TestAgent_lifecycle(t *testing.T) {
	clock := connixtest.NewClock(overviewTime)
	srv := newServer(t, connixtest.WithClock(clock))
	client, ctx := srv.Client(t), t.Context()
	project := srv.AddProject(connix.Project{Name: "my-ai-project"})

	launch := must(client.Agents.Launch(ctx, connix.LaunchAgentRequest{Name: "data-processor", ProjectID: project.ID}))(t)
	equal(t, "launch", *launch, connix.AgentLaunch{Message: "Agent 'data-processor' successfully launched in project 'my-ai-project'"})
	srv.Expect(t, connixtest.Match{
		Method: "POST", Route: "/agents", Status: 201,
		Body: map[string]any{"name": "data-processor", "project_id": 1},
	}, 1)

	agent := must(client.Agents.FindByName(ctx, project.ID, "data-processor"))(t)
	if !strings.HasPrefix(agent.ID.String(), "agent_") {
		t.Errorf("the id is %q", agent.ID)
	}
	equal(t, "found", *agent, connix.Agent{
		ID: agent.ID, Name: "data-processor", ProjectID: project.ID, Status: connix.StatusCreating,
		CreatedAt: overviewTime, UpdatedAt: overviewTime,
	})
	for _, want := range []connix.Status{connix.StatusRunning, connix.StatusCompleted} {
		clock.Advance(600 * time.Millisecond)
		agent = must(client.Agents.Get(ctx, agent.ID))(t)
		equal(t, "status", agent.Status, want)
		if agent.LastActivityAt == nil || !agent.LastActivityAt.After(overviewTime) || !agent.UpdatedAt.Equal(*agent.LastActivityAt) {
			t.Errorf("%s: active at %v, updated at %v", want, agent.LastActivityAt, agent.UpdatedAt)
		}
	}
	srv.Expect(t, connixtest.Match{Method: "GET", Route: "/agents/" + agent.ID.String(), Status: 200}, 2)
}

// Whatever plan a test has for its agents, the client shows it.
func TestAgent_plan(t *testing.T) {
	clock := connixtest.NewClock(overviewTime)
	srv := newServer(t, connixtest.WithClock(clock))
	client, ctx := srv.Client(t), t.Context()
	project := srv.AddProject(connix.Project{})
	srv.OnLaunch(func(r connix.LaunchAgentRequest) connixtest.AgentPlan {
		if r.ProjectID != project.ID {
			t.Errorf("the plan is asked for %+v", r)
		}
		return connixtest.AgentPlan{{After: time.Minute, Status: "reticulating"}, {After: time.Hour, Status: connix.StatusFailed}}
	})
	must(client.Agents.Launch(ctx, connix.LaunchAgentRequest{Name: "worker", ProjectID: project.ID}))(t)
	for _, c := range []struct {
		after time.Duration
		want  connix.Status
	}{{time.Minute - 1, connix.StatusCreating}, {1, "reticulating"}, {time.Hour - 1, "reticulating"}, {1, connix.StatusFailed}} {
		clock.Advance(c.after)
		equal(t, "status", must(client.Agents.FindByName(ctx, project.ID, "worker"))(t).Status, c.want)
	}
}

// Every field of an agent arrives, in a Get and in both lists.
func TestAgent_fields(t *testing.T) {
	srv := newServer(t)
	client, ctx := srv.Client(t), t.Context()
	project := srv.AddProject(connix.Project{})
	temperature, tokens := 0.0, 0 // zero is not the same as not sent
	want := srv.AddAgent(connix.Agent{
		ID: "agent_5f2c", Name: "data-processor", Description: "reads <and> writes", ProjectID: project.ID, Status: connix.StatusPaused,
		Config:    &connix.AgentConfig{Model: "gpt-4", Temperature: &temperature, MaxTokens: &tokens, Tools: []string{"search", "files"}},
		Metadata:  map[string]any{"team": "ai", "nested": map[string]any{"depth": json.Number("2")}, "none": nil},
		CreatedAt: overviewTime, UpdatedAt: overviewTime.Add(time.Minute), LastActivityAt: new(overviewTime.Add(time.Hour)),
	})
	equal(t, "got", *must(client.Agents.Get(ctx, want.ID))(t), want)
	equal(t, "listed", must(client.Agents.List(ctx, nil))(t).Items, []connix.Agent{want})
	equal(t, "listed for the project", must(client.Agents.List(ctx, &connix.ListAgentsOptions{ProjectID: project.ID}))(t).Items, []connix.Agent{want})

	bare := must(client.Agents.Get(ctx, srv.AddAgent(connix.Agent{CreatedAt: overviewTime}).ID))(t)
	if bare.Config != nil || bare.Metadata != nil || bare.LastActivityAt != nil || bare.Description != "" {
		t.Errorf("an agent without them has %+v", *bare)
	}
}

func TestAgent_statuses(t *testing.T) {
	srv := newServer(t, offContract("a status that is not documented yet"))
	client, ctx := srv.Client(t), t.Context()
	agent := srv.AddAgent(connix.Agent{})
	for _, c := range []struct {
		status connix.Status
		ended  bool
	}{
		{connix.StatusCreating, false},
		{connix.StatusRunning, false},
		{connix.StatusPaused, false},
		{connix.StatusUpdating, false},
		{connix.StatusStopped, true},
		{connix.StatusError, true},
		{connix.StatusCompleted, true},
		{connix.StatusFailed, true},
	} {
		srv.SetAgentStatus(agent.ID, c.status)
		got := must(client.Agents.Get(ctx, agent.ID))(t)
		equal(t, "status", got.Status, c.status)
		equal(t, string(c.status)+" is an end", got.Status.Ended(), c.ended)
		listed := must(client.Agents.List(ctx, &connix.ListAgentsOptions{ListOptions: connix.ListOptions{Status: c.status}}))(t)
		equal(t, "listed by its status", len(listed.Items), 1)
	}
	for _, unknown := range []connix.Status{"", "hibernating", connix.StatusActive, connix.StatusDisabled} {
		equal(t, string(unknown)+" is an end", unknown.Ended(), false)
	}
}

func TestAgent_launchRefused(t *testing.T) {
	srv := newServer(t, offContract("launches that name too little or too much"))
	client, ctx := srv.Client(t), t.Context()
	project := srv.AddProject(connix.Project{})
	for _, c := range []struct {
		name   string
		launch connix.LaunchAgentRequest
		status int
		field  string
	}{
		{"no name", connix.LaunchAgentRequest{ProjectID: project.ID}, 400, "name"},
		{"blank name", connix.LaunchAgentRequest{Name: "  ", ProjectID: project.ID}, 400, "name"},
		{"long name", connix.LaunchAgentRequest{Name: strings.Repeat("a", 101), ProjectID: project.ID}, 400, "name"},
		{"no project", connix.LaunchAgentRequest{Name: "worker"}, 400, "project_id"},
		{"unknown project", connix.LaunchAgentRequest{Name: "worker", ProjectID: "404"}, 404, "project_id"},
	} {
		t.Run(c.name, func(t *testing.T) {
			launch, err := client.Agents.Launch(ctx, c.launch)
			if launch != nil {
				t.Errorf("launched: %+v", launch)
			}
			mustBlame(t, err, c.status, c.field)
		})
	}
	equal(t, "agents", len(must(client.Agents.List(ctx, nil))(t).Items), 0)
}

func TestAgent_stop(t *testing.T) {
	clock := connixtest.NewClock(overviewTime)
	srv := newServer(t, connixtest.WithClock(clock))
	client, ctx := srv.Client(t), t.Context()
	agent := srv.AddAgent(connix.Agent{})

	clock.Advance(time.Hour)
	stopped := must(client.Agents.Stop(ctx, agent.ID))(t)
	equal(t, "status", stopped.Status, connix.StatusStopped)
	equal(t, "updated", stopped.UpdatedAt, overviewTime.Add(time.Hour))
	request := only(t, srv)
	equal(t, "request", request.Method+" "+request.Path+" "+string(request.Body), "POST /api/v1/agents/"+agent.ID.String()+"/stop ")
	equal(t, "Content-Type without a body", request.Header.Get("Content-Type"), "")

	// Once more changes nothing; an agent that ended otherwise cannot be stopped.
	clock.Advance(time.Hour)
	equal(t, "stopped again", *must(client.Agents.Stop(ctx, agent.ID))(t), *stopped)
	srv.SetAgentStatus(agent.ID, connix.StatusCompleted)
	_, err := client.Agents.Stop(ctx, agent.ID)
	mustBlame(t, err, 409, "status")
	equal(t, "status", must(client.Agents.Get(ctx, agent.ID))(t).Status, connix.StatusCompleted)
}

// Stopping an agent drops what its plan still held.
func TestAgent_stopEndsItsPlan(t *testing.T) {
	clock := connixtest.NewClock(overviewTime)
	srv := newServer(t, connixtest.WithClock(clock))
	client, ctx := srv.Client(t), t.Context()
	project := srv.AddProject(connix.Project{})
	must(client.Agents.Launch(ctx, connix.LaunchAgentRequest{Name: "worker", ProjectID: project.ID}))(t)
	agent := must(client.Agents.FindByName(ctx, project.ID, "worker"))(t)
	must(client.Agents.Stop(ctx, agent.ID))(t)
	clock.Advance(time.Hour)
	equal(t, "status", must(client.Agents.Get(ctx, agent.ID))(t).Status, connix.StatusStopped)
}

func TestAgents_notFound(t *testing.T) {
	srv := newServer(t)
	client, ctx := srv.Client(t), t.Context()
	for _, c := range []struct {
		name, method, route string
		call                func() error
	}{
		{"Get", "GET", "/agents/{id}", func() error { _, err := client.Agents.Get(ctx, "agent_none"); return err }},
		{"Stop", "POST", "/agents/{id}/stop", func() error { _, err := client.Agents.Stop(ctx, "agent_none"); return err }},
		{"WaitFor", "GET", "/agents/{id}", func() error { _, err := client.Agents.WaitFor(ctx, "agent_none"); return err }},
		{"List of a project", "GET", "/projects/{id}/agents", func() error {
			_, err := client.Agents.List(ctx, &connix.ListAgentsOptions{ProjectID: "404"})
			return err
		}},
		{"FindByName in a project", "GET", "/projects/{id}/agents", func() error {
			_, err := client.Agents.FindByName(ctx, "404", "worker")
			return err
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := mustError(t, c.call(), connix.ErrNotFound)
			equal(t, "error", []any{e.StatusCode, e.Code, e.Method, e.Route}, []any{404, "RESOURCE_NOT_FOUND", c.method, c.route})
		})
	}
}

// Names of agents need not be unique: the newest is the one just launched.
func TestAgentFindByName(t *testing.T) {
	srv := newServer(t)
	client, ctx := srv.Client(t), t.Context()
	project, other := srv.AddProject(connix.Project{}), srv.AddProject(connix.Project{})
	add := func(project connix.ID, name string, at time.Duration) connix.Agent {
		return srv.AddAgent(connix.Agent{Name: name, ProjectID: project, CreatedAt: overviewTime.Add(at)})
	}
	newest := add(project.ID, "worker", 2*time.Hour)
	oldest := add(project.ID, "once", 0)
	add(project.ID, "worker", time.Hour)
	add(other.ID, "worker", 3*time.Hour)
	for range 120 {
		add(project.ID, "filler", 30*time.Minute)
	}

	equal(t, "newest", must(client.Agents.FindByName(ctx, project.ID, "worker"))(t).ID, newest.ID)
	request := only(t, srv)
	equal(t, "request", request.Path+"?"+request.Query, "/api/v1/projects/"+project.ID.String()+"/agents?limit=100&sort=-created_at")
	equal(t, "on the second page", must(client.Agents.FindByName(ctx, project.ID, "once"))(t).ID, oldest.ID)

	_, err := client.Agents.FindByName(ctx, project.ID, "Worker")
	e := mustError(t, err, connix.ErrNotFound)
	equal(t, "error", []any{e.StatusCode, e.Route, e.Err}, []any{0, "/projects/{id}/agents", connix.ErrNotFound})
	_, err = client.Agents.FindByName(ctx, "", "worker")
	mustRefuse(t, err, "projectID")
	_, err = client.Agents.FindByName(ctx, project.ID, "")
	mustRefuse(t, err, "name")
}

// The list of one project's agents is another endpoint with another dialect.
// What it cannot say is refused: left out, it would select something else.
func TestProject_agentsDialect(t *testing.T) {
	srv := newServer(t)
	client, ctx := srv.Client(t), t.Context()
	project := srv.AddProject(connix.Project{})
	for i := range 5 {
		status := connix.StatusRunning
		if i == 0 {
			status = connix.StatusPaused
		}
		srv.AddAgent(connix.Agent{
			Name: "worker-" + connix.IntID(int64(i)).String(), ProjectID: project.ID, Status: status, CreatedAt: overviewTime.Add(time.Duration(i) * time.Hour),
		})
	}
	srv.AddAgent(connix.Agent{Name: "of another project"})
	type pagination = connix.Pagination
	for _, c := range []struct {
		name       string
		options    connix.ListOptions
		query      string
		agents     string
		pagination pagination
	}{
		{"all", connix.ListOptions{}, "", "4 3 2 1 0", pagination{Page: 1, Limit: 20, Total: 5, Pages: 1}},
		{"first page", connix.ListOptions{Limit: 2}, "limit=2", "4 3", pagination{Page: 1, Limit: 2, Total: 5, Pages: 3, HasNext: true}},
		{"middle page", connix.ListOptions{Page: 2, Limit: 2}, "limit=2&offset=2", "2 1", pagination{Page: 2, Limit: 2, Total: 5, Pages: 3, HasNext: true, HasPrev: true}},
		{"last page", connix.ListOptions{Page: 3, Limit: 2}, "limit=2&offset=4", "0", pagination{Page: 3, Limit: 2, Total: 5, Pages: 3, HasPrev: true}},
		{"past the end", connix.ListOptions{Page: 4, Limit: 2}, "limit=2&offset=6", "", pagination{Page: 4, Limit: 2, Total: 5, Pages: 3, HasPrev: true}},
		{"second page, the server's limit", connix.ListOptions{Page: 2}, "offset=20", "", pagination{Page: 2, Limit: 20, Total: 5, Pages: 1, HasPrev: true}},
		{"ascending", connix.ListOptions{Sort: "name", Order: connix.Ascending}, "sort=name", "0 1 2 3 4", pagination{Page: 1, Limit: 20, Total: 5, Pages: 1}},
		{"descending", connix.ListOptions{Sort: "name", Order: connix.Descending}, "sort=-name", "4 3 2 1 0", pagination{Page: 1, Limit: 20, Total: 5, Pages: 1}},
		{"order alone", connix.ListOptions{Order: connix.Ascending}, "sort=created_at", "0 1 2 3 4", pagination{Page: 1, Limit: 20, Total: 5, Pages: 1}},
		{"sort alone: descending, as elsewhere", connix.ListOptions{Sort: "name"}, "sort=-name", "4 3 2 1 0", pagination{Page: 1, Limit: 20, Total: 5, Pages: 1}},
		{"status", connix.ListOptions{Status: connix.StatusPaused}, "status=paused", "0", pagination{Page: 1, Limit: 20, Total: 1, Pages: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			page := must(client.Agents.List(ctx, &connix.ListAgentsOptions{ProjectID: project.ID, ListOptions: c.options}))(t)
			var names []string
			for _, agent := range page.Items {
				names = append(names, strings.TrimPrefix(agent.Name, "worker-"))
			}
			equal(t, "agents", strings.Join(names, " "), c.agents)
			equal(t, "pagination", page.Pagination, c.pagination)
			requests := srv.Requests()
			last := requests[len(requests)-1]
			equal(t, "request", last.Path+"?"+last.Query, "/api/v1/projects/1/agents?"+c.query)
		})
	}
	sent := len(srv.Requests())
	for name, options := range map[string]connix.ListOptions{
		"opts.Search": {Search: "worker"},
		"opts":        {CreatedAfter: overviewTime},
		"opts.Page":   {Page: -1},
		"opts.Limit":  {Limit: -1},
		"opts.Order":  {Order: "up"},
	} {
		_, err := client.Agents.List(ctx, &connix.ListAgentsOptions{ProjectID: project.ID, ListOptions: options})
		mustRefuse(t, err, name)
	}
	for _, dates := range []connix.ListOptions{{CreatedBefore: overviewTime}, {UpdatedAfter: overviewTime}, {UpdatedBefore: overviewTime}} {
		for _, err := range client.Agents.All(ctx, &connix.ListAgentsOptions{ProjectID: project.ID, ListOptions: dates}) {
			mustRefuse(t, err, "opts")
		}
	}
	equal(t, "requests for what was refused", len(srv.Requests())-sent, 0)
}
