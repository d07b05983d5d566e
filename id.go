package connix

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/url"
	"strconv"
)

// ID identifies one object of the API. The API writes some IDs as JSON numbers (a
// project's 123) and others as strings ("agent_5f2c"). An ID reads both forms and
// writes the form it read: digits without a leading zero become a JSON number, any
// other text becomes a JSON string. "007" therefore stays a string.
//
// The zero value "" means no ID. It is written as null and read from null. Paths,
// queries and logs show the ID's text.
type ID string

// IntID returns the ID with the decimal text of n: IntID(123) is ID("123"). Do not
// convert an integer instead: ID(rune(123)) is the character "{".
func IntID(n int64) ID { return ID(strconv.FormatInt(n, 10)) }

// String returns the ID's text.
func (id ID) String() string { return string(id) }

// MarshalJSON returns the ID as a JSON number or string; see [ID].
func (id ID) MarshalJSON() ([]byte, error) {
	switch {
	case id == "":
		return []byte("null"), nil
	case id.numeric():
		return []byte(id), nil
	}
	return json.Marshal(string(id))
}

// UnmarshalJSON reads a JSON number, a string or null. A number keeps its text,
// whatever its size, and so loses no precision. After an error the ID is unchanged.
func (id *ID) UnmarshalJSON(data []byte) error {
	data = bytes.TrimSpace(data)
	if len(data) == 0 {
		return errors.New("connix: an ID cannot be read from empty JSON")
	}
	switch c := data[0]; {
	case c == '"':
		// IDs rarely hold escapes, and a nested Unmarshal costs three times as much
		// as the copy.
		if inner := data[1:max(1, len(data)-1)]; len(data) > 1 && bytes.IndexByte(inner, '\\') < 0 && plainText(inner) && data[len(data)-1] == '"' {
			*id = ID(inner)
			return nil
		}
		var s string
		if err := json.Unmarshal(data, &s); err != nil {
			return err
		}
		*id = ID(s)
		return nil
	case c == 'n' && string(data) == "null":
		*id = ""
		return nil
	case c == '-' || c >= '0' && c <= '9':
		// Most are plain digits, whose validity needs no second parser.
		if n := ID(data); n.numeric() {
			*id = n
			return nil
		}
		if !json.Valid(data) {
			return errors.New("connix: an ID is not a valid JSON number")
		}
		*id = ID(data)
		return nil
	}
	return errors.New("connix: an ID must be a JSON number or a string")
}

// EncodeValues adds the ID to a query; the empty ID adds nothing.
func (id ID) EncodeValues(key string, v *url.Values) error {
	if id != "" {
		v.Set(key, string(id))
	}
	return nil
}

// numeric reports whether the ID is written as a JSON number.
func (id ID) numeric() bool {
	if id == "" || id[0] == '0' && len(id) > 1 {
		return false
	}
	for i := range len(id) {
		if id[i] < '0' || id[i] > '9' {
			return false
		}
	}
	return true
}

// plainText reports whether b is printable ASCII that JSON does not escape.
func plainText(b []byte) bool {
	for _, c := range b {
		if c < 0x20 || c >= 0x7f || c == '"' {
			return false
		}
	}
	return true
}

// noID returns the name of an id that is missing, "" if it is not.
func noID(id ID) string {
	if id == "" {
		return "id"
	}
	return ""
}
