// Package signature signs and verifies webhook deliveries. It has four schemes,
// each a value; none is guessed from a request. It is pure: it reads and writes
// headers and bytes, has no clock and sends nothing.
//
// Secrets are text as the user typed it. No error contains a secret, a signature
// or the value of a header.
package signature

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The faults of a delivery, or of the secrets that should verify it.
var (
	// ErrMissing: the request carries no signature of this scheme.
	ErrMissing = errors.New("connix: webhook signature missing")
	// ErrMismatch: the signature was made with another secret, or over other bytes.
	ErrMismatch = errors.New("connix: webhook signature does not match")
	// ErrMalformed: a header or the body cannot be parsed.
	ErrMalformed = errors.New("connix: malformed webhook")
	// ErrNoSecret: there is no secret to sign or verify with, or a malformed one.
	ErrNoSecret = errors.New("connix: no usable webhook secret")
)

// Delivery is what a scheme carries beside the signature.
type Delivery struct {
	// ID is "" where the scheme carries none.
	ID string
	// Timestamp is zero where the scheme carries none; it has whole seconds.
	Timestamp time.Time
}

// Scheme signs and verifies one way of carrying a signature.
type Scheme interface {
	// Sign sets the scheme's headers.
	Sign(h http.Header, secret string, d Delivery, body []byte) error
	// Verify accepts a signature made with any one of the secrets. It refuses an
	// empty or malformed secret among them even if another one matches: a wrong
	// configuration must show at once. The caller checks the delivery's age. Keys
	// of h that are not canonical are found as well.
	Verify(h http.Header, secrets []string, body []byte) (Delivery, error)
	// Check returns an error that matches ErrNoSecret unless there is a secret and
	// each can be used with the scheme.
	Check(secrets []string) error
	// SignsID reports whether the signature covers the delivery's id.
	SignsID() bool
}

// maxSignatures bounds how many signatures of one request are looked at. Two
// are usual while a secret rotates.
const maxSignatures = 16

// digest is one HMAC-SHA256.
type digest = [sha256.Size]byte

// candidates are the signatures that a request offers.
type candidates struct {
	list [maxSignatures]digest
	n    int
}

// next returns the room for one more signature.
func (c *candidates) next() (*digest, error) {
	if c.n == maxSignatures {
		return nil, fmt.Errorf("%w: more than %d signatures", ErrMalformed, maxSignatures)
	}
	c.n++
	return &c.list[c.n-1], nil
}

// match compares every candidate, so that its time does not depend on which of
// them matches.
func (c *candidates) match(want *digest) bool {
	found := 0
	for i := range c.n {
		found |= subtle.ConstantTimeCompare(c.list[i][:], want[:])
	}
	return found == 1
}

// verify reports nil if any candidate is the HMAC, under any of the keys, of
// head and body. All keys are tried, also after a match.
func verify(secrets []string, kind keyKind, c *candidates, body []byte, head ...string) error {
	found := false
	for _, secret := range secrets {
		var room [64]byte
		key, err := kind.key(room[:0], secret)
		if err != nil {
			return err
		}
		want := sum(key, body, head...)
		found = c.match(&want) || found
	}
	if !found {
		return ErrMismatch
	}
	return nil
}

// header returns the first value of a header by its canonical name.
func header(h http.Header, name string) (string, bool) {
	if values := lines(h, name); len(values) > 0 && values[0] != "" {
		return values[0], true
	}
	return "", false
}

// lines returns the values of a header by its canonical name. Names of headers
// are case-insensitive, and gateways that pass on a map of them often write them
// in lower case.
func lines(h http.Header, name string) []string {
	if values, ok := h[name]; ok {
		return values
	}
	for key, values := range h {
		if strings.EqualFold(key, name) {
			return values
		}
	}
	return nil
}

// maxIDLength is generous: ids are some thirty characters long.
const maxIDLength = 256

// validID accepts printable ASCII without blanks and without full stops: in
// signed text that joins parts by full stops, an id that holds one could be
// read as another id and another time.
func validID(id string) bool {
	if id == "" || len(id) > maxIDLength {
		return false
	}
	for i := range len(id) {
		if c := id[i]; c <= ' ' || c >= 0x7f || c == '.' {
			return false
		}
	}
	return true
}

// parseStamp reads Unix seconds: digits only, up to the year 5138.
func parseStamp(s string) (time.Time, error) {
	const maxDigits = 11
	ok := s != "" && len(s) <= maxDigits
	for i := range len(s) {
		ok = ok && s[i] >= '0' && s[i] <= '9'
	}
	if !ok {
		return time.Time{}, fmt.Errorf("%w: the timestamp is not a number of seconds", ErrMalformed)
	}
	seconds, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: the timestamp is not a number of seconds", ErrMalformed)
	}
	return time.Unix(seconds, 0), nil
}

// formatStamp writes what parseStamp reads.
func formatStamp(t time.Time) (string, error) {
	s := strconv.FormatInt(t.Unix(), 10)
	if _, err := parseStamp(s); t.IsZero() || err != nil {
		return "", fmt.Errorf("%w: the delivery has no usable time", ErrMalformed)
	}
	return s, nil
}
