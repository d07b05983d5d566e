package connixtest

import (
	"net/http"
	"time"

	"github.com/connix-io/connix-go/internal/fake/faults"
)

// Respond responds with a status from 200 to 999, a body and headers. The API does
// not process the request. A header without values is removed from the response,
// including one that the server would add, such as Date. Any other status panics.
func Respond(status int, body string, header http.Header) Action {
	return Action(faults.Respond(status, body, header))
}

// RespondError responds with a status and an error of the API, with its headers and in
// the server's dialect. code may be a constant of package connix, such as
// [connix.CodeConflict], or any other text; "" is the code that the API uses with the
// status. The API does not process the request. A status outside 200 to 999 panics.
func RespondError(status int, code, message string) Action {
	return Action(faults.RespondError(status, code, message))
}

// OKWithError is [RespondError] with the status 200.
func OKWithError(code, message string) Action { return Action(faults.OKWithError(code, message)) }

// HTMLError responds with a status and a page of HTML, as a proxy in front of an
// unavailable API does: 502, 503, 504. The API does not process the request. A
// status outside 200 to 999 panics.
func HTMLError(status int) Action { return Action(faults.HTMLError(status)) }

// RateLimited responds with 429 and an error of the API. retryAfter is the
// Retry-After header as it is sent: seconds ("2"), a fraction ("1.5"), a date (in
// [http.TimeFormat]), nonsense ("soon"); "" sends none. The API does not process the
// request, and no rate limit counts it.
func RateLimited(retryAfter string) Action { return Action(faults.RateLimited(retryAfter)) }

// RedirectTo responds with a status, such as 307, and url as the Location: a path
// ("/api/v1/projects?page=2") stays on the server's origin, an absolute URL leads
// anywhere, "" sends no Location. The API does not process the request. A status
// outside 200 to 999 panics.
func RedirectTo(url string, status int) Action { return Action(faults.RedirectTo(url, status)) }

// RedirectLoop redirects each request to its own URL. With Times 1 in its [Fault] that
// is one detour; without Times it never ends. The API does not process the request.
// A status outside 200 to 999 panics.
func RedirectLoop(status int) Action { return Action(faults.RedirectLoop(status)) }

// EndlessBody responds with 200 and JSON that begins well and continues as fast as the
// client reads, until it stops. The API does not process the request.
func EndlessBody() Action { return Action(faults.EndlessBody()) }

// ResetBefore resets the connection (a TCP RST) once the whole request has arrived.
// The API does not process the request, which the client cannot know.
func ResetBefore() Action { return Action(faults.ResetBefore()) }

// ResetAfter resets the connection (a TCP RST) after the API has processed the request:
// changes remain, and the client gets no response.
func ResetAfter() Action { return Action(faults.ResetAfter()) }

// ResetInBody resets the connection (a TCP RST) after the header and the first keep
// bytes of the body of the API's response, at most all but one. A response without a
// body, such as a 204, passes unchanged.
func ResetInBody(keep int) Action { return Action(faults.ResetInBody(keep)) }

// Truncate cuts the body of the API's response after keep bytes, at most all but one:
// Content-Length announces the whole body, then the connection is closed. A response
// without a body passes unchanged.
func Truncate(keep int) Action { return Action(faults.Truncate(keep)) }

// TruncateChunked is [Truncate] for a body without a Content-Length: it is sent in
// chunks, and the last chunk is missing.
func TruncateChunked(keep int) Action { return Action(faults.TruncateChunked(keep)) }

// TruncateGzip compresses the body of the API's response, whether or not the client
// accepts gzip, and sends its first keep bytes, at least one and at most all but one.
// The response is valid HTTP: only decompression reveals the cut. A response without
// a body passes unchanged.
func TruncateGzip(keep int) Action { return Action(faults.TruncateGzip(keep)) }

// WrongContentLength sends the body of the API's response with a Content-Length that is
// wrong by off bytes, then closes the connection. If off is positive, the client waits
// for bytes that never come. If it is negative, the client takes a part of the body for
// the whole; over HTTP/2 only that part is sent. A response without a body passes
// unchanged.
func WrongContentLength(off int) Action { return Action(faults.WrongContentLength(off)) }

// EmptyBody sends the status and headers of the API's response without its body.
func EmptyBody() Action { return Action(faults.EmptyBody()) }

// Stall sends the header and the first keep bytes of the body of the API's response, at
// most all but one, and the rest after d. A response without a body passes unchanged.
// [Delay] waits before the header.
func Stall(keep int, d time.Duration) Action { return Action(faults.Stall(keep, d)) }

// Drip sends the header of the API's response at once and its body at that many bytes a
// second, at least one. A response without a body passes unchanged.
func Drip(bytesPerSecond int) Action { return Action(faults.Drip(bytesPerSecond)) }

// SetHeaders replaces headers of the API's response. A header without values is removed,
// including one that the server would add, such as Date.
func SetHeaders(header http.Header) Action { return Action(faults.SetHeaders(header)) }

// RateHeaders sets the headers X-RateLimit-Limit-Requests, -Remaining-Requests and
// -Reset-Requests of the API's response to any texts; "" removes one.
func RateHeaders(limit, remaining, reset string) Action {
	return Action(faults.RateHeaders(limit, remaining, reset))
}

// TokenHeaders is [RateHeaders] for the Tokens headers.
func TokenHeaders(limit, remaining, reset string) Action {
	return Action(faults.TokenHeaders(limit, remaining, reset))
}

// NoRateHeaders removes all rate limit headers from the API's response.
func NoRateHeaders() Action { return Action(faults.NoRateHeaders()) }

// SkewDate moves the Date header of the API's response by d. The server's clock stays
// the same; [RateLimits.Skew] is for a server whose clock is off.
func SkewDate(d time.Duration) Action { return Action(faults.SkewDate(d)) }

// Delay waits d, then does next; nil means the API. If the client disconnects during the
// wait, the request ends there. The wait is in package time, so it takes no real time in
// a testing/synctest bubble. [Stall] waits within the body.
func Delay(d time.Duration, next Action) Action {
	return Action(faults.Delay(d, faults.Action(next)))
}

// AfterProcessing lets the API process the request, discards its response and does next.
// So an action that replaces the API happens after the change: the change remains. A nil
// next panics.
func AfterProcessing(next Action) Action {
	return Action(faults.AfterProcessing(faults.Action(next)))
}
