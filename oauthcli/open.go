package oauthcli

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
)

// openBrowser opens address in the user's browser. It does not wait for it,
// and what the browser prints is dropped: the terminal is the program's.
func openBrowser(_ context.Context, address string) error {
	name, args, err := browserCommand(runtime.GOOS, os.Getenv, exec.LookPath)
	if err != nil {
		return err
	}
	// Not bound to a context: the browser stays when the login is done.
	cmd := exec.Command(name, append(args, address)...) //nolint:noctx // see above
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }() // reaps the child
	return nil
}

// browserCommand is the command of an operating system that opens an address.
func browserCommand(goos string, getenv func(string) string, lookPath func(string) (string, error)) (name string, args []string, err error) {
	switch goos {
	case "darwin":
		return "open", nil, nil
	case "windows":
		return "rundll32", []string{"url.dll,FileProtocolHandler"}, nil
	}
	if name, err := lookPath("wslview"); err == nil && getenv("WSL_DISTRO_NAME") != "" {
		return name, nil, nil
	}
	// Without a display these would start a browser in the terminal, over the program.
	if getenv("DISPLAY") == "" && getenv("WAYLAND_DISPLAY") == "" {
		return "", nil, errors.New("there is no display")
	}
	for _, candidate := range []string{"xdg-open", "x-www-browser", "sensible-browser"} {
		if name, err := lookPath(candidate); err == nil {
			return name, nil, nil
		}
	}
	return "", nil, errors.New("xdg-open is not installed")
}
