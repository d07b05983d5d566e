package oauthcli_test

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
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
	envPlay = "OAUTHCLI_TEST_PLAY" // which program it is
)

// runs is how many programs the tests start that look for a login that is lost
// now and then.
var runs = flag.Int("runs", 10, "programs to start in tests of what only some of them would show")

const (
	callers        = 3 // in each process
	callsPerCaller = 20
	usesPerToken   = 5
)

func TestMain(m *testing.M) {
	if os.Getenv(envURL) != "" {
		program := map[string]func(context.Context) error{"": useSharedToken, "ends": callAndEnd, "closes": cancelCloseAndEnd, "killed": callUntilKilled}[os.Getenv(envPlay)]
		if err := program(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// connect returns a client with the token in the file, and its source.
func connect() (*connix.Client, *connix.TokenSource, error) {
	cfg := &oauth2.Config{ClientID: "example-cli", Endpoint: oauth2.Endpoint{TokenURL: os.Getenv(envURL) + "/token"}}
	source, err := connix.NewTokenSource(cfg, nil, connix.WithTokenStore(oauthcli.NewFileStore(os.Getenv(envFile))))
	if err != nil {
		return nil, nil, err
	}
	client, err := connix.NewClient(connix.WithBaseURL(os.Getenv(envURL)), connix.WithTokenSource(source), connix.WithoutRateLimiter())
	return client, source, err
}

// callAndEnd is a program that makes two calls and ends.
func callAndEnd(ctx context.Context) error {
	client, _, err := connect()
	for range 2 {
		if err == nil {
			_, err = client.Hello(ctx, "")
		}
	}
	return err
}

// cancelCloseAndEnd is a program that gives up a call, and closes its source.
func cancelCloseAndEnd(ctx context.Context) error {
	client, source, err := connect()
	if err != nil {
		return err
	}
	if _, err := client.Hello(ctx, ""); err != nil {
		return err
	}
	short, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
	defer cancel()
	_, _ = client.Hello(short, "")
	return source.Close(ctx)
}

// callUntilKilled is a program that calls until it is killed. It reads one line
// first.
func callUntilKilled(ctx context.Context) error {
	client, _, err := connect()
	_, _ = fmt.Println("ready")
	_, _ = fmt.Scanln()
	for err == nil {
		_, err = client.Hello(ctx, os.Getenv(envName))
	}
	return err
}

// useSharedToken is a process that calls the API with the token in the file.
func useSharedToken(ctx context.Context) error {
	client, _, err := connect()
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
	latency    time.Duration
	perToken   int // uses
	mu         sync.Mutex
	uses       map[string]int // by token and caller
	calls      map[string]int // by caller
	generation int
	reused     int
}

// newest counts the refreshes so far.
func (s *rotatingServer) newest() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.generation
}

func (s *rotatingServer) refreshToken() string { return fmt.Sprintf("refresh-%d", s.generation) }
func (s *rotatingServer) accessToken() string  { return fmt.Sprintf("access-%d", s.generation) }

func newRotatingServer() *rotatingServer {
	return &rotatingServer{uses: map[string]int{}, calls: map[string]int{}, perToken: usesPerToken}
}

// begin saves the first token into a new file.
func (s *rotatingServer) begin(t *testing.T, left time.Duration) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "token.json")
	s.mu.Lock()
	defer s.mu.Unlock()
	first := &oauth2.Token{AccessToken: s.accessToken(), RefreshToken: s.refreshToken(), Expiry: time.Now().Add(left)}
	if err := oauthcli.NewFileStore(path).Save(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	return path
}

func (s *rotatingServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	time.Sleep(s.latency)
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
	if !strings.HasPrefix(token, "access-") || s.uses[key] == s.perToken {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = fmt.Fprint(w, `{"error":{"code":"UNAUTHORIZED","message":"the token is used up"}}`)
		return
	}
	s.uses[key]++
	s.calls[caller]++
	_, _ = fmt.Fprint(w, `{"message":"Hello"}`)
}

func TestTwoProcessesShareOneTokenFile(t *testing.T) {
	s := newRotatingServer()
	srv := httptest.NewServer(s)
	defer srv.Close()
	path := s.begin(t, time.Hour)
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

// program is this test binary as a program that uses the file.
func program(t *testing.T, play, url, path string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), envPlay+"="+play, envURL+"="+url, envFile+"="+path, envName+"="+play)
	return cmd
}

// A program that ends at once after its last call, or after Close, loses no
// login though a refresh was due.
func TestPrograms_endAtOnce(t *testing.T) {
	for _, play := range []string{"ends", "closes"} {
		t.Run(play, func(t *testing.T) {
			s := newRotatingServer()
			s.latency = 20 * time.Millisecond
			srv := httptest.NewServer(s)
			defer srv.Close()
			lost := 0
			for range *runs {
				path := s.begin(t, 30*time.Second)
				before := s.newest()
				if out, err := program(t, play, srv.URL, path).CombinedOutput(); err != nil {
					t.Fatalf("%v: %s", err, out)
				}
				stored, err := oauthcli.NewFileStore(path).Load(t.Context())
				s.mu.Lock()
				if s.generation != before+1 {
					t.Errorf("%d refreshes, want 1", s.generation-before)
				}
				if err != nil || stored.RefreshToken != s.refreshToken() {
					lost++
				}
				s.mu.Unlock()
			}
			if lost > 0 || s.reused > 0 {
				t.Errorf("%d of %d logins were lost, %d spent tokens used", lost, *runs, s.reused)
			}
		})
	}
}

// kill -9 at any moment: a token that is complete on the disk is never lost. Only
// one that no process had written yet can be.
func TestPrograms_killed(t *testing.T) {
	tried, refreshes, unavoidable := 0, 0, 0
	for _, processes := range []int{2, 3, 8} {
		for range max(1, *runs/processes) {
			s := newRotatingServer()
			s.perToken = 1 // so that nearly every call refreshes
			srv := httptest.NewServer(s)
			path := s.begin(t, time.Hour)
			killAll(t, srv.URL, path, processes)
			srv.Close() // waits for the requests under way
			tried++
			refreshes += s.generation
			newest := s.refreshToken()
			var stored *oauth2.Token
			_, err := oauthcli.NewFileStore(path).Update(t.Context(), func(_ context.Context, found *oauth2.Token) (*oauth2.Token, error) {
				stored = found
				return found, nil
			})
			if err != nil || stored == nil {
				t.Fatalf("after the kill the file holds %v, %v", stored, err)
			}
			if stored.RefreshToken == newest {
				continue
			}
			unavoidable++
			if name := holding(t, filepath.Dir(path), newest); name != "" {
				t.Errorf("%d processes: the newest token is in %s, and yet it is lost", processes, name)
			}
		}
	}
	t.Logf("%d kills of 2 to 8 processes, %d refreshes; %d tokens were on no disk yet", tried, refreshes, unavoidable)
}

// killAll starts the processes and kills them all in the midst of their calls.
func killAll(t *testing.T, url, path string, processes int) {
	t.Helper()
	var all []*exec.Cmd
	for range processes {
		cmd := program(t, "killed", url, path)
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		all = append(all, cmd)
		if _, err := in.Write([]byte("\n")); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(rand.N(60 * time.Millisecond))
	for _, cmd := range all {
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	for _, cmd := range all {
		_ = cmd.Wait() // killed
	}
}

// holding returns the file of the folder that holds the text, "" for none.
func holding(t *testing.T, folder, text string) string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if data, err := os.ReadFile(filepath.Join(folder, entry.Name())); err == nil && bytes.Contains(data, []byte(`"`+text+`"`)) {
			return entry.Name()
		}
	}
	return ""
}
