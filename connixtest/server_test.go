package connixtest_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
)

func TestTheClientOverASocket(t *testing.T) {
	srv := connixtest.NewServer(t)
	useProjects(t, srv)
}

func TestTheClientInMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := connixtest.NewServer(t, connixtest.WithInMemory(), connixtest.WithLatency(time.Second, 2*time.Second))
		start := time.Now()
		useProjects(t, srv)
		if passed := time.Since(start); passed < 5*time.Second || passed > 10*time.Second {
			t.Errorf("five calls took %v, with a latency of one to two seconds", passed)
		}
	})
}

// useProjects makes five calls.
func useProjects(t *testing.T, srv *connixtest.Server) {
	t.Helper()
	client, ctx := srv.Client(t), t.Context()
	created, err := client.Projects.Create(ctx, connix.CreateProjectRequest{Name: "my-ai-project"})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := client.Projects.Get(ctx, created.ID); err != nil || *got != *created || got.ID != "1" {
		t.Errorf("Get = %+v, %v; want %+v", got, err, created)
	}
	if page, err := client.Projects.List(ctx, nil); err != nil || len(page.Items) != 1 || page.Items[0] != *created {
		t.Errorf("List = %+v, %v", page, err)
	}
	if err := client.Projects.Delete(ctx, created.ID); err != nil {
		t.Errorf("Delete: %v", err)
	}
	if _, err := client.Projects.Get(ctx, created.ID); !errors.Is(err, connix.ErrNotFound) {
		t.Errorf("Get of a deleted project: %v", err)
	}
	srv.Expect(t, connixtest.Match{}, 5)
	srv.Expect(t, connixtest.Match{Method: "GET", Route: "/projects/{id}", Status: 404}, 1)
}
