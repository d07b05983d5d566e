package connix_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"sync"
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
func TestCredentials_sources(t *testing.T) {
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

func TestCredentials_neitherTokenNorError(t *testing.T) {
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
func TestCredentials_networkFailure(t *testing.T) {
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
func TestCredentials_panic(t *testing.T) {
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
func TestCredentials_slowTokenSource(t *testing.T) {
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
func TestCredentials_hangAfterRefusal(t *testing.T) {
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
func TestPermit_refusalMatchesContext(t *testing.T) {
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

func TestRotatingKey_unsendableKey(t *testing.T) {
	k, err := connix.NewRotatingKey("cx_first")
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]string{
		"empty": "", "line feed": "cx_planted\n", "carriage return": "cx_pla\rnted", "space": "cx_planted x",
		"tab": "\tcx_planted", "NUL": "cx_planted\x00", "DEL": "cx_planted\x7f", "not ASCII": "cx_plantedé", "not UTF-8": "cx_planted\xff",
	} {
		t.Run(name, func(t *testing.T) {
			_, made := connix.NewRotatingKey(key)
			for _, err := range []error{made, k.Rotate(key)} {
				refused, ok := errors.AsType[*connix.ArgumentError](err)
				if !ok || refused.Name != "key" {
					t.Fatalf("got %v, want a refusal of the key", err)
				}
				if strings.Contains(err.Error(), "planted") {
					t.Errorf("the refusal shows the key: %v", err)
				}
			}
		})
	}
	if key, err := k.Key(t.Context()); key != "cx_first" || err != nil {
		t.Errorf("a refused key changed the key to %q, %v", key, err)
	}
}

func TestRotatingKey_seenByAll(t *testing.T) {
	k, err := connix.NewRotatingKey("cx_0")
	if err != nil {
		t.Fatal(err)
	}
	var rotated sync.Map // by number of the key: present once Rotate returned
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for range 200 {
				newest := 0
				for i := 1; i <= 50; i++ {
					if _, ok := rotated.Load(i); ok {
						newest = i
					}
				}
				key, err := k.Key(t.Context())
				var got int
				if _, scanErr := fmt.Sscanf(key, "cx_%d", &got); err != nil || scanErr != nil {
					t.Errorf("key %q: %v, %v", key, err, scanErr)
				}
				if got < newest {
					t.Errorf("got key %d after Rotate to %d had returned", got, newest)
				}
			}
		})
	}
	for i := 1; i <= 50; i++ {
		if err := k.Rotate(fmt.Sprintf("cx_%d", i)); err != nil {
			t.Error(err)
		}
		rotated.Store(i, true)
	}
	wg.Wait()
}

func TestRotatingKey_printed(t *testing.T) {
	k, err := connix.NewRotatingKey("cx_planted")
	if err != nil {
		t.Fatal(err)
	}
	type holder struct{ key *connix.RotatingKey }
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, value := range []any{k, holder{k}, &holder{k}} {
			text := fmt.Sprintf(verb, value)
			if strings.Contains(text, "planted") || strings.Contains(text, fmt.Sprintf("%x", "planted")) {
				t.Errorf("%s of %T shows the key: %s", verb, value, text)
			}
		}
	}
	if got := k.LogValue().String(); got != "connix.RotatingKey(****)" {
		t.Errorf("logs as %s", got)
	}
	if _, err := new(connix.RotatingKey).Key(t.Context()); err == nil {
		t.Error("a RotatingKey that nobody made gives a key")
	}
}

func TestRotatingKey_underLoad(t *testing.T) {
	srv := connixtest.NewServer(t)
	admin := srv.Client(t)
	old := srv.AddAPIKey(connix.APIKey{Name: "before", Scopes: []string{"projects:read"}})
	key, err := connix.NewRotatingKey(old.Key.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	client := srv.Client(t, connix.WithAPIKeySource(key.Key))
	rotated, stop := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	var mu sync.Mutex
	late := map[string]bool{} // ids of the calls that began after Rotate
	for range 64 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				var opts []connix.CallOption
				select {
				case <-rotated:
					id := rand.Text()
					mu.Lock()
					late[id] = true
					mu.Unlock()
					opts = append(opts, connix.WithRequestID(id))
				default:
				}
				if _, err := client.Projects.List(t.Context(), nil, opts...); err != nil {
					t.Errorf("a call failed: %v", err)
					return
				}
			}
		})
	}
	wait := func(n int) {
		if _, err := srv.AwaitRequests(t.Context(), connixtest.Match{Route: "/projects"}, n); err != nil {
			t.Error(err)
		}
	}
	wait(200)
	fresh, err := admin.APIKeys.Create(t.Context(), connix.CreateAPIKeyRequest{Name: "after", Scopes: []string{"projects:read"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := key.Rotate(fresh.Key.Reveal()); err != nil {
		t.Fatal(err)
	}
	close(rotated)
	if err := admin.APIKeys.Revoke(t.Context(), old.ID); err != nil {
		t.Fatal(err)
	}
	wait(len(srv.Requests()) + 200)
	close(stop)
	wg.Wait()
	seen := 0
	for _, r := range srv.Requests() {
		if late[r.Header.Get("X-Request-Id")] {
			seen++
			if r.Header.Get("X-Api-Key") != fresh.Key.Reveal() {
				t.Error("a call that began after Rotate used the old key")
			}
		}
	}
	if seen == 0 {
		t.Error("no call began after Rotate")
	}
}
