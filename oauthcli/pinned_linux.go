package oauthcli

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"
)

// isPinned reports whether the file cannot be replaced: it is mounted by itself,
// or marked as immutable. It is false if the kernel does not say (before Linux 5.8).
func isPinned(path string) bool {
	var st unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_BASIC_STATS, &st)
	const pins = unix.STATX_ATTR_MOUNT_ROOT | unix.STATX_ATTR_IMMUTABLE | unix.STATX_ATTR_APPEND
	return err == nil && st.Attributes_mask&st.Attributes&pins != 0
}

// isReadOnly reports whether a folder or its file system takes no file.
func isReadOnly(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EROFS)
}
