package connix

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/connix-io/connix-go/internal/token"
	"golang.org/x/oauth2"
)

// credential authenticates attempts. The secret lives in closures only: fmt
// cannot reach into one, whatever it is told to print.
type credential interface {
	// header returns the header that carries the secret, and its value.
	header(ctx context.Context, k *call) (name string, value []string, err error)
	// renew is called once per call, after a 401 to value. It reports whether the
	// next attempt would carry another secret.
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
	key, err := askSource(ctx, "WithAPIKeySource", func() (string, error) { return s(ctx) })
	if err != nil {
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
	return ownTokens{source: own, http: &http.Client{Transport: c.transport}}
}

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
func bearer(t *oauth2.Token) (string, []string, error) {
	if issue := token.Unsendable(t); issue != "" {
		return "", nil, credentialError{errors.New("the access token of WithTokenSource " + issue)}
	}
	return headerAuthorization, []string{bearerPrefix + t.AccessToken}, nil
}

// foreignTokens asks a caller's token source for the token of each attempt.
type foreignTokens struct{ source oauth2.TokenSource }

func (t foreignTokens) header(ctx context.Context, _ *call) (string, []string, error) {
	token, err := t.token(ctx)
	if err != nil {
		return "", nil, credentialError{err}
	}
	return bearer(token)
}

func (t foreignTokens) token(ctx context.Context) (*oauth2.Token, error) {
	token, err := askSource(ctx, "WithTokenSource", t.source.Token)
	if err == nil && token == nil {
		err = errors.New("the source of WithTokenSource returned neither a token nor an error")
	}
	return token, err
}

// askSource asks the source that was given to option, for as long as ctx allows.
func askSource[T any](ctx context.Context, option string, source func() (T, error)) (T, error) {
	value, err := watched(ctx, 0, source, nil)
	switch {
	case errors.Is(err, errGoexit):
		err = fmt.Errorf("the source of %s: %w", option, err)
	case err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()):
		err = silentSource(ctx)
	}
	return value, err
}

// silentSource is the error of a source that did not return in time.
func silentSource(ctx context.Context) error {
	return fmt.Errorf("its source did not return in time: %w", context.Cause(ctx))
}

func (t foreignTokens) renew(ctx context.Context, k *call, refused []string) (bool, error) {
	_, value, err := t.header(ctx, k)
	return err == nil && value[0] != refused[0], err
}

func (t foreignTokens) masked() string { return "OAuth2 token" }

// credentialError is a failure to obtain the credential: nothing was sent.
type credentialError struct{ err error }

func (e credentialError) Error() string { return "no credential: " + e.err.Error() }
func (e credentialError) Unwrap() error { return e.err }

// UnsentRetryable makes it a [retry.Unsent]. To try again is the source's
// business, but for a [TokenError] that may pass.
func (e credentialError) UnsentRetryable() bool { return isTemporaryToken(e.err) }

// Is makes it match [ErrNoCredentials]: it is not the caller's request that is
// wrong.
func (e credentialError) Is(target error) bool { return target == ErrNoCredentials }

// keyIssue says why key cannot be sent in a header, "" if it can. The form of a
// key is the API's business and not checked.
func keyIssue(key string) string { return token.Issue(key) }

// RotatingKey is an API key that can be swapped while calls are in flight:
// give its Key method to [WithAPIKeySource]. It is safe for concurrent use and
// prints as a mask.
type RotatingKey struct {
	key atomic.Pointer[string]
}

// NewRotatingKey returns a RotatingKey that holds key. A key that cannot go
// into a header, because it is empty or has other characters than visible
// ASCII, is refused with an [*ArgumentError] that does not show it.
func NewRotatingKey(key string) (*RotatingKey, error) {
	k := new(RotatingKey)
	if err := k.Rotate(key); err != nil {
		return nil, err
	}
	return k, nil
}

// Rotate replaces the key. Every call that begins after it has returned uses
// the new key; calls in flight finish with the one they began with, or are
// repeated with the new one if the API refuses the old. A key that is
// refused, as by [NewRotatingKey], changes nothing.
func (k *RotatingKey) Rotate(key string) error {
	if issue := keyIssue(key); issue != "" {
		return &ArgumentError{Name: "key", Issue: issue}
	}
	k.key.Store(&key)
	return nil
}

// Key returns the current key. It does not wait and ignores its context.
func (k *RotatingKey) Key(context.Context) (string, error) {
	if k == nil || k.key.Load() == nil {
		return "", &ArgumentError{Name: "RotatingKey", Issue: "must be made by NewRotatingKey"}
	}
	return *k.key.Load(), nil
}

// String returns a mask.
func (k *RotatingKey) String() string { return "connix.RotatingKey(****)" }

// Format prints a mask under every verb.
func (k *RotatingKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// LogValue gives slog a mask.
func (k *RotatingKey) LogValue() slog.Value { return slog.StringValue(k.String()) }
