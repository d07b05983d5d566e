package faults

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
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

// RespondError responds with status and the API's error envelope.
func RespondError(status int, code, message string) Action {
	check(status)
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		respond(w, status, envelope(r, code, message), http.Header{"Content-Type": {"application/json"}})
	}
}

// OKWithError responds with 200 with an error envelope as its body.
func OKWithError(code, message string) Action {
	return RespondError(http.StatusOK, code, message)
}

// RateLimited responds with 429 with the API's error envelope, and with retryAfter
// as its Retry-After header; "" leaves that out.
func RateLimited(retryAfter string) Action {
	header := http.Header{"Content-Type": {"application/json"}}
	if retryAfter != "" {
		header.Set("Retry-After", retryAfter)
	}
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		respond(w, http.StatusTooManyRequests, envelope(r, "RATE_LIMIT_EXCEEDED", "Too many requests"), header)
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

// envelope is the API's error body, with the id that the request came with.
func envelope(r *http.Request, code, message string) []byte {
	type problem struct {
		Code      string `json:"code"`
		Message   string `json:"message"`
		RequestID string `json:"request_id,omitempty"`
	}
	body, err := json.Marshal(map[string]problem{"error": {code, message, r.Header.Get("X-Request-ID")}})
	if err != nil {
		panic(err) // three strings always marshal
	}
	return body
}
