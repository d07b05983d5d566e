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

// bodyReader is a result that reads the answer's body itself.
type bodyReader interface{ readBody(body []byte) error }

// discarded is the result of an endpoint that has none: nothing, or any JSON. An
// HTML page says nothing of what the API did.
type discarded struct{}

func (discarded) readBody(body []byte) error {
	if len(bytes.TrimSpace(body)) > 0 && !json.Valid(body) {
		return errors.New("the body is neither empty nor JSON")
	}
	return nil
}

// checkOut refuses results that cannot be written to.
func checkOut(out any) error {
	if out == nil {
		return nil
	}
	if v := reflect.ValueOf(out); v.Kind() != reflect.Pointer || v.IsNil() {
		return &ArgumentError{Name: "out", Issue: "must be nil or a pointer that is not"}
	}
	if _, ok := out.(io.Writer); ok {
		return &ArgumentError{Name: "out", Issue: "is a writer, which JSON is not read into; use a *[]byte for the body as it is"}
	}
	return nil
}

// decodeBody writes the body of a successful answer to out. Of a raw request, the
// caller alone knows what the answer should hold.
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
		return envelope // a resource may have an error of its own, in words; this is none
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

// named is a result that has something without which it is of no use.
type named interface{ missing() string }

// incomplete is the error of a result that is not what was asked for: JSON of
// any kind can be read into a struct.
func incomplete(r named) error {
	if what := r.missing(); what != "" {
		return errors.New("the answer holds no " + what)
	}
	return nil
}

var errNothing = errors.New("the answer says nothing")

// isNothing reports whether a body says nothing. JSON's null would be read into
// any struct.
func isNothing(body []byte) bool {
	trimmed := bytes.TrimSpace(body)
	return len(trimmed) == 0 || string(trimmed) == "null"
}

// unmarshal decodes in one plain pass; only a body that it cannot read is
// looked at again, leniently.
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
		// encoding/json names our own types, which say nothing to a reader.
		return fmt.Errorf("%s is a JSON %s", cmp.Or(wrong.Field, "the answer"), wrong.Value)
	}
	return err
}

// apiError is the API's own account of a failure.
type apiError struct {
	code, message, requestID string
	details                  ErrorDetails
	plain                    bool // no envelope but a text
}

// Error makes an envelope in a 2xx a reason why the answer is invalid.
func (e *apiError) Error() string { return "the answer carries an error: " + cmp.Or(e.code, e.message) }

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

// describeForeign says what an answer is that is not the API's.
func describeForeign(e endpoint, r *exchange) string {
	body := bytes.TrimSpace(r.text())
	what := "with an empty body"
	if len(body) > 0 {
		expected := "the API's error"
		if r.Status < 300 {
			expected = "what the endpoint answers"
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
		text = "an answer"
	}
	text += " " + what
	if (r.Status == http.StatusNotFound || r.Status == http.StatusMethodNotAllowed) && !overviewEndpoints[e] {
		text += fmt.Sprintf("; the API overview does not document %s %s, so this server may not offer it", e.method, e.route)
	}
	return text
}
