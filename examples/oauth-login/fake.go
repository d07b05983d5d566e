package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	connix "github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
	"github.com/connix-io/connix-go/oauthcli"
)

// fake starts a fake of the API. Its user allows everything at once, or is you.
func fake(browser bool) (*place, error) {
	srv, err := connixtest.Start()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "connix-oauth-login-*")
	if err != nil {
		srv.Close()
		return nil, err
	}
	srv.AddOAuthClient(connixtest.OAuthClient{
		ID: "oauth-login", Name: "The oauth-login example", RedirectURLs: []string{"http://127.0.0.1/callback"},
	})
	config := srv.OAuthConfig("", connix.ScopeRead)
	config.ClientID = "oauth-login"
	p := &place{
		config: config,
		client: []connix.Option{connix.WithBaseURL(srv.URL)},
		file:   filepath.Join(folder, "token.json"),
		note:   "(and gone with the fake)",
		stop: func() {
			srv.Close()
			_ = os.RemoveAll(folder)
		},
	}
	if !browser {
		p.login = append(p.login, oauthcli.WithOpenURL(func(ctx context.Context, address string) error {
			return playUser(ctx, srv, address)
		}))
	}
	return p, nil
}

// playUser is a user who allows what the page at address asks for.
func playUser(ctx context.Context, srv *connixtest.Server, address string) error {
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
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the program responded to the browser with %s", resp.Status)
	}
	return nil
}
