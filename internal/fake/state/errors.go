package state

import "fmt"

// Kind classifies why a change was refused.
type Kind int

// The kinds of refusal.
const (
	Invalid Kind = iota
	NotFound
	Conflict
)

// Error says why something was refused.
type Error struct {
	Kind    Kind
	Message string
	// Field and Issue say what is wrong with the request, where it is that.
	Field, Issue string
}

func (e *Error) Error() string {
	if e.Field == "" {
		return e.Message
	}
	return fmt.Sprintf("%s: %s %s", e.Message, e.Field, e.Issue)
}

func invalid(field, issue string) *Error {
	return &Error{Kind: Invalid, Message: "The request data is invalid", Field: field, Issue: issue}
}

func notFound(what string, id ID) *Error {
	return &Error{Kind: NotFound, Message: fmt.Sprintf("%s %q does not exist", what, string(id))}
}
