package connixtest_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
)

// A program starts a server and closes it; a test calls NewServer instead, which
// closes it by itself.
func ExampleStart() {
	srv, err := connixtest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()

	client, err := connix.NewClient(srv.Options()...)
	if err != nil {
		log.Fatal(err)
	}
	project, err := client.Projects.Create(context.Background(), connix.CreateProjectRequest{Name: "my-ai-project"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(project.ID, project.Name)
	// Output: 1 my-ai-project
}

// The app under test is given the server's URL and key, as it would be given
// those of the real API.
func ExampleServer() {
	srv, err := connixtest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	srv.AddProject(connix.Project{Name: "seeded"})

	app := func(baseURL, apiKey string) error {
		client, err := connix.NewClient(connix.WithBaseURL(baseURL), connix.WithAPIKey(apiKey))
		if err != nil {
			return err
		}
		_, err = client.Projects.Create(context.Background(), connix.CreateProjectRequest{Name: "seeded"})
		return err
	}
	err = app(srv.URL, srv.APIKey)
	fmt.Println(errors.Is(err, connix.ErrConflict))
	// Output: true
}

// An agent whose work takes an hour and fails, under a clock that the test moves.
func ExampleServer_OnLaunch() {
	clock := connixtest.NewClock(time.Date(2024, 1, 15, 10, 30, 0, 0, time.UTC))
	srv, err := connixtest.Start(connixtest.WithClock(clock))
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	srv.OnLaunch(func(connix.LaunchAgentRequest) connixtest.AgentPlan {
		return connixtest.AgentPlan{
			{After: time.Second, Status: connix.StatusRunning},
			{After: time.Hour, Status: connix.StatusFailed},
		}
	})

	client, err := connix.NewClient(srv.Options()...)
	if err != nil {
		log.Fatal(err)
	}
	ctx, project := context.Background(), srv.AddProject(connix.Project{Name: "my-ai-project"})
	if _, err := client.Agents.Launch(ctx, connix.LaunchAgentRequest{Name: "data-processor", ProjectID: project.ID}); err != nil {
		log.Fatal(err)
	}
	for _, passed := range []time.Duration{0, time.Minute, time.Hour} {
		clock.Advance(passed)
		agent, err := client.Agents.FindByName(ctx, project.ID, "data-processor")
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(clock.Now().Format(time.TimeOnly), agent.Status)
	}
	// Output:
	// 10:30:00 creating
	// 10:31:00 running
	// 11:31:00 failed
}

// What the app did, and what was in the requests.
func ExampleServer_AwaitRequests() {
	srv, err := connixtest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	client, err := connix.NewClient(srv.Options()...)
	if err != nil {
		log.Fatal(err)
	}
	go func() { _, _ = client.Projects.Create(context.Background(), connix.CreateProjectRequest{Name: "one"}) }()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	requests, err := srv.AwaitRequests(ctx, connixtest.Match{Method: "POST", Route: "/projects", Status: 201}, 1)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(requests[0].Path, string(requests[0].Body))
	// Output: /api/v1/projects {"name":"one"}
}

// Many projects, a minute apart. A page of them costs no more than a page of a
// few.
func ExampleServer_AddProjects() {
	srv, err := connixtest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	start := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	srv.AddProjects(100_000, func(i int) connix.Project {
		return connix.Project{CreatedAt: start.Add(time.Duration(i) * time.Minute)}
	})

	client, err := connix.NewClient(srv.Options()...)
	if err != nil {
		log.Fatal(err)
	}
	page, err := client.Projects.List(context.Background(), &connix.ListProjectsOptions{ListOptions: connix.ListOptions{
		CreatedBefore: start.Add(24 * time.Hour), Limit: 1,
	}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(page.Pagination.Total, page.Items[0].Name)
	// Output: 1440 project-1440
}

// A key that may only read.
func ExampleServer_AddAPIKey() {
	srv, err := connixtest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	key := srv.AddAPIKey(connix.APIKey{Scopes: []string{"projects:read"}})

	client, err := connix.NewClient(append(srv.Options(), connix.WithAPIKey(key.Key.Reveal()))...)
	if err != nil {
		log.Fatal(err)
	}
	_, err = client.Projects.Create(context.Background(), connix.CreateProjectRequest{Name: "one"})
	fmt.Println(errors.Is(err, connix.ErrForbidden))
	// Output: true
}

// What an app does when the API refuses it for its rate.
func ExampleWithRateLimits() {
	srv, err := connixtest.Start(connixtest.WithRateLimits(connixtest.RateLimits{
		Windows: []connix.Window{{Limit: 2, Period: time.Hour}},
		Kind:    connixtest.SlidingWindow,
	}))
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	client, err := connix.NewClient(append(srv.Options(), connix.WithRetryPolicy(connix.RetryPolicy{}))...)
	if err != nil {
		log.Fatal(err)
	}
	for range 3 {
		_, err := client.Hello(context.Background(), "you")
		fmt.Println(errors.Is(err, connix.ErrRateLimited))
	}
	// Output:
	// false
	// false
	// true
}
