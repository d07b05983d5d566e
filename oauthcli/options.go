package oauthcli

import (
	"context"
	"io"
	"os"
	"time"
)

// Option configures [Login] and [Source]. A nil option does nothing.
type Option func(*config)

type config struct {
	open     func(ctx context.Context, url string) error
	output   io.Writer
	input    io.Reader
	timeout  time.Duration
	appName  string
	port     int
	insecure bool
}

const defaultTimeout = 5 * time.Minute

func newConfig(opts []Option) *config {
	c := &config{open: openBrowser, output: os.Stderr, timeout: defaultTimeout}
	for _, opt := range opts {
		if opt != nil {
			opt(c)
		}
	}
	return c
}

// WithOpenURL opens the login page by open instead of the user's browser. Its
// context ends when Login returns; its error is told to the user, who can open
// the page by hand. If it is nil, nothing is opened; the address is printed all
// the same.
func WithOpenURL(open func(ctx context.Context, url string) error) Option {
	return func(c *config) { c.open = open }
}

// WithOutput prints to w what the user should know, above all the address of
// the login page. The default is standard error; nil prints nothing.
func WithOutput(w io.Writer) Option {
	return func(c *config) {
		if w == nil {
			w = io.Discard
		}
		c.output = w
	}
}

// WithInput reads lines from r while Login waits. A user whose browser is on
// another machine sees it fail to come back, and pastes the address that it
// ended at. By default that is read from standard input, if it is a terminal and
// no browser was opened here.
//
// A Read that is under way when the login ends goes on and takes the next line:
// give the input only if the program reads nothing else from it.
func WithInput(r io.Reader) Option { return func(c *config) { c.input = r } }

// WithPort listens on a fixed port, which must be free, instead of any or the
// redirect URL's. A user whose browser is on another machine can forward it there:
// ssh -L port:127.0.0.1:port. 0 has no effect.
func WithPort(port int) Option { return func(c *config) { c.port = port } }

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
