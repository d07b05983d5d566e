package oauthcli

import (
	"strings"
	"unicode"
)

// Error is a refusal by the authorization server: the user denied access
// ("access_denied"), the program asked for too much ("invalid_scope"), the code
// came too late ("invalid_grant").
type Error struct {
	// Code is RFC 6749's error code.
	Code string
	// Description is what the server adds, "" for none.
	Description string
}

// Error returns the refusal in one line.
func (e *Error) Error() string {
	if e == nil {
		return "<nil>"
	}
	text := "oauthcli: the authorization server refused: " + e.Code
	if e.Description != "" {
		text += ": " + e.Description
	}
	return text
}

// newError takes out of the server's words what could flood or forge a log:
// they come through the address bar, where anybody can write.
func newError(code, description string) *Error {
	return &Error{Code: printable(code, 64), Description: printable(description, 256)}
}

func printable(text string, limit int) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)
	if runes := []rune(text); len(runes) > limit {
		return string(runes[:limit]) + "…"
	}
	return text
}
