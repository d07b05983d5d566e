package connix_test

import (
	"context"
	"errors"
	"io"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
	"golang.org/x/oauth2"
)

// inTurn gives one value after the other, the last for ever. An error among
// them is returned as one.
type inTurn struct {
	values []any
	asked  int
}

func (s *inTurn) next() (string, error) {
	s.asked++
	if err, ok := s.values[min(s.asked, len(s.values))-1].(error); ok {
		return "", err
	}
	return s.values[min(s.asked, len(s.values))-1].(string), nil
}

// credentials are the options under which a source of the caller's is asked for
// what each attempt is authenticated with.
var credentials = map[string]func(*inTurn) connix.Option{
	"WithAPIKeySource": func(s *inTurn) connix.Option {
		return connix.WithAPIKeySource(func(ctx context.Context) (string, error) {
			if _, timed := ctx.Deadline(); !timed {
				return "", errors.New("the context has no deadline")
			}
			return s.next()
		})
	},
	"WithTokenSource": func(s *inTurn) connix.Option { return connix.WithTokenSource(tokensInTurn{s}) },
}

type tokensInTurn struct{ *inTurn }

func (s tokensInTurn) Token() (*oauth2.Token, error) {
	text, err := s.next()
	if err != nil || text == "no token" {
		return nil, err
	}
	return &oauth2.Token{AccessToken: text}, nil
}

// A source of the caller's is asked for every attempt. After a 401 it is asked
// once more, and the call, a write too, is sent again only with something else.
func TestSourcesOfCredentials(t *testing.T) {
	errVault := errors.New("the vault is sealed")
	for option, with := range credentials {
		for _, c := range []struct {
			name   string
			gives  []any // "good" is accepted
			status int   // of the last answer, 0 where none is asked for
			sent   int
			asked  int
			err    error
		}{
			{"good at once", []any{"good"}, 201, 1, 1, nil},
			{"another after the 401", []any{"old", "good"}, 201, 2, 3, nil},
			{"the same after the 401", []any{"old"}, 401, 1, 2, connix.ErrUnauthorized},
			{"another that is refused too", []any{"old", "older", "oldest"}, 401, 2, 3, connix.ErrUnauthorized},
			{"none at all", []any{errVault}, 0, 0, 1, errVault},
			{"none after the 401", []any{"old", errVault}, 401, 1, 2, errVault},
			{"an empty one", []any{""}, 0, 0, 1, connix.ErrNoCredentials},
			{"a line of a file", []any{"from-a-file\n"}, 0, 0, 1, connix.ErrNoCredentials},
			{"not ASCII", []any{"ключ"}, 0, 0, 1, connix.ErrNoCredentials},
			{"a broken one after the 401", []any{"old", "from-a-file\n"}, 401, 1, 2, connix.ErrNoCredentials},
		} {
			t.Run(option+"/"+c.name, func(t *testing.T) {
				srv := newServer(t)
				good := srv.AddAPIKey(connix.APIKey{Scopes: []string{"projects:write"}}).Key.Reveal()
				if option == "WithTokenSource" {
					good = srv.AddToken().AccessToken
				}
				source := &inTurn{values: slices.Clone(c.gives)}
				if i := slices.Index(c.gives, any("good")); i >= 0 {
					source.values[i] = good
				}
				client := srv.Client(t, with(source))
				_, err := client.Projects.Create(t.Context(), connix.CreateProjectRequest{Name: "project"})
				srv.Expect(t, connixtest.Match{}, c.sent)
				equal(t, "times asked", source.asked, c.asked)
				if c.err == nil {
					if err != nil {
						t.Error(err)
					}
					return
				}
				e := mustError(t, err, c.err)
				equal(t, "error", []any{e.StatusCode, e.Method, e.Route, errors.Is(err, connix.ErrUnknownOutcome)}, []any{c.status, "POST", "/projects", false})
				if strings.Contains(err.Error(), "from-a-file") {
					t.Errorf("the text shows the credential: %v", err)
				}
			})
		}
	}
}

func TestTokenSourceWithoutATokenOrAnError(t *testing.T) {
	srv := newServer(t)
	_, err := srv.Client(t, credentials["WithTokenSource"](&inTurn{values: []any{"no token"}})).Hello(t.Context(), "")
	mustErrorIs(t, err, connix.ErrNoCredentials)
	if !strings.Contains(err.Error(), "WithTokenSource") {
		t.Errorf("the text does not name the option: %v", err)
	}
	srv.Expect(t, connixtest.Match{}, 0)
}

// What fails beneath a source is the source's failure, whatever errors it consists
// of: nothing was sent.
func TestSourceThatFailsByTheNetwork(t *testing.T) {
	lost := &url.Error{Op: "Get", URL: "https://vault.test/", Err: io.EOF}
	for option, with := range credentials {
		srv := newServer(t)
		client := srv.Client(t, with(&inTurn{values: []any{lost}}))
		for _, call := range []func() error{
			func() error {
				_, err := client.Projects.Create(t.Context(), connix.CreateProjectRequest{Name: "x"})
				return err
			},
			func() error { _, err := client.Hello(t.Context(), ""); return err },
		} {
			err := call()
			e := mustError(t, err, connix.ErrNoCredentials, lost, io.EOF)
			if errors.Is(err, connix.ErrUnknownOutcome) || len(e.Attempts) > 0 {
				t.Errorf("%s: %v after %d attempts", option, err, len(e.Attempts))
			}
		}
		srv.Expect(t, connixtest.Match{}, 0)
	}
}

// A panic of the caller's source ends where the caller can recover it, and not the
// process.
func TestPanickingTokenSource(t *testing.T) {
	srv := newServer(t)
	client := srv.Client(t, connix.WithTokenSource(panickingTokens{}))
	defer func() {
		if v := recover(); v != "of the source" {
			t.Errorf("recovered %v", v)
		}
	}()
	_, err := client.Hello(t.Context(), "")
	t.Errorf("returned %v", err)
}

type panickingTokens struct{}

func (panickingTokens) Token() (*oauth2.Token, error) { panic("of the source") }

// A token source takes no context. A slow one holds up neither the call's
// deadline nor its cancellation.
func TestSlowTokenSource(t *testing.T) {
	bubble{}.test(t, func(t *testing.T, srv *connixtest.Server) {
		client := srv.Client(t, connix.WithTokenSource(slowTokens{}), connix.WithRetryPolicy(connix.RetryPolicy{}))
		start := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err := client.Hello(ctx, "")
		mustErrorIs(t, err, context.Canceled)
		equal(t, "ended", time.Since(start), time.Second)
		_, err = client.Hello(t.Context(), "") // by the attempt's timeout
		mustErrorIs(t, err, context.DeadlineExceeded)
		equal(t, "ended", time.Since(start), 31*time.Second)
		srv.Expect(t, connixtest.Match{}, 0)
		time.Sleep(time.Hour) // until the source has answered those who have gone
	})
}

// Nor does a source that hangs after a 401 hang the call.
func TestSourceThatHangsAfterARefusal(t *testing.T) {
	bubble{}.test(t, func(t *testing.T, srv *connixtest.Server) {
		first := true
		client := srv.Client(t, connix.WithTimeout(5*time.Second), connix.WithAPIKeySource(func(ctx context.Context) (string, error) {
			if first {
				first = false
				return "refused", nil
			}
			<-ctx.Done()
			return "", context.Cause(ctx)
		}))
		start := time.Now()
		_, err := client.Hello(context.WithoutCancel(t.Context()), "")
		e := mustError(t, err, connix.ErrUnauthorized, context.DeadlineExceeded)
		equal(t, "error", []any{e.StatusCode, len(e.Attempts)}, []any{401, 1})
		equal(t, "ended", time.Since(start), 5*time.Second)
	})
}

type slowTokens struct{}

func (slowTokens) Token() (*oauth2.Token, error) {
	time.Sleep(time.Minute)
	return &oauth2.Token{AccessToken: "late"}, nil
}

// A limiter that refuses for want of time says that it is the context's.
func TestRefusalOfTheLimiterMatchesTheContext(t *testing.T) {
	bubble{}.test(t, func(t *testing.T, srv *connixtest.Server) {
		refuse := func(err error) *connix.Client {
			return srv.Client(t, connix.WithRateLimiter(loggedLimiter{&journal{}, func() error { return err }}))
		}
		inAMinute := &connix.RateLimitError{Wait: time.Minute}
		for _, c := range []struct {
			name string
			ctx  func(context.Context) (context.Context, context.CancelFunc)
			want error // nil: the context is not to blame
		}{
			{"no deadline", context.WithCancel, nil},
			{"a deadline after the wait", func(ctx context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeout(ctx, time.Hour)
			}, nil},
			{"a deadline before it", func(ctx context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeout(ctx, time.Second)
			}, context.DeadlineExceeded},
		} {
			ctx, cancel := c.ctx(t.Context())
			_, err := refuse(inAMinute).Hello(ctx, "")
			mustErrorIs(t, err, connix.ErrRateLimited, inAMinute)
			equal(t, c.name+": the deadline is why", errors.Is(err, context.DeadlineExceeded), c.want != nil)
			cancel()
		}
		// A limiter that ends with a context of its own making.
		ctx, cancel := context.WithCancel(t.Context())
		client := srv.Client(t, connix.WithRateLimiter(loggedLimiter{&journal{}, func() error { cancel(); return errShutdown }}))
		_, err := client.Hello(ctx, "")
		mustErrorIs(t, err, errShutdown, context.Canceled)
		srv.Expect(t, connixtest.Match{}, 0)
	})
}
