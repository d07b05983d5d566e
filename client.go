package connix

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/connix-io/connix-go/internal/retry"
)

// DefaultBaseURL is where calls go unless [WithBaseURL] or CONNIX_BASE_URL says
// otherwise.
const DefaultBaseURL = "https://api.connix.io"

// apiPrefix stands between the base URL and every path.
const apiPrefix = "/api/v1"

// Client calls the Connix API. Make one with [NewClient] and keep it: it is safe
// for concurrent use, and its connections and its rate limiter serve all calls.
type Client struct {
	// Projects manages projects.
	Projects *ProjectsService
	// Agents launches and follows agents.
	Agents *AgentsService
	// Webhooks registers receivers of events.
	Webhooks *WebhooksService
	// APIKeys creates and revokes keys.
	APIKeys *APIKeysService

	base       url.URL // scheme, host and path prefix, without a trailing slash; RawPath is set always
	credential credential
	transport  http.RoundTripper
	jar        http.CookieJar
	headers    http.Header   // of every attempt; cloned, which costs less than to set them
	timeout    time.Duration // of an attempt; 0: none
	timedOut   error         // what ends such an attempt: one for all
	maxBody    int64
	retry      RetryPolicy
	budget     *retry.Budget
	dates      *lastDate
	limiter    RateLimiter // nil: none
	gated      bool        // the limiter holds calls back after a 429
	maxWait    time.Duration
	logger     *slog.Logger // nil: silent
	hooks      Hooks
}

// NewClient returns a client configured by opts, and by the environment
// variables CONNIX_API_KEY and CONNIX_BASE_URL where an option does not say. It
// does no I/O. Without a credential the error matches [ErrNoCredentials]; an
// option that cannot be used gives an [*ArgumentError].
func NewClient(opts ...Option) (*Client, error) {
	cfg, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	base, err := parseBaseURL(cfg.baseURLSource, cfg.baseURL, cfg.insecure)
	if err != nil {
		return nil, err
	}
	c := &Client{
		base: *base,
		headers: http.Header{
			"Accept":          typeJSON,
			"Accept-Encoding": {"gzip"},
			"User-Agent":      {strings.TrimSpace(cfg.userAgent + " connix-go/" + Version)},
		},
		timeout: defaultTimeout,
		maxBody: cfg.maxBody,
		retry:   cfg.retry,
		budget:  retry.NewBudget(),
		dates:   new(lastDate),
		maxWait: cfg.maxRateWait,
		logger:  cfg.logger,
		hooks:   cfg.hooks,
	}
	c.useHTTPClient(cfg)
	c.useLimiter(cfg)
	c.credential = cfg.credentials[0].make(c)
	c.Projects = &ProjectsService{c}
	c.Agents = &AgentsService{c}
	c.Webhooks = &WebhooksService{c}
	c.APIKeys = &APIKeysService{c}
	return c, nil
}

// useHTTPClient takes what the caller's client holds, so that later changes to
// it are not seen, and it never sees changes of ours.
func (c *Client) useHTTPClient(cfg *config) {
	if hc := cfg.httpClient; hc != nil {
		c.transport, c.jar = hc.Transport, hc.Jar
		if c.transport == nil {
			c.transport = http.DefaultTransport
		}
		if hc.Timeout > 0 {
			c.timeout = hc.Timeout
		}
	} else {
		c.transport = newTransport()
	}
	if cfg.timeout != nil {
		c.timeout = *cfg.timeout
	}
	c.timedOut = timeoutError{c.timeout}
}

func (c *Client) useLimiter(cfg *config) {
	c.limiter, c.gated = cfg.limiter, !cfg.noLimiter
	switch {
	case c.limiter != nil:
	case !cfg.noLimiter:
		c.limiter = NewRateLimiter()
	case cfg.ceiling.burst > 0:
		c.limiter = unlimited{}
	}
	if cfg.ceiling.burst > 0 {
		c.limiter = newMaxRate(c.limiter, cfg.ceiling.perSecond, cfg.ceiling.burst)
	}
}

// newTransport is tuned for one API host: connections are kept and shared, and
// bounded so that a burst of goroutines does not open one each. Over HTTP/1.1
// more than 64 calls in flight wait for a connection.
func newTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          128,
		MaxIdleConnsPerHost:   64,
		MaxConnsPerHost:       64,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
}

// parseBaseURL reads the base URL that source, an option or a variable, gave.
func parseBaseURL(source, text string, insecure bool) (*url.URL, error) {
	if text == "" {
		text = DefaultBaseURL
	}
	refuse := func(issue string) (*url.URL, error) {
		return nil, &ArgumentError{Name: source, Issue: issue}
	}
	u, err := url.Parse(strings.TrimSpace(text))
	switch {
	case err != nil:
		return refuse("is no URL") // without the parser's text, which quotes what may hold a password
	case u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Hostname() == "":
		return refuse("must look like " + DefaultBaseURL)
	case u.User != nil:
		return refuse("must not carry a user or password")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return refuse("must not carry a query or fragment")
	case u.Scheme == "http" && !insecure && !isLoopback(u.Hostname()):
		return refuse("plain http would send the credential readable over the network; use https, or WithInsecureHTTP if you must")
	}
	escaped := strings.TrimRight(u.EscapedPath(), "/")
	escaped = strings.TrimRight(strings.TrimSuffix(escaped, apiPrefix), "/")
	path, err := url.PathUnescape(escaped)
	if err != nil {
		return refuse("is no URL")
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: path, RawPath: escaped}, nil
}

// isLoopback reports whether host is this machine by name or address.
func isLoopback(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// Do calls any endpoint with the client's whole machinery: authentication, rate
// limit, retries, typed errors. path is relative to /api/v1/ and may carry a
// query ("projects/123", "projects?limit=5"); a scheme, a host and ".." are
// refused.
//
// in is the body: nil for none, a []byte or [json.RawMessage] as it is, an
// [io.Reader] streamed once and not closed (such a call is never repeated once
// sent), anything else as JSON. out receives the answer: nil discards it, a *[]byte takes the
// body as it is, any other pointer the decoded JSON. A 204 leaves it untouched.
func (c *Client) Do(ctx context.Context, method, path string, in, out any, opts ...CallOption) error {
	return c.do(ctx, rawRequest(method, path, in), out, opts)
}

// RateLimits returns the limiter's view of the budget, zero under
// [WithoutRateLimiter].
func (c *Client) RateLimits() RateLimitStatus {
	if c.limiter == nil {
		return RateLimitStatus{}
	}
	return c.limiter.Status()
}

// String returns the base URL and the masked credential.
func (c Client) String() string {
	masked := "none"
	if c.credential != nil {
		masked = c.credential.masked()
	}
	return fmt.Sprintf("connix.Client(%s, %s)", c.base.String(), masked)
}

// Format prints the text of [Client.String] under every verb: dumping the
// struct could show what belongs to the caller's transport.
func (c Client) Format(f fmt.State, verb rune) { formatText(f, verb, c.String()) }

// LogValue gives slog the text of [Client.String].
func (c Client) LogValue() slog.Value { return slog.StringValue(c.String()) }
