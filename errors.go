package connix

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// The classes of failure, for [errors.Is]. An [*Error] matches the class of its
// status, and those of its Err.
var (
	// ErrInvalidRequest: the server refused the request's data (400, 422), or
	// the client did before sending anything (then it is an [*ArgumentError]).
	ErrInvalidRequest = errors.New("connix: invalid request")
	// ErrUnauthorized: the credential is missing, wrong, expired or revoked (401).
	ErrUnauthorized = errors.New("connix: unauthorized")
	// ErrForbidden: the credential lacks the permission or scope (403).
	ErrForbidden = errors.New("connix: forbidden")
	// ErrNotFound: there is no such resource (404), or a search by name found none.
	ErrNotFound = errors.New("connix: not found")
	// ErrConflict: the resource exists already, or changed meanwhile (409).
	ErrConflict = errors.New("connix: conflict")
	// ErrRateLimited: the server (429) or the client's own limiter refused the
	// call for now; [errors.As] with [*RateLimitError] says for how long.
	ErrRateLimited = errors.New("connix: rate limited")
	// ErrServer: the server or a proxy before it failed (500 and above).
	ErrServer = errors.New("connix: server error")

	// ErrUnknownOutcome: a write was sent and its answer was lost or says
	// nothing certain, so it may or may not have been done. Look before
	// repeating it: FindByName, Get, or the request id in a support request.
	ErrUnknownOutcome = errors.New("connix: the outcome of the write is unknown: look before repeating it")
	// ErrResponseTooLarge: the answer's body exceeds WithMaxResponseBytes.
	ErrResponseTooLarge = errors.New("connix: response too large")
	// ErrInvalidResponse: the answer says success but cannot be read as what the
	// endpoint returns: HTML, nothing, cut or mistyped JSON, an error envelope.
	ErrInvalidResponse = errors.New("connix: invalid response")
	// ErrRedirectRefused: the answer is a redirect that would leave the API's
	// origin, would change what the request does, or never ends.
	ErrRedirectRefused = errors.New("connix: redirect refused")
	// ErrNoCredentials: NewClient found no API key and no token source, or the
	// source of a call's credential returned none that can be used.
	ErrNoCredentials = errors.New("connix: no credentials")
	// ErrLoginRequired: the authorization has ended for good (the refresh token
	// is spent, revoked or expired); only a new login helps.
	ErrLoginRequired = errors.New("connix: login required")
)

// The error codes that the API sends, in [Error.Code]. The first six are in the
// API overview; the others are assumed. A code is kept as received, so compare
// with [errors.Is] and a class where you can: another part of the API's
// documentation writes them in lower case.
const (
	CodeInvalidRequest    = "INVALID_REQUEST"
	CodeUnauthorized      = "UNAUTHORIZED"
	CodeForbidden         = "FORBIDDEN"
	CodeResourceNotFound  = "RESOURCE_NOT_FOUND"
	CodeRateLimitExceeded = "RATE_LIMIT_EXCEEDED"
	CodeInternalError     = "INTERNAL_ERROR"
	CodeConflict          = "CONFLICT"
	CodeMethodNotAllowed  = "METHOD_NOT_ALLOWED"
)

// Error is every failure of a call once its arguments were found valid: an
// answer that says so, an answer that cannot be read, or no answer at all.
//
// The zero value is usable, so that tests can build the error they need:
// &connix.Error{StatusCode: 404} matches [ErrNotFound].
type Error struct {
	// StatusCode is that of the last answer; 0 where none came or where the
	// failure is the client's own (Err says which).
	StatusCode int
	// Code is the API's error code as received, "" where the answer had none.
	Code string
	// Message is the API's message, or a description of an answer without one.
	Message string
	// Details names the field at fault, where the API does.
	Details ErrorDetails
	// RequestID is the one of the error body, else of the answer's header, else
	// the one sent. Give it to support: see [Error.SupportInfo].
	RequestID string
	// Method and Route name the endpoint: GET and "/projects/{id}".
	Method, Route string
	// Attempts lists what was given to the transport, oldest first; empty where
	// nothing was, as without a credential, and for what follows from several
	// calls, such as a search without a match.
	Attempts []Attempt
	// RetryAfter is the server's Retry-After, 0 for none.
	RetryAfter time.Duration
	// Body is the start of the last answer's body (64 KiB at most), nil for none.
	Body []byte
	// Err is what lies beneath: a network error, a context's error, a
	// [*RateLimitError], [ErrUnknownOutcome] and so on; nil where the answer
	// says everything.
	Err error

	credential string // masked
}

// ErrorDetails is the details block of an API error.
type ErrorDetails struct {
	// Field is the field at fault, "" where the API names none.
	Field string
	// Issue says what is wrong with it, or is the whole of details where the
	// API sends a plain string.
	Issue string
	// Raw is the block as received, nil for none.
	Raw json.RawMessage
}

// Error says what failed, and what to do where that is known. It holds the
// status, code, message, request id and route, never a header, a query or a
// credential.
func (e *Error) Error() string {
	if e == nil {
		return "connix: <nil>"
	}
	var b strings.Builder
	b.WriteString("connix: ")
	if e.Method != "" || e.Route != "" {
		b.WriteString(strings.TrimSpace(e.Method+" "+e.Route) + ": ")
	}
	if e.StatusCode != 0 {
		b.WriteString(strconv.Itoa(e.StatusCode) + " ")
	}
	what := printable(e.Message, maxText)
	switch {
	case what == "" && e.Code == "" && e.StatusCode != 0:
		what = http.StatusText(e.StatusCode)
	case what == "" && e.Code == "" && e.Err == nil:
		what = "failed"
	}
	if code := printable(e.Code, maxText); code != "" {
		what = strings.TrimSuffix(code+": "+what, ": ")
	}
	b.WriteString(what)
	if e.Details.Field != "" || e.Details.Issue != "" {
		fmt.Fprintf(&b, " (%s)", strings.Trim(printable(e.Details.Field, maxText)+": "+printable(e.Details.Issue, maxText), ": "))
	}
	if e.Err != nil {
		if what != "" {
			b.WriteString(": ")
		}
		b.WriteString(strings.ReplaceAll(e.Err.Error(), "connix: ", ""))
	}
	if hint := e.hint(); hint != "" {
		b.WriteString("; " + hint)
	}
	if n := len(e.Attempts); n > 1 {
		fmt.Fprintf(&b, " (after %d attempts)", n)
	}
	if e.RequestID != "" {
		fmt.Fprintf(&b, " [request id %s]", printable(e.RequestID, maxText))
	}
	return strings.TrimSpace(b.String())
}

// hint says what helps against the failures that users meet first.
func (e *Error) hint() string {
	if e.Code == "" && len(e.Body) > 0 && !json.Valid(e.Body) {
		return "" // the answer is of a proxy, and the message says so
	}
	switch e.StatusCode {
	case http.StatusUnauthorized:
		if is[*TokenError](e.Err) {
			return "" // which says what helps
		}
		return "check that the credential is current and belongs to this API"
	case http.StatusForbidden:
		return "check the scopes of the credential"
	}
	return ""
}

// Is reports whether the error belongs to target's class: see the Err
// variables. Where a 2xx carried an error, its code decides.
func (e *Error) Is(target error) bool {
	if e == nil {
		return false
	}
	return target == classOfStatus(e.StatusCode) || e.StatusCode < 300 && target == classOfCode(e.Code)
}

// Unwrap returns Err.
func (e *Error) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// SupportInfo returns what the API's support asks for: the request id and the
// key with all but its ends masked.
func (e *Error) SupportInfo() string {
	if e == nil {
		return ""
	}
	id, credential := printable(e.RequestID, maxText), e.credential
	if id == "" {
		id = "none"
	}
	if credential == "" {
		credential = "no API key"
	}
	return "request id " + id + ", " + credential
}

// Format prints the text of [Error.Error] under every verb, so that no dump of
// the struct reaches a log.
func (e Error) Format(f fmt.State, verb rune) {
	formatText(f, verb, e.Error())
}

// LogValue gives slog the error's parts as a group.
func (e *Error) LogValue() slog.Value {
	if e == nil {
		return slog.Value{}
	}
	return slog.GroupValue(
		slog.String("error", e.Error()),
		slog.Int("status", e.StatusCode),
		slog.String("code", printable(e.Code, maxText)),
		slog.String("request_id", printable(e.RequestID, maxText)),
		slog.String("method", e.Method),
		slog.String("route", e.Route),
		slog.Int("attempts", len(e.Attempts)),
	)
}

// ArgumentError is a call that the client refused before sending anything: an
// empty id, an update that changes nothing, a filter that the endpoint lacks.
// It matches [ErrInvalidRequest].
type ArgumentError struct {
	// Name is the argument or option at fault.
	Name string
	// Issue says what is wrong with it.
	Issue string
}

// Error names the argument and its issue.
func (e *ArgumentError) Error() string {
	if e == nil {
		return "connix: <nil>"
	}
	return "connix: " + e.Name + ": " + e.Issue
}

// Is matches [ErrInvalidRequest].
func (e *ArgumentError) Is(target error) bool { return target == ErrInvalidRequest }

// causes is several errors in one line; [errors.Join] would break it into more.
type causes []error

func (c causes) Error() string {
	texts := make([]string, len(c))
	for i, err := range c {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

func (c causes) Unwrap() []error { return c }

// join returns the errors that are not nil as one: nil for none.
func join(errs ...error) error {
	var c causes
	for _, err := range errs {
		if err != nil {
			c = append(c, err)
		}
	}
	switch len(c) {
	case 0:
		return nil
	case 1:
		return c[0]
	}
	return c
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func classOfStatus(status int) error {
	switch {
	case status == http.StatusBadRequest, status == http.StatusUnprocessableEntity:
		return ErrInvalidRequest
	case status == http.StatusUnauthorized:
		return ErrUnauthorized
	case status == http.StatusForbidden:
		return ErrForbidden
	case status == http.StatusNotFound:
		return ErrNotFound
	case status == http.StatusConflict:
		return ErrConflict
	case status == http.StatusTooManyRequests:
		return ErrRateLimited
	case status >= http.StatusInternalServerError:
		return ErrServer
	}
	return nil
}

func classOfCode(code string) error {
	switch strings.ToUpper(code) {
	case CodeInvalidRequest, "VALIDATION_ERROR":
		return ErrInvalidRequest
	case CodeUnauthorized, "INVALID_API_KEY":
		return ErrUnauthorized
	case CodeForbidden:
		return ErrForbidden
	case CodeResourceNotFound, "NOT_FOUND":
		return ErrNotFound
	case CodeConflict:
		return ErrConflict
	case CodeRateLimitExceeded:
		return ErrRateLimited
	case CodeInternalError:
		return ErrServer
	}
	return nil
}

// maxText is how much of a server's text an error or a log line quotes.
const maxText = 500

// printable makes foreign text fit for one line of a log: what is not printable
// becomes a space, and limit bytes are enough.
func printable(text string, limit int) string {
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + "…"
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
}

// formatText writes text under any verb: quoted for q and %#v, else as it is.
func formatText(f fmt.State, verb rune, text string) {
	switch {
	case verb == 'q':
		text = strconv.Quote(text)
	case verb == 'x' || verb == 'X':
		text = fmt.Sprintf(fmt.FormatString(f, verb), text)
	}
	_, _ = io.WriteString(f, text)
}
