package oauthcli_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/connix-io/connix-go/oauthcli"
	"golang.org/x/oauth2"
)

// Each state that a process can leave when it is killed, and what the next one
// makes of it.
func TestFileStore_afterAKill(t *testing.T) {
	const old, fresh = `{"access_token":"old","refresh_token":"spent"}`, `{"access_token":"fresh","refresh_token":"newest"}`
	tests := map[string]struct {
		left map[string]string // by name; token.json holds the old token
		want string
	}{
		"nothing else":      {nil, "old"},
		"room alone":        {map[string]string{".token.json.next": strings.Repeat(" ", 16<<10)}, "old"},
		"an empty file":     {map[string]string{".token.json.next": ""}, "old"},
		"half a token":      {map[string]string{".token.json.next": fresh[:30] + strings.Repeat(" ", 9000)}, "old"},
		"a token and room":  {map[string]string{".token.json.next": fresh + "\n" + strings.Repeat(" ", 9000)}, "fresh"},
		"a whole token":     {map[string]string{".token.json.next": fresh + "\n"}, "fresh"},
		"of old versions":   {map[string]string{".token.json.1234567": fresh, ".token.json.7": "x"}, "old"},
		"of both":           {map[string]string{".token.json.1234567": old, ".token.json.next": fresh}, "fresh"},
		"of another's file": {map[string]string{".token.json.backup": fresh}, "old"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			leave := func() (path string) {
				folder := t.TempDir()
				path = filepath.Join(folder, "token.json")
				err := os.WriteFile(path, []byte(old), 0o600)
				for name, text := range tt.left {
					err = errors.Join(err, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600))
				}
				if err != nil {
					t.Fatal(err)
				}
				return path
			}
			path := leave()
			if tok, err := oauthcli.NewFileStore(path).Load(t.Context()); err != nil || tok.AccessToken != tt.want {
				t.Errorf("Load: %v, %v; want %s", tok, err, tt.want)
			}
			_, err := oauthcli.NewFileStore(path).Update(t.Context(), func(_ context.Context, stored *oauth2.Token) (*oauth2.Token, error) {
				if stored.AccessToken != tt.want {
					t.Errorf("Update: %v, want %s", stored, tt.want)
				}
				return stored, nil
			})
			if err != nil {
				t.Error(err)
			}
			wantLeft(t, path, tt.left, "token.json", "token.json.lock")

			path = leave()
			if err := oauthcli.NewFileStore(path).Save(t.Context(), &oauth2.Token{AccessToken: "login"}); err != nil {
				t.Error(err)
			}
			if tok, err := oauthcli.NewFileStore(path).Load(t.Context()); err != nil || tok.AccessToken != "login" {
				t.Errorf("after Save: %v, %v", tok, err)
			}
			wantLeft(t, path, tt.left, "token.json", "token.json.lock")

			for _, remove := range []bool{false, true} {
				path = leave()
				if remove {
					if err := os.Remove(path); err != nil {
						t.Fatal(err)
					}
				}
				if err := oauthcli.NewFileStore(path).Delete(t.Context()); err != nil {
					t.Error(err)
				}
				if tok, err := oauthcli.NewFileStore(path).Load(t.Context()); err != nil || tok != nil {
					t.Errorf("after Delete: %v, %v", tok, err)
				}
				wantLeft(t, path, tt.left, "token.json.lock")
			}
		})
	}
}

// wantLeft fails unless the folder of path holds these files and no others, but
// for what is another's, and a lock that was not needed.
func wantLeft(t *testing.T, path string, left map[string]string, names ...string) {
	t.Helper()
	if _, ok := left[".token.json.backup"]; ok {
		names = append(names, ".token.json.backup")
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if !strings.Contains(" "+strings.Join(names, " ")+" ", " "+entry.Name()+" ") {
			t.Errorf("the folder still holds %s", entry.Name())
		}
	}
}

// Whatever cannot be written is found before anything is asked for.
func TestFileStoreUpdate_asksForNothingThatItCannotStore(t *testing.T) {
	folder := t.TempDir()
	unused := filepath.Join(folder, "token.json")
	if err := os.MkdirAll(filepath.Join(folder, ".token.json.next", "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{folder, unused} {
		if _, err := oauthcli.NewFileStore(path).Update(t.Context(), asked(t)); err == nil {
			t.Errorf("%s: no error", path)
		}
	}
}

// asked is a function for Update that must not be called.
func asked(t *testing.T) func(context.Context, *oauth2.Token) (*oauth2.Token, error) {
	return func(context.Context, *oauth2.Token) (*oauth2.Token, error) {
		t.Error("a token was asked for")
		return &oauth2.Token{AccessToken: "spent for nothing"}, nil
	}
}

// A function that panics leaves neither a lock nor a file.
func TestFileStoreUpdate_panics(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token.json")
	s := oauthcli.NewFileStore(path)
	func() {
		defer func() { _ = recover() }()
		_, _ = s.Update(t.Context(), func(context.Context, *oauth2.Token) (*oauth2.Token, error) { panic("boom") })
	}()
	if err := s.Save(t.Context(), &oauth2.Token{AccessToken: "x"}); err != nil {
		t.Error(err)
	}
	wantFolder(t, path)
}
