package lenient

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Envelope is an error as the API, or a server in front of it, describes it.
type Envelope struct {
	Code, Message, RequestID string
	Field, Issue             string          // of the details
	Details                  json.RawMessage // nil for none
	// Plain tells that the error is a plain text.
	Plain bool
}

// ReadEnvelope reads the error under "error" in a body: an object, as the API sends
// it, or a plain text, as proxies and authorization servers do.
func ReadEnvelope(body []byte) (Envelope, bool) {
	if !bytes.Contains(body, []byte(`"error"`)) {
		return Envelope{}, false
	}
	body = TrimMark(body)
	var envelope struct {
		Error struct {
			Code      Text            `json:"code"`
			Message   Text            `json:"message"`
			Details   json.RawMessage `json:"details"`
			RequestID Text            `json:"request_id"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &envelope) != nil {
		return readPlain(body)
	}
	e := &envelope.Error
	if e.Code == "" && e.Message == "" {
		return Envelope{}, false
	}
	read := Envelope{Code: string(e.Code), Message: string(e.Message), RequestID: string(e.RequestID)}
	read.readDetails(e.Details)
	return read, true
}

func readPlain(body []byte) (Envelope, bool) {
	var plain struct {
		Error       string `json:"error"`
		Description Text   `json:"error_description"`
		Message     Text   `json:"message"`
	}
	if json.Unmarshal(body, &plain) != nil || plain.Error == "" {
		return Envelope{}, false
	}
	text := plain.Error
	if more := string(cmp.Or(plain.Description, plain.Message)); more != "" {
		text += ": " + more
	}
	return Envelope{Message: text, Plain: true}, true
}

// readDetails reads an object or a plain text.
func (e *Envelope) readDetails(raw json.RawMessage) {
	if len(raw) == 0 || string(raw) == "null" {
		return
	}
	e.Details = bytes.Clone(raw)
	var object struct {
		Field Text `json:"field"`
		Issue Text `json:"issue"`
	}
	if json.Unmarshal(raw, &object) == nil {
		e.Field, e.Issue = string(object.Field), string(object.Issue)
		return
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		e.Issue = text
	}
}

// Text reads a JSON string, or the text of a number or a boolean. Any other value
// leaves it empty, so that an odd value cannot fail an error.
type Text string

// UnmarshalJSON never returns an error.
func (t *Text) UnmarshalJSON(data []byte) error {
	var s string
	switch {
	case json.Unmarshal(data, &s) == nil:
		*t = Text(s)
	case data[0] != '{' && data[0] != '[' && data[0] != '"':
		*t = Text(data)
	}
	return nil
}

// besides are the fields that come with an error and are no part of a result.
var besides = map[string]bool{
	"error": true, "error_description": true, "error_uri": true, "message": true, "request_id": true, "timestamp": true, "pagination": true,
}

// ErrorAlone reports whether an object with an error holds no part of a result: no
// other field that has a value or, if out is a struct type, none that out has.
func ErrorAlone(body []byte, out reflect.Type) bool {
	var values map[string]json.RawMessage
	if json.Unmarshal(TrimMark(body), &values) != nil {
		return false
	}
	for out != nil && out.Kind() == reflect.Pointer {
		out = out.Elem()
	}
	if out != nil && out.Kind() == reflect.Struct && !decodesItself(reflect.New(out).Elem()) {
		for _, f := range fieldsOf(out) {
			if raw, ok := member(values, f.name); ok && !besides[strings.ToLower(f.name)] && !isEmpty(raw) {
				return false
			}
		}
		return true
	}
	for key, raw := range values {
		if !besides[strings.ToLower(key)] && !isEmpty(raw) {
			return false
		}
	}
	return true
}

// isEmpty reports whether a value says nothing beside an error.
func isEmpty(raw json.RawMessage) bool {
	switch string(raw) {
	case "null", "false", `""`:
		return true
	}
	inner := bytes.TrimSpace(bytes.Trim(raw, "[]{}"))
	return len(inner) == 0
}

// Words returns the words of an error in another form than the API's: those of
// problem details (RFC 9457), of a framework's list of invalid fields, or of a
// message alone. It returns "" if there are none.
func Words(body []byte) string {
	var values map[string]json.RawMessage
	if json.Unmarshal(TrimMark(body), &values) != nil {
		return ""
	}
	var words []string
	for _, name := range [...]string{"title", "detail", "message", "msg", "errors"} {
		if raw, ok := member(values, name); ok {
			words = append(words, wordsOf(raw, 0)...)
		}
	}
	const most = 4
	if len(words) > most {
		words = append(words[:most], "…")
	}
	return strings.Join(words, "; ")
}

// wordsOf returns the texts of a value: itself, of its items, or of its fields, each
// after the name of the field that it is about.
func wordsOf(raw json.RawMessage, depth int) []string {
	const deepest = 4
	var text string
	var items []json.RawMessage
	var values map[string]json.RawMessage
	switch {
	case depth > deepest:
	case json.Unmarshal(raw, &text) == nil:
		if text != "" {
			return []string{text}
		}
	case json.Unmarshal(raw, &items) == nil:
		var words []string
		for _, item := range items {
			words = append(words, wordsOf(item, depth+1)...)
		}
		return words
	case json.Unmarshal(raw, &values) == nil:
		return fieldWords(values, depth)
	}
	return nil
}

// fieldWords reads {"loc": ["body", "name"], "msg": "…"} and {"name": ["…"]}.
func fieldWords(values map[string]json.RawMessage, depth int) []string {
	for _, name := range [...]string{"msg", "message", "detail", "issue", "reason"} {
		raw, ok := values[name]
		if !ok {
			continue
		}
		place := ""
		for _, name := range [...]string{"loc", "field", "path", "pointer"} {
			place = cmp.Or(place, strings.Join(placeOf(values[name]), "."))
		}
		return prefixed(place, wordsOf(raw, depth+1))
	}
	var words []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		words = append(words, prefixed(name, wordsOf(values[name], depth+1))...)
	}
	return words
}

// placeOf reads where an invalid value stands: "name" or ["body", 0, "name"].
func placeOf(raw json.RawMessage) []string {
	var one Text
	var parts []Text
	if len(raw) == 0 {
		return nil
	}
	if json.Unmarshal(raw, &parts) != nil {
		_ = json.Unmarshal(raw, &one)
		parts = []Text{one}
	}
	place := make([]string, len(parts))
	for i, part := range parts {
		place[i] = string(part)
	}
	return place
}

func prefixed(name string, words []string) []string {
	if name != "" {
		for i := range words {
			words[i] = name + ": " + words[i]
		}
	}
	return words
}
