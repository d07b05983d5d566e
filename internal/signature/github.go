package signature

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/textproto"
	"strings"
)

// githubDelivery carries the delivery's id beside a GitHub-like signature.
const githubDelivery = "X-Github-Delivery"

// GitHub is the way GitHub signs: one header with "sha256=" and the hex
// HMAC-SHA256 of the body. The delivery's id travels in X-GitHub-Delivery and
// is not covered by the signature; there is no time at all.
type GitHub struct {
	name string
}

// NewGitHub returns the scheme with its signature in the named header, X-Hub-Signature-256 if
// name is "".
func NewGitHub(name string) GitHub {
	return GitHub{name: textproto.CanonicalMIMEHeaderKey(cmp.Or(name, "X-Hub-Signature-256"))}
}

// Check implements [Scheme].
func (GitHub) Check(secrets []string) error { return rawKey.check(secrets) }

// SignsID implements [Scheme].
func (GitHub) SignsID() bool { return false }

// Sign implements [Scheme]. A delivery without an id gets no id header.
func (s GitHub) Sign(h http.Header, secret string, d Delivery, body []byte) error {
	key, err := rawKey.key(nil, secret)
	if err != nil {
		return err
	}
	if d.ID != "" && !validID(d.ID) {
		return fmt.Errorf("%w: the delivery's id", ErrMalformed)
	}
	digest := sum(key, body)
	h.Set(s.name, "sha256="+hex.EncodeToString(digest[:]))
	if d.ID != "" {
		h.Set(githubDelivery, d.ID)
	}
	return nil
}

// Verify implements [Scheme].
func (s GitHub) Verify(h http.Header, secrets []string, body []byte) (Delivery, error) {
	if err := rawKey.check(secrets); err != nil {
		return Delivery{}, err
	}
	var offered candidates
	if err := s.read(h, &offered); err != nil {
		return Delivery{}, err
	}
	if err := verify(secrets, rawKey, &offered, body); err != nil {
		return Delivery{}, err
	}
	var d Delivery
	// The id is not signed: a malformed one does not affect the signature.
	if id, ok := header(h, githubDelivery); ok && validID(id) {
		d.ID = id
	}
	return d, nil
}

func (s GitHub) read(h http.Header, offered *candidates) error {
	value, ok := header(h, s.name)
	if !ok {
		return fmt.Errorf("%w: no %s header", ErrMissing, s.name)
	}
	algorithm, text, ok := strings.Cut(value, "=")
	if ok && algorithm != "sha256" {
		return fmt.Errorf("%w: no sha256 signature in the %s header", ErrMissing, s.name)
	}
	if !ok {
		return fmt.Errorf("%w: the %s header", ErrMalformed, s.name)
	}
	return offered.addHex(text, s.name)
}

// addHex reads one signature in hex.
func (c *candidates) addHex(text, name string) error {
	room, err := c.next()
	if err != nil {
		return err
	}
	if len(text) != hex.EncodedLen(len(room)) {
		return fmt.Errorf("%w: the %s header", ErrMalformed, name)
	}
	if _, err := hex.Decode(room[:], []byte(text)); err != nil {
		return fmt.Errorf("%w: the %s header", ErrMalformed, name)
	}
	return nil
}
