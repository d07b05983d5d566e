package connix_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/connix-io/connix-go"
)

// recorder is a server that notes what reaches it.
type recorder struct {
	*httptest.Server
	mu       sync.Mutex
	requests []string
	secrets  []string
}

func newRecorder(t *testing.T, handler http.HandlerFunc) *recorder {
	t.Helper()
	r := &recorder{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		r.requests = append(r.requests, strings.TrimSpace(req.Method+" "+req.URL.RequestURI()+" "+string(body)))
		for _, name := range []string{"X-API-Key", "Authorization", "Cookie"} {
			if v := req.Header.Get(name); v != "" {
				r.secrets = append(r.secrets, name)
			}
		}
		r.mu.Unlock()
		handler(w, req)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *recorder) seen() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.requests, ", ")
}

// A redirect to any other origin is refused, whatever its status and the
// method, and nothing ever arrives there.
func TestRedirect_otherOrigin(t *testing.T) {
	evil := newRecorder(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"id":1}`) })
	evilURL, _ := url.Parse(evil.URL)
	for _, status := range []int{301, 302, 303, 307, 308} {
		for name, location := range map[string]string{
			"other port":   evil.URL + "/api/v1/projects/1",
			"other host":   "http://localhost:" + evilURL.Port() + "/api/v1/projects/1",
			"other scheme": "https://" + evilURL.Host + "/api/v1/projects/1",
			"subdomain":    "http://api.localhost:" + evilURL.Port() + "/api/v1/projects/1",
			"no scheme":    "//" + evilURL.Host + "/api/v1/projects/1",
		} {
			api := newRecorder(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", location)
				http.SetCookie(w, &http.Cookie{Name: "session", Value: plantedToken, Path: "/"})
				w.WriteHeader(status)
			})
			jar, _ := cookiejar.New(nil)
			client, err := connix.NewClient(connix.WithAPIKey(plantedKey), connix.WithBaseURL(api.URL), connix.WithHTTPClient(&http.Client{Jar: jar}))
			if err != nil {
				t.Fatal(err)
			}
			for method, do := range map[string]func() error{
				"GET": func() error { _, err := client.Projects.Get(t.Context(), "1"); return err },
				"POST": func() error {
					_, err := client.Projects.Create(t.Context(), connix.CreateProjectRequest{Name: "x"})
					return err
				},
				"DELETE": func() error { return client.Projects.Delete(t.Context(), "1") },
			} {
				err := do()
				e, ok := errors.AsType[*connix.Error](err)
				if !ok || !errors.Is(err, connix.ErrRedirectRefused) || e.StatusCode != status || e.RequestID == "" {
					t.Errorf("%s, %d, %s: %v, want ErrRedirectRefused with the status", name, status, method, err)
				}
				if strings.Contains(fmt.Sprint(err), evilURL.Port()) {
					t.Errorf("%s, %d, %s: the error quotes the location: %v", name, status, method, err)
				}
				mayBeDone := method != "GET" && status < 307
				if errors.Is(err, connix.ErrUnknownOutcome) != mayBeDone {
					t.Errorf("%s, %d, %s: ErrUnknownOutcome %v, want %v", name, status, method, !mayBeDone, mayBeDone)
				}
			}
			if got := strings.Count(api.seen(), "/api/v1/projects"); got != 3 {
				t.Errorf("%s, %d: the API saw %d requests, want 3: %s", name, status, got, api.seen())
			}
		}
	}
	if seen := evil.seen(); seen != "" || len(evil.secrets) > 0 {
		t.Errorf("the other origin was reached: %s, with %q", seen, evil.secrets)
	}
}

// Within the origin reads follow, and writes only what keeps their method.
func TestRedirect_sameOrigin(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		keeps := status >= 307
		api := newRecorder(t, func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasSuffix(r.URL.Path, "/moved") {
				http.Redirect(w, r, "/elsewhere/moved?x=1#part", status)
				return
			}
			if r.Header.Get("X-API-Key") != plantedKey {
				w.WriteHeader(401)
				return
			}
			_, _ = io.WriteString(w, `{"id":1,"name":"x"}`)
		})
		client, err := connix.NewClient(connix.WithAPIKey(plantedKey), connix.WithBaseURL(api.URL))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Projects.Get(t.Context(), "1"); err != nil {
			t.Errorf("%d, GET: %v", status, err)
		}
		_, createErr := client.Projects.Create(t.Context(), connix.CreateProjectRequest{Name: "x"})
		deleteErr := client.Projects.Delete(t.Context(), "1")
		for method, err := range map[string]error{"POST": createErr, "DELETE": deleteErr} {
			if keeps != (err == nil) || !keeps && !errors.Is(err, connix.ErrRedirectRefused) {
				t.Errorf("%d, %s: %v", status, method, err)
			}
		}
		want := `GET /api/v1/projects/1, GET /elsewhere/moved?x=1, POST /api/v1/projects {"name":"x"}, `
		if keeps {
			want += `POST /elsewhere/moved?x=1 {"name":"x"}, DELETE /api/v1/projects/1, DELETE /elsewhere/moved?x=1`
		} else {
			want += `DELETE /api/v1/projects/1`
		}
		if seen := api.seen(); seen != want {
			t.Errorf("%d: the API saw\n%s, want\n%s", status, seen, want)
		}
	}
}

// A redirect that never ends does.
func TestRedirect_loop(t *testing.T) {
	api := newRecorder(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) })
	client, err := connix.NewClient(connix.WithAPIKey("key"), connix.WithBaseURL(api.URL))
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Projects.Get(t.Context(), "1")
	e, ok := errors.AsType[*connix.Error](err)
	if !ok || !errors.Is(err, connix.ErrRedirectRefused) || len(e.Attempts) != 11 || e.StatusCode != 302 {
		t.Errorf("%v, want ErrRedirectRefused after 10 hops", err)
	}
}

// Cookies of the caller's Jar are sent, to the API, and those of an answer with
// the next attempt already.
func TestRedirect_jar(t *testing.T) {
	asked := 0
	api := newRecorder(t, func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "1", Path: "/"})
		if asked++; asked == 1 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_, _ = io.WriteString(w, `{"id":1,"name":"my-project"}`)
	})
	jar, _ := cookiejar.New(nil)
	client, err := connix.NewClient(connix.WithAPIKey("key"), connix.WithBaseURL(api.URL), connix.WithHTTPClient(&http.Client{Jar: jar}),
		connix.WithRetryPolicy(connix.RetryPolicy{MaxRetries: 1}))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := client.Projects.Create(t.Context(), connix.CreateProjectRequest{Name: "my-project"}, connix.WithRetryUnsafe()); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Join(api.secrets, " "); got != "X-API-Key X-API-Key Cookie X-API-Key Cookie" {
		t.Errorf("headers sent: %s, want the cookie with the second and the third request", got)
	}
}
