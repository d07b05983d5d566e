package contract_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/connix-io/connix-go/contract"
)

// list, create and the rest keep the contract; tests break one thing of a copy.
func list() contract.Exchange {
	return exchange("GET", "/projects?page=1&limit=20&sort=created_at&order=desc&search=a+b&status=active"+
		"&created_after=2024-01-01&created_before=2024-02-01T10:00:00.25Z&updated_after=2024-01-01T00:00:00%2B02:00&updated_before=2024-03-01",
		"", 200, `{"data":[`+project+`,{"id":"proj_1","name":"bare"}],"pagination":{"page":1,"limit":20,"total":2,"pages":1,"has_next":false,"has_prev":false}}`)
}

func create() contract.Exchange {
	return exchange("POST", "/projects", `{"name":"my-ai-project"}`, 201, project)
}

func remove() contract.Exchange { return exchange("DELETE", "/projects/123", "", 204, "") }

func launch() contract.Exchange {
	return exchange("POST", "/agents", `{"name":"data-processor","project_id":123}`, 201, `{"message":"launched"}`)
}

func webhook() contract.Exchange {
	return exchange("POST", "/webhooks", `{"url":"https://your-app.com/webhooks/connix","events":["agent.launched"],"secret":"your-webhook-secret"}`, 201,
		`{"id":"wh_1","url":"https://your-app.com/webhooks/connix","events":["agent.launched","agent.later"],"status":"active","created_at":"2024-01-15T10:30:00Z","updated_at":"2024-01-15T10:30:00Z"}`)
}

func newKey() contract.Exchange {
	return exchange("POST", "/auth/api-keys", `{"name":"ci","scopes":["projects:read"],"expires_at":"2025-01-15T10:30:00Z"}`, 201,
		`{"id":"key_1","name":"ci","key":"cx_test","scopes":["projects:read"],"created_at":"2024-01-15T10:30:00Z","expires_at":null,"last_used":null}`)
}

func projectAgents() contract.Exchange {
	return exchange("GET", "/projects/123/agents?status=running&limit=10&offset=20&sort=-created_at", "", 200,
		`{"agents":[{"id":"agent_1","name":"a","project_id":123,"status":"asleep","metadata":{"any":{"thing":[1]}},"last_activity":null}],`+
			`"pagination":{"limit":10,"offset":20,"total":21,"has_next":false,"has_prev":true}}`)
}

func TestCheckRequest_violations(t *testing.T) {
	body := func(text string) func(*contract.Exchange) {
		return func(e *contract.Exchange) { e.RequestBody = []byte(text) }
	}
	header := func(name string, values ...string) func(*contract.Exchange) {
		return func(e *contract.Exchange) { e.RequestHeader[name] = values }
	}
	query := func(text string) func(*contract.Exchange) {
		return func(e *contract.Exchange) {
			path, _, _ := strings.Cut(e.URL, "?")
			e.URL = path + "?" + text
		}
	}
	for _, tc := range []struct {
		name string
		good func() contract.Exchange
		bad  func(*contract.Exchange)
		want string
	}{
		{"unknown path", list, func(e *contract.Exchange) { e.URL = "/api/v1/projcts" }, "no such path"},
		{"no version", list, func(e *contract.Exchange) { e.URL = "/projects" }, "no such path"},
		{"trailing slash", list, func(e *contract.Exchange) { e.URL = "/api/v1/projects/" }, "no such path"},
		{"unknown method", list, func(e *contract.Exchange) { e.Method = "PUT" }, "does not have this method"},
		{"undocumented query parameter", list, query("pages=2"), `query parameter "pages" is not documented`},
		{"parameter of another list", projectAgents, query("page=2"), `query parameter "page" is not documented`},
		{"repeated query parameter", list, query("page=1&page=2"), `query parameter "page" is sent 2 times`},
		{"semicolon", list, query("page=1;limit=2"), "semicolon"},
		{"word as a number", list, query("page=one"), `query parameter "page"`},
		{"number too small", list, query("page=0"), `query parameter "page": number must be at least 1`},
		{"number too large", list, query("limit=101"), `query parameter "limit": number must be at most 100`},
		{"empty number", list, query("limit="), `query parameter "limit"`},
		{"unknown word", list, query("order=up"), `query parameter "order": value is not one of the allowed values`},
		{"bad date", list, query("created_after=yesterday"), `query parameter "created_after"`},
		{"date of Go", list, query("updated_before=2024-01-01+10:00:00"), `query parameter "updated_before"`},
		{"plus not escaped", list, query("updated_before=2024-01-01T10:00:00+02:00"), `query parameter "updated_before"`},
		{"undocumented header", list, header("X-Trace", "1"), `header "X-Trace" is not documented`},
		{"idempotency key", create, header("Idempotency-Key", "1"), `header "Idempotency-Key" is not documented`},
		{"repeated header", list, header("X-Request-Id", "req-1", "req-2"), `header "X-Request-Id" is sent 2 times`},
		{"empty request id", list, header("X-Request-Id", ""), `header parameter "X-Request-ID"`},
		{"no credential", list, func(e *contract.Exchange) { e.RequestHeader.Del("X-API-Key") }, "no credential"},
		{"basic credential", list, func(e *contract.Exchange) {
			e.RequestHeader.Del("X-API-Key")
			e.RequestHeader.Set("Authorization", "Basic eDp5")
		}, "no credential"},
		{"two credentials", list, header("Authorization", "Bearer t"), "more than one credential"},
		{"wrong Accept", list, header("Accept", "text/html"), "leaves out application/json"},
		{"body where none belongs", list, func(e *contract.Exchange) {
			e.RequestBody = []byte(`{}`)
			e.RequestHeader.Set("Content-Type", "application/json")
		}, "request body not allowed"},
		{"Content-Type without a body", list, header("Content-Type", "application/json"), "Content-Type is sent without a body"},
		{"no body", create, func(e *contract.Exchange) {
			e.RequestBody = nil
			e.RequestHeader.Del("Content-Type")
		}, "body: value is required but missing"},
		{"no Content-Type", create, func(e *contract.Exchange) { e.RequestHeader.Del("Content-Type") }, "Content-Type"},
		{"form", create, header("Content-Type", "application/x-www-form-urlencoded"), "Content-Type"},
		{"two values", create, body(`{"name":"my-ai-project"}{}`), "not exactly one JSON value"},
		{"missing field", create, body(`{}`), "name"},
		{"extra field", create, body(`{"name":"my-ai-project","id":1}`), `"id" is unsupported`},
		{"wrong type", create, body(`{"name":7}`), "/name"},
		{"null", create, body(`{"name":null}`), "/name"},
		{"name too short", create, body(`{"name":"ab"}`), "/name: minimum string length is 3"},
		{"name too long", create, body(`{"name":"` + strings.Repeat("a", 51) + `"}`), "/name: maximum string length is 50"},
		{"name with a space", create, body(`{"name":"my project"}`), "/name"},
		{"name that ends in a hyphen", create, body(`{"name":"project-"}`), "/name"},
		{"empty update", func() contract.Exchange {
			return exchange("PATCH", "/projects/123", `{"name":"my-ai-project"}`, 200, project)
		}, body(`{}`), `property "name" is missing`},
		{"no project", launch, body(`{"name":"a","project_id":null}`), "/project_id"},
		{"project of neither kind", launch, body(`{"name":"a","project_id":1.5}`), "/project_id"},
		{"empty project", launch, body(`{"name":"a","project_id":""}`), "/project_id"},
		{"unknown event", webhook, body(`{"url":"https://a.b","events":["agent.lunched"]}`), "/events/0"},
		{"no URL", webhook, body(`{"url":"your-app.com","events":[]}`), "/url"},
		{"no events", webhook, body(`{"url":"https://a.b"}`), "events"},
		{"empty secret", webhook, body(`{"url":"https://a.b","events":[],"secret":""}`), "/secret"},
		{"bad time", newKey, body(`{"name":"ci","expires_at":"tomorrow"}`), "/expires_at"},
		{"date for a time", newKey, body(`{"name":"ci","expires_at":"2025-01-15"}`), "/expires_at"},
		{"scopes as text", newKey, body(`{"name":"ci","scopes":"projects:read"}`), "/scopes"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := tc.good()
			if err := checker(t).CheckExchange(&e); err != nil {
				t.Fatalf("before it is broken: %v", err)
			}
			tc.bad(&e)
			if strings.HasPrefix(tc.want, "no such path") || strings.HasPrefix(tc.want, "does not have") {
				e.Status, e.ResponseHeader, e.ResponseBody = 404, responseHeader(404), []byte(failure("RESOURCE_NOT_FOUND"))
			}
			if id := e.RequestHeader.Get("X-Request-Id"); id == "" {
				e.ResponseHeader.Set("X-Request-Id", "made-by-server")
			}
			wantViolation(t, checker(t).CheckExchange(&e), 0, tc.want)

			e.OffContract = "on purpose"
			if err := checker(t).CheckExchange(&e); err != nil {
				t.Errorf("off contract, and still: %v", err)
			}
		})
	}
}

func TestCheckRequest_allowed(t *testing.T) {
	bearer := func(e *contract.Exchange) {
		e.RequestHeader.Del("X-API-Key")
		e.RequestHeader.Set("Authorization", "Bearer token")
	}
	for _, tc := range []struct {
		name   string
		e      contract.Exchange
		change func(*contract.Exchange)
	}{
		{"bearer token", list(), bearer},
		{"no request id", list(), func(e *contract.Exchange) { e.RequestHeader.Del("X-Request-Id") }},
		{"absolute URL", list(), func(e *contract.Exchange) { e.URL = "http://127.0.0.1:8080" + e.URL }},
		{"charset", create(), func(e *contract.Exchange) {
			e.RequestHeader.Set("Content-Type", "application/json; charset=utf-8")
		}},
		{"any type accepted", list(), func(e *contract.Exchange) { e.RequestHeader.Set("Accept", "text/plain;q=0.5, */*") }},
		{"escaped id", exchange("GET", "/projects/a%2Fb%20c", "", 200, project), nil},
		{"id as text", exchange("POST", "/agents", `{"name":"a","project_id":"proj_1"}`, 201, `{"message":"ok"}`), nil},
		{"largest id", exchange("POST", "/agents", `{"name":"a","project_id":9223372036854775807}`, 201, `{"message":"ok"}`), nil},
		{"stop", exchange("POST", "/agents/agent_1/stop", "", 404, failure("RESOURCE_NOT_FOUND")), nil},
		{"clearing events", exchange("PATCH", "/webhooks/wh_1", `{"events":[]}`, 404, failure("RESOURCE_NOT_FOUND")), nil},
		{"OAuth2", contract.Exchange{Method: "POST", URL: "/oauth2/token", RequestBody: []byte("grant_type=x"), Status: 400, ResponseBody: []byte("{}")}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.change != nil {
				tc.change(&tc.e)
			}
			if err := checker(t).CheckExchange(&tc.e); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestCheckRequest_keepsBody makes sure that whoever comes next reads it whole.
func TestCheckRequest_keepsBody(t *testing.T) {
	const body = `{"name":"my-ai-project"}`
	req := httptest.NewRequest("POST", "/api/v1/projects", strings.NewReader(body))
	req.Header = requestHeader(body)
	for range 2 {
		if err := checker(t).CheckRequest(req); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := io.ReadAll(req.Body); err != nil || string(left) != body {
		t.Errorf("what is left of the body: %q, %v", left, err)
	}
}

func TestCheckRequest_unreadableBody(t *testing.T) {
	lost := errors.New("connection lost")
	req := httptest.NewRequest("POST", "/api/v1/projects", iotest.ErrReader(lost))
	if err := checker(t).CheckRequest(req); !errors.Is(err, lost) {
		t.Errorf("got %v, want %v", err, lost)
	}
}

// TestViolation_secrets plants a secret wherever one is sent.
func TestViolation_secrets(t *testing.T) {
	const secret = "whsec_planted"
	e := webhook()
	e.RequestHeader = http.Header{"X-Api-Key": {secret}, "Authorization": {"Bearer " + secret}, "Content-Type": {"application/json"}}
	for _, body := range []string{
		`{"url":"no url","events":7,"secret":["` + secret + `"]}`,
		`{"secret":"` + secret + `","more":"` + secret + `"}`,
		`{"secret":"` + secret + `"`,
	} {
		e.RequestBody = []byte(body)
		err := checker(t).CheckExchange(&e)
		if err == nil {
			t.Fatalf("%s passed", body)
		}
		if strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error tells the secret: %v", body, err)
		}
	}
}
