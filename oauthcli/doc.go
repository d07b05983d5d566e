// Package oauthcli logs users of command-line programs in to Connix through
// their browser (RFC 8252, with PKCE), and keeps the token in a file that any
// number of processes can share.
//
//	store := oauthcli.NewFileStore(path)
//	token, err := store.Load(ctx)
//	if err == nil && token == nil {
//		token, err = oauthcli.Login(ctx, cfg, oauthcli.WithAppName("Example"))
//	}
//	...
//	source, err := connix.NewTokenSource(cfg, token, connix.WithTokenStore(store))
//	client, err := connix.NewClient(connix.WithTokenSource(source))
package oauthcli
