// Package oauthcli logs users of command-line programs in to Connix through
// their browser (RFC 8252, with PKCE), and keeps the token in a file that any
// number of processes can share.
//
//	store := oauthcli.NewFileStore(path)
//	source, err := oauthcli.Source(ctx, cfg, store, oauthcli.WithAppName("Example"))
//	...
//	defer source.Close(ctx)
//	client, err := connix.NewClient(connix.WithTokenSource(source))
//
// [Source] logs in at the first start and whenever the stored login has ended.
// [Login] and [FileStore] are its parts.
package oauthcli
