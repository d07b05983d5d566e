// Command quickstart walks through the main job: create a project, launch an
// agent in it, wait for the agent, look at what there is, clean up. It uses the
// embedded fake of the API, or the real one where CONNIX_API_KEY is set.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	client, stop, err := connect()
	if err != nil {
		return err
	}
	defer stop()

	hello, err := client.Hello(ctx, "Gopher")
	if err != nil {
		return err
	}
	fmt.Println("The API says:    ", hello.Message)

	// A new name for each run, so that two runs do not conflict.
	name := fmt.Sprintf("quickstart-%d", time.Now().UnixNano()%1e9)
	project, err := client.Projects.Create(ctx, connix.CreateProjectRequest{Name: name})
	if err != nil {
		return err
	}
	defer cleanUp(ctx, client, project)
	fmt.Printf("Created project:  %s (id %s)\n", project.Name, project.ID)

	// Errors have classes.
	_, err = client.Projects.Create(ctx, connix.CreateProjectRequest{Name: name})
	switch {
	case errors.Is(err, connix.ErrConflict):
		fmt.Println("Created it twice: refused, the name is taken")
	case err != nil:
		return err
	}

	if err := runAgent(ctx, client, project); err != nil {
		return err
	}

	// Iterators fetch page after page.
	for project, err := range client.Projects.All(ctx, &connix.ListProjectsOptions{ListOptions: connix.ListOptions{Search: name}}) {
		if err != nil {
			return err
		}
		fmt.Println("Listed project:  ", project.Name)
	}

	for _, w := range client.RateLimits().Windows {
		fmt.Printf("Rate limit:       %d of %d calls left per %v\n", w.Remaining, w.Limit, w.Period)
	}
	return nil
}

// runAgent launches an agent and waits until it has ended.
func runAgent(ctx context.Context, client *connix.Client, project *connix.Project) error {
	launch, err := client.Agents.Launch(ctx, connix.LaunchAgentRequest{Name: "data-processor", ProjectID: project.ID})
	if err != nil {
		return err
	}
	fmt.Println("Launched:        ", launch.Message)

	// The response names no id, so look for the newest agent of that name.
	agent, err := client.Agents.FindByName(ctx, project.ID, "data-processor")
	if err != nil {
		return err
	}
	fmt.Printf("Found agent:      %s, %s\n", agent.ID, agent.Status)

	waiting, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	agent, err = client.Agents.WaitFor(waiting, agent.ID)
	if err != nil {
		return err
	}
	fmt.Println("Waited for it:   ", agent.Status)
	return nil
}

// connect returns a client of the real API, or of an embedded fake, and what
// ends it.
func connect() (client *connix.Client, stop func(), err error) {
	if os.Getenv("CONNIX_API_KEY") != "" {
		fmt.Println("Running on:       the real API, with CONNIX_API_KEY")
		client, err = connix.NewClient()
		return client, func() {}, err
	}
	fmt.Println("Running on:       the embedded fake (set CONNIX_API_KEY for the real API)")
	srv, err := connixtest.Start()
	if err != nil {
		return nil, nil, err
	}
	srv.OnLaunch(func(connix.LaunchAgentRequest) connixtest.AgentPlan {
		return connixtest.AgentPlan{
			{After: 200 * time.Millisecond, Status: connix.StatusRunning},
			{After: 600 * time.Millisecond, Status: connix.StatusCompleted},
		}
	})
	client, err = connix.NewClient(connix.WithBaseURL(srv.URL), connix.WithAPIKey(srv.APIKey))
	if err != nil {
		srv.Close()
		return nil, nil, err
	}
	return client, srv.Close, nil
}

// cleanUp deletes what the run made, also where the user has interrupted it.
func cleanUp(ctx context.Context, client *connix.Client, project *connix.Project) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if err := client.Projects.Delete(ctx, project.ID); err != nil {
		fmt.Fprintf(os.Stderr, "quickstart: project %s remains: %v\n", project.Name, err)
		return
	}
	fmt.Println("Cleaned up:       project and agent are deleted")
}
