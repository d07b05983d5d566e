package connix

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

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

// TokenError says why there is no OAuth2 token: the token endpoint refused or
// did not respond, or the token could not be loaded or saved. It matches
// [ErrLoginRequired] if only a new login helps. Neither it nor its text
// holds a token or a client secret.
type TokenError struct {
	// StatusCode is the token endpoint's, 0 if it did not respond or was not asked.
	StatusCode int
	// Code is RFC 6749's error code, such as "invalid_grant"; "" for none.
	Code string
	// Description is what the server adds for the developer; "" for none.
	Description string
	// RetryAfter is how long the token endpoint is not asked again by this
	// source: its Retry-After (an hour at most), else a pause that grows with each
	// failure in a row, from a second for one that may pass and from ten for one
	// that does not. Until then calls that need a new token repeat this error. It
	// is 0 if nothing of the kind is waited for.
	RetryAfter time.Duration
	// Err is the cause if the server's response is not.
	Err error

	lost bool // the server was asked, and its response did not come whole
}

// Error returns the failure in one line.
func (e *TokenError) Error() string {
	if e == nil {
		return "<nil>"
	}
	var b strings.Builder
	b.WriteString("connix: OAuth2 token")
	if e.StatusCode != 0 {
		fmt.Fprintf(&b, ": the token endpoint responded with %d", e.StatusCode)
	}
	for _, part := range []string{e.Code, e.Description} {
		if part != "" {
			b.WriteString(": " + part)
		}
	}
	causes := []error{e.Err}
	if e.Code == codeInvalidGrant {
		causes = append(causes, ErrLoginRequired)
	}
	for _, cause := range causes {
		if cause != nil {
			b.WriteString(": " + strings.ReplaceAll(cause.Error(), "connix: ", ""))
		}
	}
	return b.String()
}

// Is reports whether target is [ErrLoginRequired] and the login has ended.
func (e *TokenError) Is(target error) bool {
	return target == ErrLoginRequired && e != nil && e.Code == codeInvalidGrant
}

// Unwrap returns the cause.
func (e *TokenError) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// Temporary reports whether the same call may succeed a moment later: after an
// response that was lost or cut, and after a 408, 429 or 5xx. It is false for every
// other response, and for a failure of the token's store or saver, which is the
// application's to repair.
func (e *TokenError) Temporary() bool {
	if e == nil || errors.Is(e, ErrLoginRequired) {
		return false
	}
	return (&token.Error{Status: e.StatusCode, Lost: e.lost}).Temporary()
}

// isTemporaryToken recognizes a failure to get a token that may pass.
func isTemporaryToken(err error) bool {
	failure, ok := errors.AsType[*TokenError](err)
	return ok && failure.Temporary()
}

// tokenRetryAfter is how long a failure to get a token lasts at least, 0 if that
// is not known.
func tokenRetryAfter(err error) time.Duration {
	if failure, ok := errors.AsType[*TokenError](err); ok {
		return failure.RetryAfter
	}
	return 0
}

const codeInvalidGrant = "invalid_grant"

// tokenError converts an error of package token.
func tokenError(err error) error {
	failure, ok := errors.AsType[*token.Error](err)
	if !ok {
		return err
	}
	e := &TokenError{
		StatusCode:  failure.Status,
		Code:        printable(failure.Code, 64),
		Description: printable(failure.Description, 256),
		RetryAfter:  failure.RetryAfter,
		Err:         failure.Err,
		lost:        failure.Lost,
	}
	if failure.LoginRequired && e.Code != codeInvalidGrant {
		e.Err = fmt.Errorf("%w: %w", failure.Err, ErrLoginRequired)
	}
	return e
}
