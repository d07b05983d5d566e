package faults

import (
	"fmt"
	"maps"
	"net/http"

	"github.com/connix-io/connix-go/internal/fake/problem"
)

// The actions of this file respond by themselves: the API does not see the
// request. Under [AfterProcessing] it has processed it.

// Respond responds with status (200 to 999), body and header. A header without
// values is left out of the response. Any other status panics.
func Respond(status int, body string, header http.Header) Action {
	check(status)
	header = canonical(header)
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		respond(w, status, []byte(body), header)
	}
}

// RespondError responds with status and an error of the API.
func RespondError(status int, code, message string) Action {
	check(status)
	p := &problem.Problem{Status: status, Code: code, Message: message}
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) { problem.Write(w, r, p) }
}

// OKWithError responds with 200 and an error of the API as its body.
func OKWithError(code, message string) Action {
	return RespondError(http.StatusOK, code, message)
}

// RateLimited responds with 429 and an error of the API, and with retryAfter as its
// Retry-After header; "" leaves that out.
func RateLimited(retryAfter string) Action {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		problem.Write(w, r, &problem.Problem{Status: http.StatusTooManyRequests, Message: "Too many requests"})
	}
}

// HTMLError responds with status and a page of HTML, as proxies do.
func HTMLError(status int) Action {
	title := fmt.Sprintf("%d %s", status, http.StatusText(status))
	page := "<html>\r\n<head><title>" + title + "</title></head>\r\n<body>\r\n<center><h1>" + title + "</h1></center>\r\n<hr>\r\n</body>\r\n</html>\r\n"
	return Respond(status, page, http.Header{"Content-Type": {"text/html"}})
}

// RedirectTo responds with status and url as the Location; "" leaves that out.
func RedirectTo(url string, status int) Action {
	header := make(http.Header)
	if url != "" {
		header.Set("Location", url)
	}
	return Respond(status, "", header)
}

// RedirectLoop redirects each request to where it already is.
func RedirectLoop(status int) Action {
	check(status)
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		respond(w, status, nil, http.Header{"Location": {r.URL.RequestURI()}})
	}
}

// EndlessBody responds with 200 with JSON that begins well and never ends, as fast
// as the client reads it. A HEAD gets the headers of it.
func EndlessBody() Action {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		own := w.Header().Clone()
		own.Set("Content-Type", "application/json")
		response{http.StatusOK, own, nil}.start(w, -1)
		if r.Method == http.MethodHead {
			return // what is written goes nowhere, without end
		}
		next, items := []byte(`{"data":[{"id":1,"name":"endless"}`), endless()
		for r.Context().Err() == nil && write(w, next) {
			next = items
		}
		hangUp(w)
	}
}

func endless() []byte {
	const item, block = `,{"id":1,"name":"endless"}`, 32 << 10
	items := make([]byte, 0, block+len(item))
	for len(items) < block {
		items = append(items, item...)
	}
	return items
}

func check(status int) {
	if status < 200 || status > 999 {
		panic(fmt.Sprintf("connixtest: fault with status %d: want 200 to 999", status))
	}
}

// reply responds with header on top of what w has already been given.
func respond(w http.ResponseWriter, status int, body []byte, header http.Header) {
	all := w.Header().Clone()
	maps.Copy(all, header)
	response{status, all, body}.send(w)
}
