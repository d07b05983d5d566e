package oauthcli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	connix "github.com/connix-io/connix-go"
	"golang.org/x/oauth2"
)

const (
	defaultTimeout  = 5 * time.Minute
	exchangeTimeout = 30 * time.Second
	defaultPath     = "/callback"
)

// Option configures [Login]. A nil option does nothing.
type Option func(*config)

type config struct {
	open     func(ctx context.Context, url string) error
	output   io.Writer
	timeout  time.Duration
	appName  string
	insecure bool
}

// WithOpenURL opens the login page by open instead of the user's browser. Its
// context ends when Login returns; its error is told to the user, who can open
// the page by hand. Nil opens nothing: the address is printed all the same.
func WithOpenURL(open func(ctx context.Context, url string) error) Option {
	return func(c *config) { c.open = open }
}

// WithOutput prints to w what the user should know: above all the address of
// the login page. The default is standard error; nil prints nothing.
func WithOutput(w io.Writer) Option {
	return func(c *config) {
		if w == nil {
			w = io.Discard
		}
		c.output = w
	}
}

// WithTimeout bounds how long Login waits for the user. The default, and the
// meaning of 0 and less, is five minutes.
func WithTimeout(d time.Duration) Option {
	return func(c *config) {
		if d > 0 {
			c.timeout = d
		}
	}
}

// WithAppName is the name of the program on the page that ends the login. The
// default is the client id.
func WithAppName(name string) Option { return func(c *config) { c.appName = name } }

// WithInsecureEndpoints allows endpoints of plain http on a host other than this
// machine: the code, its verifier and the tokens then cross the network readable
// by anyone on the way.
func WithInsecureEndpoints() Option { return func(c *config) { c.insecure = true } }

// Login has the user log in with a browser and returns the token. It listens
// on a loopback address while it runs, opens the authorization page and prints
// its address for users whose browser is elsewhere.
//
// cfg.RedirectURL says what the authorization server knows the program by:
// "http://127.0.0.1/callback" (also the meaning of "") or another path, or
// http://[::1]. Where it has a port, that one is listened on; else any free one
// is, as authorization servers allow for loopback addresses. cfg is not changed.
// Its endpoints must be https, or on this machine, unless
// [WithInsecureEndpoints] is given.
//
// A user who denies and every other refusal of the authorization server is an
// [*Error]. When the time is up, the error matches [context.DeadlineExceeded].
// The token request is made with the http.Client that ctx holds under
// [oauth2.HTTPClient], if any. A callback that does not belong to this login,
// by its state, its Host header or because there was one before, is refused
// and ends nothing.
func Login(ctx context.Context, cfg *oauth2.Config, opts ...Option) (*oauth2.Token, error) {
	c := config{open: openBrowser, output: os.Stderr, timeout: defaultTimeout}
	for _, opt := range opts {
		if opt != nil {
			opt(&c)
		}
	}
	if cfg == nil || cfg.ClientID == "" {
		return nil, errors.New("oauthcli: the config must have a client id")
	}
	if err := checkEndpoint("authorization endpoint", cfg.Endpoint.AuthURL, c.insecure); err != nil {
		return nil, err
	}
	if err := checkEndpoint("token endpoint", cfg.Endpoint.TokenURL, c.insecure); err != nil {
		return nil, err
	}
	if c.appName == "" {
		c.appName = cfg.ClientID
	}
	redirect, err := loopbackURL(cfg.RedirectURL)
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, contextError(ctx)
	}
	waiting, cancel := context.WithTimeoutCause(ctx, c.timeout, fmt.Errorf("nobody logged in within %s: %w", c.timeout, context.DeadlineExceeded))
	defer cancel()

	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", redirect.Host)
	if err != nil {
		return nil, fmt.Errorf("oauthcli: no place for the browser to come back to: %w", err)
	}
	redirect.Host = listener.Addr().String()
	own := &oauth2.Config{
		ClientID: cfg.ClientID, ClientSecret: cfg.ClientSecret, Scopes: cfg.Scopes,
		Endpoint: cfg.Endpoint, RedirectURL: redirect.String(),
	}
	if own.Endpoint.AuthStyle == oauth2.AuthStyleAutoDetect {
		own.Endpoint.AuthStyle = oauth2.AuthStyleInParams // a code can be sent once: no trying
	}
	back := newCallback(redirect, rand.Text(), c.appName)
	stop := back.serve(listener)
	defer stop()

	verifier := oauth2.GenerateVerifier()
	openFailed := c.show(waiting, own.AuthCodeURL(back.state, oauth2.S256ChallengeOption(verifier)))
	code, err := c.wait(waiting, back, openFailed)
	if err != nil {
		back.end(err)
		return nil, err
	}
	token, err := exchange(ctx, own, code, verifier)
	back.end(err)
	return token, err
}

// show prints the address and opens it. A browser may last as long as its
// window, so nobody waits for it: its failure comes through the channel.
func (c *config) show(ctx context.Context, address string) (failed <-chan error) {
	_, _ = fmt.Fprintf(c.output, "To log in, open this address in a browser:\n\n  %s\n\n", address)
	if c.open == nil {
		return nil
	}
	errs := make(chan error, 1)
	go func() { errs <- c.open(ctx, address) }()
	return errs
}

// wait returns the authorization code that the browser brings back.
func (c *config) wait(ctx context.Context, back *callback, openFailed <-chan error) (code string, err error) {
	for {
		select {
		case q := <-back.answers:
			if q.Has("error") {
				return "", newError(q.Get("error"), q.Get("error_description"))
			}
			return q.Get("code"), nil
		case err := <-openFailed:
			if err != nil {
				_, _ = fmt.Fprintf(c.output, "(No browser could be opened: %v)\n", err)
			}
			openFailed = nil
		case <-ctx.Done():
			return "", contextError(ctx)
		}
	}
}

// contextError is the error of a context that has ended, with its cause.
func contextError(ctx context.Context) error {
	cause, err := context.Cause(ctx), ctx.Err()
	if errors.Is(cause, err) {
		return fmt.Errorf("oauthcli: %w", cause)
	}
	return fmt.Errorf("oauthcli: %w (%w)", cause, err)
}

// checkEndpoint refuses an endpoint that a browser or the token request could
// not use, or could be read on. The rule is that of [connix.NewTokenSource], so
// that both mean the same by "this machine".
func checkEndpoint(name, text string, insecure bool) error {
	var opts []connix.TokenSourceOption
	if insecure {
		opts = append(opts, connix.WithInsecureTokenURL())
	}
	cfg := &oauth2.Config{Endpoint: oauth2.Endpoint{TokenURL: text}}
	if _, err := connix.NewTokenSource(cfg, &oauth2.Token{AccessToken: "none"}, opts...); err != nil {
		return fmt.Errorf("oauthcli: the config's %s must have an https URL, or http on this machine; WithInsecureEndpoints allows http elsewhere, where tokens can be read on the way", name)
	}
	return nil
}

// loopbackURL checks a redirect URL, and fills in what it leaves open.
func loopbackURL(text string) (*url.URL, error) {
	if text == "" {
		text = "http://127.0.0.1" + defaultPath
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("oauthcli: the redirect URL is malformed")
	}
	ip := net.ParseIP(u.Hostname())
	if u.Scheme != "http" || ip == nil || !ip.IsLoopback() || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("oauthcli: the redirect URL must be http://127.0.0.1 or http://[::1] with a path, not %q", text)
	}
	port := u.Port()
	if port == "" {
		port = "0"
	}
	u.Host = net.JoinHostPort(u.Hostname(), port)
	if u.Path == "" {
		u.Path = "/"
	}
	return u, nil
}

// exchange turns the code into the token.
func exchange(ctx context.Context, cfg *oauth2.Config, code, verifier string) (*oauth2.Token, error) {
	var client http.Client
	if given, ok := ctx.Value(oauth2.HTTPClient).(*http.Client); ok && given != nil {
		client = *given
	}
	// A redirect would carry the code and the verifier wherever it says.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	ctx, cancel := context.WithTimeout(ctx, exchangeTimeout)
	defer cancel()
	token, err := cfg.Exchange(context.WithValue(ctx, oauth2.HTTPClient, &client), code, oauth2.VerifierOption(verifier))
	if err == nil {
		return token, nil
	}
	// x/oauth2's errors hold the answer's body and the address: neither is for a log.
	if answer, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		if answer.ErrorCode == "" {
			return nil, fmt.Errorf("oauthcli: the token endpoint answered %d", answer.Response.StatusCode)
		}
		hide := strings.NewReplacer(code, "****", verifier, "****")
		return nil, newError(hide.Replace(answer.ErrorCode), hide.Replace(answer.ErrorDescription))
	}
	if lost, ok := errors.AsType[*url.Error](err); ok {
		return nil, fmt.Errorf("oauthcli: asking for the token: %w", lost.Err)
	}
	return nil, errors.New("oauthcli: the token endpoint's answer holds no token")
}
