package faults_test

import (
	"errors"
	"io"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/connix-io/connix-go/internal/fake/faults"
)

// unchecked stands for a body that the row does not look at.
const unchecked = "\x00"

// seen is what a client sees of one request under an action.
type seen struct {
	name   string
	action faults.Action
	method string // "": GET

	status    int
	header    map[string]string // "": not there
	length    int64             // Content-Length as the client reads it; 0: not looked at
	body      string
	err       error // of Do
	readErr   error // of the body
	processed int32 // requests that reached the API
}

func whatClientsSee() []seen {
	page, json := map[string]string{"Content-Type": "text/html"}, map[string]string{"Content-Type": "application/json"}
	size := int64(len(projects))
	return []seen{
		{name: "Respond", action: faults.Respond(418, "short and stout", http.Header{"x-pot": {"tea"}}),
			status: 418, header: map[string]string{"X-Pot": "tea"}, length: 15, body: "short and stout"},
		{name: "Respond without Date", action: faults.Respond(200, "", http.Header{"Date": nil}),
			status: 200, header: map[string]string{"Date": ""}},
		{name: "Respond 204 with a body", action: faults.Respond(204, "not allowed", nil), status: 204},
		{name: "Respond 200 with half a document", action: faults.Respond(200, `{"data":[`, nil), status: 200, length: 9, body: `{"data":[`},
		{name: "RespondError", action: faults.RespondError(503, "INTERNAL_ERROR", "try later"), status: 503, header: json,
			body: `{"error":{"code":"INTERNAL_ERROR","message":"try later","request_id":"call-7"}}`},
		{name: "OKWithError", action: faults.OKWithError("FORBIDDEN", "no"), status: 200, header: json,
			body: `{"error":{"code":"FORBIDDEN","message":"no","request_id":"call-7"}}`},
		{name: "HTMLError", action: faults.HTMLError(502), status: 502, header: page,
			body: "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n<hr>\r\n</body>\r\n</html>\r\n"},
		{name: "RateLimited", action: faults.RateLimited(""), status: 429, header: map[string]string{"Retry-After": ""},
			body: `{"error":{"code":"","message":"Too many requests","request_id":"call-7"}}`},
		{name: "RateLimited with a fraction", action: faults.RateLimited("1.5"), status: 429, header: map[string]string{"Retry-After": "1.5"}, body: unchecked},
		{name: "RateLimited for ages", action: faults.RateLimited("99999999999999999999"), status: 429,
			header: map[string]string{"Retry-After": "99999999999999999999"}, body: unchecked},

		{name: "SetHeaders", action: faults.SetHeaders(http.Header{"x-ratelimit-limit-tokens": {"lots"}, "X-Request-ID": nil}), status: 200, body: projects, processed: 1,
			header: map[string]string{"X-Ratelimit-Limit-Tokens": "lots", "X-Request-Id": "", "X-Ratelimit-Limit-Requests": "1000"}},
		{name: "RateHeaders", action: faults.RateHeaders("-1", "NaN", ""), status: 200, body: projects, processed: 1,
			header: map[string]string{"X-Ratelimit-Limit-Requests": "-1", "X-Ratelimit-Remaining-Requests": "NaN", "X-Ratelimit-Reset-Requests": "", "X-Ratelimit-Reset-Tokens": "1705316400"}},
		{name: "TokenHeaders", action: faults.TokenHeaders("10", "20", "1"), status: 200, body: projects, processed: 1,
			header: map[string]string{"X-Ratelimit-Limit-Tokens": "10", "X-Ratelimit-Remaining-Tokens": "20", "X-Ratelimit-Reset-Tokens": "1", "X-Ratelimit-Limit-Requests": "1000"}},
		{name: "NoRateHeaders", action: faults.NoRateHeaders(), status: 200, body: projects, processed: 1,
			header: map[string]string{"X-Ratelimit-Limit-Requests": "", "X-Ratelimit-Remaining-Requests": "", "X-Ratelimit-Reset-Requests": "", "X-Ratelimit-Limit-Tokens": "", "X-Ratelimit-Remaining-Tokens": "", "X-Ratelimit-Reset-Tokens": "", "X-Request-Id": "req_1"}},
		{name: "SkewDate", action: faults.SkewDate(-time.Hour), status: 200, body: projects, processed: 1,
			header: map[string]string{"Date": "Mon, 15 Jan 2024 09:30:00 GMT"}},

		{name: "Truncate", action: faults.Truncate(10), status: 200, header: map[string]string{"X-Compressed": ""}, length: size, body: projects[:10], readErr: io.ErrUnexpectedEOF, processed: 1},
		{name: "Truncate to nothing", action: faults.Truncate(-5), status: 200, length: size, readErr: io.ErrUnexpectedEOF, processed: 1},
		{name: "Truncate the last byte", action: faults.Truncate(1 << 30), status: 200, length: size, body: projects[:size-1], readErr: io.ErrUnexpectedEOF, processed: 1},
		{name: "Truncate no body", action: faults.Truncate(10), method: "DELETE", status: 204, processed: 1},
		{name: "TruncateChunked", action: faults.TruncateChunked(10), status: 200, length: -1, body: projects[:10], readErr: io.ErrUnexpectedEOF, processed: 1},
		{name: "TruncateChunked to nothing", action: faults.TruncateChunked(0), status: 200, length: -1, readErr: io.ErrUnexpectedEOF, processed: 1},
		{name: "TruncateGzip", action: faults.TruncateGzip(40), status: 200, length: -1, body: unchecked, readErr: io.ErrUnexpectedEOF, processed: 1},
		{name: "TruncateGzip in its header", action: faults.TruncateGzip(0), status: 200, length: -1, readErr: io.ErrUnexpectedEOF, processed: 1},
		{name: "TruncateGzip in its checksum", action: faults.TruncateGzip(1 << 30), status: 200, length: -1, body: projects, readErr: io.ErrUnexpectedEOF, processed: 1},
		{name: "WrongContentLength, longer", action: faults.WrongContentLength(7), status: 200, length: size + 7, body: projects, readErr: io.ErrUnexpectedEOF, processed: 1},
		{name: "WrongContentLength, shorter", action: faults.WrongContentLength(-7), status: 200, length: size - 7, body: projects[:size-7], processed: 1},
		{name: "WrongContentLength, none left", action: faults.WrongContentLength(-1 << 30), status: 200, processed: 1},
		{name: "WrongContentLength, right", action: faults.WrongContentLength(0), status: 200, length: size, body: projects, processed: 1},
		{name: "EmptyBody", action: faults.EmptyBody(), status: 200, header: json, processed: 1},

		{name: "RedirectTo a path", action: faults.RedirectTo("/api/v1/status", 307), status: 307, header: map[string]string{"Location": "/api/v1/status"}},
		{name: "RedirectTo another origin", action: faults.RedirectTo("https://elsewhere.example/", 301), status: 301, header: map[string]string{"Location": "https://elsewhere.example/"}},
		{name: "RedirectTo nowhere", action: faults.RedirectTo("", 308), status: 308, header: map[string]string{"Location": ""}},
		{name: "RedirectLoop", action: faults.RedirectLoop(302), status: 302, header: map[string]string{"Location": "/api/v1/projects?page=2"}},

		{name: "ResetBefore", action: faults.ResetBefore(), err: syscall.ECONNRESET},
		{name: "ResetBefore a POST", action: faults.ResetBefore(), method: "POST", err: syscall.ECONNRESET},
		{name: "ResetAfter", action: faults.ResetAfter(), err: syscall.ECONNRESET, processed: 1},
		{name: "ResetInBody", action: faults.ResetInBody(10), status: 200, length: size, body: projects[:10], readErr: syscall.ECONNRESET, processed: 1},
		{name: "AfterProcessing a proxy fails", action: faults.AfterProcessing(faults.HTMLError(504)), method: "POST", status: 504, header: page, body: unchecked, processed: 1},
	}
}

func TestWhatClientsSee(t *testing.T) {
	for _, at := range everywhere {
		for _, row := range whatClientsSee() {
			t.Run(at.name+"/"+row.name, func(t *testing.T) {
				at.run(t, func(t *testing.T, start func() *site) { row.check(t, start()) })
			})
		}
	}
}

func (row seen) check(t *testing.T, s *site) {
	s.client.CheckRedirect = asIs
	in := s.inject(t, faults.Rule{Action: row.action})
	method := row.method
	if method == "" {
		method = http.MethodGet
	}
	got := s.call(t, method, s.url+"?page=2", `{"name":"my-ai-project"}`)

	if !errors.Is(got.err, row.err) || (got.err == nil) != (row.err == nil) {
		t.Errorf("Do: %v, want %v", got.err, row.err)
	}
	if !errors.Is(got.readErr, row.readErr) || (got.readErr == nil) != (row.readErr == nil) {
		t.Errorf("body: %v, want %v", got.readErr, row.readErr)
	}
	if got.status != row.status {
		t.Errorf("status %d, want %d", got.status, row.status)
	}
	for name, want := range row.header {
		if v := got.header.Get(name); v != want {
			t.Errorf("%s: %q, want %q", name, v, want)
		}
	}
	if row.length != 0 && got.length != row.length {
		t.Errorf("length %d, want %d", got.length, row.length)
	}
	if row.body != unchecked && got.body != row.body {
		t.Errorf("body %q, want %q", got.body, row.body)
	}
	if row.body == unchecked && got.body == "" {
		t.Error("no body")
	}
	if n := s.processed.Load(); n != row.processed {
		t.Errorf("the API processed %d requests, want %d", n, row.processed)
	}
	if in.Hits() != 1 || s.marked.Load() != 1 {
		t.Errorf("%d hits, %d marked, want one of each", in.Hits(), s.marked.Load())
	}
}

func TestStatusMustBeOne(t *testing.T) {
	for name, try := range map[string]func(int){
		"Respond":      func(n int) { faults.Respond(n, "", nil) },
		"RespondError": func(n int) { faults.RespondError(n, "", "") },
		"HTMLError":    func(n int) { faults.HTMLError(n) },
		"RedirectTo":   func(n int) { faults.RedirectTo("", n) },
		"RedirectLoop": func(n int) { faults.RedirectLoop(n) },
	} {
		for n, bad := range map[int]bool{-1: true, 0: true, 100: true, 199: true, 200: false, 999: false, 1000: true} {
			func() {
				defer func() {
					if got := recover() != nil; got != bad {
						t.Errorf("%s with status %d: panics %v, want %v", name, n, got, bad)
					}
				}()
				try(n)
			}()
		}
	}
}
