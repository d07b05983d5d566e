package connix

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/oauth2"
)

// TokenError says why there is no OAuth2 token: the token endpoint refused or
// did not answer, or the token could not be loaded or saved. It matches
// [ErrLoginRequired] where only a new login helps. Neither it nor its text
// holds a token or a client secret.
type TokenError struct {
	// StatusCode is the token endpoint's, 0 where it did not answer or was not asked.
	StatusCode int
	// Code is RFC 6749's error code, such as "invalid_grant"; "" for none.
	Code string
	// Description is what the server adds for the developer; "" for none.
	Description string
	// Err is the cause where the server's answer is not.
	Err error

	lost bool // the server was asked, and its answer did not come whole
}

// Error returns the failure in one line.
func (e *TokenError) Error() string {
	if e == nil {
		return "<nil>"
	}
	var b strings.Builder
	b.WriteString("connix: OAuth2 token")
	if e.StatusCode != 0 {
		fmt.Fprintf(&b, ": the token endpoint answered %d", e.StatusCode)
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
// answer that was lost or cut, and after a 408, 429 or 5xx. It is false for every
// other answer, and for a failure of the token's store or saver, which is the
// application's to repair.
func (e *TokenError) Temporary() bool {
	if e == nil || errors.Is(e, ErrLoginRequired) {
		return false
	}
	return e.lost || e.StatusCode == http.StatusTooManyRequests || e.StatusCode == http.StatusRequestTimeout || e.StatusCode >= 500
}

// isTemporaryToken recognizes a failure to get a token that may pass.
func isTemporaryToken(err error) bool {
	failure, ok := errors.AsType[*TokenError](err)
	return ok && failure.Temporary()
}

// final reports whether the refresh token is spent.
func (e *TokenError) final() bool { return e.Code == codeInvalidGrant }

const codeInvalidGrant = "invalid_grant"

var (
	errAborted        = errors.New("the refresh was aborted")
	errEmptyStore     = errors.New("the token store returned no token")
	errNoRefreshToken = fmt.Errorf("the access token is not usable and there is no refresh token: %w", ErrLoginRequired)
	errUnreadable     = errors.New("the answer holds no token")
	errRefreshTimeout = fmt.Errorf("no answer within %s: %w", refreshTimeout, context.DeadlineExceeded)
)

// request asks the token endpoint for tok's successor.
func (st *tokenState) request(ctx context.Context, hc *http.Client, tok *oauth2.Token) (*oauth2.Token, *TokenError) {
	// The wait for the store's lock must not cut the request short: an answer
	// that nobody reads is a refresh token lost.
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), refreshTimeout, errRefreshTimeout)
	defer cancel()
	var own http.Client
	if hc != nil {
		own = *hc
	}
	answer := tokenAnswer{next: own.Transport}
	own.CheckRedirect = func(*http.Request, []*http.Request) error {
		// A redirect would carry the refresh token wherever it says.
		return http.ErrUseLastResponse
	}
	own.Transport = &answer
	ctx = context.WithValue(ctx, oauth2.HTTPClient, &own)
	fresh, err := st.cfg.TokenSource(ctx, &oauth2.Token{RefreshToken: tok.RefreshToken}).Token()
	if err == nil {
		return fresh, nil
	}
	failure := &TokenError{StatusCode: answer.status}
	refused, isRefusal := errors.AsType[*oauth2.RetrieveError](err)
	switch {
	case answer.cut != nil:
		failure.lost, failure.Err = true, bodyError(answer.cut)
	case isRefusal:
		// RetrieveError itself is dropped: it holds the body, which may echo what was sent.
		redact := strings.NewReplacer(secretPairs(tok.RefreshToken, tok.AccessToken, st.cfg.ClientSecret)...)
		failure.Code = printable(redact.Replace(refused.ErrorCode), 64)
		failure.Description = printable(redact.Replace(refused.ErrorDescription), 256)
	case answer.status != 0:
		failure.Err = errUnreadable
	default:
		failure.lost = true
		if errors.Is(context.Cause(ctx), errRefreshTimeout) {
			err = errRefreshTimeout
		}
		failure.Err = fmt.Errorf("asking %s: %w", hostOf(st.cfg.Endpoint.TokenURL), transportError(err))
	}
	return nil, failure
}

// tokenAnswer notes what x/oauth2 does not tell of an answer: its status, and why
// its body could not be read whole.
type tokenAnswer struct {
	next   http.RoundTripper
	status int
	cut    error
}

func (a *tokenAnswer) RoundTrip(req *http.Request) (*http.Response, error) {
	next := a.next
	if next == nil {
		next = http.DefaultTransport
	}
	resp, err := next.RoundTrip(req)
	if err == nil && resp != nil {
		a.status = resp.StatusCode
		if resp.Body != nil {
			resp.Body = watchedBody{resp.Body, a}
		}
	}
	return resp, err
}

// watchedBody notes the error that ends it.
type watchedBody struct {
	io.ReadCloser
	answer *tokenAnswer
}

func (b watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		b.answer.cut = err
	}
	return n, err
}

func hostOf(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return "the token endpoint"
	}
	return u.Host
}

// secretPairs lists secrets, where there are any, with their replacement.
func secretPairs(secrets ...string) []string {
	var pairs []string
	for _, s := range secrets {
		if s != "" {
			pairs = append(pairs, s, "****")
		}
	}
	return pairs
}
