package oauthcli

import (
	"os/exec"
	"slices"
	"testing"
)

// The one test from inside: what it looks at is another machine each time.
func TestBrowserCommand(t *testing.T) {
	tests := []struct {
		name      string
		goos      string
		env       map[string]string
		installed []string
		want      string // "": an error
	}{
		{"macOS", "darwin", nil, nil, "open"},
		{"Windows", "windows", nil, nil, "rundll32"},
		{"Linux desktop", "linux", map[string]string{"DISPLAY": ":0"}, []string{"x-www-browser", "xdg-open"}, "xdg-open"},
		{"Wayland", "freebsd", map[string]string{"WAYLAND_DISPLAY": "wayland-0"}, []string{"sensible-browser"}, "sensible-browser"},
		{"Windows' Linux", "linux", map[string]string{"WSL_DISTRO_NAME": "Debian"}, []string{"wslview"}, "wslview"},
		{"over SSH", "linux", nil, []string{"xdg-open", "wslview"}, ""},
		{"nothing installed", "linux", map[string]string{"DISPLAY": ":0"}, nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			name, _, err := browserCommand(tt.goos, func(key string) string { return tt.env[key] }, func(name string) (string, error) {
				if slices.Contains(tt.installed, name) {
					return name, nil
				}
				return "", exec.ErrNotFound
			})
			if name != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("got %q, %v; want %q", name, err, tt.want)
			}
		})
	}
}
