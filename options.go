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

// Option configures a [Client]. A nil Option does nothing. An invalid value makes
// [NewClient] return an [*ArgumentError] that names the option. A single-valued
// option given again replaces the earlier value.
type Option func(*config) error

// config collects the options' values; NewClient reads it once.
type config struct {
	credentials []credentialOption
	baseURL     string
	// baseURLSource names the option or the variable that set baseURL.
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

// credentialOption is one way to authenticate, with the name of its option.
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

// fromEnvironment sets from the environment the values that no option has set.
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

// credential records one way to authenticate. The same option given again replaces
// its earlier value; a different one contradicts it and is refused.
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

// WithAPIKey authenticates with an API key, sent in the X-API-Key header. A key with
// spaces, line breaks or other bytes that a header cannot carry is refused, and so
// is an empty one, whose error also matches [ErrNoCredentials]. If no credential
// option is given, NewClient uses the environment variable CONNIX_API_KEY.
func WithAPIKey(key string) Option {
	return func(cfg *config) error { return cfg.apiKey("WithAPIKey", key) }
}

// WithAPIKeySource calls source for the API key of every attempt. Use it for vaults
// and for keys that rotate while calls are in flight; see [RotatingKey]. source must
// be safe for concurrent use. It should be fast: cache the results of slow lookups.
// It is called on a goroutine of its own with a ctx that ends with the attempt; a
// source that ignores its ctx does not hold the call. An error of source ends the
// call. After a 401 source is called once more, and the request is sent again only if
// the key differs.
func WithAPIKeySource(source func(ctx context.Context) (string, error)) Option {
	return func(cfg *config) error {
		if source == nil {
			return &ArgumentError{Name: "WithAPIKeySource", Issue: "the source is nil"}
		}
		return cfg.credential("WithAPIKeySource", func(*Client) credential { return keySource(source) })
	}
}

// WithTokenSource authenticates with OAuth2 access tokens, sent in the Authorization
// header. A source made by [NewTokenSource] refreshes its token before it expires,
// and once after a 401. Any other source is asked for a token again after a 401, and
// the request is sent again only if the token differs.
func WithTokenSource(source oauth2.TokenSource) Option {
	return func(cfg *config) error {
		if source == nil {
			return &ArgumentError{Name: "WithTokenSource", Issue: "the source is nil"}
		}
		return cfg.credential("WithTokenSource", func(c *Client) credential { return newTokenCredential(source, c) })
	}
}

// WithBaseURL sends calls to another server, such as a proxy, a gateway or a fake. A
// trailing /api/v1 is dropped. Without this option NewClient uses the environment
// variable CONNIX_BASE_URL, or else [DefaultBaseURL].
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
// machine. The credential then crosses the network unencrypted.
func WithInsecureHTTP() Option {
	return func(cfg *config) error { cfg.insecure = true; return nil }
}

// WithHTTPClient sends every attempt through the Transport and the Jar of client,
// which is copied and never changed. Its Timeout bounds one attempt unless
// [WithTimeout] is given. Its CheckRedirect is not used: the client follows
// redirects itself, within the API's origin only.
func WithHTTPClient(client *http.Client) Option {
	return func(cfg *config) error {
		if client == nil {
			return &ArgumentError{Name: "WithHTTPClient", Issue: "is nil"}
		}
		cfg.httpClient = client
		return nil
	}
}

// WithUserAgent puts the name of your program, such as "billing/1.4", before that of
// the SDK in the User-Agent header. Bytes that a header cannot carry are refused.
func WithUserAgent(name string) Option {
	return func(cfg *config) error {
		if issue := headerValueIssue(name); issue != "" {
			return &ArgumentError{Name: "WithUserAgent", Issue: issue}
		}
		cfg.userAgent = strings.TrimSpace(name)
		return nil
	}
}

// WithTimeout bounds each attempt, from sending the request to the last byte of the
// response body. 0 means no bound; the default is 30 s. The wait for the rate limit
// and the delay of a retry do not count: bound a whole call with its context.
// [WithAttemptTimeout] sets the timeout of one call.
func WithTimeout(perAttempt time.Duration) Option {
	return func(cfg *config) error {
		if perAttempt < 0 {
			return &ArgumentError{Name: "WithTimeout", Issue: "is negative"}
		}
		cfg.timeout = &perAttempt
		return nil
	}
}

// WithMaxResponseBytes limits the size of a decompressed response body to n bytes,
// which must be positive. A call with a larger response fails with
// [ErrResponseTooLarge]. The default is 32 MiB. Of the body of an error status (300
// and above), only the first 64 KiB are read.
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

// WithRateLimiter replaces the client's own rate limiter. One limiter is one budget:
// give the same limiter to all clients that use the same API key. See
// [NewRateLimiter].
func WithRateLimiter(limiter RateLimiter) Option {
	return func(cfg *config) error {
		if limiter == nil {
			return &ArgumentError{Name: "WithRateLimiter", Issue: "is nil; WithoutRateLimiter turns limiting off"}
		}
		cfg.limiter, cfg.noLimiter = limiter, false
		return nil
	}
}

// WithoutRateLimiter sends every call at once. The retry policy then governs the
// retries after a 429, which come after its Retry-After if it has one.
func WithoutRateLimiter() Option {
	return func(cfg *config) error { cfg.limiter, cfg.noLimiter = nil, true; return nil }
}

// WithMaxRateLimitWait bounds the time that one attempt waits for the rate limit. If
// the wait would be longer, the call fails at once with a [*RateLimitError]. The
// default of 2 minutes waits for the minute's window and fails fast on the hour's. 0
// never waits; a negative value leaves the bound to the call's context.
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

// WithLogger logs attempts at debug level, waits at info level and retries at warn
// level, without headers, queries or bodies. nil, the default, logs nothing.
func WithLogger(logger *slog.Logger) Option {
	return func(cfg *config) error { cfg.logger = logger; return nil }
}

// WithHooks calls the functions in hooks as calls proceed; see [Hooks].
func WithHooks(hooks Hooks) Option {
	return func(cfg *config) error { cfg.hooks = hooks; return nil }
}
