package connix

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// Secret is text that must not be printed: an API key shown at its creation, a
// webhook's signing secret. Constants assign to it directly; [Secret.Reveal]
// gives the text back.
//
// fmt and slog print a mask: the first and last four characters of a secret of
// 20 or more, nothing of a shorter one. Two things cannot be helped: fmt does
// not call methods on the unexported fields of a struct, nor under %p, so keep a
// Secret in an exported field or behind a closure; and slog's JSON handler
// writes a slice, a map or a struct of yours as JSON, unless its type
// implements [slog.LogValuer], as those of this package do.
//
// JSON carries the value itself: that is the wire, and how a key that is shown
// only once is saved. The zero value "" is no secret, and prints as nothing.
type Secret string

// Reveal returns the secret's text.
func (s Secret) Reveal() string { return string(s) }

// String returns the mask.
func (s Secret) String() string { return mask(string(s)) }

// GoString returns the mask, quoted.
func (s Secret) GoString() string { return fmt.Sprintf("%q", mask(string(s))) }

// Format prints the mask under every verb.
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

// LogValue gives slog the mask.
func (s Secret) LogValue() slog.Value { return slog.StringValue(mask(string(s))) }

// mask shows enough of a long secret to tell it from another, and nothing of a
// short one, in which eight characters would be too large a part.
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
