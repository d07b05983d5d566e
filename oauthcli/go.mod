module github.com/connix-io/connix-go/oauthcli

go 1.26.0

require (
	github.com/connix-io/connix-go v0.1.0
	github.com/gofrs/flock v0.13.2
	golang.org/x/oauth2 v0.37.0
	golang.org/x/sys v0.49.0
)

require (
	github.com/google/go-querystring v1.2.0 // indirect
	github.com/hashicorp/go-cleanhttp v0.5.2 // indirect
	github.com/hashicorp/go-retryablehttp v0.7.8 // indirect
	golang.org/x/time v0.16.0 // indirect
)

replace github.com/connix-io/connix-go => ../
