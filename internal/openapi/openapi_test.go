package openapi_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/connix-io/connix-go/internal/openapi"
)

// TestOperations reads every operation of the document, each under a name that no other
// has and with one success. The drift test of connixtest compares them with the fake and
// the client.
func TestOperations(t *testing.T) {
	ids := map[string]bool{}
	for _, op := range openapi.Operations() {
		if op.ID == "" || ids[op.ID] || op.Status/100 != 2 || op.Method != strings.ToUpper(op.Method) || !strings.HasPrefix(op.Path, "/api/v1/") {
			t.Errorf("operation %+v", op)
		}
		ids[op.ID] = true
	}
	if len(ids) == 0 {
		t.Error("the document has no operation")
	}
}

// TestOverviewExamples holds the document's examples to those that the API
// overview prints, as JSON values.
func TestOverviewExamples(t *testing.T) {
	var doc any
	if err := json.Unmarshal(openapi.JSON(), &doc); err != nil {
		t.Fatal(err)
	}
	const (
		body = "requestBody"
		ok   = "responses"
	)
	for _, tc := range []struct {
		name string
		at   []string
		want string
	}{
		{"hello", []string{"paths", "/api/v1/hello", "get", ok, "200", "content", "application/json", "example"},
			`{"message":"Hello TestUser! Welcome to Connix API v1"}`},
		{"create project, request", []string{"paths", "/api/v1/projects", "post", body, "content", "application/json", "example"},
			`{"name":"my-ai-project"}`},
		{"create project, response", []string{"paths", "/api/v1/projects", "post", ok, "201", "content", "application/json", "example"},
			`{"id":123,"name":"my-ai-project","created_at":"2024-01-15T10:30:00Z","updated_at":"2024-01-15T10:30:00Z"}`},
		{"launch agent, request", []string{"paths", "/api/v1/agents", "post", body, "content", "application/json", "example"},
			`{"name":"data-processor","project_id":123}`},
		{"launch agent, response", []string{"paths", "/api/v1/agents", "post", ok, "201", "content", "application/json", "example"},
			`{"message":"Agent 'data-processor' successfully launched in project 'my-ai-project'"}`},
		{"paging", []string{"paths", "/api/v1/projects", "get", ok, "200", "content", "application/json", "examples", "overview", "value", "pagination"},
			`{"page":1,"limit":20,"total":100,"pages":5,"has_next":true,"has_prev":false}`},
		{"create webhook", []string{"paths", "/api/v1/webhooks", "post", body, "content", "application/json", "example"},
			`{"url":"https://your-app.com/webhooks/connix","events":["agent.launched","agent.completed","project.created"],"secret":"your-webhook-secret"}`},
		{"error", []string{"components", "responses", "BadRequest", "content", "application/json", "examples", "overview", "value"},
			`{"error":{"code":"INVALID_REQUEST","message":"The request data is invalid","details":{"field":"name","issue":"cannot be empty"},"request_id":"req_1234567890"}}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			value := doc
			for i, key := range tc.at {
				object, isObject := value.(map[string]any)
				if value = object[key]; !isObject || value == nil {
					t.Fatalf("the document has nothing at %q", tc.at[:i+1])
				}
			}
			if got, want := canonical(t, value), canonical(t, decode(t, tc.want)); got != want {
				t.Errorf("the document says\n%s\nthe overview says\n%s", got, want)
			}
		})
	}
}

// TestJSONIsACopy makes sure that a caller cannot change what others are served.
func TestJSONIsACopy(t *testing.T) {
	first := openapi.JSON()
	want := bytes.Clone(first)
	clear(first)
	if !bytes.Equal(openapi.JSON(), want) {
		t.Error("a change to the returned bytes changed the document")
	}
	ops := openapi.Operations()
	clear(ops)
	if openapi.Operations()[0].ID == "" {
		t.Error("a change to the returned operations changed the next ones")
	}
}

func decode(t *testing.T, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// canonical writes v with its keys sorted.
func canonical(t *testing.T, v any) string {
	t.Helper()
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
