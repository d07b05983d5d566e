package connix

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
)

// ID names one object of the API. The API writes some ids as JSON numbers (a
// project's 123) and others as strings ("agent_5f2c"); ID reads both and writes
// back what it read: text made of digits only, without a leading zero, becomes
// a JSON number, everything else a JSON string. "007" therefore stays a string.
//
// The zero value "" means that there is no id; it is written as null and read
// from null. In paths, queries and logs an ID is its text.
type ID string

// IntID returns the ID of a numeric id: IntID(123) is ID("123"). Use it rather
// than a conversion: ID(rune(123)) would be the one character "{".
func IntID(n int64) ID { return ID(strconv.FormatInt(n, 10)) }

// String returns the id's text, "" for none.
func (id ID) String() string { return string(id) }

// MarshalJSON writes the id as the API does: see [ID].
func (id ID) MarshalJSON() ([]byte, error) {
	switch {
	case id == "":
		return []byte("null"), nil
	case id.numeric():
		return []byte(id), nil
	}
	return json.Marshal(string(id))
}

// UnmarshalJSON reads a JSON number, a string or null. A number keeps the text
// it was written with, whatever its size: no precision is lost.
func (id *ID) UnmarshalJSON(data []byte) error {
	data = bytes.TrimSpace(data)
	if len(data) == 0 {
		return fmt.Errorf("connix: an id cannot be empty JSON")
	}
	switch c := data[0]; {
	case c == '"':
		// Ids hardly ever hold escapes, and a nested Unmarshal costs three times
		// as much as the copy.
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
		// Nearly all are plain digits, whose validity needs no second parser.
		if n := ID(data); n.numeric() {
			*id = n
			return nil
		}
		if !json.Valid(data) {
			return fmt.Errorf("connix: %.20q is no id", data)
		}
		*id = ID(data)
		return nil
	}
	return fmt.Errorf("connix: an id is a number or a string, not %.20q", data)
}

// EncodeValues writes the id into a query; "" adds nothing.
func (id ID) EncodeValues(key string, v *url.Values) error {
	if id != "" {
		v.Set(key, string(id))
	}
	return nil
}

// numeric reports whether the id is written as a JSON number.
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

// plainText reports whether b is printable ASCII, which JSON leaves as it is.
func plainText(b []byte) bool {
	for _, c := range b {
		if c < 0x20 || c >= 0x7f || c == '"' {
			return false
		}
	}
	return true
}
