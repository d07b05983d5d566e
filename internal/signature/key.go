package signature

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// keyKind says how the text of a secret becomes a key.
type keyKind int

const (
	// rawKey: the text's own bytes.
	rawKey keyKind = iota
	// standardKey: what follows "whsec_" is base64, any other text is raw.
	standardKey
)

// standardPrefix marks a secret whose rest is a base64 key.
const standardPrefix = "whsec_"

// key appends the key to room. It is never empty: an empty key would accept
// what anybody can sign.
func (kind keyKind) key(room []byte, secret string) ([]byte, error) {
	if secret == "" {
		return nil, fmt.Errorf("%w: it is empty", ErrNoSecret)
	}
	text, encoded := strings.CutPrefix(secret, standardPrefix)
	if kind == rawKey || !encoded {
		return append(room, secret...), nil
	}
	key, err := base64.StdEncoding.AppendDecode(room, []byte(text))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: it begins with %q but the rest is not base64", ErrNoSecret, standardPrefix)
	case len(key) == 0:
		return nil, fmt.Errorf("%w: nothing follows %q", ErrNoSecret, standardPrefix)
	}
	return key, nil
}

// check refuses secrets that cannot verify anything. It comes first, so that a
// broken configuration is reported as one, whatever the request looks like.
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
