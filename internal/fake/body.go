package fake

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/connix-io/connix-go/internal/fake/state"
)

// object is a JSON object as a request's body brings it. Its methods return a
// problem for a value of the wrong type. A field that is absent, or null, is as
// if it had not been named; fields that nobody asks for are ignored.
type object map[string]json.RawMessage

// readObject reads the body of a request.
func readObject(r *http.Request) (object, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, badRequest("body", "could not be read to its end")
	}
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case r.Header.Get("Content-Encoding") != "":
		return nil, badRequest("Content-Encoding", "is not supported")
	case r.Header.Get("Content-Type") == "":
		return nil, badRequest("Content-Type", "is missing; it must be application/json")
	case err != nil || mediaType != "application/json":
		return nil, badRequest("Content-Type", "must be application/json")
	case len(bytes.TrimSpace(body)) == 0:
		return nil, badRequest("body", "cannot be empty")
	case !json.Valid(body):
		return nil, badRequest("body", "is not valid JSON")
	}
	var o object
	if err := json.Unmarshal(body, &o); err != nil || o == nil {
		return nil, badRequest("body", "must be a JSON object")
	}
	for name, value := range o {
		if string(value) == "null" {
			delete(o, name)
		}
	}
	return o, nil
}

// text returns a field that is a string, "" where it is absent.
func (o object) text(field string) (string, error) {
	s, err := o.optionalText(field)
	if s == nil {
		return "", err
	}
	return *s, err
}

// optionalText returns a field that is a string, nil where it is absent.
func (o object) optionalText(field string) (*string, error) {
	raw, ok := o[field]
	if !ok {
		return nil, nil
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, badRequest(field, "must be a string")
	}
	return &s, nil
}

// texts returns a field that is an array of strings, nil where it is absent.
func (o object) texts(field string) ([]string, error) {
	raw, ok := o[field]
	if !ok {
		return nil, nil
	}
	var all []any
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, badRequest(field, "must be an array of strings")
	}
	texts := make([]string, len(all))
	for i, v := range all {
		if texts[i], ok = v.(string); !ok {
			return nil, badRequest(field, "must be an array of strings")
		}
	}
	return texts, nil
}

// id returns a field that is an id, number or string, "" where it is absent.
func (o object) id(field string) (state.ID, error) {
	raw, ok := o[field]
	if !ok {
		return "", nil
	}
	var number json.Number
	if raw[0] != '"' && json.Unmarshal(raw, &number) == nil && !strings.ContainsAny(string(raw), ".eE-") {
		return state.ID(number), nil
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", badRequest(field, "must be an id: a whole number or a string")
	}
	return state.ID(s), nil
}

// time returns a field that is a time, zero where it is absent.
func (o object) time(field string) (t time.Time, err error) {
	s, err := o.optionalText(field)
	if s == nil {
		return t, err
	}
	if err := t.UnmarshalText([]byte(*s)); err != nil {
		return t, badRequest(field, "must be a time such as 2024-01-15T10:30:00Z")
	}
	return t.UTC(), nil
}
