package connix

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/connix-io/connix-go/internal/retry"
)

// The classes of failure, for use with [errors.Is]. An [*Error] matches the class
// of its status code and everything that its Err matches.
var (
	// ErrInvalidRequest: the server refused the request's data (400, 422), or the
	// client refused an argument before it sent anything ([*ArgumentError]).
	ErrInvalidRequest = errors.New("connix: invalid request")
	// ErrUnauthorized: the credential is missing, wrong, expired or revoked (401).
	ErrUnauthorized = errors.New("connix: unauthorized")
	// ErrForbidden: the credential lacks the permission or the scope (403).
	ErrForbidden = errors.New("connix: forbidden")
	// ErrNotFound: the resource does not exist (404), or a search by name found
	// none.
	ErrNotFound = errors.New("connix: not found")
	// ErrConflict: the resource exists already, or has changed meanwhile (409).
	ErrConflict = errors.New("connix: conflict")
	// ErrRateLimited: the call was throttled, by the server (429) or by the client's
	// own limiter. [errors.As] with a [*RateLimitError] tells for how long.
	ErrRateLimited = errors.New("connix: rate limited")
	// ErrServer: the server or a proxy in front of it failed (500 and above).
	ErrServer = errors.New("connix: server error")

	// ErrUnknownOutcome: a write was sent, but no response tells for certain whether
	// the server applied it. Look before you repeat it: use FindByName or Get, or
	// give the request ID to support.
	ErrUnknownOutcome = errors.New("connix: the outcome of the write is unknown: look before repeating it")
	// ErrResponseTooLarge: the response body exceeds the limit of
	// WithMaxResponseBytes.
	ErrResponseTooLarge = errors.New("connix: response too large")
	// ErrInvalidResponse: the response reports success (2xx), but its body is not
	// the endpoint's result: HTML, nothing, incomplete or mistyped JSON, or an error.
	ErrInvalidResponse = errors.New("connix: invalid response")
	// ErrRedirectRefused: the response is a redirect that leaves the API's origin,
	// changes the request's method, or is one too many.
	ErrRedirectRefused = errors.New("connix: redirect refused")
	// ErrNoCredentials: NewClient found no API key and no token source, or the
	// source returned no usable credential for a call.
	ErrNoCredentials = errors.New("connix: no credentials")
	// ErrLoginRequired: the authorization has ended, because the refresh token is
	// spent, revoked or expired. Only a new login helps.
	ErrLoginRequired = errors.New("connix: login required")
)

// The error codes of the API, as found in [Error.Code]. The API overview documents
// the first six; the others are assumed. A code is kept as received, and another
// part of the API's documentation writes codes in lower case. Prefer [errors.Is]
// with a class to comparing codes.
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

// Error is the failure of a call whose arguments were valid: the response reports
// an error, the response cannot be read, or there is no response.
//
// An error does not show the call's secrets: where the server quotes the credential,
// or a value that was sent under a name such as "secret", the fields but Body have ****
// in its place, and so has all that fmt, slog and JSON print. What an error within Err
// shows of itself is its own, once it is unwrapped.
//
// The zero value is usable. Tests can build the error that they need:
// &connix.Error{StatusCode: 404} matches [ErrNotFound].
type Error struct {
	// StatusCode is the status of the last response. It is 0 if there was none;
	// then Err holds the reason.
	StatusCode int
	// Code is the API's error code as received, "" if the response has none.
	Code string
	// Message is the API's message, or a description of a response without one.
	Message string
	// Details names the field at fault if the API does; zero otherwise.
	Details ErrorDetails
	// RequestID comes from the error body, or else from the response header, or
	// else it is the ID sent. Give it to support; see [Error.SupportInfo].
	RequestID string
	// Method and Route name the endpoint, such as GET and "/projects/{id}".
	Method, Route string
	// Attempts lists the attempts that reached the transport, oldest first. It is
	// empty if none did, for example without a credential, and for a failure that
	// follows from several calls, such as a search without a match.
	Attempts []Attempt
	// RetryAfter is the value of the Retry-After header, 0 if there was none.
	RetryAfter time.Duration
	// Body is the start of the last response's body, at most 64 KiB; nil if there
	// was none. It is as received, so that it may hold a secret, such as a new API
	// key that could not be read. Nothing of this package prints it.
	Body []byte
	// Err is the cause: a network error, a context's error, a [*RateLimitError],
	// [ErrUnknownOutcome] or others. It is nil if the response explains everything.
	Err error

	credential string // masked
}

// ErrorDetails holds the details of an API error.
type ErrorDetails struct {
	// Field is the field at fault, "" if the API names none.
	Field string
	// Issue describes the problem. If the API sends the details as a plain string,
	// Issue holds that string.
	Issue string
	// Raw is the details' JSON as received, nil if there was none.
	Raw json.RawMessage
}

// Error returns one line with the method, route, status, code, message, cause and
// request ID, and with advice for common failures. It holds no header, no query
// and no credential.
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
		b.WriteString(strings.ReplaceAll(hideShapes(e.Err.Error()), "connix: ", ""))
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

// hint returns advice for the failures that users meet first.
func (e *Error) hint() string {
	if e.Code == "" && len(e.Body) > 0 && !json.Valid(e.Body) {
		return "" // a proxy's response, as the message says
	}
	switch e.StatusCode {
	case http.StatusUnauthorized:
		if is[*TokenError](e.Err) {
			return "" // its text has the advice
		}
		return "check that the credential is current and belongs to this API"
	case http.StatusForbidden:
		return "check the scopes of the credential"
	}
	return ""
}

// Is reports whether target is the class of the status code; see [ErrNotFound] and
// the other classes. For an error in a 2xx response, the error code decides.
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

// Retryable reports whether it makes sense to make the same call again later: it can
// succeed then, and it cannot apply a write twice. A queue worker puts the job back if
// it is true, and gives up if it is false.
//
// It is true for throttled calls (429, or the client's own limiter), for failures of
// the server or the network that pass by themselves if the method is idempotent, for
// calls that were not sent, and for a context that ended a call before its time. It is
// false for a POST or PATCH whose outcome is unknown, which matches [ErrUnknownOutcome]:
// look first. It is false for all other errors.
func (e *Error) Retryable() bool {
	if e == nil {
		return false
	}
	idempotent := retry.IsIdempotent(e.Method)
	switch status := e.StatusCode; {
	case errors.Is(e.Err, ErrUnknownOutcome) && !idempotent, e.hopeless():
		return false
	case status == 0:
		return e.Err != nil
	case status < http.StatusMultipleChoices:
		// The body was lost on the way; one that came and means nothing comes again.
		return idempotent && len(e.Attempts) > 0 && e.Attempts[len(e.Attempts)-1].Err != nil
	case status == http.StatusTooManyRequests:
		return true
	case status == http.StatusMisdirectedRequest, status == http.StatusTooEarly:
		return e.Method == http.MethodGet || e.Method == http.MethodHead
	default:
		return retry.IsTransient(status) && (idempotent || e.Method == "")
	}
}

// hopeless reports whether the cause of the error is one that stays.
func (e *Error) hopeless() bool {
	for _, lasting := range [...]error{
		ErrInvalidRequest, ErrUnauthorized, ErrForbidden, ErrNotFound, ErrConflict,
		ErrResponseTooLarge, ErrRedirectRefused, ErrNoCredentials, ErrLoginRequired,
	} {
		if errors.Is(e.Err, lasting) {
			return true
		}
	}
	failure, ok := errors.AsType[*TokenError](e.Err)
	return ok && !failure.Temporary() || retry.IsHopeless(e.Err)
}

// SupportInfo returns the text that the API's support asks for: the request ID and
// the masked API key.
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

// Format writes the text of [Error.Error] for every verb, so that no dump of the
// struct reaches a log.
func (e Error) Format(f fmt.State, verb rune) {
	formatText(f, verb, e.Error())
}

// LogValue returns the error's parts as a group for slog.
func (e *Error) LogValue() slog.Value {
	if e == nil {
		return slog.Value{}
	}
	return e.printed().logValue()
}

// MarshalJSON returns what [Error.LogValue] logs, and never the body. It is for logs, and
// is not read back.
func (e Error) MarshalJSON() ([]byte, error) { return e.printed().json() }

// ArgumentError reports an argument or an option that the client refused before it
// sent anything: an empty ID, an update that changes nothing, a filter that the
// endpoint lacks. It matches [ErrInvalidRequest].
type ArgumentError struct {
	// Name is the argument or option at fault.
	Name string
	// Issue describes the problem.
	Issue string
}

// Error returns the argument's name and its issue.
func (e *ArgumentError) Error() string {
	if e == nil {
		return "connix: <nil>"
	}
	return "connix: " + e.Name + ": " + e.Issue
}

// Is reports whether target is [ErrInvalidRequest].
func (e *ArgumentError) Is(target error) bool { return target == ErrInvalidRequest }

// causes joins errors in one line; [errors.Join] would use several.
type causes []error

func (c causes) Error() string {
	texts := make([]string, len(c))
	for i, err := range c {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

func (c causes) Unwrap() []error { return c }

// Format writes the one line for every verb: a dump could show what a cause holds.
func (c causes) Format(f fmt.State, verb rune) { formatText(f, verb, c.Error()) }

// join returns the non-nil errors as one error, nil if there are none.
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
