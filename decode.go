package connix

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strings"

	"github.com/connix-io/connix-go/internal/headers"
)

// bodyReader is a result that reads the response body itself.
type bodyReader interface{ readBody(body []byte) error }

// discarded is the result of an endpoint without one. The body may be empty or any
// JSON; an HTML page does not tell that the API did anything.
type discarded struct{}

func (discarded) readBody(body []byte) error {
	if len(bytes.TrimSpace(body)) > 0 && !json.Valid(body) {
		return errors.New("the body is neither empty nor JSON")
	}
	return nil
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
// only the caller knows what the response should hold.
func decodeBody(body []byte, out any, raw bool, status int) error {
	if to, ok := out.(*[]byte); ok {
		*to = bytes.Clone(body)
		return nil
	}
	envelope, isError := readErrorEnvelope(body)
	if isError && !envelope.plain {
		return envelope
	}
	if out == nil || raw && status == http.StatusNoContent && len(body) == 0 {
		return nil
	}
	err := decodeInto(body, out, raw)
	_, nothing := out.(*discarded)
	if isError && !raw && (err != nil || nothing) {
		return envelope // not a resource with a field named error
	}
	return err
}

func decodeInto(body []byte, out any, raw bool) error {
	if reader, ok := out.(bodyReader); ok {
		return reader.readBody(body)
	}
	if isNothing(body) {
		return errNothing
	}
	if err := unmarshal(body, out); err != nil {
		return err
	}
	if result, ok := out.(named); ok && !raw {
		return incomplete(result)
	}
	return nil
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

// unmarshal decodes in one plain pass. Only a body that it cannot read gets a
// second, lenient pass.
func unmarshal(body []byte, out any) error {
	err := json.Unmarshal(body, out)
	if err == nil {
		return nil
	}
	if lenient, changed := relax(body, reflect.TypeOf(out).Elem()); changed {
		reflect.ValueOf(out).Elem().SetZero()
		if json.Unmarshal(lenient, out) == nil {
			return nil
		}
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		// encoding/json names our own types, which mean nothing to a reader.
		return fmt.Errorf("%s is a JSON %s", cmp.Or(wrong.Field, "the response"), wrong.Value)
	}
	return err
}

// apiError is an error as the API describes it.
type apiError struct {
	code, message, requestID string
	details                  ErrorDetails
	plain                    bool // from a plain text under "error"
}

// Error returns the reason why a 2xx response with an error is invalid.
func (e *apiError) Error() string { return "the response holds an error: " + cmp.Or(e.code, e.message) }

// readErrorEnvelope reads the error envelope of either dialect: an object
// under "error", whose details are an object or plain text. A proxy's or an
// authorization server's plain text under "error" is its message.
func readErrorEnvelope(body []byte) (*apiError, bool) {
	if !bytes.Contains(body, []byte(`"error"`)) {
		return nil, false
	}
	var envelope struct {
		Error struct {
			Code      looseText       `json:"code"`
			Message   looseText       `json:"message"`
			Details   json.RawMessage `json:"details"`
			RequestID looseText       `json:"request_id"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &envelope) != nil {
		return readPlainError(body)
	}
	e := &envelope.Error
	if e.Code == "" && e.Message == "" {
		return nil, false
	}
	return &apiError{code: string(e.Code), message: string(e.Message), requestID: string(e.RequestID), details: readDetails(e.Details)}, true
}

func readPlainError(body []byte) (*apiError, bool) {
	var plain struct {
		Error       string    `json:"error"`
		Description looseText `json:"error_description"`
		Message     looseText `json:"message"`
	}
	if json.Unmarshal(body, &plain) != nil || plain.Error == "" {
		return nil, false
	}
	text := plain.Error
	if more := string(cmp.Or(plain.Description, plain.Message)); more != "" {
		text += ": " + more
	}
	return &apiError{message: text, plain: true}, true
}

func readDetails(raw json.RawMessage) ErrorDetails {
	if len(raw) == 0 || string(raw) == "null" {
		return ErrorDetails{}
	}
	d := ErrorDetails{Raw: bytes.Clone(raw)}
	var object struct {
		Field looseText `json:"field"`
		Issue looseText `json:"issue"`
	}
	if json.Unmarshal(raw, &object) == nil {
		d.Field, d.Issue = string(object.Field), string(object.Issue)
		return d
	}
	if json.Unmarshal(raw, &d.Issue) != nil {
		d.Issue = ""
	}
	return d
}

// looseText reads a JSON string; another scalar as its text; what else there
// is, as nothing. An error's words must not fail the error.
type looseText string

func (t *looseText) UnmarshalJSON(data []byte) error {
	var s string
	switch {
	case json.Unmarshal(data, &s) == nil:
		*t = looseText(s)
	case data[0] != '{' && data[0] != '[' && data[0] != '"':
		*t = looseText(data)
	}
	return nil
}

// describeForeign describes a response that is not in the API's form.
func describeForeign(e endpoint, r *exchange) string {
	body := bytes.TrimSpace(r.text())
	what := "with an empty body"
	if len(body) > 0 {
		expected := "the API's error"
		if r.Status < 300 {
			expected = "the endpoint's result"
		}
		mediaType, _, err := mime.ParseMediaType(headers.First(r.header, "Content-Type"))
		switch {
		case err != nil:
			what = "with a body that is not the API's JSON"
		case strings.HasSuffix(mediaType, "json"):
			what = "with JSON that is not " + expected
		default:
			what = "with " + mediaType + " in place of the API's JSON; a proxy or gateway may have sent it"
		}
	}
	text := http.StatusText(r.Status)
	if text == "" {
		text = "a response"
	}
	text += " " + what
	if (r.Status == http.StatusNotFound || r.Status == http.StatusMethodNotAllowed) && !overviewEndpoints[e] {
		text += fmt.Sprintf("; the API overview does not document %s %s, so this server may not offer it", e.method, e.route)
	}
	return text
}
