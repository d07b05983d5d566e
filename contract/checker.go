// Package contract checks requests to the Connix API, and the responses to them,
// against the API's OpenAPI document. A request or response that the document does
// not allow is a [Violation]. So is a query parameter, a header or a field that the
// document does not mention.
//
// The package is for tests. With [Strict], a server of package connixtest fails the
// test whose requests break the contract. A [Checker] checks single requests and
// responses, the traffic of an [http.Handler], or a recording. The tests of the SDK
// itself run under it in both directions.
package contract

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// Checker checks against one OpenAPI document. It is safe for concurrent use.
// [New] and [Default] make one; the zero Checker is not usable.
type Checker struct {
	router      routers.Router
	options     *openapi3filter.Options
	operations  map[string]int  // operationId to the status of its success
	elsewhere   map[string]bool // paths that the document names but does not describe
	credentials map[string]bool // canonical names of the headers that carry one
	unrouted    *routers.Route  // the responses to a request that no operation matches
}

// New returns a Checker of an OpenAPI 3.0 document in JSON or YAML. It returns an
// error if the document is invalid, if an example in it does not fit its schema, or
// if an operation has no operationId.
func New(document []byte) (*Checker, error) { return newChecker(document, closeSchemas) }

// newChecker is New with a change to the document that has been read.
func newChecker(document []byte, change func(*openapi3.T)) (*Checker, error) {
	doc, err := openapi3.NewLoader().LoadFromData(document)
	if err != nil {
		return nil, fmt.Errorf("contract: reading the document: %w", err)
	}
	if err := doc.Validate(context.Background(), openapi3.EnableExamplesValidation()); err != nil {
		return nil, fmt.Errorf("contract: the document is invalid: %w", err)
	}
	doc.Servers = nil // tests have other hosts
	change(doc)
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		return nil, fmt.Errorf("contract: routing the document's paths: %w", err)
	}
	c := &Checker{
		router:      router,
		operations:  make(map[string]int),
		elsewhere:   make(map[string]bool),
		credentials: make(map[string]bool),
		unrouted:    unrouted(doc),
	}
	c.options = &openapi3filter.Options{
		AuthenticationFunc:                authenticated,
		IncludeResponseStatus:             true,
		MultiError:                        true,
		RejectWhenRequestBodyNotSpecified: true,
		SkipSettingDefaults:               true,
		SchemaValidationOptions:           formatValidators(),
	}
	c.readSecurity(doc)
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			if operation.OperationID == "" {
				return nil, fmt.Errorf("contract: the document's %s %s has no operationId", method, path)
			}
			for code := range operation.Responses.Map() {
				if status, err := parseStatus(code); err == nil && status/100 == 2 {
					c.operations[operation.OperationID] = status
				}
			}
		}
	}
	return c, nil
}

// readSecurity notes the headers that carry a credential, and the OAuth2 endpoints,
// which are no operations of the API.
func (c *Checker) readSecurity(doc *openapi3.T) {
	for _, ref := range doc.Components.SecuritySchemes {
		scheme := ref.Value
		if scheme.Type == "apiKey" && scheme.In == "header" {
			c.credentials[http.CanonicalHeaderKey(scheme.Name)] = true
			continue
		}
		c.credentials["Authorization"] = true
		if scheme.Flows == nil || scheme.Flows.AuthorizationCode == nil {
			continue
		}
		flow := scheme.Flows.AuthorizationCode
		for _, endpoint := range []string{flow.AuthorizationURL, flow.TokenURL, flow.RefreshURL} {
			if u, err := url.Parse(endpoint); err == nil && u.Path != "" {
				c.elsewhere[u.Path] = true
			}
		}
	}
}

// Operation returns the operationId of the operation that req calls, or "" if no
// operation matches its method and path.
func (c *Checker) Operation(req *http.Request) string {
	route, _, err := c.router.FindRoute(req)
	if err != nil {
		return ""
	}
	return route.Operation.OperationID
}

// Operations returns the operationIds of the document, sorted.
func (c *Checker) Operations() []string {
	ids := make([]string, 0, len(c.operations))
	for id := range c.operations {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// Violation reports everything in one request, or in one response, that the
// document does not allow. It quotes names and rules, never a body or a credential.
type Violation struct {
	// Method and Path are the request's; the query is left out.
	Method, Path string
	// Operation is the operationId, or "" if no operation matches.
	Operation string
	// Status is the status code of the response that is at fault. It is 0 if the
	// request is.
	Status int
	// Problems describes each problem in one line; there is at least one.
	Problems []string
}

// Error names the request or response and lists the problems.
func (v *Violation) Error() string {
	what := "request"
	if v.Status != 0 {
		what = fmt.Sprintf("response %d to", v.Status)
	}
	operation := ""
	if v.Operation != "" {
		operation = " (" + v.Operation + ")"
	}
	return fmt.Sprintf("contract: %s %s %s%s: %s", what, v.Method, v.Path, operation, strings.Join(v.Problems, "; "))
}

// violation returns nil if there are no problems.
func violation(req *http.Request, operation string, status int, problems []string) error {
	if len(problems) == 0 {
		return nil
	}
	slices.Sort(problems)
	return &Violation{
		Method:    req.Method,
		Path:      req.URL.EscapedPath(),
		Operation: operation,
		Status:    status,
		Problems:  slices.Compact(problems),
	}
}

// withBody returns a copy of req whose body is body.
func withBody(req *http.Request, body []byte) *http.Request {
	copied := req.Clone(context.WithoutCancel(req.Context()))
	copied.Body, copied.GetBody, copied.ContentLength = io.NopCloser(bytes.NewReader(body)), nil, int64(len(body))
	return copied
}

// authenticated accepts any credential of the scheme's kind. The document does not
// say which ones are valid.
func authenticated(_ context.Context, input *openapi3filter.AuthenticationInput) error {
	header := input.RequestValidationInput.Request.Header
	switch scheme := input.SecurityScheme; scheme.Type {
	case "apiKey":
		if scheme.In == "header" && header.Get(scheme.Name) != "" {
			return nil
		}
		return fmt.Errorf("no %s header", scheme.Name)
	case "oauth2":
		if token, found := strings.CutPrefix(header.Get("Authorization"), "Bearer "); found && token != "" {
			return nil
		}
		return errors.New("no Authorization header with a bearer token")
	default:
		return fmt.Errorf("security scheme %q is of an unknown type", input.SecuritySchemeName)
	}
}
