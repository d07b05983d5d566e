package oauthcli

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// From inside: it is another machine each time.
func TestBrowserCommand(t *testing.T) {
	tests := []struct {
		name      string
		goos      string
		env       map[string]string
		installed []string
		want      string // "": an error
	}{
		{"macOS", "darwin", nil, nil, "open URL"},
		{"Windows", "windows", map[string]string{"BROWSER": "lynx"}, []string{"lynx"}, "rundll32 url.dll,FileProtocolHandler URL"},
		{"Linux desktop", "linux", map[string]string{"DISPLAY": ":0"}, []string{"x-www-browser", "xdg-open"}, "xdg-open URL"},
		{"Wayland", "freebsd", map[string]string{"WAYLAND_DISPLAY": "wayland-0"}, []string{"sensible-browser"}, "sensible-browser URL"},
		{"Windows' Linux", "linux", map[string]string{"WSL_DISTRO_NAME": "Debian"}, []string{"wslview"}, "wslview URL"},
		{"over SSH", "linux", nil, []string{"xdg-open", "wslview"}, ""},
		{"nothing installed", "linux", map[string]string{"DISPLAY": ":0"}, nil, ""},
		{"chosen, over SSH", "linux", map[string]string{"BROWSER": "lynx"}, []string{"lynx", "xdg-open"}, "lynx URL"},
		{"chosen, on a desktop", "linux", map[string]string{"BROWSER": "firefox", "DISPLAY": ":0"}, []string{"firefox", "xdg-open"}, "firefox URL"},
		{"chosen, on macOS", "darwin", map[string]string{"BROWSER": "firefox"}, []string{"firefox"}, "firefox URL"},
		{"chosen with arguments", "linux", map[string]string{"BROWSER": "firefox --new-window %s --x"}, []string{"firefox"}, "firefox --new-window URL --x"},
		{"the second choice", "linux", map[string]string{"BROWSER": "none:  :lynx -a"}, []string{"lynx"}, "lynx -a URL"},
		{"no choice is installed", "linux", map[string]string{"BROWSER": "none", "DISPLAY": ":0"}, []string{"xdg-open"}, "xdg-open URL"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			command, err := browserCommand(tt.goos, func(key string) string { return tt.env[key] }, func(name string) (string, error) {
				if slices.Contains(tt.installed, name) {
					return name, nil
				}
				return "", exec.ErrNotFound
			}, "URL")
			if got := strings.Join(command, " "); got != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}
