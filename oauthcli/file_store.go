package oauthcli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	connix "github.com/connix-io/connix-go"
	"github.com/gofrs/flock"
	"golang.org/x/oauth2"
)

const (
	maxFile  = 1 << 20
	lockPoll = 20 * time.Millisecond
)

// FileStore keeps one token in a file, for [connix.WithTokenStore]. Processes
// that use the same file take turns: a lock beside it, named as the file with
// ".lock" added, is held during each Update. The file is readable by its owner
// only (0600; on Windows its folder decides), and holds the text of
// [connix.EncodeToken].
//
// A token that Update's function returns is not lost. The room on the disk is
// taken before the function is called; if the file cannot be written, Update
// fails without calling it. The token goes into a second file first, named as
// the file with "." before and ".next" behind it, which then replaces the file.
// If the process is killed in between, the next one finishes that. A file that
// cannot be replaced, such as one that is mounted by itself into a container, is
// written in place.
//
// Its methods are safe for concurrent use. It prints as its path.
type FileStore struct{ path string }

var _ connix.TokenStore = (*FileStore)(nil)

// NewFileStore returns a store in the file at path, which need not exist, nor
// the folders above it: they are made, for their owner only, by the first Update
// or Save. A symbolic link to a file is followed, also if the file does not
// exist yet.
func NewFileStore(path string) *FileStore { return &FileStore{path: path} }

// String returns the path.
func (s *FileStore) String() string { return s.path }

// Load returns the token, or nil if there is no file or an empty one. If the file
// holds something else, the error matches [connix.ErrLoginRequired] and does not
// show what the file holds; Save replaces it.
func (s *FileStore) Load(ctx context.Context) (*oauth2.Token, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	path, err := s.resolve()
	if err != nil {
		return nil, err
	}
	if token := readNext(path); token != nil {
		return token, nil // its writer was killed, or is about to replace the file
	}
	token, err := read(path)
	if !errors.Is(err, connix.ErrLoginRequired) {
		return token, err
	}
	// A file that is being written in place may be read half old, half new.
	_, unlock, lockErr := s.lock(ctx)
	if lockErr != nil {
		return nil, errors.Join(err, lockErr)
	}
	defer unlock()
	return read(path)
}

// Update stores the token that fn returns, under the lock. It waits for the
// lock as long as ctx allows; fn's token is stored even if ctx has ended by
// then. Nothing is written if fn fails, returns the token that it was given or one
// that holds neither an access token nor a refresh token. fn is not called if its
// token could not be stored, or if the file holds something else than a token.
func (s *FileStore) Update(ctx context.Context, fn func(ctx context.Context, stored *oauth2.Token) (*oauth2.Token, error)) (*oauth2.Token, error) {
	if fn == nil {
		return nil, errors.New("oauthcli: Update needs a function")
	}
	path, unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := finish(path); err != nil {
		return nil, err
	}
	stored, err := read(path)
	if err != nil {
		return nil, err
	}
	w, err := prepare(path)
	if err != nil {
		return nil, err
	}
	defer w.discard()
	token, err := fn(ctx, stored)
	switch {
	case err != nil:
		return nil, err
	case isEmpty(token):
		return nil, errNoToken
	case token == stored:
		return token, nil
	}
	if err := w.commit(token); err != nil {
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
	w, err := prepare(path)
	if err != nil {
		return err
	}
	defer w.discard()
	return w.commit(token)
}

// Delete removes the token, as a logout does, and what a killed process may have
// left of it. There may be none. A process that has the token in memory keeps
// using it, and stores its successor.
func (s *FileStore) Delete(ctx context.Context) error {
	path, err := s.resolve()
	if err != nil {
		return err
	}
	_, err = os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) && len(leftovers(path)) == 0 {
		return ctx.Err() // and no folder nor lock is made for it
	}
	path, unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := errors.Join(removeLeftovers(path), remove(path)); err != nil {
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

// lock waits for the lock of the file and returns the file's path. A file that is
// mounted by itself is locked itself, too: those who see it elsewhere see another
// folder. So is one whose folder takes no lock.
func (s *FileStore) lock(ctx context.Context) (path string, unlock func(), err error) {
	path, err = s.resolve()
	if err != nil {
		return "", nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", nil, fmt.Errorf("oauthcli: the token's folder: %w", err)
	}
	beside, err := tryLock(ctx, path+".lock", os.O_CREATE|os.O_RDWR)
	unlockBeside := func() {
		if beside != nil {
			_ = beside.Close()
		}
	}
	if err != nil && !isReadOnly(err) {
		return "", nil, err
	}
	if err == nil && !isPinned(path) {
		// The lock file stays: whoever removed it would let two in, one by each inode.
		return path, unlockBeside, nil
	}
	itself, err := tryLock(ctx, path, os.O_RDWR)
	if err != nil {
		unlockBeside()
		return "", nil, err
	}
	return path, func() { _ = itself.Close(); unlockBeside() }, nil
}

func tryLock(ctx context.Context, path string, flag int) (*flock.Flock, error) {
	lock := flock.New(path, flock.SetFlag(flag), flock.SetPermissions(0o600))
	if _, err := lock.TryLockContext(ctx, lockPoll); err != nil {
		return nil, fmt.Errorf("oauthcli: locking the token file: %w", err)
	}
	return lock, nil
}
