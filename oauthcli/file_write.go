package oauthcli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	connix "github.com/connix-io/connix-go"
	"golang.org/x/oauth2"
)

const (
	// room is taken on the disk before a token is asked for. Few tokens are longer.
	room          = 16 << 10
	renameRetries = 50
)

// read returns the token in the file, nil for none.
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
	token, err := connix.DecodeToken(data)
	if err != nil {
		return nil, fmt.Errorf("oauthcli: %s holds something else than a token: %w", path, connix.ErrLoginRequired)
	}
	return token, nil
}

// nextPath names the file that a new token is written to first. There is one
// name, so that whoever comes next finds it.
func nextPath(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".next")
}

// readNext returns the token of a next file that is complete, nil for none.
func readNext(path string) *oauth2.Token {
	token, err := read(nextPath(path))
	if err != nil {
		return nil
	}
	return token
}

// finish does what a process that was killed did not come to, under the lock: a
// complete next file replaces the token, any other goes.
func finish(path string) error {
	next := nextPath(path)
	if readNext(path) == nil {
		return removeAll(leftovers(path))
	}
	err := rename(next, path)
	if err != nil {
		if data, readErr := os.ReadFile(next); readErr == nil {
			err = writeInPlace(path, data)
		}
	}
	if err != nil {
		return fmt.Errorf("oauthcli: storing the token that %s holds: %w", next, err)
	}
	syncFolder(filepath.Dir(path))
	return removeAll(leftovers(path))
}

// writer has all that is needed to store a token, but for the token.
type writer struct {
	path string
	next *os.File // with room; nil: the folder takes no new file
}

// prepare makes sure that commit will be able to store a token.
func prepare(path string) (*writer, error) {
	if err := removeAll(leftovers(path)); err != nil && !isReadOnly(err) {
		return nil, fmt.Errorf("oauthcli: preparing to store a token: %w", err)
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("oauthcli: %s is not a file", path)
	}
	w := &writer{path: path}
	next, err := os.OpenFile(nextPath(path), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		w.next = next
		err = fill(next, 0)
	}
	if err == nil && !isPinned(path) {
		return w, nil
	}
	if err != nil {
		w.discard()
	}
	// The file cannot be replaced: it must be writable itself.
	if inPlaceErr := prepareInPlace(path); inPlaceErr != nil {
		w.discard()
		return nil, fmt.Errorf("oauthcli: the token could not be stored, so none is asked for: %w", errors.Join(err, inPlaceErr))
	}
	return w, nil
}

// fill writes blanks behind the file's first size bytes until there is room for
// a token, and waits until the disk has them.
func fill(f *os.File, size int64) error {
	if size < room {
		if _, err := f.WriteAt(bytes.Repeat([]byte(" "), int(room-size)), size); err != nil {
			return err
		}
	}
	return f.Sync()
}

func prepareInPlace(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		err = fill(f, info.Size()) // blanks behind JSON mean nothing
		if err != nil {
			_ = f.Truncate(info.Size())
		}
	}
	return errors.Join(err, f.Close())
}

// commit stores the token. If it fails, a complete next file remains for whoever
// takes the lock next.
func (w *writer) commit(token *oauth2.Token) error {
	data, err := connix.EncodeToken(token)
	if err != nil {
		return fmt.Errorf("oauthcli: storing the token: %w", err)
	}
	data = append(data, '\n')
	err = errors.New("the folder takes no file")
	if w.next != nil {
		if err = w.complete(data); err == nil {
			err = rename(nextPath(w.path), w.path)
		}
	}
	if err != nil {
		if inPlaceErr := writeInPlace(w.path, data); inPlaceErr != nil {
			return fmt.Errorf("oauthcli: storing the token: %w", errors.Join(err, inPlaceErr))
		}
		_ = os.Remove(nextPath(w.path)) // it holds the same
	}
	syncFolder(filepath.Dir(w.path))
	return nil
}

// complete writes the next file.
func (w *writer) complete(data []byte) error {
	next := w.next
	w.next = nil // discard leaves it
	_, err := next.WriteAt(data, 0)
	if err == nil {
		err = next.Truncate(int64(len(data)))
	}
	if err == nil {
		err = next.Sync()
	}
	if err = errors.Join(err, next.Close()); err != nil {
		_ = os.Remove(next.Name())
	}
	return err
}

// discard removes the room that was not used.
func (w *writer) discard() {
	if w.next != nil {
		_ = w.next.Close()
		_ = os.Remove(w.next.Name())
		w.next = nil
	}
}

// writeInPlace overwrites a file that cannot be replaced. Its room remains: blanks
// fill what the old text leaves.
func writeInPlace(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		if rest := int(info.Size()) - len(data); rest > 0 {
			data = append(bytes.Clone(data), bytes.Repeat([]byte(" "), rest)...)
		}
		_, err = f.WriteAt(data, 0)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// remove removes the token, or empties a file that cannot be removed.
func remove(path string) error {
	err := os.Remove(path)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if os.Truncate(path, 0) == nil {
		return nil
	}
	return err
}

// leftovers lists what killed processes left of tokens: the next file, and those
// that earlier versions made, which had a number instead.
func leftovers(path string) []string {
	folder, prefix := filepath.Dir(path), "."+filepath.Base(path)+"."
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil
	}
	var list []string
	for _, entry := range entries {
		suffix, ok := strings.CutPrefix(entry.Name(), prefix)
		if ok && (suffix == "next" || suffix != "" && strings.Trim(suffix, "0123456789") == "") {
			list = append(list, filepath.Join(folder, entry.Name()))
		}
	}
	return list
}

func removeLeftovers(path string) error { return removeAll(leftovers(path)) }

func removeAll(paths []string) error {
	var errs []error
	for _, path := range paths {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
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

// syncFolder makes the rename last through a power cut, if the system can: the
// token is stored already, so that a failure is no failure to store.
func syncFolder(path string) {
	if f, err := os.Open(path); err == nil {
		_ = f.Sync()
		_ = f.Close()
	}
}
