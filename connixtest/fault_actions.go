package connixtest

import (
	"net/http"
	"time"

	"github.com/connix-io/connix-go/internal/fake/faults"
)

// Respond responds with a status from 200 to 999, a body and headers; the API
// does not see the request. A header without values is left out of the response,
// also one that the server would add, such as Date. Any other status panics.
func Respond(status int, body string, header http.Header) Action {
	return Action(faults.Respond(status, body, header))
}

// RespondError responds with a status and the API's error envelope, in which the
// code may be one of the package connix, such as [connix.CodeConflict], or any
// other. The API does not see the request.
func RespondError(status int, code, message string) Action {
	return Action(faults.RespondError(status, code, message))
}

// OKWithError responds with 200 with an error envelope where a result should be. The
// API does not see the request.
func OKWithError(code, message string) Action { return Action(faults.OKWithError(code, message)) }

// HTMLError responds with a status and a page of HTML, as a proxy does before an
// API that is not well: 502, 503, 504. The API does not see the request.
func HTMLError(status int) Action { return Action(faults.HTMLError(status)) }

// RateLimited responds with 429 with the API's error envelope. retryAfter is its
// Retry-After header as it is sent: seconds ("2"), a fraction ("1.5"), a date
// (in [http.TimeFormat]), nonsense ("soon"); "" sends none. The API does not see
// the request, and no rate limit counts it.
func RateLimited(retryAfter string) Action { return Action(faults.RateLimited(retryAfter)) }

// RedirectTo responds with a status, such as 307, and url as the Location: a path
// ("/api/v1/projects?page=2") stays on the server's origin, a URL leads
// anywhere; "" sends no Location. The API does not see the request.
func RedirectTo(url string, status int) Action { return Action(faults.RedirectTo(url, status)) }

// RedirectLoop redirects every request to where it already is. With Times 1 in
// its [Fault] it is one detour, without it has no end. The API does not see the
// request.
func RedirectLoop(status int) Action { return Action(faults.RedirectLoop(status)) }

// EndlessBody responds with 200 with JSON that begins well and goes on for as long as
// the client reads, as fast as it can. The API does not see the request.
func EndlessBody() Action { return Action(faults.EndlessBody()) }

// ResetBefore resets the connection (a TCP RST) when the request has arrived
// whole. The API does not see the request; the client cannot know.
func ResetBefore() Action { return Action(faults.ResetBefore()) }

// ResetAfter resets the connection (a TCP RST) when the API has processed the
// request: what it changed stays changed, and the client gets no response.
func ResetAfter() Action { return Action(faults.ResetAfter()) }

// ResetInBody resets the connection (a TCP RST) after the header and the first
// keep bytes of the body of the API's response; at most all but one are kept. An
// answer without a body, such as 204, passes as it is.
func ResetInBody(keep int) Action { return Action(faults.ResetInBody(keep)) }

// Truncate cuts the body of the API's response after keep bytes, at most all but
// one: Content-Length promises the whole of it, and the connection is closed. An
// answer without a body passes as it is.
func Truncate(keep int) Action { return Action(faults.Truncate(keep)) }

// TruncateChunked is [Truncate] for a body without a Content-Length: it comes in
// chunks, of which the last never does.
func TruncateChunked(keep int) Action { return Action(faults.TruncateChunked(keep)) }

// TruncateGzip compresses the body of the API's response, whether the client
// accepts that or not, and sends the first keep bytes of it, at least one and at
// most all but one. HTTP has nothing to complain of: only who unpacks the body
// sees that it was cut. A response without a body passes as it is.
func TruncateGzip(keep int) Action { return Action(faults.TruncateGzip(keep)) }

// WrongContentLength sends the whole body of the API's response under a
// Content-Length that is off by that many bytes, and closes the connection. With
// a positive one the client waits for bytes that never come. With a negative one
// it takes a part of the body for the whole (over HTTP/2, only that part is
// sent). A response without a body passes as it is.
func WrongContentLength(off int) Action { return Action(faults.WrongContentLength(off)) }

// EmptyBody sends the API's response, with its status and headers, without its
// body.
func EmptyBody() Action { return Action(faults.EmptyBody()) }

// Stall sends the header and the first keep bytes of the body of the API's
// answer, at most all but one, and the rest after d. A response without a body
// passes as it is. For a wait before the header see [Delay].
func Stall(keep int, d time.Duration) Action { return Action(faults.Stall(keep, d)) }

// Drip sends the header of the API's response at once and its body slowly: so many
// bytes a second, at least one. A response without a body passes as it is.
func Drip(bytesPerSecond int) Action { return Action(faults.Drip(bytesPerSecond)) }

// SetHeaders sends the API's response with these headers in place of its own. One
// without values is removed, also one that the server would add, such as Date.
func SetHeaders(header http.Header) Action { return Action(faults.SetHeaders(header)) }

// RateHeaders sends the API's response with these texts in the headers
// X-RateLimit-Limit-Requests, -Remaining-Requests and -Reset-Requests, however
// absurd they are; "" removes one.
func RateHeaders(limit, remaining, reset string) Action {
	return Action(faults.RateHeaders(limit, remaining, reset))
}

// TokenHeaders is [RateHeaders] for the budget of tokens.
func TokenHeaders(limit, remaining, reset string) Action {
	return Action(faults.TokenHeaders(limit, remaining, reset))
}

// NoRateHeaders sends the API's response without any rate limit header.
func NoRateHeaders() Action { return Action(faults.NoRateHeaders()) }

// SkewDate sends the API's response with a Date header that is off by d, as if
// the server's clock were. The clock itself stays: for a server whose clock is
// off see [RateLimits.Skew].
func SkewDate(d time.Duration) Action { return Action(faults.SkewDate(d)) }

// Delay waits d before anything happens, then does next; nil stands for the API.
// A client that gives up meanwhile is noticed: its request goes no further. The
// wait is one of package time, so in a testing/synctest bubble it takes none.
// For a wait within the body see [Stall].
func Delay(d time.Duration, next Action) Action {
	return Action(faults.Delay(d, faults.Action(next)))
}

// AfterProcessing lets the API process the request, throws its response away and
// does next. It turns any action that would take the API's place into one that
// comes too late: what the request changed stays changed. A nil next panics.
func AfterProcessing(next Action) Action {
	return Action(faults.AfterProcessing(faults.Action(next)))
}
