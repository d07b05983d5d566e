package state

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/connix-io/connix-go/internal/signature"
)

// eventTypes are the events that a webhook can ask for.
var eventTypes = []string{
	EventProjectCreated, EventProjectUpdated, EventProjectDeleted,
	EventAgentLaunched, EventAgentCompleted, EventAgentFailed, EventAgentStopped,
}

const empty = "cannot be empty"

// checkProjectName holds a project's name against the rule: 3 to 50 letters,
// digits and hyphens, a letter or digit at either end.
func checkProjectName(name string) *Error {
	const shortest, longest = 3, 50
	switch n := utf8.RuneCountInString(name); {
	case n == 0:
		return invalid("name", empty)
	case n < shortest || n > longest:
		return invalid("name", fmt.Sprintf("must be %d to %d characters long, not %d", shortest, longest, n))
	}
	for i, c := range name {
		switch {
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9':
		case c != '-':
			return invalid("name", fmt.Sprintf("can hold letters, digits and hyphens, not %q", c))
		case i == 0 || i == len(name)-1:
			return invalid("name", "must start and end with a letter or digit")
		}
	}
	return nil
}

// checkText holds free text against its rule: at most longest characters, no control
// characters, and if it is required at least one that is no space.
func checkText(field, text string, required bool, longest int) *Error {
	switch {
	case required && strings.Trim(text, " ") == "":
		return invalid(field, empty)
	case utf8.RuneCountInString(text) > longest:
		return invalid(field, fmt.Sprintf("can be at most %d characters long", longest))
	case strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c == 0x7f }):
		return invalid(field, "cannot hold control characters")
	}
	return nil
}

func checkWebhookURL(text string) *Error {
	if text == "" {
		return invalid("url", empty)
	}
	u, err := url.Parse(text)
	switch {
	case len(text) > maxURL:
		return invalid("url", fmt.Sprintf("can be at most %d characters long", maxURL))
	case err != nil || !u.IsAbs():
		return invalid("url", "must be an absolute URL")
	case !strings.HasPrefix(text, "http://") && !strings.HasPrefix(text, "https://"):
		return invalid("url", "must begin with http:// or https://")
	case !uriCharacters.MatchString(text) || u.Hostname() == "":
		return invalid("url", "must be an absolute URL as RFC 3986 writes it")
	case u.User != nil:
		return invalid("url", "cannot hold a user name or password")
	case strings.Contains(text, "#"):
		return invalid("url", "cannot hold a fragment")
	case !validHost(u):
		return invalid("url", "must name a valid host and a port up to 65535")
	}
	return nil
}

// maxURL is the length of the longest URL of a webhook.
const maxURL = 2048

// uriCharacters are the characters of RFC 3986, those that it reserves included. A
// percent sign begins an escape, and brackets enclose an address in the host only.
var uriCharacters = regexp.MustCompile(`^https?://([A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2}|\[[0-9A-Fa-f:.]+\])+([/?#]([A-Za-z0-9._~!$&'()*+,;=:@/?#-]|%[0-9A-Fa-f]{2})*)?$`)

// validHost reports whether the host and the port of a URL can be.
func validHost(u *url.URL) bool {
	if port := u.Port(); port != "" {
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return false
		}
	}
	if strings.HasPrefix(u.Host, "[") {
		addr, err := netip.ParseAddr(u.Hostname())
		return err == nil && addr.Is6() && addr.Zone() == ""
	}
	return !strings.ContainsAny(u.Host, "[]")
}

func checkEvents(events []string, required bool) *Error {
	if required && len(events) == 0 {
		return invalid("events", "must name at least one event")
	}
	for i, event := range events {
		if !slices.Contains(eventTypes, event) {
			return invalid("events", fmt.Sprintf("does not know the event %q", event))
		}
		if slices.Contains(events[:i], event) {
			return invalid("events", fmt.Sprintf("names the event %q twice", event))
		}
	}
	return nil
}

// checkScopes holds scopes against their form. Which ones exist is not
// documented: one that the fake does not know is kept, and allows nothing.
func checkScopes(scopes []string) *Error {
	for i, scope := range scopes {
		kind, action, found := strings.Cut(scope, ":")
		if !found || !isWord(kind) || !isWord(action) {
			return invalid("scopes", fmt.Sprintf("must have the form projects:read, not %q", scope))
		}
		if slices.Contains(scopes[:i], scope) {
			return invalid("scopes", fmt.Sprintf("names the scope %q twice", scope))
		}
	}
	return nil
}

// isWord reports whether s consists of lower-case letters, hyphens and
// underscores.
func isWord(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool { return (c < 'a' || c > 'z') && c != '-' && c != '_' })
}

// checkSecret holds the secret of a webhook against its rule; nil means no secret.
func checkSecret(secret *string) *Error {
	if secret == nil {
		return nil
	}
	if err := checkText("secret", *secret, true, 256); err != nil {
		return err
	}
	if err := (signature.Standard{}).Check([]string{*secret}); err != nil {
		_, issue, _ := strings.Cut(err.Error(), signature.ErrNoSecret.Error()+": ")
		return invalid("secret", "cannot sign deliveries: "+issue)
	}
	return nil
}

func checkExpiry(expires *time.Time, now time.Time) *Error {
	if expires != nil && !expires.After(now) {
		return invalid("expires_at", "must lie in the future")
	}
	return nil
}
