package token

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/connix-io/connix-go/internal/headers"
	"golang.org/x/oauth2"
)

const (
	// requestTimeout bounds one request to the token endpoint.
	requestTimeout = 30 * time.Second
	maxResponse    = 1 << 20
	// shortestSecret is the length below which a text is no credential, and may
	// be part of a word.
	shortestSecret = 8

	codeInvalidGrant = "invalid_grant"
)

var errTimeout = fmt.Errorf("no response within %s: %w", requestTimeout, context.DeadlineExceeded)

// Exchange turns an authorization code into a token.
func Exchange(ctx context.Context, cfg *oauth2.Config, hc *http.Client, code, verifier string) (*oauth2.Token, error) {
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}}
	if cfg.RedirectURL != "" {
		form.Set("redirect_uri", cfg.RedirectURL)
	}
	if verifier != "" {
		form.Set("code_verifier", verifier)
	}
	fresh, failure := request(ctx, cfg, hc, form, code, verifier)
	if failure != nil {
		return nil, failure
	}
	if fresh.extra[scopeExtra] == nil { // RFC 6749, section 5.1: then they are as asked for
		fresh.set(scopeExtra, strings.Join(cfg.Scopes, " "))
	}
	fresh.set(loginExtra, digest(fresh.token))
	return fresh.token, nil
}

// refreshed returns tok's successor. What the server does not say again is as
// it was.
func refreshed(ctx context.Context, cfg *oauth2.Config, hc *http.Client, tok *oauth2.Token, login string) (*oauth2.Token, *Error) {
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tok.RefreshToken}}
	// The wait for the store's lock must not cut the request short: a response
	// that nobody reads is a refresh token lost.
	fresh, failure := request(context.WithoutCancel(ctx), cfg, hc, form, tok.RefreshToken, tok.AccessToken)
	if failure != nil {
		return nil, failure
	}
	if fresh.token.RefreshToken == "" {
		fresh.token.RefreshToken = tok.RefreshToken
	}
	if fresh.extra[scopeExtra] == nil {
		fresh.set(scopeExtra, textOf(tok, scopeExtra))
	}
	fresh.set(loginExtra, login)
	return fresh.token, nil
}

// request sends one form to the token endpoint and reads what it responds. The
// secrets appear in no error.
func request(ctx context.Context, cfg *oauth2.Config, hc *http.Client, form url.Values, secrets ...string) (*grant, *Error) {
	ctx, cancel := context.WithTimeoutCause(ctx, requestTimeout, errTimeout)
	defer cancel()
	var own http.Client
	if hc != nil {
		own = *hc
	}
	own.CheckRedirect = func(*http.Request, []*http.Request) error {
		// A redirect would carry the secrets wherever it says.
		return http.ErrUseLastResponse
	}
	req, err := newRequest(ctx, cfg, form)
	if err != nil {
		return nil, &Error{Err: err}
	}
	resp, err := own.Do(req)
	if err != nil {
		if errors.Is(context.Cause(ctx), errTimeout) {
			err = errTimeout
		}
		return nil, &Error{Lost: true, Err: fmt.Errorf("asking %s: %w", req.URL.Host, withoutURL(err))}
	}
	body, cut := io.ReadAll(io.LimitReader(resp.Body, maxResponse))
	_ = resp.Body.Close()
	if cut != nil && errors.Is(context.Cause(ctx), errTimeout) {
		cut = errTimeout
	}
	return judge(resp, body, cut, append(secrets, cfg.ClientSecret))
}

func newRequest(ctx context.Context, cfg *oauth2.Config, form url.Values) (*http.Request, error) {
	if cfg.Endpoint.AuthStyle != oauth2.AuthStyleInHeader {
		form.Set("client_id", cfg.ClientID)
		if cfg.ClientSecret != "" {
			form.Set("client_secret", cfg.ClientSecret)
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, cfg.Endpoint.TokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, errors.New("the token endpoint's URL cannot be used")
	}
	req.GetBody = nil // a grant is sent once: net/http must not repeat it by itself
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	if cfg.Endpoint.AuthStyle == oauth2.AuthStyleInHeader {
		req.SetBasicAuth(url.QueryEscape(cfg.ClientID), url.QueryEscape(cfg.ClientSecret))
	}
	return req, nil
}

// judge makes a token or an error of a response. A token that can be read is
// one, even if the rest of the body is lost: it cannot be asked for twice.
func judge(resp *http.Response, body []byte, cut error, secrets []string) (*grant, *Error) {
	fields := readFields(body)
	success := resp.StatusCode >= 200 && resp.StatusCode < 300
	if success {
		if granted := fields.grant(time.Now()); granted != nil {
			return granted, nil
		}
	}
	failure := &Error{Status: resp.StatusCode}
	failure.RetryAfter, _ = retryAfter(resp)
	code := strings.TrimSpace(fields.text("error"))
	switch {
	case cut != nil && code == "":
		failure.Lost, failure.Err = true, fmt.Errorf("the response was cut: %w", cut)
		return nil, failure
	case success && code == "":
		failure.Err = errUnreadable
		return nil, failure
	}
	// The code is understood before it is redacted: a short token may be part of it.
	hide := redactor(secrets)
	failure.Description = hide.Replace(fields.text("error_description"))
	failure.LoginRequired = strings.EqualFold(code, codeInvalidGrant)
	switch {
	case failure.LoginRequired:
		failure.Code = codeInvalidGrant
	case isKnownCode(code):
		failure.Code = code
	default:
		failure.Code = hide.Replace(code)
	}
	return nil, failure
}

// isKnownCode reports whether an error code is one of RFC 6749's or of its kin.
func isKnownCode(code string) bool {
	switch code {
	case "invalid_request", "invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_scope",
		"access_denied", "server_error", "temporarily_unavailable", "slow_down", "invalid_token", "invalid_dpop_proof":
		return true
	}
	return false
}

// retryAfter compares a date with the server's own clock, if the response shows it.
func retryAfter(resp *http.Response) (time.Duration, bool) {
	now := headers.Date(resp.Header.Get("Date"))
	if now.IsZero() {
		now = time.Now()
	}
	return headers.RetryAfter(resp.Header.Get("Retry-After"), now)
}

// withoutURL takes the URL out of the error of an http.Client.
func withoutURL(err error) error {
	if wrapped, ok := err.(*url.Error); ok { //nolint:errorlint // one within belongs to who wrapped it
		return wrapped.Err
	}
	return err
}

// redactor replaces the secrets that are set.
func redactor(secrets []string) *strings.Replacer {
	var pairs []string
	for _, s := range secrets {
		if len(s) >= shortestSecret {
			pairs = append(pairs, s, "****")
		}
	}
	return strings.NewReplacer(pairs...)
}
