package contract_test

import (
	"bytes"
	"compress/gzip"
	"strings"
	"testing"

	"github.com/connix-io/connix-go/contract"
)

func TestCheckResponse_violations(t *testing.T) {
	body := func(text string) func(*contract.Exchange) {
		return func(e *contract.Exchange) { e.ResponseBody = []byte(text) }
	}
	header := func(name string, values ...string) func(*contract.Exchange) {
		return func(e *contract.Exchange) { e.ResponseHeader[name] = values }
	}
	status := func(code int) func(*contract.Exchange) {
		return func(e *contract.Exchange) { e.Status = code }
	}
	errorBody := func(code int, text string) func(*contract.Exchange) {
		return func(e *contract.Exchange) { e.Status, e.ResponseBody = code, []byte(text) }
	}
	page := func(data, pagination string) func(*contract.Exchange) {
		return body(`{` + data + `,"pagination":{` + pagination + `}}`)
	}
	const paging = `"page":1,"limit":20,"total":0,"pages":0,"has_next":false,"has_prev":false`
	for _, tc := range []struct {
		name string
		good func() contract.Exchange
		bad  func(*contract.Exchange)
		want string
	}{
		{"undocumented status", create, status(202), "the status is not documented"},
		{"another success", create, status(200), "the status is not documented"},
		{"redirect", list, func(e *contract.Exchange) { e.Status = 307 }, "the status is not documented"},
		{"undocumented header", list, header("X-Powered-By", "x"), `header "X-Powered-By" is not documented`},
		{"location", create, header("Location", "/api/v1/projects/123"), `header "Location" is not documented`},
		{"Retry-After on success", list, header("Retry-After", "1"), `header "Retry-After" is not documented`},
		{"repeated header", list, header("X-Response-Time", "1ms", "2ms"), `header "X-Response-Time" is sent 2 times`},
		{"another request id", list, header("X-Request-Id", "req-2"), "differs from the request's"},
		{"response time in seconds", list, header("X-Response-Time", "0.15s"), `"X-Response-Time" doesn't match`},
		{"negative remaining", list, header("X-Ratelimit-Remaining-Requests", "-1"), `"X-RateLimit-Remaining-Requests"`},
		{"reset as a date", list, header("X-Ratelimit-Reset-Requests", "2024-01-15T10:30:00Z"), `"X-RateLimit-Reset-Requests"`},
		{"HTML", list, header("Content-Type", "text/html"), "Content-Type"},
		{"no Content-Type", list, header("Content-Type"), "Content-Type"},
		{"empty body", list, body(""), "body"},
		{"two values", create, body(project + "{}"), "not exactly one JSON value"},
		{"no list", list, body(`[]`), "response body doesn't match schema"},
		{"both dialects at once", list, page(`"data":[],"projects":[]`, paging), `property "projects" is unsupported`},
		{"no paging block in the overview's dialect", list, body(`{"data":[]}`), `property "pagination" is missing`},
		{"list under another name", list, page(`"agents":[]`, paging), `property "agents" is unsupported`},
		{"null list", list, page(`"data":null`, paging), `/data: `},
		{"item without a name", list, page(`"data":[{"id":1}]`, paging), `/data/0/name: property "name" is missing`},
		{"item with an extra field", list, page(`"data":[{"id":1,"name":"a","owner":1}]`, paging), `/data/0: property "owner" is unsupported`},
		{"paging without total", list, page(`"data":[]`, `"page":1,"limit":20,"pages":0,"has_next":false,"has_prev":false`), `/pagination/total: property "total" is missing`},
		{"paging as text", list, page(`"data":[]`, strings.Replace(paging, "20", `"20"`, 1)), `/pagination/limit: `},
		{"page paging for offset paging", projectAgents, page(`"agents":[]`, paging), `/pagination: property "page" is unsupported`},
		{"offset list under data", projectAgents, body(`{"data":[]}`), `property "agents" is missing`},
		{"missing field", create, body(`{"id":123,"name":"my-ai-project","created_at":"2024-01-15T10:30:00Z"}`), "updated_at"},
		{"extra field", create, body(strings.Replace(project, "{", `{"owner":"x",`, 1)), `"owner" is unsupported`},
		{"null id", create, body(strings.Replace(project, "123", "null", 1)), "/id"},
		{"id too large", create, body(strings.Replace(project, "123", "1e30", 1)), "/id"},
		{"bad time", create, body(strings.Replace(project, "2024-01-15T10:30:00Z", "2024-01-15 10:30", 1)), "/created_at"},
		{"id in the response to a launch", launch, body(`{"message":"ok","id":"agent_1"}`), `"id" is unsupported`},
		{"secret echoed", webhook, body(`{"id":"wh_1","url":"https://a.b","events":[],"status":"active","created_at":"2024-01-15T10:30:00Z","updated_at":"2024-01-15T10:30:00Z","secret":"s"}`), `"secret" is unsupported`},
		{"no key at creation", newKey, body(`{"id":"key_1","name":"ci","scopes":[],"created_at":"2024-01-15T10:30:00Z"}`), "key"},
		{"key shown later", func() contract.Exchange {
			return exchange("GET", "/auth/api-keys/key_1", "", 200, `{"id":"key_1","name":"ci","scopes":[],"created_at":"2024-01-15T10:30:00Z"}`)
		}, body(`{"id":"key_1","name":"ci","key":"cx_test","scopes":[],"created_at":"2024-01-15T10:30:00Z"}`), `"key" is unsupported`},
		{"body on 204", remove, body(`{}`), "a 204 has no body"},
		{"Content-Type on 204", remove, header("Content-Type", "application/json"), "a 204 has no Content-Type"},
		{"error without a code", list, errorBody(400, `{"error":{"message":"no","request_id":"req-1"}}`), "/error"},
		{"error without a request id", list, errorBody(401, `{"error":{"code":"UNAUTHORIZED","message":"no"}}`), "/error"},
		{"error of another request", list, errorBody(403, `{"error":{"code":"FORBIDDEN","message":"no","request_id":"req-2"}}`), "the error's request_id differ"},
		{"bare error", list, errorBody(500, `{"code":"INTERNAL_ERROR","message":"no"}`), `property "error" is missing`},
		{"error details as a list", list, errorBody(400, `{"error":{"code":"INVALID_REQUEST","message":"no","details":["name"],"request_id":"req-1"}}`), "/error/details"},
		{"error details with an extra field", list, errorBody(400, `{"error":{"code":"INVALID_REQUEST","message":"no","details":{"filed":"name"},"request_id":"req-1"}}`), "/error/details"},
		{"plain text 503", list, func(e *contract.Exchange) {
			e.Status, e.ResponseBody = 503, []byte("down")
			e.ResponseHeader.Set("Content-Type", "text/plain")
		}, "Content-Type"},
		{"409 where nothing conflicts", list, errorBody(409, failure("CONFLICT")), "the status is not documented"},
		{"gzip in name only", list, header("Content-Encoding", "gzip"), "the body is not gzip"},
		{"cut gzip", list, func(e *contract.Exchange) {
			e.ResponseHeader.Set("Content-Encoding", "gzip")
			e.ResponseBody = zipped(t, e.ResponseBody)
			e.ResponseBody = e.ResponseBody[:len(e.ResponseBody)-5]
		}, "the gzip body is broken"},
		{"another encoding", list, header("Content-Encoding", "br"), `Content-Encoding "br" is not documented`},
		{"violation inside gzip", list, func(e *contract.Exchange) {
			e.ResponseHeader.Set("Content-Encoding", "gzip")
			e.ResponseBody = zipped(t, []byte(`{"data":[]}`))
		}, `property "pagination" is missing`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := tc.good()
			if err := checker(t).CheckExchange(&e); err != nil {
				t.Fatalf("before it is broken: %v", err)
			}
			tc.bad(&e)
			wantViolation(t, checker(t).CheckExchange(&e), e.Status, tc.want)

			e.OffContract = "a request that is bad on purpose excuses no response"
			if checker(t).CheckExchange(&e) == nil {
				t.Error("off contract, the response passed")
			}
		})
	}
}

// No operation documents the responses to unknown requests; they must be errors of
// the API nevertheless.
func TestCheckResponse_unknownRequest(t *testing.T) {
	unknown := func(method, path string, status int, body string) contract.Exchange {
		e := exchange(method, path, "", status, body)
		e.OffContract = "unknown on purpose"
		return e
	}
	for _, e := range []contract.Exchange{
		unknown("GET", "/nothing", 404, failure("RESOURCE_NOT_FOUND")),
		unknown("PUT", "/projects", 405, failure("METHOD_NOT_ALLOWED")),
		unknown("GET", "/nothing", 401, failure("UNAUTHORIZED")),
	} {
		if err := checker(t).CheckExchange(&e); err != nil {
			t.Error(err)
		}
	}
	plain := unknown("GET", "/nothing", 404, "404 page not found\n")
	plain.ResponseHeader.Set("Content-Type", "text/plain; charset=utf-8")
	wantViolation(t, checker(t).CheckExchange(&plain), 404, "Content-Type")
	head := unknown("HEAD", "/projects", 200, "")
	head.ResponseHeader.Set("X-Response-Time", "soon")
	wantViolation(t, checker(t).CheckExchange(&head), 200, "X-Response-Time")
	found := unknown("GET", "/nothing", 200, "{}")
	wantViolation(t, checker(t).CheckExchange(&found), 200, "the status is not documented")
	cleaned := unknown("GET", "//projects", 301, "")
	wantViolation(t, checker(t).CheckExchange(&cleaned), 301, "the status is not documented")
}

func TestCheckResponse_allowed(t *testing.T) {
	limited := exchange("GET", "/hello?name=a", "", 429, failure("RATE_LIMIT_EXCEEDED"))
	limited.ResponseHeader.Set("Retry-After", "Mon, 15 Jan 2024 10:31:00 GMT")
	gateway := exchange("GET", "/projects", "", 502, "<html>bad gateway</html>")
	gateway.ResponseHeader = map[string][]string{"Content-Type": {"text/html"}}
	head := exchange("HEAD", "/projects", "", 200, "")
	head.OffContract = "the document has no HEAD"
	compressed := list()
	compressed.ResponseHeader.Set("Content-Encoding", "gzip")
	compressed.ResponseHeader.Set("Vary", "Accept-Encoding")
	compressed.ResponseBody = zipped(t, compressed.ResponseBody)
	for _, tc := range []struct {
		name string
		e    contract.Exchange
	}{
		{"reference dialect", exchange("GET", "/projects", "", 200, `{"projects":[{"id":"proj_1","name":"a"}]}`)},
		{"reference dialect of agents", exchange("GET", "/agents", "", 200, `{"agents":[]}`)},
		{"error of the reference dialect", exchange("GET", "/projects", "", 401,
			`{"error":{"code":"invalid_api_key","message":"no","details":"unknown key","timestamp":"2024-01-15T10:30:00Z","request_id":"req-1"}}`)},
		{"status with more fields", exchange("GET", "/status", "", 200, `{"status":"operational","version":"1.0.0","region":{"name":"x"}}`)},
		{"429 with a date", limited},
		{"HTML of a proxy", gateway},
		{"gzip", compressed},
		{"HEAD", head},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := checker(t).CheckExchange(&tc.e); err != nil {
				t.Error(err)
			}
		})
	}
}

func zipped(t testing.TB, plain []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
