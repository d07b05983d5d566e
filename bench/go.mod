module github.com/connix-io/connix-go/bench

go 1.26.0

require (
	github.com/connix-io/connix-go v0.1.0
	github.com/google/go-github/v89 v89.0.0
	github.com/openai/openai-go/v3 v3.96.0
	gitlab.com/gitlab-org/api/client-go/v2 v2.64.0
)

require (
	github.com/coder/websocket v1.8.15 // indirect
	github.com/google/go-querystring v1.2.0 // indirect
	github.com/hashicorp/go-cleanhttp v0.5.2 // indirect
	github.com/hashicorp/go-retryablehttp v0.7.8 // indirect
	github.com/tidwall/gjson v1.20.0 // indirect
	github.com/tidwall/match v1.1.1 // indirect
	github.com/tidwall/pretty v1.2.1 // indirect
	github.com/tidwall/sjson v1.2.5 // indirect
	golang.org/x/oauth2 v0.37.0 // indirect
	golang.org/x/time v0.16.0 // indirect
)

replace github.com/connix-io/connix-go => ../
