package state

import (
	"fmt"
	"net/url"
	"slices"
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

// checkText holds free text against its rule: at most longest characters of
// valid UTF-8 without control characters, and at least one if it is required.
func checkText(field, text string, required bool, longest int) *Error {
	switch {
	case required && strings.TrimSpace(text) == "":
		return invalid(field, empty)
	case utf8.RuneCountInString(text) > longest:
		return invalid(field, fmt.Sprintf("can be at most %d characters long", longest))
	case strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c == 0x7f || c == utf8.RuneError }):
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
	case err != nil || !u.IsAbs() || u.Hostname() == "":
		return invalid("url", "must be an absolute URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return invalid("url", "must begin with http:// or https://")
	case u.User != nil:
		return invalid("url", "cannot hold a user name or password")
	case u.Fragment != "":
		return invalid("url", "cannot hold a fragment")
	}
	return nil
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

func checkExpiry(expires, now time.Time) *Error {
	if !expires.IsZero() && !expires.After(now) {
		return invalid("expires_at", "must lie in the future")
	}
	return nil
}
