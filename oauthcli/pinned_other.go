//go:build !linux

package oauthcli

import (
	"errors"
	"io/fs"
	"syscall"
)

// isPinned reports whether the file cannot be replaced: Linux alone tells.
func isPinned(string) bool { return false }

// isReadOnly reports whether a folder or its file system takes no file.
func isReadOnly(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
}
