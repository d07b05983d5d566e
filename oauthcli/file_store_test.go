package oauthcli_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	connix "github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/oauthcli"
	"golang.org/x/oauth2"
)

func TestFileStoreKeepsAToken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "not", "there", "yet", "token.json")
	s := oauthcli.NewFileStore(path)
	if tok, err := s.Load(t.Context()); tok != nil || err != nil {
		t.Fatalf("an absent file holds %v, %v", tok, err)
	}
	expiry := time.Now().Add(time.Hour)
	want := &oauth2.Token{AccessToken: "planted-access", RefreshToken: "planted-refresh", TokenType: "Bearer", Expiry: expiry, ExpiresIn: 3600}
	kept, err := s.Update(t.Context(), func(_ context.Context, stored *oauth2.Token) (*oauth2.Token, error) {
		if stored != nil {
			t.Errorf("an absent file holds %v", stored)
		}
		return want, nil
	})
	if err != nil || kept != want {
		t.Fatalf("got %v, %v", kept, err)
	}
	got, err := oauthcli.NewFileStore(path).Load(t.Context())
	if err != nil || got.AccessToken != want.AccessToken || got.RefreshToken != want.RefreshToken || !got.Expiry.Equal(expiry) || got.ExpiresIn != 3600 {
		t.Errorf("loaded %+v, %v", got, err)
	}
	if text := fmt.Sprintf("%v", s); text != path {
		t.Errorf("prints as %s", text)
	}
	if runtime.GOOS != "windows" {
		for name, mode := range map[string]os.FileMode{path: 0o600, path + ".lock": 0o600, filepath.Dir(path): 0o700 | os.ModeDir} {
			info, err := os.Stat(name)
			if err != nil || info.Mode() != mode {
				t.Errorf("%s: mode %v, %v; want %v", name, info.Mode(), err, mode)
			}
		}
	}
	wantFolder(t, path)
}

// wantFolder fails unless the token's folder holds the token and its lock only.
func wantFolder(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 2 {
		t.Errorf("the folder holds %v, %v", entries, err)
	}
}

func TestFileStoreTightensWhatItReplaces(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token.json")
	if err := os.WriteFile(path, []byte(`{"access_token":"old"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := oauthcli.NewFileStore(path).Save(t.Context(), &oauth2.Token{AccessToken: "new"}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 && runtime.GOOS != "windows" {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestFileStoreFollowsASymbolicLink(t *testing.T) {
	folder := t.TempDir()
	real, link := filepath.Join(folder, "real.json"), filepath.Join(folder, "link.json")
	if err := os.WriteFile(real, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(real, link); err != nil {
		t.Fatal(err)
	}
	if err := oauthcli.NewFileStore(link).Save(t.Context(), &oauth2.Token{AccessToken: "saved"}); err != nil {
		t.Fatal(err)
	}
	got, err := oauthcli.NewFileStore(real).Load(t.Context())
	if err != nil || got.AccessToken != "saved" {
		t.Errorf("the file holds %v, %v", got, err)
	}
	// Nor does it matter whether the file exists yet.
	if err := os.Symlink(filepath.Join("new", "..", "new.json"), filepath.Join(folder, "dangling.json")); err != nil {
		t.Fatal(err)
	}
	if err := oauthcli.NewFileStore(filepath.Join(folder, "dangling.json")).Save(t.Context(), &oauth2.Token{AccessToken: "first"}); err != nil {
		t.Fatal(err)
	}
	if got, err := oauthcli.NewFileStore(filepath.Join(folder, "new.json")).Load(t.Context()); err != nil || got == nil || got.AccessToken != "first" {
		t.Errorf("the file that the link named holds %v, %v", got, err)
	}
	// A link's ".." is that of where the link is.
	if err := errors.Join(os.MkdirAll(filepath.Join(folder, "deep", "er"), 0o700), os.Symlink(filepath.Join("deep", "er"), filepath.Join(folder, "app")),
		os.Symlink(filepath.Join("..", "up.json"), filepath.Join(folder, "deep", "er", "token"))); err != nil {
		t.Fatal(err)
	}
	if err := oauthcli.NewFileStore(filepath.Join(folder, "app", "token")).Save(t.Context(), &oauth2.Token{AccessToken: "up"}); err != nil {
		t.Fatal(err)
	}
	if got, err := oauthcli.NewFileStore(filepath.Join(folder, "deep", "up.json")).Load(t.Context()); err != nil || got == nil || got.AccessToken != "up" {
		t.Errorf("the file that the link named holds %v, %v", got, err)
	}
	for _, name := range []string{"link.json", "dangling.json"} {
		if info, err := os.Lstat(filepath.Join(folder, name)); err != nil || info.Mode()&os.ModeSymlink == 0 {
			t.Errorf("%s is now %v, %v", name, info.Mode(), err)
		}
	}
}

func TestFileStoreChangesNothingWhereItShouldNot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token.json")
	s := oauthcli.NewFileStore(path)
	if err := s.Save(t.Context(), &oauth2.Token{AccessToken: "kept"}); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	refusal := errors.New("no")
	tests := map[string]struct {
		fn   func(context.Context, *oauth2.Token) (*oauth2.Token, error)
		want error
	}{
		"fn fails":     {func(context.Context, *oauth2.Token) (*oauth2.Token, error) { return nil, refusal }, refusal},
		"no token":     {func(context.Context, *oauth2.Token) (*oauth2.Token, error) { return nil, nil }, nil},
		"an empty one": {func(context.Context, *oauth2.Token) (*oauth2.Token, error) { return &oauth2.Token{}, nil }, nil},
		"no function":  {nil, nil},
		"the same one": {func(_ context.Context, t *oauth2.Token) (*oauth2.Token, error) { return t, nil }, nil},
	}
	for name, tt := range tests {
		got, err := s.Update(t.Context(), tt.fn)
		if name == "the same one" && (err != nil || got.AccessToken != "kept") || name != "the same one" && err == nil || tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
	for _, token := range []*oauth2.Token{nil, {}, {TokenType: "Bearer"}} {
		if err := s.Save(t.Context(), token); err == nil {
			t.Errorf("saved %v", token)
		}
	}
	if after, err := os.Stat(path); err != nil || !os.SameFile(before, after) {
		t.Errorf("the file was replaced: %v", err)
	}
	wantFolder(t, path)
}

func TestFileStoreDeletes(t *testing.T) {
	s := oauthcli.NewFileStore(filepath.Join(t.TempDir(), "token.json"))
	if err := s.Save(t.Context(), &oauth2.Token{AccessToken: "x"}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Delete(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if tok, err := s.Load(t.Context()); tok != nil || err != nil {
		t.Errorf("a deleted token is %v, %v", tok, err)
	}
	// Where there never was one, nothing is left behind.
	folder := t.TempDir()
	if err := oauthcli.NewFileStore(filepath.Join(folder, "never", "token.json")).Delete(t.Context()); err != nil {
		t.Error(err)
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) != 0 {
		t.Errorf("deleting nothing left %v, %v", entries, err)
	}
}

func TestFileStoreDoesNotShowWhatItCannotRead(t *testing.T) {
	for name, content := range map[string]string{
		"no JSON": "planted-refresh", "another object": `{"planted-refresh":1}`, "mistyped": `{"access_token":["planted-refresh"]}`,
		"cut": `{"access_token":"planted-refresh`, "huge": strings.Repeat("planted-refresh", 1<<17),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "token.json")
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			s := oauthcli.NewFileStore(path)
			_, loadErr := s.Load(t.Context())
			_, updateErr := s.Update(t.Context(), func(context.Context, *oauth2.Token) (*oauth2.Token, error) {
				t.Error("fn is asked about a file that cannot be read")
				return nil, nil
			})
			for _, err := range []error{loadErr, updateErr} {
				if !errors.Is(err, connix.ErrLoginRequired) || strings.Contains(err.Error(), "planted") || !strings.Contains(err.Error(), path) {
					t.Errorf("got %v", err)
				}
			}
			if after, err := os.ReadFile(path); err != nil || string(after) != content {
				t.Errorf("the file was changed: %v", err)
			}
			// The login that the error asks for puts it right.
			if err := s.Save(t.Context(), &oauth2.Token{AccessToken: "fresh"}); err != nil {
				t.Error(err)
			}
			if tok, err := s.Load(t.Context()); err != nil || tok == nil || tok.AccessToken != "fresh" {
				t.Errorf("after a login it holds %v, %v", tok, err)
			}
		})
	}
}

func TestFileStoreReportsWhereItCannotWrite(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"", filepath.Join(file, "token.json"), folder} {
		s := oauthcli.NewFileStore(path)
		if err := s.Save(t.Context(), &oauth2.Token{AccessToken: "x"}); err == nil {
			t.Errorf("%q: saved", path)
		}
		if path != folder {
			if err := s.Delete(t.Context()); err == nil {
				t.Errorf("%q: deleted", path)
			}
		}
		if _, err := s.Load(t.Context()); err == nil {
			t.Errorf("%q: loaded", path)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := oauthcli.NewFileStore(file).Load(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v from an ended context", err)
	}
}

func TestFileStoreWaitsForTheLockAsLongAsItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token.json")
	held := oauthcli.NewFileStore(path)
	_, err := held.Update(t.Context(), func(ctx context.Context, _ *oauth2.Token) (*oauth2.Token, error) {
		short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		err := oauthcli.NewFileStore(path).Save(short, &oauth2.Token{AccessToken: "intruder"})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v while the lock is held, want the deadline", err)
		}
		return &oauth2.Token{AccessToken: "holder"}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if tok, err := held.Load(t.Context()); err != nil || tok.AccessToken != "holder" {
		t.Errorf("stored %v, %v", tok, err)
	}
}

func TestFileStoreStoresThoughItsContextEnds(t *testing.T) {
	s := oauthcli.NewFileStore(filepath.Join(t.TempDir(), "token.json"))
	ctx, cancel := context.WithCancel(t.Context())
	_, err := s.Update(ctx, func(context.Context, *oauth2.Token) (*oauth2.Token, error) {
		cancel()
		return &oauth2.Token{AccessToken: "bought dearly"}, nil
	})
	if tok, loadErr := s.Load(t.Context()); err != nil || loadErr != nil || tok.AccessToken != "bought dearly" {
		t.Errorf("stored %v: %v, %v", tok, err, loadErr)
	}
}

func TestFileStoreUpdatesOneAfterTheOther(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token.json")
	const writers, rounds = 4, 10
	stop := make(chan struct{})
	var readers, wg sync.WaitGroup
	readers.Go(func() { // sees whole tokens only
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := oauthcli.NewFileStore(path).Load(t.Context()); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range writers {
		wg.Go(func() {
			s := oauthcli.NewFileStore(path)
			for range rounds {
				if _, err := s.Update(t.Context(), increment); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	close(stop)
	readers.Wait()
	tok, err := oauthcli.NewFileStore(path).Load(t.Context())
	if err != nil || tok.AccessToken != strconv.Itoa(writers*rounds) {
		t.Errorf("counted to %v, %v; want %d", tok, err, writers*rounds)
	}
}

func increment(_ context.Context, stored *oauth2.Token) (*oauth2.Token, error) {
	n := 0
	if stored != nil {
		var err error
		if n, err = strconv.Atoi(stored.AccessToken); err != nil {
			return nil, err
		}
	}
	return &oauth2.Token{AccessToken: strconv.Itoa(n + 1), RefreshToken: "r"}, nil
}

func FuzzFileStoreLoad(f *testing.F) {
	good, err := json.Marshal(oauth2.Token{AccessToken: "a", RefreshToken: "b", Expiry: time.Unix(1, 2)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"access_token":"a","expiry":"never"}`))
	f.Add([]byte("null"))
	path := filepath.Join(f.TempDir(), "token.json")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		tok, err := oauthcli.NewFileStore(path).Load(t.Context())
		if err == nil && tok != nil && tok.AccessToken == "" && tok.RefreshToken == "" {
			t.Errorf("%q is an empty token", data)
		}
		if err == nil && tok == nil && len(data) > 0 {
			t.Errorf("%q is taken for no token", data)
		}
	})
}
