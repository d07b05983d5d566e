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

func docs(*call) (response, error) { return ok(json.RawMessage(openapi.JSON())) }
