package contract

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// CheckRequest returns a [*Violation] where the document does not allow the
// request, nil where it does. It reads the body and puts an equal one back;
// where that fails, the error is the reader's.
//
// The endpoints of OAuth2 are named by the document but not described: requests
// to them are passed.
func (c *Checker) CheckRequest(req *http.Request) error {
	var body []byte
	if req.Body != nil && req.Body != http.NoBody {
		read, err := io.ReadAll(req.Body)
		_ = req.Body.Close()
		req.Body = io.NopCloser(bytes.NewReader(read))
		if err != nil {
			return fmt.Errorf("contract: reading the body of %s %s: %w", req.Method, req.URL.EscapedPath(), err)
		}
		body = read
	}
	return c.checkRequest(req, body)
}

func (c *Checker) checkRequest(req *http.Request, body []byte) error {
	if c.elsewhere[req.URL.Path] {
		return nil
	}
	req = withBody(req, body)
	route, params, err := c.router.FindRoute(req)
	if err != nil {
		problem := "no such path in the document"
		if errors.Is(err, routers.ErrMethodNotAllowed) {
			problem = "the path does not have this method in the document"
		}
		return violation(req, "", 0, []string{problem})
	}
	input := &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route, Options: c.options}
	problems := describe(openapi3filter.ValidateRequest(req.Context(), input))
	problems = append(problems, queryProblems(req, route)...)
	problems = append(problems, c.headerProblems(req, route)...)
	problems = append(problems, contentProblems(req, body)...)
	return violation(req, route.Operation.OperationID, 0, problems)
}

// parameter finds a documented parameter, also where all methods of a path
// share it. Header names match in any case.
func parameter(route *routers.Route, in, name string) *openapi3.Parameter {
	for _, list := range []openapi3.Parameters{route.Operation.Parameters, route.PathItem.Parameters} {
		for _, ref := range list {
			p := ref.Value
			if p.In == in && (p.Name == name || in == openapi3.ParameterInHeader && strings.EqualFold(p.Name, name)) {
				return p
			}
		}
	}
	return nil
}

func queryProblems(req *http.Request, route *routers.Route) (problems []string) {
	if strings.Contains(req.URL.RawQuery, ";") {
		problems = append(problems, "the query has a semicolon, which servers drop")
	}
	for name, values := range req.URL.Query() {
		p := parameter(route, openapi3.ParameterInQuery, name)
		switch {
		case p == nil:
			problems = append(problems, fmt.Sprintf("query parameter %q is not documented", name))
		case len(values) > 1 && !p.Schema.Value.Type.Is("array"):
			problems = append(problems, fmt.Sprintf("query parameter %q is there %d times", name, len(values)))
		}
	}
	return problems
}

// standardRequestHeaders are those of HTTP itself, which documents do not list.
var standardRequestHeaders = set("Accept", "Accept-Encoding", "Connection", "Content-Length", "Content-Type",
	"Expect", "Host", "Te", "Trailer", "Transfer-Encoding", "User-Agent")

func (c *Checker) headerProblems(req *http.Request, route *routers.Route) (problems []string) {
	sent := 0
	for name, values := range req.Header {
		switch canonical := http.CanonicalHeaderKey(name); {
		case c.credentials[canonical]:
			sent += len(values)
		case standardRequestHeaders[canonical]:
		case parameter(route, openapi3.ParameterInHeader, name) == nil:
			problems = append(problems, fmt.Sprintf("header %q is not documented", name))
		case len(values) > 1:
			problems = append(problems, fmt.Sprintf("header %q is there %d times", name, len(values)))
		}
	}
	if sent > 1 {
		problems = append(problems, "more than one credential is sent")
	}
	return problems
}

// contentProblems sees to what the document cannot say of the headers of HTTP.
func contentProblems(req *http.Request, body []byte) (problems []string) {
	if len(body) == 0 && req.Header.Get("Content-Type") != "" {
		problems = append(problems, "there is a Content-Type but no body")
	}
	if accept := req.Header.Get("Accept"); accept != "" && !acceptsJSON(accept) {
		problems = append(problems, "the Accept header leaves out application/json")
	}
	return append(problems, jsonProblems(body)...)
}

func acceptsJSON(accept string) bool {
	for part := range strings.SplitSeq(accept, ",") {
		switch media, _, _ := mime.ParseMediaType(strings.TrimSpace(part)); media {
		case "application/json", "application/*", "*/*":
			return true
		}
	}
	return false
}

func set(names ...string) map[string]bool {
	out := make(map[string]bool, len(names))
	for _, name := range names {
		out[name] = true
	}
	return out
}
