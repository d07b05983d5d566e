package connix

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
)

var (
	getHello  = endpoint{http.MethodGet, "/hello"}
	getStatus = endpoint{http.MethodGet, "/status"}
	getDocs   = endpoint{http.MethodGet, "/docs"}
)

// Hello is a greeting of the API.
type Hello struct {
	Message string `json:"message"`
}

func (h *Hello) missing() string {
	if h.Message == "" {
		return "message"
	}
	return ""
}

// ServiceStatus is the state and version of the service.
type ServiceStatus struct {
	// Status is a word such as "operational", Version the version of the service.
	// Both are "" if the response has none: the API overview does not document its
	// form.
	Status  string `json:"status"`
	Version string `json:"version"`
	// Raw is the whole response.
	Raw json.RawMessage `json:"-"`
}

func (s *ServiceStatus) readBody(body []byte) (unread []string, err error) {
	if isNothing(body) {
		return nil, errNothing
	}
	type plain ServiceStatus // without this method
	if unread, err = unmarshal(body, (*plain)(s)); err != nil {
		return nil, err
	}
	s.Raw = bytes.Clone(body)
	return unread, nil
}

// Hello calls GET /api/v1/hello, the cheapest way to see that the API is reached
// and accepts the credential. name is greeted; "" leaves it to the server. The
// API overview documents the endpoint.
func (c *Client) Hello(ctx context.Context, name string, opts ...CallOption) (*Hello, error) {
	r := getHello.at()
	if name != "" {
		r = r.withQuery(struct {
			Name string `url:"name"`
		}{name})
	}
	return send[Hello](ctx, c, r, opts)
}

// Status calls GET /api/v1/status and returns the state of the service. The API
// overview documents the endpoint, but not the form of the response.
func (c *Client) Status(ctx context.Context, opts ...CallOption) (*ServiceStatus, error) {
	return send[ServiceStatus](ctx, c, getStatus.at(), opts)
}

// OpenAPI calls GET /api/v1/docs and returns the API's OpenAPI 3.0 document as
// it came. The API overview documents the endpoint.
func (c *Client) OpenAPI(ctx context.Context, opts ...CallOption) (json.RawMessage, error) {
	document, err := send[json.RawMessage](ctx, c, getDocs.at(), opts)
	if err != nil {
		return nil, err
	}
	return *document, nil
}
