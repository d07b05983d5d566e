package connix_test

import (
	"crypto/rand"
	"sync"
	"testing"

	connix "github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
)

func TestKeysRotateUnderLoad(t *testing.T) {
	srv := connixtest.NewServer(t)
	admin := srv.Client(t)
	old := srv.AddAPIKey(connix.APIKey{Name: "before", Scopes: []string{"projects:read"}})
	key, err := connix.NewRotatingKey(old.Key.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	client := srv.Client(t, connix.WithAPIKeySource(key.Key))
	rotated, stop := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	var mu sync.Mutex
	late := map[string]bool{} // ids of the calls that began after Rotate
	for range 64 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				var opts []connix.CallOption
				select {
				case <-rotated:
					id := rand.Text()
					mu.Lock()
					late[id] = true
					mu.Unlock()
					opts = append(opts, connix.WithRequestID(id))
				default:
				}
				if _, err := client.Projects.List(t.Context(), nil, opts...); err != nil {
					t.Errorf("a call failed: %v", err)
					return
				}
			}
		})
	}
	wait := func(n int) {
		if _, err := srv.AwaitRequests(t.Context(), connixtest.Match{Route: "/projects"}, n); err != nil {
			t.Error(err)
		}
	}
	wait(200)
	fresh, err := admin.APIKeys.Create(t.Context(), connix.CreateAPIKeyRequest{Name: "after", Scopes: []string{"projects:read"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := key.Rotate(fresh.Key.Reveal()); err != nil {
		t.Fatal(err)
	}
	close(rotated)
	if err := admin.APIKeys.Revoke(t.Context(), old.ID); err != nil {
		t.Fatal(err)
	}
	wait(len(srv.Requests()) + 200)
	close(stop)
	wg.Wait()
	seen := 0
	for _, r := range srv.Requests() {
		if late[r.Header.Get("X-Request-Id")] {
			seen++
			if r.Header.Get("X-Api-Key") != fresh.Key.Reveal() {
				t.Error("a call that began after Rotate used the old key")
			}
		}
	}
	if seen == 0 {
		t.Error("no call began after Rotate")
	}
}
