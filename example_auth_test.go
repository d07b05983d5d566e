package connix_test

import (
	"context"
	"fmt"
	"log"

	connix "github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
)

// A program swaps its own API key while it runs: it creates the new one,
// switches, makes sure that it works, and only then revokes the old one. Calls
// in flight go on.
func ExampleRotatingKey() {
	ctx := context.Background()
	srv, err := connixtest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	scopes := []string{"projects:read", "api-keys:read", "api-keys:write"}
	old := srv.AddAPIKey(connix.APIKey{Name: "2024-01", Scopes: scopes})

	key, err := connix.NewRotatingKey(old.Key.Reveal()) // in a program: from its secret store
	if err != nil {
		log.Fatal(err)
	}
	client, err := connix.NewClient(connix.WithBaseURL(srv.URL), connix.WithAPIKeySource(key.Key))
	if err != nil {
		log.Fatal(err)
	}

	fresh, err := client.APIKeys.Create(ctx, connix.CreateAPIKeyRequest{Name: "2024-02", Scopes: scopes})
	if err != nil {
		log.Fatal(err)
	}
	// Here it is saved: the API shows it this once.
	if err := key.Rotate(fresh.Key.Reveal()); err != nil {
		log.Fatal(err)
	}
	hello, err := client.Hello(ctx, "Gopher")
	if err != nil {
		_ = key.Rotate(old.Key.Reveal()) // the old one is still good
		log.Fatal(err)
	}
	fmt.Println("with the new key:", hello.Message)
	if err := client.APIKeys.Revoke(ctx, old.ID); err != nil {
		log.Fatal(err)
	}

	for k, err := range client.APIKeys.All(ctx, &connix.ListAPIKeysOptions{ListOptions: connix.ListOptions{Search: "2024"}}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("still there:", k.Name)
	}
	// Output:
	// with the new key: Hello Gopher! Welcome to Connix API v1
	// still there: 2024-02
}
