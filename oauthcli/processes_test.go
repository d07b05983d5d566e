package oauthcli_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	connix "github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/oauthcli"
	"golang.org/x/oauth2"
)

// Set for a process that this test binary starts again as a user of the store.
const (
	envURL  = "OAUTHCLI_TEST_URL"
	envFile = "OAUTHCLI_TEST_FILE"
	envName = "OAUTHCLI_TEST_NAME"
)

const (
	callers        = 3 // in each process
	callsPerCaller = 20
	usesPerToken   = 5
)

func TestMain(m *testing.M) {
	if os.Getenv(envURL) != "" {
		if err := useSharedToken(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// useSharedToken is a process that calls the API with the token in the file.
func useSharedToken(ctx context.Context) error {
	cfg := &oauth2.Config{ClientID: "example-cli", Endpoint: oauth2.Endpoint{TokenURL: os.Getenv(envURL) + "/token"}}
	source, err := connix.NewTokenSource(cfg, nil, connix.WithTokenStore(oauthcli.NewFileStore(os.Getenv(envFile))))
	if err != nil {
		return err
	}
	client, err := connix.NewClient(connix.WithBaseURL(os.Getenv(envURL)), connix.WithTokenSource(source),
		connix.WithoutRateLimiter())
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	errs := make(chan error, callers*callsPerCaller)
	for i := range callers {
		wg.Go(func() {
			for range callsPerCaller {
				if _, err := client.Hello(ctx, fmt.Sprint(os.Getenv(envName), "-", i)); err != nil {
					errs <- err
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	return <-errs
}

// rotatingServer is an API and its token endpoint. To each caller a token is
// good for a few calls; a refresh token buys one successor.
type rotatingServer struct {
	mu         sync.Mutex
	uses       map[string]int // by token and caller
	calls      map[string]int // by caller
	generation int
	reused     int
}

func (s *rotatingServer) refreshToken() string { return fmt.Sprintf("refresh-%d", s.generation) }
func (s *rotatingServer) accessToken() string  { return fmt.Sprintf("access-%d", s.generation) }

func (s *rotatingServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path == "/token" {
		if err := r.ParseForm(); err != nil || r.PostForm.Get("refresh_token") != s.refreshToken() {
			s.reused++
			w.WriteHeader(http.StatusBadRequest)
			_, _ = fmt.Fprint(w, `{"error":"invalid_grant"}`)
			return
		}
		s.generation++
		_, _ = fmt.Fprintf(w, `{"access_token":%q,"refresh_token":%q,"token_type":"Bearer","expires_in":3600}`, s.accessToken(), s.refreshToken())
		return
	}
	token, caller := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), r.URL.Query().Get("name")
	key := token + " " + caller
	if !strings.HasPrefix(token, "access-") || s.uses[key] == usesPerToken {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = fmt.Fprint(w, `{"error":{"code":"UNAUTHORIZED","message":"the token is used up"}}`)
		return
	}
	s.uses[key]++
	s.calls[caller]++
	_, _ = fmt.Fprint(w, `{"message":"Hello"}`)
}

func TestTwoProcessesShareOneTokenFile(t *testing.T) {
	s := &rotatingServer{uses: map[string]int{}, calls: map[string]int{}}
	srv := httptest.NewServer(s)
	defer srv.Close()
	path := filepath.Join(t.TempDir(), "token.json")
	first := &oauth2.Token{AccessToken: "access-0", RefreshToken: "refresh-0", Expiry: time.Now().Add(time.Hour)}
	if err := oauthcli.NewFileStore(path).Save(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 2 {
		wg.Go(func() {
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env = append(os.Environ(), envURL+"="+srv.URL, envFile+"="+path, fmt.Sprintf("%s=process-%d", envName, i))
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("process %d: %v: %s", i, err, out)
			}
		})
	}
	wg.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reused != 0 {
		t.Errorf("%d refreshes with a token that was spent", s.reused)
	}
	if len(s.calls) != 2*callers {
		t.Errorf("callers %v", s.calls)
	}
	for caller, n := range s.calls {
		if n != callsPerCaller {
			t.Errorf("%s made %d calls, want %d", caller, n, callsPerCaller)
		}
	}
	if least := callsPerCaller/usesPerToken - 1; s.generation < least {
		t.Errorf("%d refreshes, want %d at the least", s.generation, least)
	}
	stored, err := oauthcli.NewFileStore(path).Load(t.Context())
	if err != nil || stored.RefreshToken != s.refreshToken() {
		t.Errorf("the file holds %v, %v; the newest is %s", stored, err, s.refreshToken())
	}
}
