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

// DefaultBaseURL is the API's base URL. [WithBaseURL] and the environment variable
// CONNIX_BASE_URL override it.
const DefaultBaseURL = "https://api.connix.io"

// apiPrefix follows the base URL in every path.
const apiPrefix = "/api/v1"

// Client calls the Connix API. Create one with [NewClient] and keep it: it is safe
// for concurrent use, and all its calls share its connections and rate limiter.
type Client struct {
	// Projects manages projects.
	Projects *ProjectsService
	// Agents launches, stops and follows agents.
	Agents *AgentsService
	// Webhooks registers the receivers of events.
	Webhooks *WebhooksService
	// APIKeys creates and revokes API keys.
	APIKeys *APIKeysService

	base           url.URL // scheme, host and path prefix, without a trailing slash; RawPath is set always
	credential     credential
	transport      http.RoundTripper
	foreign        bool      // the transport may not watch a request's context
	protocol       *protocol // that the transport speaks with the API
	jar            http.CookieJar
	headers        http.Header   // of every attempt; cloned, which costs less than to set them
	timeout        time.Duration // of an attempt; 0: none
	timedOut       error         // what ends such an attempt: one for all
	maxBody        int64
	retry          RetryPolicy
	budget         *retry.Budget
	dates          *lastDate
	limiter        RateLimiter // nil: none
	gated          bool        // the limiter holds calls back after a 429
	foreignLimiter bool        // the limiter may not watch a call\'s context
	maxWait        time.Duration
	logger         *slog.Logger // nil: silent
	hooks          Hooks
}

// NewClient returns a client configured by opts. The environment variables
// CONNIX_API_KEY and CONNIX_BASE_URL apply if no option sets the credential or the
// base URL. NewClient does no I/O. Without a credential the error matches
// [ErrNoCredentials]; an invalid option returns an [*ArgumentError].
//
// A client holds connections and a rate limiter, so create one for the life of the
// program, not one for each request: a client that is used once leaves an idle
// connection behind for 90 seconds, and its limiter knows nothing of the calls of the
// others, so that the server throttles them. If clients come and go, because each has
// its own key, let them share an [http.Client] ([WithHTTPClient]), and give those that
// have the same key the same limiter ([WithRateLimiter]). A client that has served its
// time can let go of its connections with [Client.CloseIdleConnections].
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

// useHTTPClient copies the fields of the caller's client. Later changes to that
// client have no effect, and the client is never changed.
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
		c.transport = newOwnTransport(newTransport)
	}
	if cfg.timeout != nil {
		c.timeout = *cfg.timeout
	}
	c.timedOut = &timeoutError{c.timeout, "WithTimeout"}
	standard, ok := c.transport.(*http.Transport)
	c.foreign = !ok && cfg.httpClient != nil
	c.protocol = new(protocol)
	if ok && standard.Protocols != nil && standard.Protocols.UnencryptedHTTP2() && !standard.Protocols.HTTP1() {
		c.protocol.version.Store(protocolHTTP2)
	}
}

func (c *Client) useLimiter(cfg *config) {
	c.limiter = cfg.limiter
	ours := ownLimiter(cfg.limiter)
	c.foreignLimiter = cfg.limiter != nil && !ours
	c.gated = !cfg.noLimiter && !c.foreignLimiter
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

// parseBaseURL parses a base URL; source names the option or the variable that it
// is from.
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
		return refuse("is not a valid URL") // the parser's text may quote a password
	case u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Hostname() == "":
		return refuse("must look like " + DefaultBaseURL)
	case u.User != nil:
		return refuse("must not carry a user or password")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return refuse("must not carry a query or fragment")
	case u.Scheme == "http" && !insecure && !isLoopback(u.Hostname()):
		return refuse("plain http would send the credential unencrypted over the network; use https, or WithInsecureHTTP")
	}
	escaped := strings.TrimRight(u.EscapedPath(), "/")
	escaped = strings.TrimRight(strings.TrimSuffix(escaped, apiPrefix), "/")
	path, err := url.PathUnescape(escaped)
	if err != nil {
		return refuse("is not a valid URL")
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: path, RawPath: escaped}, nil
}

// isLoopback reports whether host names this machine.
func isLoopback(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// Do calls any endpoint, with the authentication, rate limit, retries and typed
// errors of every other call. path is relative to /api/v1/ and may carry a query:
// "projects/123", "projects?limit=5". A scheme, a host and ".." are refused.
//
// in is the request body. nil sends none, a []byte or [json.RawMessage] is sent as it
// is, and any other value is sent as JSON. An [io.Reader] is streamed and not closed;
// it can be read only once, so such a request is not sent again.
//
// out receives the response body. nil discards it, a *[]byte receives its bytes, and
// any other pointer receives the decoded JSON, in which a number becomes a
// [json.Number] if its Go type is any. Fields of out that the response lacks keep
// their values, and a 204 leaves out unchanged. Numbers, booleans and times in other
// JSON forms than their Go types are converted.
func (c *Client) Do(ctx context.Context, method, path string, in, out any, opts ...CallOption) error {
	return c.do(ctx, rawRequest(method, path, in), out, opts)
}

// RateLimits returns the state of the client's rate limiter. It is zero for a client
// made with [WithoutRateLimiter].
func (c *Client) RateLimits() RateLimitStatus {
	if c.limiter == nil {
		return RateLimitStatus{}
	}
	return c.limiter.Status()
}

// CloseIdleConnections closes the connections that are not in use, if the client's
// transport can: the client's own does. A transport that was given with
// [WithHTTPClient] may serve others, too, and loses the connections that it keeps for
// them. The client stays usable.
func (c *Client) CloseIdleConnections() {
	if closer, ok := c.transport.(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
	}
}

// String returns the base URL and the masked credential.
func (c Client) String() string {
	masked := "none"
	if c.credential != nil {
		masked = c.credential.masked()
	}
	return fmt.Sprintf("connix.Client(%s, %s)", c.base.String(), masked)
}

// Format writes the text of [Client.String] for every verb. A dump of the struct
// could show secrets of the caller's transport.
func (c Client) Format(f fmt.State, verb rune) { formatText(f, verb, c.String()) }

// LogValue returns the text of [Client.String] for slog.
func (c Client) LogValue() slog.Value { return slog.StringValue(c.String()) }
