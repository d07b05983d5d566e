// Command browsertest is the program whose login drive.mjs does in a browser. It
// starts a fake of the API, logs its user in there, calls the API with the
// token, and writes JSON lines: the address to open, then how it ended.
//
// Its argument is "expired" for a code that expires before it is used.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"time"

	connix "github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
	"github.com/connix-io/connix-go/oauthcli"
	"golang.org/x/oauth2"
)

const appName = "Example <Deploy> Tool"

// event is one line of the output.
type event struct {
	URL   string `json:"url,omitempty"`   // to be opened
	Hello string `json:"hello,omitempty"` // what the API said with the token
	Error string `json:"error,omitempty"` // why there is no token
	Code  string `json:"code,omitempty"`  // RFC 6749's, of that error
}

func main() {
	if err := run(context.Background(), slices.Contains(os.Args, "expired")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, expired bool) error {
	clock := connixtest.NewClock(time.Now())
	srv, err := connixtest.Start(connixtest.WithClock(clock))
	if err != nil {
		return err
	}
	defer srv.Close()
	srv.AddOAuthClient(connixtest.OAuthClient{ID: "deploy", Name: appName, RedirectURLs: []string{"http://127.0.0.1/callback"}})
	cfg := srv.OAuthConfig("")
	cfg.ClientID = "deploy"
	if expired {
		ctx = context.WithValue(ctx, oauth2.HTTPClient, &http.Client{Transport: late{clock}})
	}
	lines := json.NewEncoder(os.Stdout)
	token, err := oauthcli.Login(ctx, cfg, oauthcli.WithAppName(appName), oauthcli.WithOutput(nil), oauthcli.WithTimeout(time.Minute),
		oauthcli.WithOpenURL(func(_ context.Context, address string) error { return lines.Encode(event{URL: address}) }))
	if err != nil {
		end := event{Error: err.Error()}
		if refused, ok := errors.AsType[*oauthcli.Error](err); ok {
			end.Code = refused.Code
		}
		return lines.Encode(end)
	}
	source, err := connix.NewTokenSource(cfg, token)
	if err != nil {
		return err
	}
	client, err := connix.NewClient(connix.WithBaseURL(srv.URL), connix.WithTokenSource(source))
	if err != nil {
		return err
	}
	hello, err := client.Hello(ctx, "Gopher")
	if err != nil {
		return err
	}
	return lines.Encode(event{Hello: hello.Message})
}

// late has a while pass, on the server, before each request.
type late struct{ clock *connixtest.Clock }

func (l late) RoundTrip(r *http.Request) (*http.Response, error) {
	l.clock.Advance(2 * time.Minute)
	return http.DefaultTransport.RoundTrip(r)
}
