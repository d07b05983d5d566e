package signature

import (
	"cmp"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"net/textproto"
)

// Token is a shared token: the secret itself in a header. It proves who sent the
// request, but does not protect the body. There is neither an id nor a time.
type Token struct {
	name string
}

// NewToken returns the scheme with the token in the named header, X-Webhook-Token if
// name is "".
func NewToken(name string) Token {
	return Token{name: textproto.CanonicalMIMEHeaderKey(cmp.Or(name, "X-Webhook-Token"))}
}

// Check implements [Scheme]. The secrets must be such that a header can carry
// them.
func (s Token) Check(secrets []string) error {
	if err := rawKey.check(secrets); err != nil {
		return err
	}
	for _, secret := range secrets {
		for i := range len(secret) {
			if c := secret[i]; c < ' ' || c == 0x7f || c == ' ' && (i == 0 || i == len(secret)-1) {
				return fmt.Errorf("%w: a header cannot carry it", ErrNoSecret)
			}
		}
	}
	return nil
}

// SignsID implements [Scheme]. There is no id.
func (Token) SignsID() bool { return false }

// Sign implements [Scheme].
func (s Token) Sign(h http.Header, secret string, _ Delivery, _ []byte) error {
	if err := s.Check([]string{secret}); err != nil {
		return err
	}
	h.Set(s.name, secret)
	return nil
}

// Verify implements [Scheme].
func (s Token) Verify(h http.Header, secrets []string, _ []byte) (Delivery, error) {
	if err := s.Check(secrets); err != nil {
		return Delivery{}, err
	}
	value, ok := header(h, s.name)
	if !ok {
		return Delivery{}, fmt.Errorf("%w: no %s header", ErrMissing, s.name)
	}
	// Hashes have one length: comparing the tokens would reveal the secret's.
	got, found := sha256.Sum256([]byte(value)), 0
	for _, secret := range secrets {
		want := sha256.Sum256([]byte(secret))
		found |= subtle.ConstantTimeCompare(got[:], want[:])
	}
	if found != 1 {
		return Delivery{}, ErrMismatch
	}
	return Delivery{}, nil
}
