package connix_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
)

// A call option that cannot be used ends its call before anything is sent.
func TestCallOptions_refused(t *testing.T) {
	srv := newServer(t)
	client := srv.Client(t)
	for _, c := range []struct {
		name   string
		option connix.CallOption
		says   string
	}{
		{"WithHeader", connix.WithHeader("", "v"), "header name"},
		{"WithHeader", connix.WithHeader("X Trace", "v"), "header name"},
		{"WithHeader", connix.WithHeader("X-Trace:", "v"), "header name"},
		{"WithHeader", connix.WithHeader("X-Tracé", "v"), "header name"},
		{"WithHeader", connix.WithHeader("X-Trace\n", "v"), "header name"},
		{"WithHeader", connix.WithHeader("X-Trace", "a\nb"), "line break"},
		{"WithHeader", connix.WithHeader("X-Trace", "a\r\nX-API-Key: b"), "line break"},
		{"WithHeader", connix.WithHeader("X-Trace", "\x00"), "control character"},
		{"WithHeader", connix.WithHeader("X-Trace", "\x7f"), "control character"},
		{"WithHeader", connix.WithHeader("X-API-Key", "v"), "WithAPIKey"},
		{"WithHeader", connix.WithHeader("x-api-key", "v"), "WithAPIKey"},
		{"WithHeader", connix.WithHeader("Authorization", "Bearer v"), "WithTokenSource"},
		{"WithHeader", connix.WithHeader("cookie", "a=b"), "Jar"},
		{"WithHeader", connix.WithHeader("Host", "example.com"), "WithBaseURL"},
		{"WithHeader", connix.WithHeader("Content-Length", "7"), "body"},
		{"WithHeader", connix.WithHeader("transfer-encoding", "chunked"), "body"},
		{"WithHeader", connix.WithHeader("Connection", "close"), "transport"},
		{"WithHeader", connix.WithHeader("Accept-Encoding", "br"), "decompresses"},
		{"WithHeader", connix.WithHeader("x-request-id", "v"), "WithRequestID"},
		{"WithHeader", connix.WithHeader("user-agent", "v"), "WithUserAgent"},
		{"WithRequestID", connix.WithRequestID(""), "1 to 128"},
		{"WithRequestID", connix.WithRequestID(strings.Repeat("a", 129)), "1 to 128"},
		{"WithRequestID", connix.WithRequestID("a b"), "visible"},
		{"WithRequestID", connix.WithRequestID("a\nb"), "visible"},
		{"WithRequestID", connix.WithRequestID("é"), "ASCII"},
		{"WithResponse", connix.WithResponse(nil), "nil"},
		{"WithMaxRetries", connix.WithMaxRetries(-1), "negative"},
		{"WithMaxPages", connix.WithMaxPages(0), "positive"},
		{"WithMaxPages", connix.WithMaxPages(-1), "positive"},
		{"WithMaxPages", connix.WithMaxPages(1), "iterators"},
	} {
		_, err := client.Hello(t.Context(), "", nil, c.option)
		mustRefuse(t, err, c.name)
		if !strings.Contains(err.Error(), c.says) {
			t.Errorf("the text does not say %q: %v", c.says, err)
		}
		if strings.Contains(err.Error(), "Bearer v") || strings.Contains(err.Error(), "a=b") {
			t.Errorf("the text shows what was refused: %v", err)
		}
	}
	srv.Expect(t, connixtest.Match{}, 0)
}

func TestWithHeader(t *testing.T) {
	srv := newServer(t, offContract("headers that are not documented"))
	must(srv.Client(t).Projects.Create(t.Context(), connix.CreateProjectRequest{Name: "name"},
		connix.WithHeader("x-trace", "first"),
		connix.WithHeader("X-Trace", "last\tone"),
		connix.WithHeader("X-Empty", ""),
		connix.WithHeader("Accept", "application/vnd.connix+json"),
		connix.WithHeader("Content-Type", "application/json; charset=utf-8"),
		connix.WithHeader("Idempotency-Key", "k1"),
		nil,
	))(t)
	h := only(t, srv).Header
	for name, want := range map[string][]string{
		"X-Trace": {"last\tone"}, "X-Empty": {""}, "Accept": {"application/vnd.connix+json"},
		"Content-Type": {"application/json; charset=utf-8"}, "Idempotency-Key": {"k1"},
	} {
		equal(t, name, h[name], want)
	}
	// It was this call's alone.
	must(srv.Client(t).Hello(t.Context(), ""))(t)
	equal(t, "X-Trace of the next call", srv.Requests()[1].Header["X-Trace"], nil)
}

func TestWithRequestID(t *testing.T) {
	srv := newServer(t)
	client := srv.Client(t)
	ids := map[string]bool{}
	for _, id := range []string{"a", strings.Repeat("z", 128), "~!{}/\\\"", "", "", ""} {
		srv.Reset()
		var meta connix.Response
		options := []connix.CallOption{connix.WithResponse(&meta)}
		if id != "" {
			options = append(options, connix.WithRequestID(id))
		}
		must(client.Hello(t.Context(), "", options...))(t)
		sent := only(t, srv).Header["X-Request-Id"]
		if len(sent) != 1 || id != "" && sent[0] != id || len(sent[0]) > 128 || ids[sent[0]] {
			t.Errorf("sent %q for %q", sent, id)
		}
		ids[sent[0]] = true
		equal(t, "id of the Response", meta.RequestID, sent[0])
	}
}

// A Response tells of the last answer, also where the call failed, and of a
// call that got none.
func TestWithResponse(t *testing.T) {
	srv := newServer(t)
	client, ctx := srv.Client(t), t.Context()
	meta := connix.Response{StatusCode: 999, Body: []byte("of an earlier call")}

	created := must(client.Projects.Create(ctx, connix.CreateProjectRequest{Name: "name"}, connix.WithResponse(&meta)))(t)
	equal(t, "created", []any{meta.StatusCode, len(meta.Attempts), meta.Attempts[0].StatusCode, meta.Attempts[0].RequestID}, []any{201, 1, 201, meta.RequestID})
	equal(t, "Content-Type", meta.Header.Get("Content-Type"), "application/json")
	equal(t, "body", string(meta.Body), string(only(t, srv).Response))
	equal(t, "limit", *meta.RateLimits.Requests.Limit, 1000)
	meta.Body[0], meta.Header["X-Request-Id"][0] = 'x', "changed" // they are the caller's

	if err := client.Projects.Delete(ctx, created.ID, connix.WithResponse(&meta)); err != nil {
		t.Fatal(err)
	}
	equal(t, "deleted", []any{meta.StatusCode, len(meta.Body)}, []any{204, 0})

	_, err := client.Projects.Get(ctx, created.ID, connix.WithResponse(&meta))
	e := mustError(t, err, connix.ErrNotFound)
	equal(t, "failed", []any{meta.StatusCode, meta.RequestID, string(meta.Body)}, []any{404, e.RequestID, string(e.Body)})

	srv.Close()
	_, err = client.Projects.Get(ctx, created.ID, connix.WithResponse(&meta), connix.WithRequestID("mine"), connix.WithMaxRetries(0))
	mustErrorIs(t, err)
	equal(t, "without an answer", []any{meta.StatusCode, meta.RequestID, meta.Header == nil, meta.Body == nil, len(meta.Attempts)}, []any{0, "mine", true, true, 1})

	// A call that is refused leaves nothing of an earlier one.
	_, err = client.Projects.Get(ctx, "..", connix.WithResponse(&meta))
	mustRefuse(t, err, "id")
	_, err = client.Projects.List(ctx, nil, connix.WithResponse(&meta), connix.WithMaxPages(1))
	mustRefuse(t, err, "WithMaxPages")
	_, err = collect(client.Projects.All(ctx, nil, connix.WithResponse(&meta), connix.WithRequestID("other")))
	mustRefuse(t, err, "WithRequestID")
	mustRefuse(t, client.Do(ctx, "GET", "hello", nil, meta, connix.WithResponse(&meta)), "out")
	equal(t, "refused", meta.RequestID, "")
}

func TestWithMaxRetries(t *testing.T) {
	for _, c := range []struct {
		name    string
		options []connix.CallOption
		want    int
	}{
		{"the client's policy", nil, 3},
		{"fewer", []connix.CallOption{connix.WithMaxRetries(1)}, 2},
		{"none", []connix.CallOption{connix.WithMaxRetries(0)}, 1},
		{"more", []connix.CallOption{connix.WithMaxRetries(5)}, 6},
		{"the last counts", []connix.CallOption{connix.WithMaxRetries(5), connix.WithMaxRetries(0)}, 1},
	} {
		client := serve(t, responding(503, ""), connix.WithRetryPolicy(connix.RetryPolicy{MaxRetries: 2}))
		_, err := client.Hello(t.Context(), "", c.options...)
		equal(t, c.name, len(mustError(t, err, connix.ErrServer).Attempts), c.want)
	}
}

// A write of unknown outcome is repeated on demand only.
func TestWithRetryUnsafe(t *testing.T) {
	for _, c := range []struct {
		name    string
		options []connix.CallOption
		want    int
	}{
		{"without", nil, 1},
		{"with", []connix.CallOption{connix.WithRetryUnsafe()}, 3},
		{"with it, and no retries", []connix.CallOption{connix.WithRetryUnsafe(), connix.WithMaxRetries(0)}, 1},
	} {
		client := serve(t, responding(503, ""), connix.WithRetryPolicy(connix.RetryPolicy{MaxRetries: 2}))
		_, err := client.Projects.Create(t.Context(), connix.CreateProjectRequest{Name: "name"}, c.options...)
		equal(t, c.name, len(mustError(t, err, connix.ErrServer, connix.ErrUnknownOutcome).Attempts), c.want)
	}
}

// net/http repeats by itself what a connection that was kept has lost, if a
// header says that this does no harm. The caller's key is the server's business:
// a write whose answer is lost is sent once all the same.
func TestWithHeader_idempotencyKey(t *testing.T) {
	for _, name := range []string{"Idempotency-Key", "X-Idempotency-Key"} {
		writes := 0
		client := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == "GET" {
				writeJSON(w, 200, `{"message":"keep the connection"}`)
				return
			}
			if writes++; r.Header.Get(name) != "k1" {
				t.Errorf("%s: the header did not arrive: %v", name, r.Header)
			}
			panic(http.ErrAbortHandler)
		})
		must(client.Hello(t.Context(), ""))(t)
		_, err := client.Projects.Create(t.Context(), connix.CreateProjectRequest{Name: "name"}, connix.WithHeader(name, "k1"))
		mustErrorIs(t, err, connix.ErrUnknownOutcome)
		equal(t, "writes with "+name, writes, 1)
	}
}

// The timeout of one call replaces the client's, for each of its attempts.
func TestWithAttemptTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
			connix.WithTimeout(10*time.Second), connix.WithRetryPolicy(connix.RetryPolicy{MaxRetries: 1}))
		for _, c := range []struct {
			options []connix.CallOption
			want    time.Duration
			text    string
		}{
			{nil, 20 * time.Second, "within 10s (see WithTimeout)"},
			{[]connix.CallOption{connix.WithAttemptTimeout(3 * time.Second)}, 6 * time.Second, "within 3s (see WithAttemptTimeout)"},
			{[]connix.CallOption{connix.WithAttemptTimeout(time.Minute)}, 2 * time.Minute, "within 1m0s (see WithAttemptTimeout)"},
		} {
			began := time.Now()
			_, err := client.Projects.Get(t.Context(), "1", c.options...)
			e := mustError(t, err, context.DeadlineExceeded)
			equal(t, "attempts", len(e.Attempts), 2)
			if took := time.Since(began); took != c.want || !strings.Contains(err.Error(), c.text) {
				t.Errorf("took %v, want %v: %v", took, c.want, err)
			}
		}
		// Each page has its own, and 0 leaves the bound to the context.
		began := time.Now()
		_, err := collect(client.Projects.All(t.Context(), nil, connix.WithAttemptTimeout(time.Second), connix.WithMaxRetries(0)))
		mustErrorIs(t, err, context.DeadlineExceeded)
		equal(t, "an iterator took", time.Since(began), time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		began = time.Now()
		_, err = client.Projects.Get(ctx, "1", connix.WithAttemptTimeout(0))
		mustErrorIs(t, err, context.DeadlineExceeded)
		equal(t, "no bound took", time.Since(began), time.Hour)
	})
	mustRefuse(t, second(serve(t, responding(200, "{}")).Hello(t.Context(), "", connix.WithAttemptTimeout(-1))), "WithAttemptTimeout")
}
