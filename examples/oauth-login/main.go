// Command oauth-login logs a user in through the browser, keeps the token in a
// file and calls the API with it: the second start needs no login, and any
// number of processes can share the file.
//
// It uses the embedded fake of the API, whose user it plays itself (-browser has
// you do it), or the real one where CONNIX_OAUTH_CLIENT_ID is set. -logout
// forgets the token.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"

	connix "github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/oauthcli"
	"golang.org/x/oauth2"
)

func main() {
	browser := flag.Bool("browser", false, "open a browser for the fake, too")
	logout := flag.Bool("logout", false, "forget the token of an earlier login")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, *browser, *logout); err != nil {
		fmt.Fprintln(os.Stderr, "oauth-login:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, browser, logout bool) error {
	where, err := choose(out, browser)
	if err != nil {
		return err
	}
	defer where.stop()
	store := oauthcli.NewFileStore(where.file)
	if logout {
		if err := store.Delete(ctx); err != nil {
			return err
		}
		fmt.Fprintln(out, "Forgot the token: ", where.file)
		return nil
	}
	for start := range 2 { // as if the program had been started twice
		if err := use(ctx, out, where, store); err != nil {
			return err
		}
		if start == 0 {
			fmt.Fprintln(out, "Again, as another start of the program:")
		}
	}
	fmt.Fprintln(out, "The token is in: ", where.file, where.note)
	return nil
}

// use is all that such a program does: it logs in if that is needed, then works.
func use(ctx context.Context, out io.Writer, where *place, store *oauthcli.FileStore) error {
	options := append([]oauthcli.Option{oauthcli.WithAppName("The oauth-login example"), oauthcli.WithOutput(out)}, where.login...)
	source, err := oauthcli.Source(ctx, where.config, store, options...)
	if refused, ok := errors.AsType[*oauthcli.Error](err); ok && refused.Code == "access_denied" {
		return errors.New("you have denied access")
	}
	if err != nil {
		return err
	}
	client, err := connix.NewClient(append(where.client, connix.WithTokenSource(source))...)
	if err != nil {
		return err
	}
	hello, err := client.Hello(ctx, "Gopher")
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "The API says:    ", hello.Message)
	return source.Close(ctx)
}

// place is where the example runs.
type place struct {
	config     *oauth2.Config
	login      []oauthcli.Option
	client     []connix.Option
	file, note string
	stop       func()
}

// choose returns the real API, or a fake of it.
func choose(out io.Writer, browser bool) (*place, error) {
	id := os.Getenv("CONNIX_OAUTH_CLIENT_ID")
	if id == "" {
		fmt.Fprintln(out, "Running on:       the embedded fake (set CONNIX_OAUTH_CLIENT_ID for the real API)")
		return fake(browser)
	}
	fmt.Fprintln(out, "Running on:       the real API, with CONNIX_OAUTH_CLIENT_ID")
	folder, err := os.UserConfigDir()
	if err != nil {
		return nil, err
	}
	return &place{
		config: &oauth2.Config{ClientID: id, Endpoint: connix.OAuthEndpoint, Scopes: []string{connix.ScopeRead}},
		file:   filepath.Join(folder, "connix-oauth-login", "token.json"),
		note:   "(-logout forgets it)",
		stop:   func() {},
	}, nil
}
