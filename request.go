package connix

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"unicode"

	"github.com/google/go-querystring/query"
)

const headerRequestID = "X-Request-Id"

// endpoint is a method and a route template: GET and "/projects/{id}".
type endpoint struct{ method, route string }

// overviewEndpoints lists the endpoints that the API overview documents. A 404 or
// 405 of any other one may mean that the server does not offer it.
var overviewEndpoints = map[endpoint]bool{
	{http.MethodGet, "/hello"}:     true,
	{http.MethodGet, "/status"}:    true,
	{http.MethodGet, "/docs"}:      true,
	{http.MethodPost, "/projects"}: true,
	{http.MethodGet, "/projects"}:  true,
	{http.MethodPost, "/agents"}:   true,
	{http.MethodPost, "/webhooks"}: true,
}

// request describes what a call sends, except the headers that all calls share.
type request struct {
	endpoint
	path   string // escaped, below /api/v1
	query  string // encoded, without the question mark
	body   []byte // nil: none, unless stream is set
	stream io.Reader
	raw    bool // from Client.Do, which does not know the endpoint's result
	// bodyOptional: a success without a body leaves the result zero.
	bodyOptional bool
	err          error // an *ArgumentError: why it cannot be sent
}

// at returns a request with ids in the route's placeholders, in order.
func (e endpoint) at(ids ...ID) request {
	r := request{endpoint: e, path: e.route}
	for _, id := range ids {
		segment := string(id)
		if !isPlain(segment) {
			if issue := segmentIssue(segment); issue != "" {
				r.err = &ArgumentError{Name: "id", Issue: issue}
				return r
			}
			segment = url.PathEscape(segment)
		}
		before, after, _ := strings.Cut(r.path, "{id}")
		r.path = before + segment + after
	}
	return r
}

// withJSON sets the body to the JSON of v.
func (r request) withJSON(v any) request {
	body, err := json.Marshal(v)
	if err != nil {
		return r.refuse("in", "cannot be written as JSON: "+err.Error())
	}
	r.body = body
	return r
}

// withQuery sets the query to that of v, a struct with url tags.
func (r request) withQuery(v any) request {
	values, err := query.Values(v)
	if err != nil {
		return r.refuse("opts", "cannot be written as a query: "+err.Error())
	}
	r.query = values.Encode()
	return r
}

// refuse makes the call fail before anything is sent. The first reason stays.
func (r request) refuse(name, issue string) request {
	if r.err == nil {
		r.err = &ArgumentError{Name: name, Issue: issue}
	}
	return r
}

// rawRequest returns the request of [Client.Do].
func rawRequest(method, path string, in any) request {
	r := request{endpoint: endpoint{method: method}, raw: true}
	switch {
	case !isToken(method) || method != strings.ToUpper(method):
		return r.refuse("method", "must be an HTTP method in capital letters")
	case method == http.MethodConnect:
		return r.refuse("method", "is for proxies only")
	}
	rawPath, rawQuery, _ := strings.Cut(path, "?")
	if _, err := url.ParseQuery(rawQuery); err != nil || strings.ContainsFunc(rawQuery, isUnsafeInURL) {
		return r.refuse("path", "its query must be percent-encoded")
	}
	if strings.HasPrefix(rawPath, "//") {
		return r.refuse("path", "must be relative to "+apiPrefix+"/, without scheme or host")
	}
	rawPath = strings.TrimPrefix("/"+strings.TrimPrefix(rawPath, "/"), apiPrefix+"/")
	segments := strings.Split(strings.Trim(rawPath, "/"), "/")
	for _, escaped := range segments {
		segment, err := url.PathUnescape(escaped)
		issue := segmentIssue(segment)
		switch {
		case err != nil || strings.ContainsFunc(escaped, isUnsafeInURL):
			issue = "must be percent-encoded"
		case strings.Contains(escaped, ":") && segment == segments[0]:
			issue = "must be relative to " + apiPrefix + "/, without scheme or host"
		}
		if issue != "" {
			return r.refuse("path", issue)
		}
	}
	r.path, r.query = "/"+strings.Join(segments, "/"), rawQuery
	r.route = routeOf(segments)
	return r.withBody(in)
}

// withBody sets the body to the one that the caller of [Client.Do] gave.
func (r request) withBody(in any) request {
	switch in := in.(type) {
	case nil:
	case []byte:
		r.body = append([]byte{}, in...) // the transport may read it when Do has returned and the caller changes it
	case json.RawMessage:
		if in != nil && !json.Valid(in) {
			return r.refuse("in", "must be valid JSON")
		}
		r.body = bytes.Clone(in)
	case io.Reader:
		if v := reflect.ValueOf(in); v.Kind() == reflect.Pointer && v.IsNil() {
			return r.refuse("in", "is a nil reader")
		}
		r.stream = in
	default:
		return r.withJSON(in)
	}
	return r
}

// url returns the request's URL. RawPath keeps escapes that differ from the
// standard ones.
func (r *request) url(base *url.URL) (*url.URL, error) {
	escaped := base.RawPath + apiPrefix + r.path
	path, err := url.PathUnescape(escaped)
	if err != nil {
		return nil, &ArgumentError{Name: "path", Issue: "must be percent-encoded"}
	}
	target := &url.URL{Scheme: base.Scheme, Host: base.Host, Path: path, RawQuery: r.query}
	if path != escaped {
		target.RawPath = escaped
	}
	return target, nil
}

// isPlain reports whether an ID needs no escaping, as those of the API do.
func isPlain(id string) bool {
	for i := range len(id) {
		if c := id[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && c != '_' && c != '-' {
			return false
		}
	}
	return id != ""
}

// segmentIssue returns why text cannot be one segment of a path, "" if it can.
func segmentIssue(text string) string {
	switch {
	case text == "":
		return "is empty"
	case text == "." || text == "..":
		return fmt.Sprintf("%q would name another path", text)
	case strings.ContainsFunc(text, unicode.IsControl):
		return "holds a control character"
	}
	return ""
}

// isUnsafeInURL reports whether r must be escaped in a path or a query, or ends it.
func isUnsafeInURL(r rune) bool {
	return r <= ' ' || r == '#' || r == '\\' || r == '"' || r == '<' || r == '>' || r >= 0x7f
}

// idPrefixes are the prefixes of the API's own IDs.
var idPrefixes = []string{"agent_", "proj_", "wh_", "key_", "evt_"}

// routeOf returns the route of a path, with {id} for each segment that looks like an
// ID. Few distinct routes keep metrics small.
func routeOf(segments []string) string {
	var b strings.Builder
	for _, segment := range segments {
		b.WriteByte('/')
		if looksLikeID(segment) {
			segment = "{id}"
		}
		b.WriteString(segment)
	}
	return b.String()
}

func looksLikeID(segment string) bool {
	for _, prefix := range idPrefixes {
		if strings.HasPrefix(segment, prefix) {
			return true
		}
	}
	digits := 0
	for i := range len(segment) {
		if segment[i] >= '0' && segment[i] <= '9' {
			digits++
		}
	}
	// Digits only, or as long and mixed as a UUID or a hash.
	return digits > 0 && (digits == len(segment) || len(segment) >= 16)
}

// jsonBody returns a new reader of body. net/http recognizes exactly this type, and
// sends it in one packet with the headers.
func jsonBody(body []byte) io.ReadCloser { return io.NopCloser(bytes.NewReader(body)) }

// attach gives an attempt's request its body. Over HTTP/2, net/http repeats by
// itself a request without a body, or whose body it can get again; it does not
// with any other, and says why.
func (r *request) attach(hop *http.Request, trace *connTrace) {
	overHTTP2 := trace.attached == protocolHTTP2
	switch body := r.body; {
	case r.stream != nil:
		hop.Body, hop.ContentLength = newStreamedBody(hop.Context(), r.stream)
	case body != nil:
		hop.Body, hop.ContentLength = jsonBody(body), int64(len(body))
		if !overHTTP2 {
			hop.GetBody = func() (io.ReadCloser, error) {
				if !trace.mayRepeat() {
					return nil, errRepeatedByTransport
				}
				return jsonBody(body), nil
			}
		}
	case overHTTP2 && trace.write:
		hop.Body = emptyBody{}
	}
}

// newRequestID returns a random ID of 128 bits. It identifies a call and protects
// nothing, so it needs no cryptographic randomness.
func newRequestID() string {
	const digits = "0123456789abcdefghijklmnopqrstuv" // five bits each
	var id [26]byte
	high, low := rand.Uint64(), rand.Uint64()
	for i := range id {
		id[i] = digits[low&31]
		low = low>>5 | high<<59
		high >>= 5
	}
	return string(id[:])
}
