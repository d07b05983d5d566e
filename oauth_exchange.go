package connix

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/connix-io/connix-go/internal/token"
	"golang.org/x/oauth2"
)

// OAuthEndpoint is Connix' authorization server. Client id and secret go into
// the form, so that x/oauth2 does not try both ways at each failure.
var OAuthEndpoint = oauth2.Endpoint{
	AuthURL:   "https://console.connix.io/oauth2/authorize",
	TokenURL:  "https://console.connix.io/oauth2/token",
	AuthStyle: oauth2.AuthStyleInParams,
}

// The scopes of OAuth2 access. Read allows GET requests, write all others; a
// program that does both asks for both.
const (
	ScopeRead  = "read"
	ScopeWrite = "write"
)

// ExchangeCode turns the authorization code of a login into a token: the step
// after the browser has come back to cfg.RedirectURL. verifier is the one of
// PKCE whose challenge was sent ([oauth2.GenerateVerifier]); "" sends none. Check
// the callback's state before.
//
// It reads more than [oauth2.Config.Exchange], since a code can be sent once: a
// token with an odd expiry or under another media type is a token. A refusal is a
// [*TokenError]. The http.Client is that of [WithTokenHTTPClient], else the one
// that ctx holds under [oauth2.HTTPClient], else net/http's default; redirects
// are not followed. Of the other options only [WithInsecureTokenURL] has a
// meaning here.
//
// The token endpoint is documented by the API overview, PKCE is assumed.
func ExchangeCode(ctx context.Context, cfg *oauth2.Config, code, verifier string, opts ...TokenSourceOption) (*oauth2.Token, error) {
	c, err := newTokenSourceConfig(cfg, opts)
	switch {
	case err != nil:
		return nil, err
	case c.saver != nil || c.store != nil:
		return nil, &ArgumentError{Name: "opts", Issue: "ExchangeCode stores nothing; save the token that it returns"}
	case code == "":
		return nil, &ArgumentError{Name: "code", Issue: "must not be empty"}
	case ctx.Err() != nil:
		return nil, contextError(ctx)
	}
	if c.http == nil {
		c.http, _ = ctx.Value(oauth2.HTTPClient).(*http.Client)
	}
	own := ownOAuthConfig(cfg)
	own.Scopes = cfg.Scopes
	t, err := token.Exchange(ctx, own, c.http, code, verifier)
	return t, tokenError(err)
}

// MissingScopes returns those of the scopes that the user of t's login did not
// grant, in the order asked for: calls that need them fail with [ErrForbidden].
// It returns nil if t's scopes are not known. They are known for a token of
// [ExchangeCode], and for its successors and [DecodeToken]'s copies.
func MissingScopes(t *oauth2.Token, asked ...string) []string {
	if t == nil {
		return nil
	}
	granted := token.Scopes(t)
	if len(granted) == 0 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(asked), func(scope string) bool { return slices.Contains(granted, scope) })
}

// EncodeToken returns a token as JSON, for a [TokenStore]: beside the fields of
// [oauth2.Token] its granted scopes, and a digest of the token that its login
// began with. It holds secrets. A nil or empty token is an [*ArgumentError].
func EncodeToken(t *oauth2.Token) ([]byte, error) {
	if t == nil || t.AccessToken == "" && t.RefreshToken == "" {
		return nil, &ArgumentError{Name: "t", Issue: "must hold an access token or a refresh token"}
	}
	return token.Encode(t)
}

// DecodeToken reads what [EncodeToken] returned, or the JSON of an
// [oauth2.Token]. If data holds no token, the error matches [ErrLoginRequired]
// and does not show data.
func DecodeToken(data []byte) (*oauth2.Token, error) {
	t := token.Decode(data)
	if t == nil {
		return nil, &TokenError{Err: join(errNoStoredToken, ErrLoginRequired)}
	}
	return t, nil
}

var errNoStoredToken = errors.New("the stored text holds no token")
