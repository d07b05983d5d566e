package oauthcli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	connix "github.com/connix-io/connix-go"
	"golang.org/x/oauth2"
)

// saveTimeout bounds how long a fresh login waits for its store.
const saveTimeout = time.Minute

// Source returns the source of a program's tokens: that of the login which store
// holds, else of a new one. It logs in by [Login] if nothing is stored, or if the
// authorization server refuses the stored login, and stores the new token. It
// makes sure before that store can be written.
//
// A stored token that has expired is refreshed at once. If that fails otherwise,
// the calls will say so. A login that ends later does so as well: the calls fail
// with [connix.ErrLoginRequired], and the program calls Source again. Close the
// source before the program ends.
//
// The http.Client that ctx holds under [oauth2.HTTPClient], if any, asks the token
// endpoint as long as the source is used.
func Source(ctx context.Context, cfg *oauth2.Config, store connix.TokenStore, opts ...Option) (*connix.TokenSource, error) {
	if store == nil {
		return nil, errors.New("oauthcli: Source needs a store")
	}
	c := newConfig(opts)
	if _, err := c.check(cfg); err != nil {
		return nil, err
	}
	sourceOpts := append(tokenOptions(c.insecure), connix.WithTokenStore(store))
	if client, ok := ctx.Value(oauth2.HTTPClient).(*http.Client); ok && client != nil {
		sourceOpts = append(sourceOpts, connix.WithTokenHTTPClient(client))
	}
	source, err := connix.NewTokenSource(cfg, nil, sourceOpts...)
	if err != nil {
		return nil, fmt.Errorf("oauthcli: %w", err)
	}
	required, err := needsLogin(ctx, source, store)
	if err != nil {
		return nil, err
	}
	if !required {
		return source, nil
	}
	if err := checkStore(ctx, store); err != nil {
		return nil, err
	}
	token, err := Login(ctx, cfg, opts...)
	if err != nil {
		return nil, err
	}
	if err := save(ctx, store, token); err != nil {
		return nil, fmt.Errorf("oauthcli: storing the login: %w", err)
	}
	return connix.NewTokenSource(cfg, nil, sourceOpts...)
}

// needsLogin reports whether the store holds no login, or one that has ended. The
// error is that of a store that cannot be read, or of ctx.
func needsLogin(ctx context.Context, source *connix.TokenSource, store connix.TokenStore) (bool, error) {
	token, err := store.Load(ctx)
	switch {
	case errors.Is(err, connix.ErrLoginRequired):
		return true, nil
	case err != nil:
		return false, err
	case token == nil:
		return true, nil
	}
	result := make(chan error, 1)
	go func() {
		_, err := source.Token()
		result <- err
	}()
	select {
	case err := <-result:
		return errors.Is(err, connix.ErrLoginRequired), nil
	case <-ctx.Done():
		return false, contextError(ctx)
	}
}

var errChecked = errors.New("the store can be written")

// checkStore has the store make sure that it can be written, as it does before
// each refresh. A store that holds something else than a token is not asked.
func checkStore(ctx context.Context, store connix.TokenStore) error {
	_, err := store.Update(ctx, func(context.Context, *oauth2.Token) (*oauth2.Token, error) { return nil, errChecked })
	if errors.Is(err, errChecked) || errors.Is(err, connix.ErrLoginRequired) {
		return nil
	}
	return err
}

// save stores a fresh login, though ctx may have ended meanwhile.
func save(ctx context.Context, store connix.TokenStore, token *oauth2.Token) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	defer cancel()
	if s, ok := store.(interface {
		Save(context.Context, *oauth2.Token) error
	}); ok {
		return s.Save(ctx, token) // whatever it holds
	}
	_, err := store.Update(ctx, func(context.Context, *oauth2.Token) (*oauth2.Token, error) { return token, nil })
	return err
}
