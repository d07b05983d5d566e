package token

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// The extra fields of a token that survive in a store.
const (
	// scopeExtra holds the granted scopes, separated by blanks.
	scopeExtra = "scope"
	// loginExtra holds the digest of the token that the login began with.
	loginExtra = "connix_login"
)

// stored is the JSON of a token.
type stored struct {
	AccessToken  string    `json:"access_token"`
	TokenType    string    `json:"token_type,omitempty"`
	RefreshToken string    `json:"refresh_token,omitempty"`
	Expiry       time.Time `json:"expiry,omitzero"`
	ExpiresIn    int64     `json:"expires_in,omitempty"`
	Scope        string    `json:"scope,omitempty"`
	Login        string    `json:"connix_login,omitempty"`
}

// Encode returns the JSON of a token with all that a [Source] needs again. If
// nothing says which login the token comes of, it begins one.
func Encode(t *oauth2.Token) ([]byte, error) {
	login := textOf(t, loginExtra)
	if login == "" {
		login = digest(t)
	}
	return json.Marshal(stored{
		AccessToken: t.AccessToken, TokenType: t.TokenType, RefreshToken: t.RefreshToken,
		Expiry: t.Expiry, ExpiresIn: t.ExpiresIn, Scope: textOf(t, scopeExtra), Login: login,
	})
}

// Decode reads what [Encode] wrote, and the JSON of an [oauth2.Token]. It
// returns nil for anything else. An expiry that cannot be read is none: the API
// says when the token has expired.
func Decode(data []byte) *oauth2.Token {
	f := readFields(data)
	tok := &oauth2.Token{AccessToken: f.text("access_token"), TokenType: f.text("token_type"), RefreshToken: f.text("refresh_token")}
	if isEmpty(tok) {
		return nil
	}
	if expiry, err := time.Parse(time.RFC3339Nano, f.text("expiry")); err == nil {
		tok.Expiry = expiry
	}
	tok.ExpiresIn = int64(min(math.MaxInt32, seconds(f.text("expires_in"))))
	return withExtra(withExtra(tok, scopeExtra, f.scope()), loginExtra, f.text(loginExtra))
}

// Scopes returns the granted scopes, nil if they are not known.
func Scopes(t *oauth2.Token) []string { return strings.Fields(textOf(t, scopeExtra)) }

// digest identifies a token without telling it.
func digest(t *oauth2.Token) string {
	sum := sha256.Sum256([]byte(t.AccessToken + "\x00" + t.RefreshToken))
	return hex.EncodeToString(sum[:16])
}

// textOf returns an extra field, "" if it is no text.
func textOf(t *oauth2.Token, key string) string {
	text, _ := t.Extra(key).(string)
	return text
}

// withExtra returns t with one more extra field; an empty value adds none.
func withExtra(t *oauth2.Token, key, value string) *oauth2.Token {
	if value == "" {
		return t
	}
	extra := map[string]any{key: value}
	for _, kept := range []string{scopeExtra, loginExtra} {
		if old := t.Extra(kept); old != nil && kept != key {
			extra[kept] = old
		}
	}
	return t.WithExtra(extra)
}
