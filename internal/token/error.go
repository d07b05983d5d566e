package token

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// Error says why there is no token. Neither it nor its text holds a token or a
// client secret.
type Error struct {
	// Status is the token endpoint's, 0 if it did not respond or was not asked.
	Status int
	// Code is RFC 6749's error code, "" for none.
	Code string
	// Description is what the server adds, as it came; "" for none.
	Description string
	// RetryAfter is how long the token endpoint is not asked again.
	RetryAfter time.Duration
	// Err is the cause if the server's response is not.
	Err error
	// Lost reports that the server was asked, and that its response did not
	// come whole.
	Lost bool
	// LoginRequired reports that only a new login helps.
	LoginRequired bool
}

// Error returns the parts in one line.
func (e *Error) Error() string {
	return fmt.Sprintf("status %d, code %q, description %q, cause: %v", e.Status, e.Code, e.Description, e.Err)
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// Temporary reports whether the same request may succeed a moment later.
func (e *Error) Temporary() bool {
	return !e.LoginRequired && (e.Lost || e.Status == http.StatusTooManyRequests || e.Status == http.StatusRequestTimeout || e.Status >= 500)
}

var (
	errAborted        = errors.New("the refresh was aborted")
	errClosed         = errors.New("the TokenSource is closed")
	errEmptyStore     = errors.New("the token store returned no token")
	errInside         = errors.New("a token store, saver or transport asks the very TokenSource that waits for it; use another credential there")
	errNoRefreshToken = errors.New("the access token is not usable and there is no refresh token")
	errUnreadable     = errors.New("the response holds no token")
)

// Issue says why a key or an access token cannot be sent in a header, "" if it
// can. Its form is the API's business and not checked.
func Issue(secret string) string {
	if secret == "" {
		return "is empty"
	}
	for i := range len(secret) {
		switch c := secret[i]; {
		case c == '\n' || c == '\r':
			return "holds a line break; trim it if it was read from a file"
		case c == ' ':
			return "holds a space"
		case c < ' ' || c == 0x7f:
			return "holds a control character"
		case c > 0x7f:
			return "holds a character that is not ASCII"
		}
	}
	return ""
}

// Unsendable says why t cannot authenticate a request, "" if it can: its
// characters, or a type that asks for more than a header.
func Unsendable(t *oauth2.Token) string {
	if kind := strings.TrimSpace(t.TokenType); kind != "" && !strings.EqualFold(kind, "Bearer") {
		return "is of type " + strconv.QuoteToASCII(kind[:min(len(kind), 40)]) + ", and only Bearer tokens can be sent; register the client for those"
	}
	return Issue(t.AccessToken)
}

// unsendable is the error of a token that cannot be sent.
func unsendable(t *oauth2.Token) error {
	return &Error{Err: errors.New("the access token " + Unsendable(t))}
}
