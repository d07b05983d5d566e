package connix_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/internal/openapi"
)

func TestSystem_hello(t *testing.T) {
	srv := newServer(t)
	for _, c := range []struct{ name, query, message string }{
		{"TestUser", "name=TestUser", "Hello TestUser! Welcome to Connix API v1"},
		{"", "", "Hello World! Welcome to Connix API v1"},
		{"Zoë & <Co>+1=2?#/%", "name=Zo%C3%AB+%26+%3CCo%3E%2B1%3D2%3F%23%2F%25", "Hello Zoë & <Co>+1=2?#/%! Welcome to Connix API v1"},
		{"a\nb\x00", "name=a%0Ab%00", "Hello a\nb\x00! Welcome to Connix API v1"},
	} {
		srv.Reset()
		equal(t, "hello", *must(srv.Client(t).Hello(t.Context(), c.name))(t), connix.Hello{Message: c.message})
		equal(t, "query", only(t, srv).Query, c.query)
	}
}

// What the overview does not say about the status is kept as it came.
func TestSystem_status(t *testing.T) {
	srv := newServer(t)
	got := must(srv.Client(t).Status(t.Context()))(t)
	equal(t, "status", *got, connix.ServiceStatus{Status: "operational", Version: "1.0.0", Raw: json.RawMessage(`{"status":"operational","version":"1.0.0"}`)})

	for _, c := range []struct {
		body string
		want connix.ServiceStatus
	}{
		{` {"status":"degraded","components":[{"name":"agents"}]} `, connix.ServiceStatus{Status: "degraded"}},
		{`{}`, connix.ServiceStatus{}},
		{`{"version":2,"status":"ok"}`, connix.ServiceStatus{Status: "ok", Version: "2"}},
	} {
		c.want.Raw = json.RawMessage(c.body)
		client := serve(t, responding(200, c.body))
		equal(t, c.body, *must(client.Status(t.Context()))(t), c.want)
	}
	for _, body := range []string{"null", `"ok"`, "[]", "true"} {
		got, err := serve(t, responding(200, body)).Status(t.Context())
		if e := mustError(t, err, connix.ErrInvalidResponse); got != nil || e.RequestID != "req_of_the_response" {
			t.Errorf("%s: got %v, %+v", body, got, e)
		}
	}
}

// The document is the one that everything is held against, with the server's own
// origin, byte for byte but for the space around it.
func TestSystem_openAPI(t *testing.T) {
	srv := newServer(t)
	got := must(srv.Client(t).OpenAPI(t.Context()))(t)
	want := must(openapi.At(srv.URL, true))(t)
	if !bytes.Equal(got, bytes.TrimSpace(want)) {
		t.Error("the document is not the one that the server has")
	}
	var document struct{ OpenAPI string }
	if err := json.Unmarshal(got, &document); err != nil || !strings.HasPrefix(document.OpenAPI, "3.0.") {
		t.Errorf("the document says it is OpenAPI %q, %v", document.OpenAPI, err)
	}
}
