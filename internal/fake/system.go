package fake

import (
	"encoding/json"

	"github.com/connix-io/connix-go/internal/openapi"
)

// version is what GET /status says the service is.
const version = "1.0.0"

func hello(c *call) (response, error) {
	q := newQuery(c.r.URL.RawQuery)
	name, given := q.get("name")
	if q.err != nil {
		return response{}, q.err
	}
	if !given || name == "" {
		name = "World"
	}
	return ok(struct {
		Message string `json:"message"`
	}{"Hello " + name + "! Welcome to Connix API v1"})
}

func status(*call) (response, error) {
	return ok(struct {
		Status  string `json:"status"`
		Version string `json:"version"`
	}{"operational", version})
}

// docs serves the document for this server: with its own origin, as the client knows it.
func docs(c *call) (response, error) {
	scheme := "http"
	if c.r.TLS != nil {
		scheme = "https"
	}
	document, err := openapi.At(scheme+"://"+c.r.Host, c.fake.config.OAuth != nil)
	if err != nil {
		return response{}, err
	}
	return ok(json.RawMessage(document))
}
