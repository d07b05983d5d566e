package oauthcli_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	connix "github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/oauthcli"
	"golang.org/x/oauth2"
)

// envDisk names the scenario that another process plays, with mounts that
// no other process sees.
const envDisk = "OAUTHCLI_TEST_DISK"

// scenarios are played in a folder that is a file system by itself, of 256 KiB.
var scenarios = map[string]func(folder string) error{
	"full disk":             fullDisk,
	"file size limit":       fileSizeLimit,
	"mounted file":          mountedFile,
	"mounted file, no room": mountedFileWithoutRoom,
	"read-only folder":      readOnlyFolder,
	"read-only file system": readOnlyFileSystem,
}

func TestFileStore_disks(t *testing.T) {
	for name := range scenarios {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env = append(os.Environ(), envDisk+"="+name, envFile+"="+t.TempDir())
			cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
			if os.Geteuid() != 0 {
				cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
				cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}}
				cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}}
			}
			out, err := cmd.CombinedOutput()
			if errors.Is(err, fs.ErrPermission) || cmd.ProcessState != nil && cmd.ProcessState.ExitCode() == exitNoMounts {
				playWithoutMounts(t)
			} else if err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

// exitNoMounts is the exit code of a process that may not mount.
const exitNoMounts = 3

// playWithoutMounts plays those parts that a machine allows everybody: a limit of
// the file size, and a folder that takes no file.
func playWithoutMounts(t *testing.T) {
	t.Log("mounts are not permitted here")
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), envDisk+"=without mounts", envFile+"="+t.TempDir())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func withoutMounts(folder string) error {
	inside := filepath.Join(folder, "inside")
	path := filepath.Join(inside, "token.json")
	if err := errors.Join(os.Mkdir(inside, 0o700), save(path), os.Chmod(inside, 0o500)); err != nil {
		return err
	}
	if err := wantRefreshes(path); err != nil {
		return err
	}
	return errors.Join(os.Chmod(inside, 0o700), fileSizeLimit(folder))
}

func init() {
	name, folder := os.Getenv(envDisk), os.Getenv(envFile)
	var err error
	switch play := scenarios[name]; {
	case name == "":
		return
	case play == nil:
		err = withoutMounts(folder)
	case errors.Join(
		syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""),
		syscall.Mount("tmpfs", folder, "tmpfs", 0, "size=256k,mode=700"),
	) != nil:
		os.Exit(exitNoMounts)
	default:
		err = play(folder)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// refresh has a source refresh the token in the file. It returns how often the
// server was asked, and the error.
func refresh(path string) (asked int, err error) {
	store := oauthcli.NewFileStore(path)
	_, err = store.Update(context.Background(), func(_ context.Context, stored *oauth2.Token) (*oauth2.Token, error) {
		asked++
		return &oauth2.Token{AccessToken: strings.Repeat("f", 3000), RefreshToken: "next of " + stored.RefreshToken}, nil
	})
	return asked, err
}

func save(path string) error {
	return oauthcli.NewFileStore(path).Save(context.Background(), &oauth2.Token{AccessToken: "a", RefreshToken: "r"})
}

func wantStored(path, refreshToken string) error {
	tok, err := oauthcli.NewFileStore(path).Load(context.Background())
	if err != nil || tok == nil || tok.RefreshToken != refreshToken {
		return fmt.Errorf("the file holds %v, %w; want %s", tok, err, refreshToken)
	}
	return nil
}

// wantRefusal fails unless the refresh failed before the server was asked, and
// the file still holds the token.
func wantRefusal(path string) error {
	if asked, err := refresh(path); asked != 0 || err == nil {
		return fmt.Errorf("asked %d times, %w; want an error beforehand", asked, err)
	}
	return wantStored(path, "r")
}

// wantRefreshes fails unless refreshes succeed, one after the other.
func wantRefreshes(path string) error {
	want := "r"
	for range 3 {
		want = "next of " + want
		if asked, err := refresh(path); asked != 1 || err != nil {
			return fmt.Errorf("asked %d times: %w", asked, err)
		}
		if err := wantStored(path, want); err != nil {
			return err
		}
	}
	return nil
}

// fillDisk leaves no room, and returns the file that takes it.
func fillDisk(folder string) (string, error) {
	name := filepath.Join(folder, "ballast")
	f, err := os.Create(name)
	if err != nil {
		return "", err
	}
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		return "", err
	}
	return name, f.Close()
}

func fullDisk(folder string) error {
	path := filepath.Join(folder, "token.json")
	if err := save(path); err != nil {
		return err
	}
	ballast, err := fillDisk(folder)
	if err != nil {
		return err
	}
	if err := wantRefusal(path); err != nil {
		return err
	}
	if err := save(path); err == nil {
		return errors.New("saved on a full disk")
	}
	if err := os.Remove(ballast); err != nil {
		return err
	}
	// The disk fills up while the server is asked.
	_, err = oauthcli.NewFileStore(path).Update(context.Background(), func(context.Context, *oauth2.Token) (*oauth2.Token, error) {
		if _, err := fillDisk(folder); err != nil {
			return nil, err
		}
		return &oauth2.Token{AccessToken: strings.Repeat("f", 3000), RefreshToken: "in time"}, nil
	})
	return errors.Join(err, wantStored(path, "in time"))
}

func fileSizeLimit(folder string) error {
	path := filepath.Join(folder, "token.json")
	if err := save(path); err != nil {
		return err
	}
	limit := syscall.Rlimit{Cur: 1024, Max: 1024}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	return wantRefusal(path)
}

// mount shows the file elsewhere as a mount by itself, as containers do.
func mount(folder string) (path string, err error) {
	outside, path := filepath.Join(folder, "outside.json"), filepath.Join(folder, "inside", "token.json")
	err = errors.Join(save(outside), os.Mkdir(filepath.Dir(path), 0o700), os.WriteFile(path, nil, 0o600))
	if err != nil {
		return "", err
	}
	return path, syscall.Mount(outside, path, "", syscall.MS_BIND, "")
}

func mountedFile(folder string) error {
	path, err := mount(folder)
	if err != nil {
		return err
	}
	if err := os.Rename(path, path+".moved"); !errors.Is(err, syscall.EBUSY) {
		return fmt.Errorf("a mounted file can be moved: %w", err)
	}
	if err := wantRefreshes(path); err != nil {
		return err
	}
	if err := wantStored(filepath.Join(folder, "outside.json"), "next of next of next of r"); err != nil {
		return err
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 2 {
		return fmt.Errorf("the folder holds %v, %w", entries, err)
	}
	if err := oauthcli.NewFileStore(path).Delete(context.Background()); err != nil {
		return err
	}
	if tok, err := oauthcli.NewFileStore(path).Load(context.Background()); tok != nil || err != nil {
		return fmt.Errorf("after Delete: %v, %w", tok, err)
	}
	return nil
}

func mountedFileWithoutRoom(folder string) error {
	path, err := mount(folder)
	if err != nil {
		return err
	}
	if _, err := fillDisk(folder); err != nil {
		return err
	}
	return wantRefusal(path)
}

func readOnlyFolder(folder string) error {
	path, err := mount(folder)
	if err != nil {
		return err
	}
	// The folder is read-only, the file that is mounted in it is not.
	inside := filepath.Dir(path)
	err = errors.Join(
		syscall.Mount(inside, inside, "", syscall.MS_BIND, ""),
		syscall.Mount("", inside, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, ""),
		syscall.Mount(filepath.Join(folder, "outside.json"), path, "", syscall.MS_BIND, ""),
	)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(inside, "x"), nil, 0o600); !errors.Is(err, syscall.EROFS) {
		return fmt.Errorf("the folder takes a file: %w", err)
	}
	return wantRefreshes(path)
}

func readOnlyFileSystem(folder string) error {
	path := filepath.Join(folder, "token.json")
	if err := save(path); err != nil {
		return err
	}
	if err := syscall.Mount("", folder, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		return err
	}
	if err := wantRefusal(path); err != nil {
		return err
	}
	// A source sends nothing, and its error says why.
	cfg := &oauth2.Config{ClientID: "x", Endpoint: oauth2.Endpoint{TokenURL: "http://127.0.0.1:1/token"}}
	source, err := connix.NewTokenSource(cfg, &oauth2.Token{RefreshToken: "r"}, connix.WithTokenStore(oauthcli.NewFileStore(path)))
	if err != nil {
		return err
	}
	if _, err = source.Token(); !errors.Is(err, syscall.EROFS) || errors.Is(err, connix.ErrLoginRequired) {
		return fmt.Errorf("the source says %w", err)
	}
	return nil
}
