// Package jsonscan walks over JSON and finds the fields of its outermost object
// without decoding what they hold. It is pure, and accepts exactly the texts that
// encoding/json accepts.
package jsonscan

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math/bits"
	"unicode/utf8"
)

// Object reports whether text is one JSON object, and calls field with each of
// its keys, unquoted, and values in their order. It makes one pass, and calls
// field before it has seen the rest: use what field collects only if Object
// returns true. The values are parts of text, and none is empty.
func Object(text []byte, field func(key, value []byte)) bool {
	s := scanner{text: text}
	s.blanks()
	if s.peek() != '{' || !s.object(field) {
		return false
	}
	s.blanks()
	return s.pos == len(s.text)
}

// Text returns what a JSON string holds, or a JSON number as it is written; ""
// for any other value.
func Text(value []byte) string {
	switch c := value[0]; {
	case c == '"' && bytes.IndexByte(value, '\\') < 0 && utf8.Valid(value):
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

// maxDepth is the nesting that encoding/json accepts.
const maxDepth = 10000

// scanner walks over JSON. Its methods report whether what they expect is
// there, and leave pos behind it.
type scanner struct {
	text  []byte
	pos   int
	depth int
}

// peek returns the next byte, 0 at the end.
func (s *scanner) peek() byte {
	if s.pos < len(s.text) {
		return s.text[s.pos]
	}
	return 0
}

func (s *scanner) blanks() {
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
func (s *scanner) value() bool {
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

func (s *scanner) literal(word string) bool {
	if len(s.text)-s.pos < len(word) || string(s.text[s.pos:s.pos+len(word)]) != word {
		return false
	}
	s.pos += len(word)
	return true
}

// object accepts an object; field may be nil.
func (s *scanner) object(field func(key, value []byte)) bool {
	s.pos++
	s.depth++
	if s.depth > maxDepth {
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
	return []byte(Text(quoted))
}

func (s *scanner) array() bool {
	s.pos++
	s.depth++
	if s.depth > maxDepth {
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

func (s *scanner) string() bool {
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

func (s *scanner) number() bool {
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
func (s *scanner) digits() bool {
	start := s.pos
	for c := s.peek(); c >= '0' && c <= '9'; c = s.peek() {
		s.pos++
	}
	return s.pos > start
}
