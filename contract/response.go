package contract

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// maxDecompressed bounds the size of a decompressed response.
const maxDecompressed = 64 << 20

// CheckResponse returns a [*Violation] if the document does not allow the response
// to req, and nil if it does. The body is as it was sent: compressed if the
// Content-Encoding says so.
//
// If no operation matches req, the response must be one of the document's errors.
// The response to HEAD must be that to GET without its body. CheckResponse accepts
// every response of an OAuth2 endpoint.
func (c *Checker) CheckResponse(req *http.Request, status int, header http.Header, body []byte) error {
	if c.elsewhere[req.URL.Path] {
		return nil
	}
	bare := withBody(req, nil)
	options := *c.options
	if req.Method == http.MethodHead {
		bare.Method, options.ExcludeResponseBody = http.MethodGet, true
	}
	route, params, err := c.router.FindRoute(bare)
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
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: bare, PathParams: params, Route: route, Options: &options},
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
			problems = append(problems, fmt.Sprintf("header %q is sent %d times", name, len(values)))
		}
	}
	if req.Method != http.MethodHead {
		problems = append(problems, bodyProblems(status, header, body)...)
	}
	problems = append(problems, requestIDProblems(req, header, body)...)
	return report(problems)
}

// standardResponseHeaders belong to HTTP itself; OpenAPI documents do not list them.
var standardResponseHeaders = set("Allow", "Connection", "Content-Encoding", "Content-Length", "Content-Type",
	"Access-Control-Allow-Origin", "Access-Control-Expose-Headers", "Date", "Keep-Alive", "Trailer", "Transfer-Encoding", "Vary", "Www-Authenticate")

// documentedHeaders returns the canonical names of the headers that the document
// gives for a status of the route. It reports false if the status is not documented.
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

// requestIDProblems compares the request id in the request, in the response's header
// and in its error.
func requestIDProblems(req *http.Request, header http.Header, body []byte) (problems []string) {
	const name = "X-Request-ID"
	received := header.Get(name)
	if received == "" {
		return nil // the validator reports it if it is required
	}
	if sent := req.Header.Get(name); sent != "" && sent != received {
		problems = append(problems, name+" differs from the request's")
	}
	var failure struct {
		Error struct {
			RequestID string `json:"request_id"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &failure) == nil && failure.Error.RequestID != "" && failure.Error.RequestID != received {
		problems = append(problems, name+" and the error's request_id differ")
	}
	return problems
}

// jsonProblems also finds trailing data, at which a decoder does not look.
func jsonProblems(body []byte) []string {
	if len(body) > 0 && !(json.Valid(body) && utf8.Valid(body)) {
		return []string{"the body is not exactly one JSON value"}
	}
	return nil
}

// decompress undoes the Content-Encoding and removes it from the header.
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
		return nil, fmt.Errorf("the body is larger than %d MiB when decompressed", maxDecompressed>>20)
	}
	return plain, nil
}
