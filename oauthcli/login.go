package oauthcli

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"

	connix "github.com/connix-io/connix-go"
	"golang.org/x/oauth2"
)

const defaultPath = "/callback"

// Login has the user log in with a browser and returns the token. It listens
// on a loopback address while it runs, opens the authorization page and prints
// its address for users whose browser is elsewhere (see [WithInput] and
// [WithPort]).
//
// cfg.RedirectURL says what the authorization server knows the program by:
// "http://127.0.0.1/callback" (also the meaning of "") or another path, or
// http://[::1]. If it has a port, that one is listened on; else any free one
// is, as authorization servers allow for loopback addresses. cfg is not changed.
// Its endpoints must be https, or on this machine, unless
// [WithInsecureEndpoints] is given.
//
// A user who denies and every other refusal of the authorization server is an
// [*Error]. When the time is up, the error matches [context.DeadlineExceeded].
// The code is exchanged by [connix.ExchangeCode], with the http.Client that ctx
// holds under [oauth2.HTTPClient], if any. A callback that does not belong to
// this login, by its state, its Host header or because there was another before,
// is refused and ends nothing. If the user grants fewer scopes than cfg asks for,
// the output names the others, as [connix.MissingScopes] does for the program.
func Login(ctx context.Context, cfg *oauth2.Config, opts ...Option) (*oauth2.Token, error) {
	c := newConfig(opts)
	redirect, err := c.check(cfg)
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
		return nil, fmt.Errorf("oauthcli: the browser cannot come back: %w", err)
	}
	redirect.Host = listener.Addr().String()
	own := &oauth2.Config{
		ClientID: cfg.ClientID, ClientSecret: cfg.ClientSecret, Scopes: cfg.Scopes,
		Endpoint: cfg.Endpoint, RedirectURL: redirect.String(),
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
	token, err := c.exchange(ctx, own, code, verifier)
	back.end(err)
	return token, err
}

// check refuses what a login could not use, and returns where to listen.
func (c *config) check(cfg *oauth2.Config) (*url.URL, error) {
	if cfg == nil || cfg.ClientID == "" {
		return nil, errors.New("oauthcli: the config must have a client id")
	}
	if err := checkEndpoint("authorization endpoint", cfg.Endpoint.AuthURL, c.insecure); err != nil {
		return nil, err
	}
	if err := checkEndpoint("token endpoint", cfg.Endpoint.TokenURL, c.insecure); err != nil {
		return nil, err
	}
	if c.port < 0 || c.port > 65535 {
		return nil, fmt.Errorf("oauthcli: the port must be between 0 and 65535, not %d", c.port)
	}
	if c.appName == "" {
		c.appName = cfg.ClientID
	}
	redirect, err := loopbackURL(cfg.RedirectURL)
	if err == nil && c.port != 0 {
		redirect.Host = net.JoinHostPort(redirect.Hostname(), strconv.Itoa(c.port))
	}
	return redirect, err
}

// show prints the address and opens it. A browser may last as long as its
// window, so nobody waits for it: its failure comes through the channel.
func (c *config) show(ctx context.Context, address string) (failed <-chan error) {
	_, _ = fmt.Fprintf(c.output, "To log in, open this address in a browser:\n\n  %s\n\n", address)
	errs := make(chan error, 1)
	if c.open == nil {
		errs <- nil
		return errs
	}
	go func() {
		err := c.open(ctx, address)
		if err == nil {
			close(errs) // a browser is open
			return
		}
		errs <- err
	}()
	return errs
}

// wait returns the authorization code that the browser brings back, or that the
// user does.
func (c *config) wait(ctx context.Context, back *callback, notOpened <-chan error) (code string, err error) {
	var lines <-chan string
	if c.input != nil {
		lines = c.prompt(c.input)
	}
	for {
		select {
		case q := <-back.responses:
			if q.Has("error") {
				return "", newError(q.Get("error"), q.Get("error_description"))
			}
			return q.Get("code"), nil
		case err, failed := <-notOpened:
			notOpened = nil
			if err != nil {
				_, _ = fmt.Fprintf(c.output, "(No browser could be opened: %v)\n", err)
			}
			if failed && lines == nil && isTerminal(os.Stdin) {
				lines = c.prompt(os.Stdin)
			}
		case line, ok := <-lines:
			if !ok {
				lines = nil // the end of the input
				continue
			}
			if problem := back.paste(line); problem != "" {
				_, _ = fmt.Fprintf(c.output, "%s Paste the whole address that the browser ended at:\n", problem)
			}
		case <-ctx.Done():
			return "", contextError(ctx)
		}
	}
}

// prompt reads lines until the input ends. The goroutine may outlive the login:
// a Read cannot be interrupted.
func (c *config) prompt(input io.Reader) <-chan string {
	_, _ = fmt.Fprint(c.output, "If the browser is on another machine, paste the address that it ends at here:\n")
	lines := make(chan string, 1)
	go func() {
		defer close(lines)
		scanner := bufio.NewScanner(input)
		for scanner.Scan() {
			if line := strings.TrimSpace(scanner.Text()); line != "" {
				lines <- line
			}
		}
	}()
	return lines
}

// isTerminal reports whether somebody may be typing.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
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
	cfg := &oauth2.Config{Endpoint: oauth2.Endpoint{TokenURL: text}}
	if _, err := connix.NewTokenSource(cfg, &oauth2.Token{AccessToken: "none"}, tokenOptions(insecure)...); err != nil {
		return fmt.Errorf("oauthcli: the config's %s must have an https URL, or http on this machine; WithInsecureEndpoints allows http elsewhere, where tokens can be read on the way", name)
	}
	return nil
}

func tokenOptions(insecure bool) []connix.TokenSourceOption {
	if !insecure {
		return nil
	}
	return []connix.TokenSourceOption{connix.WithInsecureTokenURL()}
}

// loopbackURL checks a redirect URL, and fills in what it leaves open.
func loopbackURL(text string) (*url.URL, error) {
	if text == "" {
		text = "http://127.0.0.1" + defaultPath
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("oauthcli: the redirect URL is not a valid URL")
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
func (c *config) exchange(ctx context.Context, cfg *oauth2.Config, code, verifier string) (*oauth2.Token, error) {
	token, err := connix.ExchangeCode(ctx, cfg, code, verifier, tokenOptions(c.insecure)...)
	if failure, ok := errors.AsType[*connix.TokenError](err); ok && failure.Code != "" {
		return nil, newError(failure.Code, failure.Description)
	}
	if err != nil {
		return nil, fmt.Errorf("oauthcli: asking for the token: %w", err)
	}
	if missing := connix.MissingScopes(token, cfg.Scopes...); len(missing) > 0 {
		_, _ = fmt.Fprintf(c.output, "(The login was granted without: %s)\n", strings.Join(missing, ", "))
	}
	return token, nil
}
