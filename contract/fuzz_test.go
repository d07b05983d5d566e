package contract_test

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
)

// FuzzFake sends random requests to the fake, in both dialects. The response always
// keeps to the document, and the fake accepts every request that the document allows.
func FuzzFake(f *testing.F) {
	for _, e := range calls(f) {
		f.Add(e.method, e.path+"?"+e.query, "application/json", []byte(e.request))
	}
	f.Add("GET", "/api/v1/projects?page=9223372036854775807&limit=100", "", []byte(nil))
	f.Add("GET", "/api/v1/projects/123/agents?offset=9223372036854775807&sort=-name", "", []byte(nil))
	f.Add("GET", "/api/v1/projects?created_after=0000-01-01&updated_before=9999-12-31T23:59:59.999Z", "", []byte(nil))
	f.Add("POST", "/api/v1/agents", "application/json; charset=utf-8", []byte(`{"name":"\u0000","project_id":9223372036854775808}`))
	f.Add("PATCH", "/api/v1/webhooks/123", "application/json", []byte(`{"events":null,"status":null}`))
	f.Add("GET", "/oauth2/authorize", "", []byte(nil))
	f.Add("HEAD", "//api/v1/../v1/hello%2F", "", []byte(nil))
	clock := connixtest.NewClock(time.Date(2024, 1, 15, 10, 30, 0, 0, time.UTC))
	f.Fuzz(func(t *testing.T, method, target, contentType string, body []byte) {
		u, err := url.ParseRequestURI(target)
		if err != nil || u.IsAbs() {
			return // no server lets it through
		}
		for name, dialect := range dialects {
			w := watch(t, connixtest.NewServer(t, connixtest.WithInMemory(), connixtest.WithDialect(dialect), connixtest.WithClock(clock)))
			w.bad = true
			project := w.AddProject(connix.Project{ID: "123", Name: "my-ai-project"})
			w.AddAgent(connix.Agent{ID: "123", ProjectID: project.ID})
			w.AddWebhook(connix.Webhook{ID: "123", URL: "https://app.test/hook"}, "")
			w.AddAPIKey(connix.APIKey{ID: "123"})

			req := (&http.Request{
				Method: method, URL: u, Host: "fake.test", RequestURI: target,
				Header: requestHeader(""), Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
			}).WithContext(t.Context())
			req.Header.Set("X-API-Key", w.APIKey)
			if contentType != "" {
				req.Header.Set("Content-Type", contentType)
			}
			allowed := checker(t).Operation(req) != "" && checker(t).CheckRequest(req) == nil // the body is put back
			rec := w.send(req)
			// Of bodies the fake asks more than a schema can say.
			refused := slices.Contains([]int{401, 403, 405, 429, 500}, rec.Code) || rec.Code == 400 && len(body) == 0
			if allowed && refused {
				t.Errorf("%s: the document allows %s %s %q, and it gets %d: %s", name, method, target, body, rec.Code, rec.Body)
			}
		}
	})
}
