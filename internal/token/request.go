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

	"golang.org/x/oauth2"
)

// refreshTimeout bounds one request to the token endpoint.
const refreshTimeout = 30 * time.Second

// request asks the token endpoint for tok's successor.
func (s *Source) request(ctx context.Context, hc *http.Client, tok *oauth2.Token) (*oauth2.Token, *Error) {
	// The wait for the store's lock must not cut the request short: a response
	// that nobody reads is a refresh token lost.
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), refreshTimeout, errRefreshTimeout)
	defer cancel()
	var own http.Client
	if hc != nil {
		own = *hc
	}
	response := tokenResponse{next: own.Transport}
	own.CheckRedirect = func(*http.Request, []*http.Request) error {
		// A redirect would carry the refresh token wherever it says.
		return http.ErrUseLastResponse
	}
	own.Transport = &response
	ctx = context.WithValue(ctx, oauth2.HTTPClient, &own)
	fresh, err := s.cfg.TokenSource(ctx, &oauth2.Token{RefreshToken: tok.RefreshToken}).Token()
	if err == nil {
		return fresh, nil
	}
	failure := &Error{Status: response.status}
	refused, isRefusal := errors.AsType[*oauth2.RetrieveError](err)
	switch {
	case response.cut != nil:
		failure.Lost, failure.Err = true, fmt.Errorf("the response was cut: %w", response.cut)
	case isRefusal:
		// RetrieveError itself is dropped: it holds the body, which may echo what was sent.
		redact := strings.NewReplacer(secretPairs(tok.RefreshToken, tok.AccessToken, s.cfg.ClientSecret)...)
		failure.Code = redact.Replace(refused.ErrorCode)
		failure.Description = redact.Replace(refused.ErrorDescription)
		failure.LoginRequired = failure.Code == codeInvalidGrant
	case response.status != 0:
		failure.Err = errUnreadable
	default:
		failure.Lost = true
		if errors.Is(context.Cause(ctx), errRefreshTimeout) {
			err = errRefreshTimeout
		}
		failure.Err = fmt.Errorf("asking %s: %w", hostOf(s.cfg.Endpoint.TokenURL), withoutURL(err))
	}
	return nil, failure
}

// withoutURL takes the URL out of the error of an http.Client.
func withoutURL(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}

// tokenResponse notes two parts of a response that x/oauth2 does not tell: its
// status, and why its body could not be read whole.
type tokenResponse struct {
	next   http.RoundTripper
	status int
	cut    error
}

func (t *tokenResponse) RoundTrip(req *http.Request) (*http.Response, error) {
	next := t.next
	if next == nil {
		next = http.DefaultTransport
	}
	resp, err := next.RoundTrip(req)
	if err == nil && resp != nil {
		t.status = resp.StatusCode
		if resp.Body != nil {
			resp.Body = watchedBody{resp.Body, t}
		}
	}
	return resp, err
}

// watchedBody notes the error that ends it.
type watchedBody struct {
	io.ReadCloser
	response *tokenResponse
}

func (b watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		b.response.cut = err
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

// secretPairs lists the secrets that are set, with their replacement.
func secretPairs(secrets ...string) []string {
	var pairs []string
	for _, s := range secrets {
		if s != "" {
			pairs = append(pairs, s, "****")
		}
	}
	return pairs
}
