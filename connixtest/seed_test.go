package connixtest_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
)

// TestSeedsComeBackAsTheyAre reads through the client what was seeded, with every
// field set and with none.
func TestSeedsComeBackAsTheyAre(t *testing.T) {
	clock := connixtest.NewClock(time.Date(2024, 1, 15, 10, 30, 0, 0, time.UTC))
	srv := connixtest.NewServer(t, connixtest.WithClock(clock))
	client, ctx := srv.Client(t), t.Context()
	day := func(n int) time.Time { return time.Date(2024, 1, n, 1, 2, 3, 4, time.UTC) }

	for _, p := range []connix.Project{
		{},
		{ID: "77", Name: "Not A Legal Name", CreatedAt: day(1), UpdatedAt: day(2)},
		{ID: "proj_x", CreatedAt: day(3).In(time.FixedZone("", 3600))},
	} {
		added := srv.AddProject(p)
		if got, err := client.Projects.Get(ctx, added.ID); err != nil || *got != added || added.Name == "" || added.UpdatedAt.IsZero() {
			t.Errorf("%+v was added as %+v and is %+v, %v", p, added, got, err)
		}
	}

	temperature, tokens, active := 0.5, 100, day(3)
	for _, a := range []connix.Agent{
		{},
		{ID: "agent_5f2c", Name: "n", Description: "d", ProjectID: "77", Status: "dreaming", CreatedAt: day(1), UpdatedAt: day(2), LastActivityAt: &active,
			Config: &connix.AgentConfig{Model: "m", Temperature: &temperature, MaxTokens: &tokens, Tools: []string{"t"}}, Metadata: map[string]any{"k": "v"}},
	} {
		added := srv.AddAgent(a)
		if got, err := client.Agents.Get(ctx, added.ID); err != nil || !reflect.DeepEqual(*got, added) || added.Name == "" || added.Status == "" {
			t.Errorf("%+v was added as %+v and is %+v, %v", a, added, got, err)
		}
	}

	for _, w := range []connix.Webhook{
		{Events: []connix.EventType{}},
		{ID: "wh_7", URL: "http://example.com/", Events: []connix.EventType{connix.EventAgentFailed, "odd"}, Status: connix.StatusDisabled, CreatedAt: day(1), UpdatedAt: day(2)},
	} {
		added := srv.AddWebhook(w, "s")
		if got, err := client.Webhooks.Get(ctx, added.ID); err != nil || !reflect.DeepEqual(*got, added) || added.Status == "" {
			t.Errorf("%+v was added as %+v and is %+v, %v", w, added, got, err)
		}
	}

	expires, used := day(30), day(2)
	for _, k := range []connix.APIKey{
		{Scopes: []string{}},
		{ID: "key_7", Name: "n", Description: "d", Key: "any-text", Scopes: []string{"projects:read"}, CreatedAt: day(1), ExpiresAt: &expires, LastUsedAt: &used},
	} {
		added := srv.AddAPIKey(k)
		if added.Key == "" || added.Name == "" {
			t.Errorf("%+v was added as %+v", k, added)
		}
		got, err := client.APIKeys.Get(ctx, added.ID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := srv.Client(t, connix.WithAPIKey(added.Key.Reveal())).Hello(ctx, "x"); err != nil {
			t.Errorf("hello with %+v: %v", added, err)
		}
		added.Key = "" // it is not shown again
		if !reflect.DeepEqual(*got, added) {
			t.Errorf("%+v was added as %+v and is %+v", k, added, got)
		}
	}
}

func TestSeedsThatCannotBe(t *testing.T) {
	srv := connixtest.NewServer(t)
	p := srv.AddProject(connix.Project{Name: "one"})
	wantPanic(t, `a project with the id "1" exists`, func() { srv.AddProject(connix.Project{ID: p.ID}) })
	wantPanic(t, `a project named "one" exists`, func() { srv.AddProject(connix.Project{Name: "one"}) })
	wantPanic(t, `project "9" does not exist`, func() { srv.AddAgent(connix.Agent{ProjectID: "9"}) })
	wantPanic(t, "this API key exists", func() { srv.AddAPIKey(connix.APIKey{Key: connix.Secret(srv.APIKey)}) })
	wantPanic(t, "no header can carry", func() { srv.AddAPIKey(connix.APIKey{Key: "a b"}) })
	wantPanic(t, "must be an absolute URL", func() { srv.AddWebhook(connix.Webhook{URL: "::bad"}, "s") })
	wantPanic(t, `not "everything"`, func() { srv.AddToken("everything") })
	wantPanic(t, `"/callback" is not absolute`, func() {
		srv.AddOAuthClient(connixtest.OAuthClient{ID: "app", RedirectURLs: []string{"/callback"}})
	})
}

// What is filled in does not stand in the way of what was given, nor later ids.
func TestSeedsThatAreFilledIn(t *testing.T) {
	srv := connixtest.NewServer(t)
	srv.AddProject(connix.Project{Name: "project-2"})
	if p := srv.AddProject(connix.Project{}); p.ID != "2" || p.Name != "project-2-2" {
		t.Errorf("%+v", p)
	}
	srv.AddProject(connix.Project{ID: "9223372036854775807"})
	if p := srv.AddProject(connix.Project{}); p.ID != "3" {
		t.Errorf("%+v", p)
	}
}

func TestAddProjects(t *testing.T) {
	srv := connixtest.NewServer(t)
	client, ctx := srv.Client(t), t.Context()
	start := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	srv.AddProjects(1000, func(i int) connix.Project {
		return connix.Project{Name: fmt.Sprintf("p-%d", i), CreatedAt: start.Add(time.Duration(i) * time.Minute)}
	})
	srv.AddProjects(2, nil)
	page, err := client.Projects.List(ctx, &connix.ListProjectsOptions{ListOptions: connix.ListOptions{
		CreatedAfter: start.Add(99 * time.Minute), CreatedBefore: start.Add(200 * time.Minute), Order: connix.Ascending, Limit: 10, Page: 10,
	}})
	if err != nil || page.Pagination.Total != 100 || page.Pagination.HasNext || len(page.Items) != 10 || page.Items[9].Name != "p-199" || page.Items[9].ID != "200" {
		t.Errorf("%+v, %v", page, err)
	}
	if p, err := client.Projects.Get(ctx, "1002"); err != nil || p.Name != "project-1002" {
		t.Errorf("%+v, %v", p, err)
	}
}

// BenchmarkList asks a server for one page out of a thousand projects, a hundred
// thousand and a million, over HTTP: the response takes as long.
func BenchmarkList(b *testing.B) {
	start := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, n := range []int{1e3, 1e5, 1e6} {
		srv, err := connixtest.Start()
		if err != nil {
			b.Fatal(err)
		}
		srv.AddProjects(n, func(i int) connix.Project {
			at := start.Add(time.Duration(i) * time.Second)
			// Updated in another order than created.
			return connix.Project{CreatedAt: at, UpdatedAt: at.Add(time.Duration(i*7919%n) * time.Second)}
		})
		from, to := start.Add(time.Duration(n/4)*time.Second), start.Add(time.Duration(n)*time.Second)
		client := srv.Client(b)
		for _, q := range []struct {
			name    string
			options connix.ListOptions
		}{
			{"all", connix.ListOptions{}},
			{"last page", connix.ListOptions{Page: n / 20}},
			{"created", connix.ListOptions{CreatedAfter: from, CreatedBefore: to}},
			{"updated", connix.ListOptions{UpdatedAfter: from, UpdatedBefore: to}},
			{"updated by name", connix.ListOptions{UpdatedAfter: from, Sort: "name", Order: connix.Ascending, Page: 5}},
		} {
			list := func() {
				page, err := client.Projects.List(b.Context(), &connix.ListProjectsOptions{ListOptions: q.options})
				if err != nil || len(page.Items) != 20 || page.Pagination.Total < n/3 {
					b.Fatalf("%d items of %d, %v", len(page.Items), page.Pagination.Total, err)
				}
			}
			list() // what is made once is not the page's cost
			b.Run(fmt.Sprintf("%s/%d", q.name, n), func(b *testing.B) {
				for b.Loop() {
					list()
				}
			})
		}
		srv.Close()
	}
}
