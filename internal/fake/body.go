package fake

import (
	"bytes"
	"encoding/json"
	"io"
	"math/big"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/connix-io/connix-go/internal/fake/state"
)

// object is a JSON object as a request's body brings it. Its methods return a problem
// for a value of the wrong type, null included: no field of a request can be null.
// Unknown fields are ignored.
type object map[string]json.RawMessage

// readObject reads the body of a request.
func readObject(r *http.Request) (object, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, badRequest("body", "could not be read to its end")
	}
	mediaType, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case r.Header.Get("Content-Encoding") != "":
		return nil, badRequest("Content-Encoding", "is not supported")
	case r.Header.Get("Content-Type") == "":
		return nil, badRequest("Content-Type", "is missing; it must be application/json")
	case err != nil || mediaType != "application/json":
		return nil, badRequest("Content-Type", "must be application/json")
	case params["charset"] != "" && !strings.EqualFold(params["charset"], "utf-8"):
		return nil, badRequest("Content-Type", "must have no charset but utf-8")
	case len(bytes.TrimSpace(body)) == 0:
		return nil, badRequest("body", "cannot be empty")
	case !json.Valid(body) || !utf8.Valid(body):
		return nil, badRequest("body", "is not valid JSON")
	}
	var o object
	if err := json.Unmarshal(body, &o); err != nil || o == nil {
		return nil, badRequest("body", "must be a JSON object")
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
	var s *string
	if err := json.Unmarshal(raw, &s); err != nil || s == nil {
		return nil, badRequest(field, "must be a string")
	}
	return s, nil
}

// texts returns a field that is an array of strings, nil where it is absent.
func (o object) texts(field string) ([]string, error) {
	raw, ok := o[field]
	if !ok {
		return nil, nil
	}
	var all []any
	if err := json.Unmarshal(raw, &all); err != nil || all == nil {
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
	const issue = "must be an id: a whole number or a string"
	var number json.Number
	if raw[0] != '"' && json.Unmarshal(raw, &number) == nil && number != "" {
		n, ok := integer(number)
		if !ok || n < 0 {
			return "", badRequest(field, issue)
		}
		return state.ID(strconv.FormatInt(n, 10)), nil
	}
	s, err := o.optionalText(field)
	if err != nil {
		return "", badRequest(field, issue)
	}
	return state.ID(*s), nil
}

// integer returns the value of a JSON number that is an integer, however it is
// written: 7, 7.0 and 7e0 are the same number.
func integer(n json.Number) (int64, bool) {
	if i, err := n.Int64(); err == nil {
		return i, true
	}
	const longest = 40 // beyond, an exponent could ask for a huge amount of memory
	if len(n) > longest || strings.ContainsAny(string(n), "eE") && !exponentIsSmall(string(n)) {
		return 0, false
	}
	r, ok := new(big.Rat).SetString(string(n))
	if !ok || !r.IsInt() || !r.Num().IsInt64() {
		return 0, false
	}
	return r.Num().Int64(), true
}

// exponentIsSmall reports whether a number with an exponent can be an int64.
func exponentIsSmall(n string) bool {
	exponent, err := strconv.Atoi(n[strings.IndexAny(n, "eE")+1:])
	return err == nil && exponent >= -60 && exponent <= 60
}

// time returns a field that is a time, nil if it is absent.
func (o object) time(field string) (*time.Time, error) {
	s, err := o.optionalText(field)
	if s == nil {
		return nil, err
	}
	var t time.Time
	if err := t.UnmarshalText([]byte(*s)); err != nil || !timePattern.MatchString(*s) {
		return nil, badRequest(field, "must be a time such as 2024-01-15T10:30:00Z")
	}
	if t = t.UTC(); t.Year() < 0 || t.Year() > 9999 {
		return nil, badRequest(field, "must be a time from the year 0 to the year 9999 in UTC")
	}
	return &t, nil
}
