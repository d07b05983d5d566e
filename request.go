package connix

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"unicode"

	"github.com/google/go-querystring/query"
)

// endpoint is a method and a route template: GET and "/projects/{id}".
type endpoint struct{ method, route string }

// The endpoints that the API overview documents. Of every other one, a bare 404
// or 405 may mean that it does not exist.
var overviewEndpoints = map[endpoint]bool{
	{http.MethodGet, "/hello"}:     true,
	{http.MethodGet, "/status"}:    true,
	{http.MethodGet, "/docs"}:      true,
	{http.MethodPost, "/projects"}: true,
	{http.MethodGet, "/projects"}:  true,
	{http.MethodPost, "/agents"}:   true,
	{http.MethodPost, "/webhooks"}: true,
}

// request is what a call sends, apart from the headers that all calls share.
type request struct {
	endpoint
	path   string // escaped, below /api/v1
	query  string // encoded, without the question mark
	body   []byte // nil: none, unless stream is set
	stream io.Reader
	raw    bool  // of Client.Do, which does not know what the endpoint answers
	err    error // why it cannot be sent: an *ArgumentError
}

// at puts ids into the route, in order.
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

// withJSON gives the request a JSON body.
func (r request) withJSON(v any) request {
	body, err := json.Marshal(v)
	if err != nil {
		return r.refuse("in", "cannot be written as JSON: "+err.Error())
	}
	r.body = body
	return r
}

// withQuery gives the request the query of a struct with url tags.
func (r request) withQuery(v any) request {
	values, err := query.Values(v)
	if err != nil {
		return r.refuse("opts", "cannot be written as a query: "+err.Error())
	}
	r.query = values.Encode()
	return r
}

// refuse makes the call fail before anything is sent; the first reason stays.
func (r request) refuse(name, issue string) request {
	if r.err == nil {
		r.err = &ArgumentError{Name: name, Issue: issue}
	}
	return r
}

// rawRequest is the request of [Client.Do].
func rawRequest(method, path string, in any) request {
	r := request{endpoint: endpoint{method: method}, raw: true}
	switch {
	case !isToken(method) || method != strings.ToUpper(method):
		return r.refuse("method", "is no HTTP method in capitals")
	case method == http.MethodConnect:
		return r.refuse("method", "is for proxies only")
	}
	rawPath, rawQuery, _ := strings.Cut(path, "?")
	if _, err := url.ParseQuery(rawQuery); err != nil || strings.ContainsFunc(rawQuery, isUnsafeInURL) {
		return r.refuse("path", "its query is not encoded")
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
			issue = "is not escaped"
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

// withBody gives the request the body that the caller of [Client.Do] handed in.
func (r request) withBody(in any) request {
	switch in := in.(type) {
	case nil:
	case []byte:
		r.body = append([]byte{}, in...) // the caller may change it once Do has returned, the transport may still read it
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

// url returns where the request goes. Escapes that differ from the standard ones
// are kept through RawPath.
func (r *request) url(base *url.URL) (*url.URL, error) {
	escaped := base.RawPath + apiPrefix + r.path
	path, err := url.PathUnescape(escaped)
	if err != nil {
		return nil, &ArgumentError{Name: "path", Issue: "is not escaped"}
	}
	target := &url.URL{Scheme: base.Scheme, Host: base.Host, Path: path, RawQuery: r.query}
	if path != escaped {
		target.RawPath = escaped
	}
	return target, nil
}

// isPlain recognizes the ids that the API gives: nothing in them needs care.
func isPlain(id string) bool {
	for i := range len(id) {
		if c := id[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && c != '_' && c != '-' {
			return false
		}
	}
	return id != ""
}

// segmentIssue says why text cannot be one segment of a path, "" where it can.
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

// isUnsafeInURL finds what must be escaped in a path or query, or would end it.
func isUnsafeInURL(r rune) bool {
	return r <= ' ' || r == '#' || r == '\\' || r == '"' || r == '<' || r == '>' || r >= 0x7f
}

// idPrefixes start the API's own ids.
var idPrefixes = []string{"agent_", "proj_", "wh_", "key_", "evt_"}

// routeOf replaces what looks like an id by {id}, so that the routes seen by
// metrics stay few.
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
	// A run of digits, or something as long and mixed as a UUID or a hash.
	return digits > 0 && (digits == len(segment) || len(segment) >= 16)
}

// jsonBody returns a fresh reader over the body. net/http sends exactly this
// type in one packet with the headers.
func jsonBody(body []byte) io.ReadCloser { return io.NopCloser(bytes.NewReader(body)) }

// streamBody returns a body that reads from r, and its length, -1 where it is
// not known. r is the caller's: it is not closed.
func streamBody(r io.Reader) (io.ReadCloser, int64) {
	body := io.NopCloser(callersBody{r})
	if sized, ok := r.(interface{ Len() int }); ok {
		if sized.Len() == 0 {
			return http.NoBody, 0
		}
		return body, int64(sized.Len())
	}
	return body, -1
}

// callersBody says of an error that it is not the network's.
type callersBody struct{ io.Reader }

func (b callersBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // readers return it bare
		err = fmt.Errorf("the body given to Do could not be read: %w", err)
	}
	return n, err
}
