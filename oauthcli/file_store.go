package oauthcli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	connix "github.com/connix-io/connix-go"
	"github.com/gofrs/flock"
	"golang.org/x/oauth2"
)

const (
	maxFile       = 1 << 20
	lockPoll      = 20 * time.Millisecond
	renameRetries = 50
)

// FileStore keeps one token in a file, for [connix.WithTokenStore]. Processes
// that use the same file take turns: a lock beside it, named as the file with
// ".lock" added, is held during each Update. The file is replaced as a whole, is
// readable by its owner only (0600; on Windows its folder decides), and holds
// the token as JSON.
//
// Its methods are safe for concurrent use. It prints as its path.
type FileStore struct{ path string }

var _ connix.TokenStore = (*FileStore)(nil)

// NewFileStore returns a store in the file at path, which need not exist, nor
// the folders above it: they are made, for their owner only, by the first Update
// or Save. A symbolic link to a file is followed, also where the file does not
// exist yet.
func NewFileStore(path string) *FileStore { return &FileStore{path: path} }

// String returns the path.
func (s *FileStore) String() string { return s.path }

// Load returns the token, or nil where there is no file or an empty one. A file
// that holds no token is an error, which matches [connix.ErrLoginRequired] and
// does not show what the file holds.
func (s *FileStore) Load(ctx context.Context) (*oauth2.Token, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	path, err := s.resolve()
	if err != nil {
		return nil, err
	}
	return read(path)
}

// Update stores what fn makes of the token, under the lock. It waits for the
// lock as long as ctx allows; fn's token is stored even where ctx has ended by
// then. Nothing is written where fn fails, returns the token it was given or one
// that holds neither an access token nor a refresh token, or where the file holds
// something else than a token.
func (s *FileStore) Update(ctx context.Context, fn func(ctx context.Context, stored *oauth2.Token) (*oauth2.Token, error)) (*oauth2.Token, error) {
	if fn == nil {
		return nil, errors.New("oauthcli: Update needs a function")
	}
	path, unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	stored, err := read(path)
	if err != nil {
		return nil, err
	}
	token, err := fn(ctx, stored)
	switch {
	case err != nil:
		return nil, err
	case isEmpty(token):
		return nil, errNoToken
	case token == stored:
		return token, nil
	}
	if err := write(path, token); err != nil {
		return nil, err
	}
	return token, nil
}

var errNoToken = errors.New("oauthcli: there is no token to store")

// isEmpty reports whether a token is of no use.
func isEmpty(t *oauth2.Token) bool { return t == nil || t.AccessToken == "" && t.RefreshToken == "" }

// Save stores a token whatever the file holds, as after a login.
func (s *FileStore) Save(ctx context.Context, token *oauth2.Token) error {
	if isEmpty(token) {
		return errNoToken
	}
	path, unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	return write(path, token)
}

// Delete removes the token, as a logout does. There may be none. A process that
// has the token in memory keeps using it, and stores its successor.
func (s *FileStore) Delete(ctx context.Context) error {
	path, err := s.resolve()
	if err != nil {
		return err
	}
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return ctx.Err() // and no folder nor lock is made for it
	}
	path, unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("oauthcli: removing the token: %w", err)
	}
	return nil
}

// resolve follows symbolic links, so that all who mean one file lock one file.
func (s *FileStore) resolve() (string, error) {
	if s.path == "" {
		return "", errors.New("oauthcli: a FileStore needs a path")
	}
	path, err := filepath.EvalSymlinks(s.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return afterLinks(s.path), nil
	case err != nil:
		return "", fmt.Errorf("oauthcli: the token file: %w", err)
	}
	return path, nil
}

// afterLinks follows links to a file that does not exist. Circles do not come
// here: EvalSymlinks has another error for them.
func afterLinks(path string) string {
	for {
		link, err := os.Readlink(path)
		if err != nil {
			return filepath.Clean(path)
		}
		if !filepath.IsAbs(link) {
			folder := filepath.Dir(path)
			if real, err := filepath.EvalSymlinks(folder); err == nil {
				folder = real // or ".." would lead elsewhere
			}
			link = filepath.Join(folder, link)
		}
		path = link
	}
}

// lock waits for the lock of the file and returns the file's path.
func (s *FileStore) lock(ctx context.Context) (path string, unlock func(), err error) {
	path, err = s.resolve()
	if err != nil {
		return "", nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", nil, fmt.Errorf("oauthcli: the token's folder: %w", err)
	}
	lock := flock.New(path+".lock", flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
	if _, err := lock.TryLockContext(ctx, lockPoll); err != nil {
		return "", nil, fmt.Errorf("oauthcli: locking the token file: %w", err)
	}
	// The lock file stays: whoever removed it would let two in, one by each inode.
	return path, func() { _ = lock.Close() }, nil
}

func read(path string) (*oauth2.Token, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err == nil && info.Size() > maxFile:
		return nil, fmt.Errorf("oauthcli: %s is too large for a token: %w", path, connix.ErrLoginRequired)
	}
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("oauthcli: reading the token: %w", err)
	case len(data) == 0:
		return nil, nil
	}
	var token oauth2.Token
	if json.Unmarshal(data, &token) != nil || isEmpty(&token) {
		return nil, fmt.Errorf("oauthcli: %s holds something else than a token: %w", path, connix.ErrLoginRequired)
	}
	return &token, nil
}

// write replaces the file at once: a reader sees the old token or the new one.
func write(path string, token *oauth2.Token) (err error) {
	data, err := json.Marshal(token)
	if err != nil {
		return errors.New("oauthcli: the token cannot be written as JSON")
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // 0600
	if err != nil {
		return fmt.Errorf("oauthcli: storing the token: %w", err)
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
			err = fmt.Errorf("oauthcli: storing the token: %w", err)
		}
	}()
	if _, err = f.Write(append(data, '\n')); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = rename(f.Name(), path); err != nil {
		return err
	}
	syncFolder(filepath.Dir(path))
	return nil
}

// rename moves the new file over the old one. Windows refuses that for as long
// as somebody reads the old one, which is not long.
func rename(from, to string) error {
	for try := 0; ; try++ {
		err := os.Rename(from, to)
		if err == nil || runtime.GOOS != "windows" || try == renameRetries || !errors.Is(err, fs.ErrPermission) {
			return err
		}
		time.Sleep(lockPoll)
	}
}

// syncFolder makes the rename last through a power cut, where the system can:
// the token is stored already, so that a failure is no failure to store.
func syncFolder(path string) {
	if f, err := os.Open(path); err == nil {
		_ = f.Sync()
		_ = f.Close()
	}
}
