package connix

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"

	"github.com/connix-io/connix-go/internal/lenient"
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

// hiddenText stands in place of a secret.
const hiddenText = "****"

// secrets are the texts that a call knows to be secret. Servers and transports quote
// them in messages, request IDs and errors.
type secrets []string

// secrets returns what the call has sent that must not be shown: its credential, and
// the values in its body, query and headers whose names say that they are secret.
func (k *call) secrets() secrets {
	var s secrets
	if len(k.attempt.secret) > 0 {
		s = append(s, strings.TrimPrefix(k.attempt.secret[0], bearerPrefix))
	}
	s = append(s, lenient.Secrets(k.request.body)...)
	if query, err := url.ParseQuery(k.request.query); err == nil {
		for name, values := range query {
			if lenient.IsSecretName(name) {
				s = append(s, values...)
			}
		}
	}
	for name, values := range k.config.header {
		if lenient.IsSecretName(name) {
			s = append(s, values...)
		}
	}
	return s
}

// concealID hides secrets in a request ID of the server's. An ID of this client's own
// form needs no look.
func (k *call) concealID(id string) string {
	if id == "" || id == k.requestID[0] {
		return id
	}
	if len(k.attempt.secret) > 0 {
		id = hide(id, strings.TrimPrefix(k.attempt.secret[0], bearerPrefix))
	}
	if k.config.header != nil || k.request.query != "" || lenient.MayHoldSecret(k.request.body) {
		id = k.secrets().hide(id)
	}
	return hideShapes(id)
}

// conceal hides secrets in everything of an error that is shown. The body stays as it
// came, and is never shown.
func (k *call) conceal(e *Error) *Error {
	s := k.secrets()
	if e.StatusCode >= 200 && e.StatusCode < 300 && len(e.Body) < maxErrorBody {
		s = append(s, lenient.Secrets(e.Body)...) // a new key that could not be read
	}
	for _, text := range []*string{&e.Code, &e.Message, &e.RequestID, &e.Details.Field, &e.Details.Issue} {
		*text = s.hide(*text)
	}
	if e.Details.Raw != nil {
		e.Details.Raw = json.RawMessage(s.hide(string(e.Details.Raw)))
	}
	e.Err = s.hideIn(e.Err)
	return e
}

// hide replaces the secrets in text, also in the forms in which JSON and URLs write
// them, and what has the shape of a secret.
func (s secrets) hide(text string) string {
	if text == "" {
		return text
	}
	for _, secret := range s {
		text = hide(text, secret)
		if quoted, err := json.Marshal(secret); err == nil {
			text = hide(text, string(bytes.Trim(quoted, `"`)))
		}
		text = hide(hide(text, url.QueryEscape(secret)), url.PathEscape(secret))
	}
	return hideShapes(text)
}

// hideIn returns err, or an error with another text if err shows a secret.
func (s secrets) hideIn(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if hidden := s.hide(text); hidden != text {
		return &hiddenError{err, hidden}
	}
	if dump := fmt.Sprintf("%+v\n%#v", err, err); s.hide(dump) != dump {
		return &hiddenError{err, text}
	}
	return err
}

// hiddenError shows the text alone of an error that holds a secret.
type hiddenError struct {
	err  error
	text string
}

func (e *hiddenError) Error() string                 { return e.text }
func (e *hiddenError) Unwrap() error                 { return e.err }
func (e *hiddenError) Format(f fmt.State, verb rune) { formatText(f, verb, e.text) }

// hide replaces a secret in text, in capital letters or not. A short one may be part
// of a word, and counts only if it stands alone; one of less than four bytes is none.
func hide(text, secret string) string {
	const shortest, short = 4, 8
	if len(secret) < shortest {
		return text
	}
	for i := 0; i+len(secret) <= len(text); i++ {
		end := i + len(secret)
		if !strings.EqualFold(text[i:end], secret) || len(secret) < short && (i > 0 && isWord(text[i-1]) || end < len(text) && isWord(text[end])) {
			continue
		}
		text = text[:i] + hiddenText + text[end:]
		i += len(hiddenText) - 1
	}
	return text
}

func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80 || c == '_'
}

// secretShapes are the beginnings, in any case, of secrets that show themselves: keys,
// webhook secrets, tokens. A secret is at least so long after its beginning.
var secretShapes = [...]struct {
	begin string
	least int
}{{"cx_", 16}, {"whsec_", 8}, {"bearer ", 8}, {"eyJ", 32}}

// hideShapes replaces what has the shape of a secret.
func hideShapes(text string) string {
	for _, shape := range secretShapes {
		for at := len(shape.begin); at < len(text); at++ {
			if !strings.EqualFold(text[at-len(shape.begin):at], shape.begin) {
				continue
			}
			end := at
			for end < len(text) && (isWord(text[end]) || strings.IndexByte("-._~+/=", text[end]) >= 0) {
				end++
			}
			if end-at >= shape.least {
				text = text[:at] + hiddenText + text[end:]
			}
		}
	}
	return text
}
