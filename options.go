package connix

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// Option configures a [Client]. A nil Option does nothing; a value that cannot
// be used makes [NewClient] return an [*ArgumentError] that names the option.
type Option func(*config) error

// config is what the options wrote; it is read once, by NewClient.
type config struct {
	credentials []credentialOption
	baseURL     string
	// baseURLSource is the option or the variable that baseURL is from.
	baseURLSource string
	insecure      bool
	httpClient    *http.Client
	userAgent     string
	timeout       *time.Duration
	maxBody       int64
	retry         RetryPolicy
	limiter       RateLimiter
	noLimiter     bool
	maxRateWait   time.Duration
	ceiling       struct { // WithMaxRate; burst 0: none
		perSecond float64
		burst     int
	}
	logger *slog.Logger
	hooks  Hooks
}

// credentialOption is one way to authenticate, under the name of its option.
type credentialOption struct {
	option string
	make   func(*Client) credential
}

const (
	defaultTimeout     = 30 * time.Second
	defaultMaxBody     = 32 << 20
	defaultMaxRateWait = 2 * time.Minute
)

func newConfig(opts []Option) (*config, error) {
	cfg := &config{
		maxBody:     defaultMaxBody,
		retry:       DefaultRetryPolicy(),
		maxRateWait: defaultMaxRateWait,
	}
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		if err := opt(cfg); err != nil {
			return nil, err
		}
	}
	return cfg, cfg.fromEnvironment()
}

// fromEnvironment fills in what no option has set.
func (cfg *config) fromEnvironment() error {
	if cfg.baseURL == "" {
		cfg.baseURL, cfg.baseURLSource = os.Getenv("CONNIX_BASE_URL"), "CONNIX_BASE_URL"
	}
	if len(cfg.credentials) == 0 {
		key := os.Getenv("CONNIX_API_KEY")
		if key == "" {
			return fmt.Errorf("%w: set CONNIX_API_KEY, or pass WithAPIKey, WithAPIKeySource or WithTokenSource", ErrNoCredentials)
		}
		return cfg.apiKey("CONNIX_API_KEY", key)
	}
	return nil
}

func (cfg *config) apiKey(option, key string) error {
	if key == "" {
		return fmt.Errorf("%w: %w", &ArgumentError{Name: option, Issue: "the key is empty"}, ErrNoCredentials)
	}
	if issue := keyIssue(key); issue != "" {
		return &ArgumentError{Name: option, Issue: issue}
	}
	return cfg.credential(option, func(*Client) credential { return newStaticKey(key) })
}

// credential notes one way to authenticate. The same option given twice
// replaces its earlier value; two different ones contradict each other.
func (cfg *config) credential(option string, build func(*Client) credential) error {
	for i, c := range cfg.credentials {
		if c.option == option {
			cfg.credentials[i].make = build
			return nil
		}
	}
	cfg.credentials = append(cfg.credentials, credentialOption{option, build})
	if len(cfg.credentials) > 1 {
		return &ArgumentError{Name: option, Issue: "a client has one credential, and " + cfg.credentials[0].option + " is given too"}
	}
	return nil
}

// WithAPIKey authenticates with one API key, sent as X-API-Key. An empty key,
// or one with spaces, line breaks or other bytes that a header cannot carry, is
// refused; an empty one also matches [ErrNoCredentials]. Without any credential
// option, the environment variable CONNIX_API_KEY is used.
func WithAPIKey(key string) Option {
	return func(cfg *config) error { return cfg.apiKey("WithAPIKey", key) }
}

// WithAPIKeySource asks source for the API key of every attempt: for vaults,
// and for keys that rotate while calls are in flight (see [RotatingKey]).
// source must be fast (cache what is slow), safe for concurrent use, and honour
// its ctx, which ends with the attempt: the call waits until source returns. Its
// error ends the call. After a 401 it is asked once more, and the call is repeated
// only if the key differs.
func WithAPIKeySource(source func(ctx context.Context) (string, error)) Option {
	return func(cfg *config) error {
		if source == nil {
			return &ArgumentError{Name: "WithAPIKeySource", Issue: "the source is nil"}
		}
		return cfg.credential("WithAPIKeySource", func(*Client) credential { return keySource(source) })
	}
}

// WithTokenSource authenticates with OAuth2 access tokens, sent as
// Authorization: Bearer. A source made by [NewTokenSource] is refreshed ahead
// of expiry and once after a 401; any other is asked again after a 401, and the
// call is repeated only if the token differs.
func WithTokenSource(source oauth2.TokenSource) Option {
	return func(cfg *config) error {
		if source == nil {
			return &ArgumentError{Name: "WithTokenSource", Issue: "the source is nil"}
		}
		return cfg.credential("WithTokenSource", func(c *Client) credential { return newTokenCredential(source, c) })
	}
}

// WithBaseURL sends calls to another server: a proxy, a gateway, a fake. A
// trailing /api/v1 is accepted and dropped. Without it the environment variable
// CONNIX_BASE_URL is used, else [DefaultBaseURL].
func WithBaseURL(base string) Option {
	return func(cfg *config) error {
		if base == "" {
			return &ArgumentError{Name: "WithBaseURL", Issue: "is empty"}
		}
		cfg.baseURL, cfg.baseURLSource = base, "WithBaseURL"
		return nil
	}
}

// WithInsecureHTTP allows a base URL of plain http to a host other than this
// machine: the credential then crosses the network readable by anyone on the way.
func WithInsecureHTTP() Option {
	return func(cfg *config) error { cfg.insecure = true; return nil }
}

// WithHTTPClient sends through a client of your own: its Transport and Jar are
// used for every attempt. It is copied and never changed. Its Timeout bounds
// one attempt where WithTimeout does not; its CheckRedirect is not used, since
// the client follows redirects itself (within the API's origin only).
func WithHTTPClient(client *http.Client) Option {
	return func(cfg *config) error {
		if client == nil {
			return &ArgumentError{Name: "WithHTTPClient", Issue: "is nil"}
		}
		cfg.httpClient = client
		return nil
	}
}

// WithUserAgent puts your program's name before the SDK's in the User-Agent
// header: "billing/1.4". Bytes that a header cannot carry are refused.
func WithUserAgent(name string) Option {
	return func(cfg *config) error {
		if issue := headerValueIssue(name); issue != "" {
			return &ArgumentError{Name: "WithUserAgent", Issue: issue}
		}
		cfg.userAgent = strings.TrimSpace(name)
		return nil
	}
}

// WithTimeout bounds one attempt, from sending to the last byte of the body; 0
// means no bound. Waiting for the rate limit and between retries is outside it:
// bound the whole call with a context. The default is 30 s.
func WithTimeout(perAttempt time.Duration) Option {
	return func(cfg *config) error {
		if perAttempt < 0 {
			return &ArgumentError{Name: "WithTimeout", Issue: "is negative"}
		}
		cfg.timeout = &perAttempt
		return nil
	}
}

// WithMaxResponseBytes caps an answer's decompressed body: beyond it the call
// fails with [ErrResponseTooLarge]. The default is 32 MiB; it must be positive.
func WithMaxResponseBytes(n int64) Option {
	return func(cfg *config) error {
		if n <= 0 {
			return &ArgumentError{Name: "WithMaxResponseBytes", Issue: "must be positive"}
		}
		cfg.maxBody = n
		return nil
	}
}

// WithRetryPolicy replaces [DefaultRetryPolicy]. Negative values are refused.
func WithRetryPolicy(policy RetryPolicy) Option {
	return func(cfg *config) error {
		if policy.MaxRetries < 0 || policy.BaseDelay < 0 || policy.MaxDelay < 0 || policy.MaxElapsed < 0 {
			return &ArgumentError{Name: "WithRetryPolicy", Issue: "no field may be negative"}
		}
		cfg.retry = policy
		return nil
	}
}

// WithRateLimiter uses limiter instead of the client's own. One limiter is one
// budget: clients that use the same API key share it by being given the same
// value. See [NewRateLimiter].
func WithRateLimiter(limiter RateLimiter) Option {
	return func(cfg *config) error {
		if limiter == nil {
			return &ArgumentError{Name: "WithRateLimiter", Issue: "is nil; WithoutRateLimiter turns limiting off"}
		}
		cfg.limiter, cfg.noLimiter = limiter, false
		return nil
	}
}

// WithoutRateLimiter sends every call at once. A 429 is then retried by the
// retry policy, after its Retry-After where it has one.
func WithoutRateLimiter() Option {
	return func(cfg *config) error { cfg.limiter, cfg.noLimiter = nil, true; return nil }
}

// WithMaxRateLimitWait bounds how long one attempt may wait for the rate limit;
// a longer wait fails at once with a [*RateLimitError]. The default of 2
// minutes lets a full minute's window pass and lets an hour's fail fast; 0 never
// waits; a negative value leaves the bound to the call's context.
func WithMaxRateLimitWait(d time.Duration) Option {
	return func(cfg *config) error { cfg.maxRateWait = d; return nil }
}

// WithMaxRate puts a steady ceiling of your own under the API's windows, to
// leave room for others on the same key: perSecond calls a second on average,
// at most burst at once. Both must be positive.
func WithMaxRate(perSecond float64, burst int) Option {
	return func(cfg *config) error {
		if !(perSecond > 0) || burst < 1 {
			return &ArgumentError{Name: "WithMaxRate", Issue: "the rate and the burst must be positive"}
		}
		cfg.ceiling.perSecond, cfg.ceiling.burst = perSecond, burst
		return nil
	}
}

// WithLogger logs attempts (debug), waits and retries (info and warn) to
// logger, without headers, queries or bodies. nil, the default, logs nothing.
func WithLogger(logger *slog.Logger) Option {
	return func(cfg *config) error { cfg.logger = logger; return nil }
}

// WithHooks calls the given functions as calls proceed: see [Hooks].
func WithHooks(hooks Hooks) Option {
	return func(cfg *config) error { cfg.hooks = hooks; return nil }
}
