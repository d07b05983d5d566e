package signature

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/textproto"
	"strings"
)

// Stripe is the way Stripe signs: one header with "t=" and Unix seconds and
// "v1=" and the hex HMAC-SHA256 of "seconds.body", separated by commas; several
// v1 while a secret rotates. It carries no id. Secrets are used as they are,
// also those that begin with "whsec_".
type Stripe struct {
	name string
}

// NewStripe returns the scheme with its signature in the named header, Stripe-Signature if
// name is "".
func NewStripe(name string) Stripe {
	return Stripe{name: textproto.CanonicalMIMEHeaderKey(cmp.Or(name, "Stripe-Signature"))}
}

// Check implements [Scheme].
func (Stripe) Check(secrets []string) error { return rawKey.check(secrets) }

// SignsID implements [Scheme]. There is no id.
func (Stripe) SignsID() bool { return false }

// Sign implements [Scheme]. The delivery needs a time.
func (s Stripe) Sign(h http.Header, secret string, d Delivery, body []byte) error {
	key, err := rawKey.key(nil, secret)
	if err != nil {
		return err
	}
	stamp, err := formatStamp(d.Timestamp)
	if err != nil {
		return err
	}
	digest := sum(key, body, stamp, ".")
	h.Set(s.name, "t="+stamp+",v1="+hex.EncodeToString(digest[:]))
	return nil
}

// Verify implements [Scheme].
func (s Stripe) Verify(h http.Header, secrets []string, body []byte) (Delivery, error) {
	if err := rawKey.check(secrets); err != nil {
		return Delivery{}, err
	}
	var offered candidates
	d, stamp, err := s.read(h, &offered)
	if err != nil {
		return Delivery{}, err
	}
	if err := verify(secrets, rawKey, &offered, body, stamp, "."); err != nil {
		return Delivery{}, err
	}
	return d, nil
}

func (s Stripe) read(h http.Header, offered *candidates) (d Delivery, stamp string, err error) {
	value, ok := header(h, s.name)
	if !ok {
		return d, "", fmt.Errorf("%w: no %s header", ErrMissing, s.name)
	}
	for item := range strings.SplitSeq(value, ",") {
		key, text, ok := strings.Cut(strings.Trim(item, " \t"), "=")
		switch {
		case !ok, key == "t" && stamp != "":
			return d, "", fmt.Errorf("%w: the %s header", ErrMalformed, s.name)
		case key == "t":
			stamp = text
			if d.Timestamp, err = parseStamp(text); err != nil {
				return d, "", err
			}
		case key == "v1":
			if err := offered.addHex(text, s.name); err != nil {
				return d, "", err
			}
		}
	}
	switch {
	case offered.n == 0:
		return d, "", fmt.Errorf("%w: no v1 signature in the %s header", ErrMissing, s.name)
	case stamp == "":
		return d, "", fmt.Errorf("%w: no time in the %s header", ErrMalformed, s.name)
	}
	return d, stamp, nil
}
