package connix

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/bits"
	"slices"
	"time"
)

// eventEnvelope is the outside of a delivery's body.
type eventEnvelope struct {
	id        string
	typ       EventType
	createdAt time.Time
	data      json.RawMessage
}

// readEnvelope reads the outside of an event in one pass that also checks that
// the whole body is JSON. data stays as it came, to be decoded once, into what
// the type says, and only if somebody asks: encoding/json would go over it
// three times for the same result.
//
// As everywhere in this package, odd values do not fail what can be used
// without them: an id may be a number, and a time that is none is the zero time.
func readEnvelope(body []byte) (eventEnvelope, error) {
	var e eventEnvelope
	s := jsonScanner{text: body}
	ok := s.topLevel(func(key, value []byte) {
		switch string(key) {
		case "id":
			e.id = jsonText(value)
		case "type":
			e.typ = jsonEventType(value)
		case "created_at":
			e.createdAt = jsonTime(value)
		case "data":
			e.data = slices.Clip(value)
		}
	})
	switch {
	case !ok:
		return e, fmt.Errorf("%w: the body is not a JSON object", ErrWebhookMalformed)
	case e.typ == "":
		return e, fmt.Errorf("%w: the body has no type", ErrWebhookMalformed)
	}
	return e, nil
}

// jsonEventType is the type that a JSON string names, "" if it is none.
func jsonEventType(value []byte) EventType {
	// The known types need no memory of their own.
	switch string(value) {
	case `"project.created"`:
		return EventProjectCreated
	case `"project.updated"`:
		return EventProjectUpdated
	case `"project.deleted"`:
		return EventProjectDeleted
	case `"agent.launched"`:
		return EventAgentLaunched
	case `"agent.completed"`:
		return EventAgentCompleted
	case `"agent.failed"`:
		return EventAgentFailed
	case `"agent.stopped"`:
		return EventAgentStopped
	}
	if value[0] != '"' {
		return ""
	}
	return EventType(jsonText(value))
}

// jsonTime is the time that a JSON string holds, zero if it is none.
func jsonTime(value []byte) time.Time {
	var t time.Time
	if value[0] != '"' || t.UnmarshalText(value[1:len(value)-1]) != nil {
		return time.Time{}
	}
	return t
}

// jsonText is the text of a JSON string or number, "" of anything else.
func jsonText(value []byte) string {
	switch c := value[0]; {
	case c == '"' && bytes.IndexByte(value, '\\') < 0 && plainText(value[1:len(value)-1]):
		return string(value[1 : len(value)-1])
	case c == '"':
		var s string
		if json.Unmarshal(value, &s) != nil {
			return ""
		}
		return s
	case c == '-' || c >= '0' && c <= '9':
		return string(value)
	}
	return ""
}

// maxJSONDepth is that of encoding/json.
const maxJSONDepth = 10000

// jsonScanner walks over JSON. Its methods report whether what they expect is
// there, and leave pos behind it.
type jsonScanner struct {
	text  []byte
	pos   int
	depth int
}

// topLevel accepts a text that is one object, and calls field with each of its
// keys, unquoted, and values.
func (s *jsonScanner) topLevel(field func(key, value []byte)) bool {
	s.blanks()
	if s.peek() != '{' || !s.object(field) {
		return false
	}
	s.blanks()
	return s.pos == len(s.text)
}

// peek returns the next byte, 0 at the end.
func (s *jsonScanner) peek() byte {
	if s.pos < len(s.text) {
		return s.text[s.pos]
	}
	return 0
}

func (s *jsonScanner) blanks() {
	for s.pos < len(s.text) && s.text[s.pos] <= ' ' {
		switch s.text[s.pos] {
		case ' ', '\n', '\t', '\r':
			s.pos++
		default:
			return
		}
	}
}

// value accepts any JSON value.
func (s *jsonScanner) value() bool {
	switch c := s.peek(); c {
	case '"':
		return s.string()
	case '{':
		return s.object(nil)
	case '[':
		return s.array()
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	}
	return s.number()
}

func (s *jsonScanner) literal(word string) bool {
	if len(s.text)-s.pos < len(word) || string(s.text[s.pos:s.pos+len(word)]) != word {
		return false
	}
	s.pos += len(word)
	return true
}

// object accepts an object; field may be nil.
func (s *jsonScanner) object(field func(key, value []byte)) bool {
	s.pos++
	s.depth++
	if s.depth > maxJSONDepth {
		return false
	}
	s.blanks()
	for first := true; s.peek() != '}'; first = false {
		if !first {
			if s.peek() != ',' {
				return false
			}
			s.pos++
			s.blanks()
		}
		keyStart := s.pos
		if s.peek() != '"' || !s.string() {
			return false
		}
		keyEnd := s.pos
		s.blanks()
		if s.peek() != ':' {
			return false
		}
		s.pos++
		s.blanks()
		start := s.pos
		if !s.value() {
			return false
		}
		if field != nil {
			field(unquoteKey(s.text[keyStart:keyEnd]), s.text[start:s.pos])
		}
		s.blanks()
	}
	s.pos++
	s.depth--
	return true
}

// unquoteKey returns a key's text. Keys hardly ever hold escapes.
func unquoteKey(quoted []byte) []byte {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	return []byte(jsonText(quoted))
}

func (s *jsonScanner) array() bool {
	s.pos++
	s.depth++
	if s.depth > maxJSONDepth {
		return false
	}
	s.blanks()
	for first := true; s.peek() != ']'; first = false {
		if !first {
			if s.peek() != ',' {
				return false
			}
			s.pos++
			s.blanks()
		}
		if !s.value() {
			return false
		}
		s.blanks()
	}
	s.pos++
	s.depth--
	return true
}

func (s *jsonScanner) string() bool {
	text := s.text
	for i := plainRun(text, s.pos+1); i < len(text); i = plainRun(text, i+1) {
		switch c := text[i]; {
		case c == '"':
			s.pos = i + 1
			return true
		case c < ' ':
			return false
		case c == '\\':
			i++
			if i == len(text) {
				return false
			}
			switch text[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				if len(text)-i <= 4 || !isHex(text[i+1:i+5]) {
					return false
				}
				i += 4
			default:
				return false
			}
		}
	}
	return false
}

// plainRun returns the first place at or after i that may hold a quote, a
// backslash or a control character. It looks at eight bytes at a time: most of
// an event is the inside of strings.
func plainRun(text []byte, i int) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(text); i += 8 {
		w := binary.LittleEndian.Uint64(text[i:])
		quote, slash := w^ones*'"', w^ones*'\\'
		// A byte x borrows into its high bit where x < n, for n up to 0x80.
		found := (w-ones*' ')&^w | (quote-ones)&^quote | (slash-ones)&^slash
		if found &= highs; found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	return i
}

func isHex(b []byte) bool {
	for _, c := range b {
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
			return false
		}
	}
	return true
}

func (s *jsonScanner) number() bool {
	if s.peek() == '-' {
		s.pos++
	}
	if s.peek() == '0' {
		s.pos++
	} else if !s.digits() {
		return false
	}
	if s.peek() == '.' {
		s.pos++
		if !s.digits() {
			return false
		}
	}
	if s.peek()|0x20 == 'e' {
		s.pos++
		if c := s.peek(); c == '+' || c == '-' {
			s.pos++
		}
		return s.digits()
	}
	return true
}

// digits accepts one digit or more.
func (s *jsonScanner) digits() bool {
	start := s.pos
	for c := s.peek(); c >= '0' && c <= '9'; c = s.peek() {
		s.pos++
	}
	return s.pos > start
}
