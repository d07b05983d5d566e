package table

import (
	"cmp"
	"encoding/json"
	"strings"
)

// ID is the id of a record. As in the API, one that consists of digits is a
// number in JSON and every other one a string.
type ID string

// Compare orders numbers by value and before other ids, those by their bytes.
func (id ID) Compare(other ID) int {
	a, b := id.numeric(), other.numeric()
	switch {
	case a && b:
		// Without leading zeros the longer number is the greater.
		return cmp.Or(cmp.Compare(len(id), len(other)), strings.Compare(string(id), string(other)))
	case a:
		return -1
	case b:
		return 1
	}
	return strings.Compare(string(id), string(other))
}

// MarshalJSON writes a number or a string.
func (id ID) MarshalJSON() ([]byte, error) {
	if id.numeric() {
		return []byte(id), nil
	}
	return json.Marshal(string(id))
}

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
