package oauthcli_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"

	connix "github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
	"github.com/connix-io/connix-go/oauthcli"
)

// A program that logs its user in at its first start and never again, however
// many of it run. Here it talks to a fake, whose user allows everything; for the
// real API the config's endpoint is connix.OAuthEndpoint, and Source needs
// neither of the last two options.
func Example() {
	ctx := context.Background()
	srv, err := connixtest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	folder, err := os.MkdirTemp("", "example-*")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	cfg := srv.OAuthConfig("", connix.ScopeRead)

	store := oauthcli.NewFileStore(filepath.Join(folder, "token.json"))
	source, err := oauthcli.Source(ctx, cfg, store, oauthcli.WithAppName("Example"),
		oauthcli.WithOutput(io.Discard), oauthcli.WithOpenURL(allowAt(srv)))
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = source.Close(ctx) }() // before the program ends
	client, err := connix.NewClient(connix.WithBaseURL(srv.URL), connix.WithTokenSource(source))
	if err != nil {
		log.Fatal(err)
	}
	hello, err := client.Hello(ctx, "Gopher")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(hello.Message)
	if kept, err := store.Load(ctx); err == nil && kept != nil {
		fmt.Println("The token is kept for the next start.")
	}
	// Output:
	// Hello Gopher! Welcome to Connix API v1
	// The token is kept for the next start.
}

// allowAt stands for the browser of a user who allows what the fake asks for.
func allowAt(srv *connixtest.Server) func(context.Context, string) error {
	return func(ctx context.Context, address string) error {
		callback, err := srv.ApproveLogin(address)
		if err != nil {
			return err
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, callback, nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	}
}
