package connix

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/connix-io/connix-go/internal/token"
)

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
