package connix

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"reflect"
	"strings"

	"github.com/connix-io/connix-go/internal/headers"
	"github.com/connix-io/connix-go/internal/lenient"
)

// bodyReader is a result that reads the response body itself. It returns the paths
// of the values that it could not read and did without.
type bodyReader interface {
	readBody(body []byte) (unread []string, err error)
}

// discarded is the result of an endpoint without one. The body may be empty or any
// JSON; an HTML page does not tell that the API did anything.
type discarded struct{}

func (discarded) readBody(body []byte) ([]string, error) { //nolint:unparam // it is a bodyReader
	if len(bytes.TrimSpace(body)) > 0 && !json.Valid(body) {
		return nil, errors.New("the body is neither empty nor JSON")
	}
	return nil, nil
}

// checkOut refuses values that a result cannot be written to.
func checkOut(out any) error {
	if out == nil {
		return nil
	}
	if v := reflect.ValueOf(out); v.Kind() != reflect.Pointer || v.IsNil() {
		return &ArgumentError{Name: "out", Issue: "must be nil or a non-nil pointer"}
	}
	if _, ok := out.(io.Writer); ok {
		return &ArgumentError{Name: "out", Issue: "is a writer, and JSON cannot be decoded into one; use a *[]byte for the body's bytes"}
	}
	return nil
}

// decodeBody decodes the body of a successful response into out. For a raw request,
// only the caller knows what the response should hold. It returns the paths of the
// values that could not be read and that out is usable without.
func decodeBody(body []byte, out any, raw bool, status int) (unread []string, err error) {
	if to, ok := out.(*[]byte); ok {
		*to = bytes.Clone(body)
		return nil, nil
	}
	body = lenient.TrimMark(body)
	envelope, isError := readErrorEnvelope(body)
	if isError && envelope.replaces(body, out, raw) {
		return nil, envelope
	}
	if out == nil || raw && status == http.StatusNoContent && len(body) == 0 {
		return nil, nil
	}
	unread, err = decodeInto(body, out, raw)
	if err != nil && isError && !raw {
		return nil, envelope
	}
	return unread, err
}

func decodeInto(body []byte, out any, raw bool) ([]string, error) {
	if reader, ok := out.(bodyReader); ok {
		return reader.readBody(body)
	}
	if isNothing(body) {
		return nil, errNothing
	}
	if raw {
		return unmarshalOver(body, out)
	}
	unread, err := unmarshal(body, out)
	if result, ok := out.(named); ok && err == nil {
		err = incomplete(result)
	}
	return unread, err
}

// named is a result that is useless without one of its fields.
type named interface{ missing() string }

// incomplete returns an error for a result without its needed field. Any JSON object
// can be decoded into a struct, so decoding alone proves nothing.
func incomplete(r named) error {
	if what := r.missing(); what != "" {
		return errors.New("the response holds no " + what)
	}
	return nil
}

var errNothing = errors.New("the response body is empty")

// isNothing reports whether a body is empty or null, which decodes into any struct.
func isNothing(body []byte) bool {
	trimmed := bytes.TrimSpace(body)
	return len(trimmed) == 0 || string(trimmed) == "null"
}

// unmarshal decodes in one plain pass. Only a body that it cannot read gets a second,
// lenient pass, in which the optional fields of this package's types may be of any
// kind: the paths of those that could not be read are returned.
func unmarshal(body []byte, out any) (unread []string, err error) {
	if err = lenient.Unmarshal(body, out); err == nil || !json.Valid(body) {
		return nil, err
	}
	v := reflect.ValueOf(out).Elem()
	v.SetZero()
	return lenient.Coerce(body, v, isOurs)
}

// unmarshalOver is unmarshal for a value of the caller's, which keeps what the body
// does not replace.
func unmarshalOver(body []byte, out any) ([]string, error) {
	v := reflect.ValueOf(out).Elem()
	if v.IsZero() {
		return unmarshal(body, out)
	}
	before := reflect.New(v.Type()).Elem()
	before.Set(v)
	err := lenient.Unmarshal(body, out)
	if err == nil || !json.Valid(body) {
		return nil, err
	}
	v.Set(before)
	return lenient.Coerce(body, v, isOurs)
}

var ourPackage = reflect.TypeFor[Client]().PkgPath()

// isOurs reports whether this package declares a type, and so knows which of its
// fields a caller can do without.
func isOurs(t reflect.Type) bool { return t.PkgPath() == ourPackage }

// logUnread tells of values that were left out of a result.
func (k *call) logUnread(paths []string) {
	const most = 10
	if len(paths) == 0 || !k.observed() {
		return
	}
	k.log(slog.LevelDebug, "connix: the response has values that cannot be read",
		slog.Int("values", len(paths)), slog.String("paths", printable(strings.Join(paths[:min(len(paths), most)], " "), maxText)))
}

// apiError is an error as the API describes it.
type apiError struct{ lenient.Envelope }

// Error returns the reason why a 2xx response with an error is invalid.
func (e *apiError) Error() string { return "the response holds an error: " + cmp.Or(e.Code, e.Message) }

func (e *apiError) details() ErrorDetails {
	return ErrorDetails{Field: e.Field, Issue: e.Issue, Raw: e.Details}
}

// replaces reports whether the error of a 2xx stands in place of the result, and not
// within it: a failed agent, for one, has a field "error".
func (e *apiError) replaces(body []byte, out any, raw bool) bool {
	_, needed := out.(named)
	switch {
	case raw && e.Plain, !raw && needed:
		return false // decoding will tell
	case raw && out != nil:
		return lenient.ErrorAlone(body, reflect.TypeOf(out))
	}
	return lenient.ErrorAlone(body, nil)
}

func readErrorEnvelope(body []byte) (*apiError, bool) {
	envelope, ok := lenient.ReadEnvelope(body)
	if !ok {
		return nil, false
	}
	return &apiError{envelope}, true
}

// describeForeign describes a response that is not in the API's form. Of an error it
// quotes the words, if it knows the form.
func describeForeign(e endpoint, r *exchange) string {
	text := http.StatusText(r.Status)
	if text == "" {
		text = "a response"
	}
	text += " " + foreignBody(r)
	if words := lenient.Words(r.text()); words != "" && r.Status >= http.StatusMultipleChoices {
		text += ": " + printable(words, maxText)
	}
	if (r.Status == http.StatusNotFound || r.Status == http.StatusMethodNotAllowed) && !overviewEndpoints[e] {
		text += fmt.Sprintf("; the API overview does not document %s %s, so this server may not offer it", e.method, e.route)
	}
	return text
}

func foreignBody(r *exchange) string {
	if len(bytes.TrimSpace(r.text())) == 0 {
		return "with an empty body"
	}
	mediaType, _, err := mime.ParseMediaType(headers.First(r.header, "Content-Type"))
	switch {
	case err != nil:
		return "with a body that is not the API's JSON"
	case !strings.HasSuffix(mediaType, "json"):
		return "with " + mediaType + " in place of the API's JSON; a proxy or gateway may have sent it"
	case r.Status < http.StatusMultipleChoices:
		return "with JSON that is not the endpoint's result"
	}
	return "with JSON that is not the API's error"
}
