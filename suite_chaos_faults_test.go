package connix_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
)

// chaosKind is one kind of fault, which -chaos.faults can choose alone. Each fault
// is honest: where it tells the client that a request was not processed, it was not.
type chaosKind struct {
	name   string
	http2  int // the version of HTTP that it needs; 0: either
	faults func(unit time.Duration) []connixtest.Action
}

// longest is how long a fault holds what nothing ends, in units: longer than any
// call may take.
const longest = 200

var chaosKinds = []chaosKind{
	{"refusals", 0, func(time.Duration) []connixtest.Action {
		return []connixtest.Action{
			connixtest.Respond(500, "", nil), connixtest.Respond(503, "", http.Header{"Retry-After": {"1"}}), connixtest.HTMLError(502),
			connixtest.RespondError(409, connix.CodeConflict, "no"), connixtest.RespondError(403, connix.CodeForbidden, "no"),
			connixtest.RateLimited(""), connixtest.RateLimited("1"), connixtest.RateLimited("99999"),
			connixtest.OKWithError(connix.CodeInternalError, "no"),
		}
	}},
	{"connections", 0, func(unit time.Duration) []connixtest.Action {
		return []connixtest.Action{
			connixtest.ResetBefore(), connixtest.Delay(2*unit, connixtest.ResetBefore()), connixtest.ResetAfter(),
			connixtest.AfterProcessing(connixtest.Delay(20*unit, connixtest.ResetBefore())),
		}
	}},
	{"bodies", 0, func(unit time.Duration) []connixtest.Action {
		return []connixtest.Action{
			connixtest.ResetInBody(5), connixtest.Truncate(5), connixtest.TruncateChunked(5), connixtest.TruncateGzip(12),
			connixtest.WrongContentLength(7), connixtest.WrongContentLength(-7), connixtest.EmptyBody(), connixtest.EndlessBody(),
			connixtest.Stall(3, 20*unit), connixtest.Drip(200),
		}
	}},
	{"redirects", 0, func(time.Duration) []connixtest.Action {
		return []connixtest.Action{
			connixtest.RedirectTo("https://elsewhere.test/", 302), connixtest.RedirectTo("https://elsewhere.test/", 307),
			connixtest.RedirectLoop(302), connixtest.RedirectLoop(308),
			connixtest.AfterProcessing(connixtest.RedirectTo("https://elsewhere.test/", 303)),
		}
	}},
	{"headers", 0, func(time.Duration) []connixtest.Action {
		return []connixtest.Action{
			connixtest.RateHeaders("many", "-1", "99999999999999"), connixtest.NoRateHeaders(), connixtest.SkewDate(-time.Hour),
			connixtest.SetHeaders(http.Header{"X-Response-Time": {"NaN"}, "X-Request-Id": {strings.Repeat("x", 9000)}}),
		}
	}},
	// Pages of what stands before the API. Of a request that a gateway lost sight of
	// it may not say that nothing was done.
	{"pages", 0, func(time.Duration) (actions []connixtest.Action) {
		for _, status := range []int{400, 403, 404, 405, 407, 410, 413, 421, 425, 429, 451, 502, 503, 520, 521, 523, 525, 526, 527, 529, 530} {
			actions = append(actions, connixtest.HTMLError(status))
		}
		for _, status := range []int{408, 499, 500, 502, 503, 504, 520, 522, 524} {
			actions = append(actions, connixtest.AfterProcessing(connixtest.HTMLError(status)))
		}
		return append(actions, connixtest.AfterProcessing(connixtest.Respond(408, "", nil)))
	}},
	// Errors that quote the credential.
	{"echoes", 0, func(time.Duration) []connixtest.Action {
		echo := func(format string) connixtest.Action {
			return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
				w.Header().Set("X-Request-ID", "req_"+r.Header.Get("X-API-Key"))
				w.WriteHeader(400)
				_, _ = fmt.Fprintf(w, format, r.Header.Get("X-API-Key"))
			}
		}
		return []connixtest.Action{
			echo(`{"error":{"code":"INVALID_REQUEST","message":"the key %[1]s is odd"}}`),
			echo(`{"error":{"code":"%[1]s","message":"no","details":{"field":"%[1]s","issue":"%[1]s"},"request_id":"%[1]s"}}`),
			echo(`{"error":{"code":"INVALID_REQUEST","message":"no","details":"the key %[1]s"}}`),
			echo(`<html><title>%[1]s</title>%[1]s</html>`), echo(`%[1]s`),
		}
	}},
	// 101s that nobody asked for.
	{"switching", 1, func(unit time.Duration) []connixtest.Action {
		switching := func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				panic(err)
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n")
			time.AfterFunc(longest*unit, func() { _ = conn.Close() })
		}
		return []connixtest.Action{switching, connixtest.AfterProcessing(switching)}
	}},
	{"streams", 2, func(time.Duration) (actions []connixtest.Action) {
		for code := range uint32(h2LastCode + 2) {
			actions = append(actions, http2Action(http2Fault{frame: h2Reset, code: code}))
			if code != h2RefusedStream {
				actions = append(actions, connixtest.AfterProcessing(http2Action(http2Fault{frame: h2Reset, code: code})))
			}
		}
		return actions
	}},
	{"goaway", 2, func(time.Duration) (actions []connixtest.Action) {
		for _, code := range []uint32{h2NoError, h2ProtocolError, h2InternalError, h2EnhanceYourCalm} {
			actions = append(actions,
				http2Action(http2Fault{frame: h2GoAway, code: code, below: true}), http2Action(http2Fault{frame: h2GoAway, code: code}),
				connixtest.AfterProcessing(http2Action(http2Fault{frame: h2GoAway, code: code})))
		}
		return actions
	}},
	// Connections that end or that go silent; the transport's pings are lost with them.
	{"dead", 2, func(time.Duration) []connixtest.Action {
		return []connixtest.Action{
			http2Action(http2Fault{frame: http2Kill}), connixtest.AfterProcessing(http2Action(http2Fault{frame: http2Kill})),
			http2Action(http2Fault{frame: http2Die}), connixtest.AfterProcessing(http2Action(http2Fault{frame: http2Die})),
		}
	}},
}

func http2Action(f http2Fault) connixtest.Action {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) { f.ServeHTTP(w, r) }
}

// chaosActions returns the faults that the flag chooses. A kind counts by its name,
// however many faults it has.
func chaosActions(version int, unit time.Duration) (actions []connixtest.Action) {
	var kinds [][]connixtest.Action
	most := 0
	for _, kind := range chaosKinds {
		if (kind.http2 == 0 || kind.http2 == version) && chosen(kind.name) {
			kinds = append(kinds, kind.faults(unit))
			most = max(most, len(kinds[len(kinds)-1]))
		}
	}
	for i := range most {
		for _, kind := range kinds {
			actions = append(actions, kind[i%len(kind)])
		}
	}
	return actions
}

// chosen reports whether the flag chooses a kind: one of chaosKinds, "redialing",
// "deaf" or "stuck".
func chosen(kind string) bool {
	return *chaosFaults == "all" || slices.Contains(strings.Split(*chaosFaults, ","), kind)
}

// A chaosTransport comes between client and server.
type chaosTransport func(next http.RoundTripper, unit time.Duration) http.RoundTripper

// redialing is a caller's transport with a second way that is always closed.
func redialing(next http.RoundTripper, _ time.Duration) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		resp, err := next.RoundTrip(r)
		if err != nil && r.Context().Err() == nil {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
		}
		return resp, err
	})
}

// deaf is a caller's transport some of whose bodies heed neither their context nor
// Close, and some of whose round trips do not either.
func deaf(next http.RoundTripper, unit time.Duration) http.RoundTripper {
	var n atomic.Int64
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		turn := n.Add(1)
		if turn%20 == 0 {
			time.Sleep(longest * unit)
			return nil, errConnection
		}
		resp, err := next.RoundTrip(r)
		if err == nil && turn%20 == 10 {
			resp.Body = &deafBody{ReadCloser: resp.Body, unit: unit}
		}
		return resp, err
	})
}

type deafBody struct {
	io.ReadCloser
	unit time.Duration
	once sync.Once
}

func (b *deafBody) Read([]byte) (int, error) {
	b.once.Do(func() { time.Sleep(longest * b.unit) })
	return 0, errConnection
}

// stuckReader is a body of the caller's whose end does not come.
type stuckReader struct {
	begin io.Reader
	unit  time.Duration
}

func (s stuckReader) Read(p []byte) (int, error) {
	if n, err := s.begin.Read(p); err == nil {
		return n, nil
	}
	time.Sleep(longest * s.unit)
	return 0, errConnection
}
