package contract

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// CheckRequest returns a [*Violation] if the document does not allow the request,
// and nil if it does. It reads the body and replaces it by an equal one. If reading
// fails, the error wraps the reader's.
//
// The document names the OAuth2 endpoints without describing them, so CheckRequest
// accepts every request to them.
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
		problem := "the document has no such path"
		if errors.Is(err, routers.ErrMethodNotAllowed) {
			problem = "the document's path does not have this method"
		}
		return violation(req, "", 0, []string{problem})
	}
	input := &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route, Options: c.options}
	problems := describe(openapi3filter.ValidateRequest(req.Context(), input))
	problems = append(problems, queryProblems(req, route)...)
	problems = append(problems, c.headerProblems(req, route)...)
	problems = append(problems, contentProblems(req, body)...)
	problems = append(problems, numberProblems(body)...)
	return violation(req, route.Operation.OperationID, 0, problems)
}

// parameter returns a documented parameter of the operation or of its path, or nil.
// Header names match in any case.
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
		problems = append(problems, "the query has a semicolon, and servers drop such parameters")
	}
	for name, values := range req.URL.Query() {
		p := parameter(route, openapi3.ParameterInQuery, name)
		switch {
		case p == nil:
			problems = append(problems, fmt.Sprintf("query parameter %q is not documented", name))
		case len(values) > 1 && !p.Schema.Value.Type.Is("array"):
			problems = append(problems, fmt.Sprintf("query parameter %q is sent %d times", name, len(values)))
		case p.Schema.Value.Type.Is("integer") && !wholeNumber.MatchString(values[0]):
			problems = append(problems, fmt.Sprintf("query parameter %q is not written as JSON writes integers", name))
		}
	}
	return problems
}

// wholeNumber is an integer as JSON writes it.
var wholeNumber = regexp.MustCompile(`^(0|-?[1-9][0-9]*)$`)

// numberProblems finds numbers that cannot be the 64 bits that they are documented to
// be, in which the validator sees their nearest float64.
func numberProblems(body []byte) (problems []string) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	for {
		token, err := d.Token()
		if err != nil {
			return problems // other rules say what is wrong
		}
		number, ok := token.(json.Number)
		if !ok {
			continue
		}
		if _, err := number.Int64(); err != nil && wholeNumber.MatchString(number.String()) {
			problems = append(problems, "a number in the body has more than 64 bits")
		}
		if f, err := number.Float64(); err == nil && f == 0 && strings.ContainsAny(mantissa(number), "123456789") {
			problems = append(problems, "a number in the body is too small to be told from 0")
		}
	}
}

func mantissa(n json.Number) string {
	digits, _, _ := strings.Cut(strings.ToLower(n.String()), "e")
	return digits
}

// standardRequestHeaders belong to HTTP itself; OpenAPI documents do not list them.
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
			problems = append(problems, fmt.Sprintf("header %q is sent %d times", name, len(values)))
		}
	}
	if sent > 1 {
		problems = append(problems, "more than one credential is sent")
	}
	return problems
}

// contentProblems checks the headers of HTTP that the document cannot describe.
func contentProblems(req *http.Request, body []byte) (problems []string) {
	if len(body) == 0 && req.Header.Get("Content-Type") != "" {
		problems = append(problems, "a Content-Type is sent without a body")
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
