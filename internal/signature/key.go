package signature

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// keyKind is the way in which the text of a secret becomes a key.
type keyKind int

const (
	// rawKey: the text's own bytes.
	rawKey keyKind = iota
	// standardKey: what follows "whsec_" is base64, any other text is raw.
	standardKey
)

// standardPrefix marks a secret whose rest is a base64 key.
const standardPrefix = "whsec_"

// wrongPrefixes begin texts that are not a secret of [Standard] and are often
// taken for one. As raw keys they would make every delivery look like a forgery.
var wrongPrefixes = [...]struct{ prefix, issue string }{
	{"v1,", "remove the version before the secret"},
	{"whsk_", "a private key cannot be used here"},
	{"whpk_", "asymmetric signatures are not supported"},
}

// key appends the key to room. It is never empty: an empty key would accept
// what anybody can sign.
func (kind keyKind) key(room []byte, secret string) ([]byte, error) {
	if secret == "" {
		return nil, fmt.Errorf("%w: it is empty", ErrNoSecret)
	}
	if kind == rawKey {
		return append(room, secret...), nil
	}
	text, encoded := strings.CutPrefix(secret, standardPrefix)
	if !encoded {
		if err := misplaced(secret); err != nil {
			return nil, err
		}
		return append(room, secret...), nil
	}
	key, err := base64.StdEncoding.AppendDecode(room, []byte(text))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: it begins with %q, but the rest is not valid base64", ErrNoSecret, standardPrefix)
	case len(key) == 0:
		return nil, fmt.Errorf("%w: nothing follows %q", ErrNoSecret, standardPrefix)
	}
	return key, nil
}

// misplaced returns an error for a text that is not a secret of [Standard].
func misplaced(secret string) error {
	for _, wrong := range wrongPrefixes {
		if strings.HasPrefix(secret, wrong.prefix) {
			return fmt.Errorf("%w: it begins with %q: %s", ErrNoSecret, wrong.prefix, wrong.issue)
		}
	}
	if strings.HasPrefix(strings.TrimLeft(secret, " \t\r\n\"'"), standardPrefix) {
		return fmt.Errorf("%w: blanks or quotes precede %q: remove them", ErrNoSecret, standardPrefix)
	}
	return nil
}

// check refuses secrets that cannot verify anything. It is called first, so that
// a wrong configuration is reported whatever the request contains.
func (kind keyKind) check(secrets []string) error {
	if len(secrets) == 0 {
		return ErrNoSecret
	}
	for _, secret := range secrets {
		var room [64]byte
		if _, err := kind.key(room[:0], secret); err != nil {
			return err
		}
	}
	return nil
}
