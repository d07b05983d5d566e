package connix

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// credential authenticates attempts. The secret lives in closures only: fmt
// cannot reach into one, whatever it is told to print.
type credential interface {
	// header returns the header that carries the secret, and its value.
	header(ctx context.Context, k *call) (name string, value []string, err error)
	// renew is asked once per call, after a 401 to value: whether the next
	// attempt would carry another secret.
	renew(ctx context.Context, k *call, value []string) (bool, error)
	// masked describes the credential for people.
	masked() string
}

const (
	headerAPIKey        = "X-Api-Key"
	headerAuthorization = "Authorization"
)

// staticKey is an API key that never changes.
type staticKey struct {
	get  func() []string
	text string // masked
}

func newStaticKey(key string) staticKey {
	value := []string{key}
	return staticKey{func() []string { return value }, "API key " + mask(key)}
}

func (k staticKey) header(context.Context, *call) (string, []string, error) {
	return headerAPIKey, k.get(), nil
}
func (k staticKey) renew(context.Context, *call, []string) (bool, error) { return false, nil }
func (k staticKey) masked() string                                       { return k.text }

// keySource asks the caller for the key of each attempt.
type keySource func(ctx context.Context) (string, error)

func (s keySource) header(ctx context.Context, _ *call) (string, []string, error) {
	key, err := s(ctx)
	switch {
	case err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return "", nil, credentialError{silentSource(ctx)}
	case err != nil:
		return "", nil, credentialError{err}
	}
	if issue := keyIssue(key); issue != "" {
		return "", nil, credentialError{errors.New("the key of WithAPIKeySource " + issue)}
	}
	return headerAPIKey, []string{key}, nil
}

func (s keySource) renew(ctx context.Context, k *call, refused []string) (bool, error) {
	_, value, err := s.header(ctx, k)
	return err == nil && value[0] != refused[0], err
}

func (s keySource) masked() string { return "API key from a source" }

// ownTokens asks a [TokenSource], which refreshes ahead of time and on demand.
type ownTokens struct {
	source *TokenSource
	http   *http.Client // for the token endpoint
}

func newTokenCredential(source oauth2.TokenSource, c *Client) credential {
	own, ok := source.(*TokenSource)
	if !ok {
		return foreignTokens{source}
	}
	return ownTokens{source: own, http: &http.Client{Transport: c.transport, Timeout: tokenTimeout}}
}

// tokenTimeout bounds one request to the token endpoint.
const tokenTimeout = 30 * time.Second

func (t ownTokens) header(ctx context.Context, k *call) (string, []string, error) {
	token, err := t.source.token(observed(ctx, k), t.http)
	if err != nil {
		return "", nil, credentialError{err}
	}
	return bearer(token)
}

func (t ownTokens) renew(ctx context.Context, k *call, refused []string) (bool, error) {
	token, err := t.source.refused(observed(ctx, k), t.http, strings.TrimPrefix(refused[0], bearerPrefix))
	if err != nil {
		return false, credentialError{err}
	}
	return bearerPrefix+token.AccessToken != refused[0], nil
}

// observed has the client's observers told of a refresh that this call begins.
func observed(ctx context.Context, k *call) context.Context {
	if k.client.hooks.TokenRefreshed == nil && k.client.logger == nil {
		return ctx
	}
	return withRefreshHook(ctx, k.observeTokenRefresh)
}

func (t ownTokens) masked() string { return "OAuth2 token" }

const bearerPrefix = "Bearer "

// bearer is the header of a token, whatever source it is from.
func bearer(token *oauth2.Token) (string, []string, error) {
	if issue := keyIssue(token.AccessToken); issue != "" {
		return "", nil, credentialError{errors.New("the access token of WithTokenSource " + issue)}
	}
	return headerAuthorization, []string{bearerPrefix + token.AccessToken}, nil
}

// foreignTokens asks a caller's token source for the token of each attempt.
// Such a source takes no context: it is asked on a goroutine of its own, so that
// a slow one holds up neither the caller's deadline nor its cancellation.
type foreignTokens struct{ source oauth2.TokenSource }

func (t foreignTokens) header(ctx context.Context, _ *call) (string, []string, error) {
	token, err := t.token(ctx)
	if err != nil {
		return "", nil, credentialError{err}
	}
	return bearer(token)
}

func (t foreignTokens) token(ctx context.Context) (*oauth2.Token, error) {
	type answer struct {
		token    *oauth2.Token
		err      error
		panicked any
	}
	answers := make(chan answer, 1)
	go func() {
		a := answer{err: errors.New("the source of WithTokenSource ended its goroutine")}
		defer func() {
			a.panicked = recover()
			answers <- a
		}()
		a.token, a.err = t.source.Token()
		if a.err == nil && a.token == nil {
			a.err = errors.New("the source of WithTokenSource returned neither a token nor an error")
		}
	}()
	select {
	case a := <-answers:
		if a.panicked != nil {
			panic(a.panicked) // where the caller can recover it
		}
		return a.token, a.err
	case <-ctx.Done():
		return nil, silentSource(ctx)
	}
}

// silentSource is the error of a source that did not answer in time.
func silentSource(ctx context.Context) error {
	return fmt.Errorf("its source did not answer: %w", context.Cause(ctx))
}

func (t foreignTokens) renew(ctx context.Context, k *call, refused []string) (bool, error) {
	_, value, err := t.header(ctx, k)
	return err == nil && value[0] != refused[0], err
}

func (t foreignTokens) masked() string { return "OAuth2 token" }

// credentialError is a failure to obtain the credential: nothing was sent, and
// repeating the attempt is the source's business, but for a [TokenError].
type credentialError struct{ err error }

func (e credentialError) Error() string { return "no credential: " + e.err.Error() }
func (e credentialError) Unwrap() error { return e.err }

// Is makes it match [ErrNoCredentials]: it is not the caller's request that is
// wrong.
func (e credentialError) Is(target error) bool { return target == ErrNoCredentials }

// keyIssue says why key cannot be sent in a header, "" where it can. The form
// of a key is the API's business and not checked.
func keyIssue(key string) string {
	if key == "" {
		return "is empty"
	}
	for i := range len(key) {
		switch c := key[i]; {
		case c == '\n' || c == '\r':
			return "holds a line break; was it read from a file? trim it"
		case c <= ' ' || c >= 0x7f:
			return "holds a space, a control character or a non-ASCII character"
		}
	}
	return ""
}
