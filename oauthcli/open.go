package oauthcli

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// openBrowser opens address in the user's browser. It does not wait for it,
// and drops what the browser prints: the terminal is the program's.
func openBrowser(_ context.Context, address string) error {
	command, err := browserCommand(runtime.GOOS, os.Getenv, exec.LookPath, address)
	if err != nil {
		return err
	}
	// Not bound to a context: the browser stays when the login is done.
	cmd := exec.Command(command[0], command[1:]...) //nolint:noctx,gosec // see above; the user's own choice
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }() // reaps the child
	return nil
}

// browserCommand is the command that opens an address on an operating system.
func browserCommand(goos string, getenv func(string) string, lookPath func(string) (string, error), address string) ([]string, error) {
	if goos == "windows" {
		return []string{"rundll32", "url.dll,FileProtocolHandler", address}, nil
	}
	// The user's own choice needs no display: it may be a browser for terminals.
	for choice := range strings.SplitSeq(getenv("BROWSER"), ":") {
		if command := chosenCommand(choice, lookPath, address); command != nil {
			return command, nil
		}
	}
	if goos == "darwin" {
		return []string{"open", address}, nil
	}
	if name, err := lookPath("wslview"); err == nil && getenv("WSL_DISTRO_NAME") != "" {
		return []string{name, address}, nil
	}
	// Without a display these would start a browser in the terminal, over the program.
	if getenv("DISPLAY") == "" && getenv("WAYLAND_DISPLAY") == "" {
		return nil, errors.New("there is no display")
	}
	for _, candidate := range []string{"xdg-open", "x-www-browser", "sensible-browser"} {
		if name, err := lookPath(candidate); err == nil {
			return []string{name, address}, nil
		}
	}
	return nil, errors.New("xdg-open is not installed")
}

// chosenCommand reads one entry of $BROWSER: a program, perhaps with arguments,
// in which %s stands for the address. It returns nil if there is no such program.
func chosenCommand(choice string, lookPath func(string) (string, error), address string) []string {
	command := strings.Fields(choice)
	if len(command) == 0 {
		return nil
	}
	name, err := lookPath(command[0])
	if err != nil {
		return nil
	}
	command[0] = name
	if !strings.Contains(choice, "%s") {
		return append(command, address)
	}
	for i := range command[1:] {
		command[i+1] = strings.ReplaceAll(command[i+1], "%s", address)
	}
	return command
}
