package connix

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// Secret is text that must not be printed, such as an API key or a webhook's
// signing secret. A string constant can be assigned to it. [Secret.Reveal] returns
// the text.
//
// fmt and slog print a mask. The mask of a secret of 20 bytes or more shows its
// first and last four; the mask of a shorter one shows nothing. Two cases are
// beyond the reach of the mask:
//
//   - fmt calls no methods on unexported struct fields. Keep a Secret in an exported
//     field or behind a closure.
//   - slog's JSON handler writes a slice, a map or a struct of your own as JSON,
//     unless its type implements [slog.LogValuer]. The types of this package do.
//
// JSON carries the secret itself: requests need it, and it is how you save a key
// that the API shows only once. The zero value "" means no secret and prints as
// nothing.
type Secret string

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return string(s) }

// String returns the mask.
func (s Secret) String() string { return mask(string(s)) }

// GoString returns the quoted mask.
func (s Secret) GoString() string { return fmt.Sprintf("%q", mask(string(s))) }

// Format writes the mask for every verb.
func (s Secret) Format(f fmt.State, verb rune) {
	text := mask(string(s))
	switch {
	case verb == 'q' || verb == 'v' && f.Flag('#'):
		text = fmt.Sprintf("%q", text)
	case verb == 'x' || verb == 'X':
		text = fmt.Sprintf(fmt.FormatString(f, verb), text)
	}
	_, _ = io.WriteString(f, text)
}

// LogValue returns the mask for slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(mask(string(s))) }

// mask shows enough of a long secret to tell it from another. It shows nothing of
// a short one, because eight characters would be too large a part of it.
func mask(s string) string {
	const shown, minLength = 4, 20
	switch {
	case s == "":
		return ""
	case len(s) < minLength:
		return "****"
	}
	return strings.ToValidUTF8(s[:shown]+"****"+s[len(s)-shown:], "")
}
