package contract

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// maxDecompressed bounds what a compressed answer may unfold to.
const maxDecompressed = 64 << 20

// CheckResponse returns a [*Violation] where the document does not allow the
// answer to req, nil where it does. The body is as it was sent: compressed,
// where the Content-Encoding says so.
//
// An answer to a request that no operation matches must be one of the
// document's errors. HEAD is answered as GET is, without a body. Answers of
// OAuth2 endpoints are passed.
func (c *Checker) CheckResponse(req *http.Request, status int, header http.Header, body []byte) error {
	if c.elsewhere[req.URL.Path] {
		return nil
	}
	asked := withBody(req, nil)
	options := *c.options
	if req.Method == http.MethodHead {
		asked.Method, options.ExcludeResponseBody = http.MethodGet, true
	}
	route, params, err := c.router.FindRoute(asked)
	if err != nil {
		route = c.unrouted
	}
	report := func(problems []string) error {
		return violation(req, route.Operation.OperationID, status, problems)
	}
	documented, ok := documentedHeaders(route, status)
	if !ok {
		return report([]string{"the status is not documented"})
	}
	header = header.Clone()
	body, err = decompress(header, body)
	if err != nil {
		return report([]string{err.Error()})
	}
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: asked, PathParams: params, Route: route, Options: &options},
		Status:                 status,
		Header:                 header,
		Options:                &options,
	}
	problems := describe(openapi3filter.ValidateResponse(req.Context(), input.SetBodyBytes(body)))
	for name, values := range header {
		switch canonical := http.CanonicalHeaderKey(name); {
		case standardResponseHeaders[canonical]:
		case !documented[canonical]:
			problems = append(problems, fmt.Sprintf("header %q is not documented", name))
		case len(values) > 1:
			problems = append(problems, fmt.Sprintf("header %q is there %d times", name, len(values)))
		}
	}
	if req.Method != http.MethodHead {
		problems = append(problems, bodyProblems(status, header, body)...)
	}
	problems = append(problems, requestIDProblems(req, header, body)...)
	return report(problems)
}

// standardResponseHeaders are those of HTTP itself, which documents do not list.
var standardResponseHeaders = set("Allow", "Connection", "Content-Encoding", "Content-Length", "Content-Type",
	"Date", "Keep-Alive", "Trailer", "Transfer-Encoding", "Vary", "Www-Authenticate")

// documentedHeaders returns the canonical names of the headers that the route's
// answers of a status have, false where it has no such status.
func documentedHeaders(route *routers.Route, status int) (map[string]bool, bool) {
	ref := route.Operation.Responses.Status(status)
	if ref == nil {
		return nil, false
	}
	out := make(map[string]bool)
	for name := range ref.Value.Headers {
		out[http.CanonicalHeaderKey(name)] = true
	}
	return out, true
}

func bodyProblems(status int, header http.Header, body []byte) (problems []string) {
	if status == http.StatusNoContent {
		if len(body) > 0 {
			problems = append(problems, "a 204 has no body")
		}
		if header.Get("Content-Type") != "" {
			problems = append(problems, "a 204 has no Content-Type")
		}
		return problems
	}
	if strings.HasPrefix(header.Get("Content-Type"), "application/json") {
		return jsonProblems(body)
	}
	return nil
}

// requestIDProblems compares the three places where an exchange names itself.
func requestIDProblems(req *http.Request, header http.Header, body []byte) (problems []string) {
	const name = "X-Request-ID"
	answered := header.Get(name)
	if answered == "" {
		return nil // said elsewhere, where it is required
	}
	if sent := req.Header.Get(name); sent != "" && sent != answered {
		problems = append(problems, name+" is not the one that was sent")
	}
	var failure struct {
		Error struct {
			RequestID string `json:"request_id"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &failure) == nil && failure.Error.RequestID != "" && failure.Error.RequestID != answered {
		problems = append(problems, name+" and the error's request_id differ")
	}
	return problems
}

// jsonProblems finds what a decoder that stops after the first value does not.
func jsonProblems(body []byte) []string {
	if len(body) > 0 && !json.Valid(body) {
		return []string{"the body is not exactly one JSON value"}
	}
	return nil
}

// decompress undoes the Content-Encoding, and takes it out of the header.
func decompress(header http.Header, body []byte) ([]byte, error) {
	switch encoding := header.Get("Content-Encoding"); encoding {
	case "", "identity":
		return body, nil
	case "gzip":
	default:
		return nil, fmt.Errorf("the Content-Encoding %q is not documented", encoding)
	}
	header.Del("Content-Encoding")
	if len(body) == 0 {
		return nil, nil
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("the body is not gzip: %w", err)
	}
	plain, err := io.ReadAll(io.LimitReader(unzipped, maxDecompressed+1))
	if err != nil {
		return nil, fmt.Errorf("the gzip body is broken: %w", err)
	}
	if len(plain) > maxDecompressed {
		return nil, fmt.Errorf("the body unfolds to more than %d MiB", maxDecompressed>>20)
	}
	return plain, nil
}
