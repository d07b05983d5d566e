package connix_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/connix-io/connix-go"
	"golang.org/x/oauth2"
)

// shown is v as every verb, encoding/json and every logger shows it: alone, and in a
// slice, a map and a struct.
func shown(v any) string {
	var b strings.Builder
	for _, each := range []any{v, []any{map[string]any{"v": v}}, &struct{ V any }{v}} {
		b.WriteString(printed(each))
		text, err := json.Marshal(each)
		fmt.Fprintf(&b, "%s %v\n", text, err)
	}
	return b.String()
}

// quoting is a transport whose error quotes the request, in its text and in itself.
type quoting struct{ Header http.Header }

func (q quoting) Error() string { return fmt.Sprint("sending failed with ", q.Header) }

// silentlyHolding is an error that holds the request without quoting it.
type silentlyHolding struct{ Header http.Header }

func (silentlyHolding) Error() string { return "sending failed" }

// plant returns the ways in which a server or a transport quotes secret.
func plant(secret string) map[string]roundTripper {
	quoted, _ := json.Marshal(secret)
	respond := func(status int, header, body string) roundTripper {
		return func(*http.Request) (*http.Response, error) {
			resp := responseOf(status, body)
			resp.Header.Set("X-Request-Id", header)
			return resp, nil
		}
	}
	ways := map[string]roundTripper{
		"a transport's error":       func(r *http.Request) (*http.Response, error) { return nil, quoting{r.Header} },
		"what an error holds":       func(r *http.Request) (*http.Response, error) { return nil, silentlyHolding{r.Header} },
		"a new key that is cut":     respond(201, "r", `{"id":"key_1","key":`+string(quoted)),
		"a new key of another type": respond(201, "r", `{"id":{"key":`+string(quoted)+`},"key":[`+string(quoted)+`]}`),
	}
	for _, status := range []int{201, 302, 401, 422, 429, 503} {
		for name, body := range map[string]string{
			"message":    `{"error":{"code":"X","message":"bad ` + secret + `, or ` + strings.ToUpper(secret) + `"}}`,
			"code":       `{"error":{"code":` + string(quoted) + `,"message":"m"}}`,
			"details":    `{"error":{"code":"X","message":"m","details":{"field":` + string(quoted) + `,"issue":"not ` + secret + `","more":[` + string(quoted) + `]}}}`,
			"text":       `{"error":{"code":"X","message":"m","details":` + string(quoted) + `}}`,
			"request id": `{"error":{"code":"X","message":"m","request_id":` + string(quoted) + `}}`,
			"plain":      `{"error":` + string(quoted) + `,"message":"m"}`,
			"framework":  `{"detail":[{"loc":["body","x"],"msg":"bad ` + secret + `"}]}`,
			"HTML":       `<p>` + secret + `</p>`,
		} {
			ways[fmt.Sprint(status, " ", name)] = respond(status, "r", body)
		}
		ways[fmt.Sprint(status, " header")] = respond(status, "req-"+secret, `{"error":{"code":"X","message":"m"}}`)
	}
	return ways
}

func responseOf(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body))}
}

// Wherever a server or a transport quotes a secret of the call, nothing that is
// printed shows it: no error, response, attempt or Info, no log line.
func TestSecrets_quotedAtEveryDoor(t *testing.T) {
	type door struct {
		secret     string
		credential connix.Option
		call       func(*connix.Client, ...connix.CallOption) error
	}
	get := func(c *connix.Client, opts ...connix.CallOption) error {
		return second(c.Projects.Get(context.Background(), "1", opts...))
	}
	create := func(c *connix.Client, opts ...connix.CallOption) error {
		return second(c.APIKeys.Create(context.Background(), connix.CreateAPIKeyRequest{Name: "n"}, opts...))
	}
	for name, d := range map[string]door{
		"API key":      {plantedKey, connix.WithAPIKey(plantedKey), get},
		"odd API key":  {"p/lanted+5ecre7=", connix.WithAPIKey("p/lanted+5ecre7="), get},
		"bearer token": {plantedToken, connix.WithTokenSource(oauth2.StaticTokenSource(&oauth2.Token{AccessToken: plantedToken})), get},
		"new key":      {plantedKey, connix.WithAPIKey("another"), create},
		"webhook secret": {plantedSecret, connix.WithAPIKey("another"), func(c *connix.Client, opts ...connix.CallOption) error {
			return second(c.Webhooks.Create(context.Background(), connix.CreateWebhookRequest{URL: "https://x.test", Secret: plantedSecret}, opts...))
		}},
		"chosen webhook secret": {"hunter2 & <co>", connix.WithAPIKey("another"), func(c *connix.Client, opts ...connix.CallOption) error {
			return second(c.Webhooks.Update(context.Background(), "wh_1", connix.UpdateWebhookRequest{Secret: new(connix.Secret("hunter2 & <co>"))}, opts...))
		}},
		"header": {plantedToken, connix.WithAPIKey("another"), func(c *connix.Client, opts ...connix.CallOption) error {
			return c.Do(context.Background(), "GET", "things?token="+plantedToken, nil, nil, append(opts, connix.WithHeader("X-Session-Token", plantedToken))...)
		}},
	} {
		for way, transport := range plant(d.secret) {
			var logs, infos bytes.Buffer
			note := func(v any) { infos.WriteString(shown(v)) }
			client := must(connix.NewClient(d.credential, connix.WithHTTPClient(&http.Client{Transport: transport}), connix.WithoutRateLimiter(),
				connix.WithRetryPolicy(connix.RetryPolicy{MaxRetries: 1}),
				connix.WithLogger(slog.New(slog.NewJSONHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug}))),
				connix.WithHooks(connix.Hooks{
					AttemptDone: func(_ context.Context, i connix.AttemptInfo) { note(i) },
					RetryWait:   func(_ context.Context, i connix.RetryWaitInfo) { note(i) },
					CallDone:    func(_ context.Context, i connix.CallInfo) { note(i) },
				})))(t)
			var meta connix.Response
			err := d.call(client, connix.WithResponse(&meta))
			text := shown(meta) + infos.String() + logs.String()
			if e, ok := errors.AsType[*connix.Error](err); ok {
				text += shown(e) + shown(*e) + shown(e.Attempts) + shown(e.Err) + e.SupportInfo() +
					fmt.Sprint(e.Message, e.Code, e.RequestID, e.Details.Field, e.Details.Issue, string(e.Details.Raw))
			}
			if i := strings.Index(strings.ToLower(text), strings.ToLower(d.secret)); i >= 0 {
				t.Errorf("%s, %s: …%.300s", name, way, text[max(0, i-100):])
			}
			for _, coded := range []string{fmt.Sprintf("%x", d.secret), fmt.Sprint([]byte(d.secret))} {
				if strings.Contains(text, coded) {
					t.Errorf("%s, %s, coded: %s", name, way, coded)
				}
			}
		}
	}
}

// What remains is readable: only the secret itself is hidden.
func TestSecrets_restIsShown(t *testing.T) {
	client := serve(t, responding(400, `{"error":{"code":"INVALID_REQUEST","message":"the test key key_1 tests, test it","details":{"field":"secret","issue":"is too short"}}}`), connix.WithAPIKey("test"))
	_, err := client.Webhooks.Create(t.Context(), connix.CreateWebhookRequest{URL: "https://x.test", Secret: "abc"})
	e := mustError(t, err, connix.ErrInvalidRequest)
	equal(t, "message", e.Message, "the **** key key_1 tests, **** it")
	equal(t, "details", []string{e.Details.Field, e.Details.Issue}, []string{"secret", "is too short"})
	for text, want := range map[string]string{
		"key cx_0123456789abcdef0123 and cx_0****cdef": "key cx_**** and cx_0****cdef",
		"Authorization: Bearer abcdefgh.ijk, denied":   "Authorization: Bearer ****, denied",
		"whsec_MfKQ9r8GKYqrTwjU":                       "whsec_****",
		"Bearer token required":                        "Bearer token required",
	} {
		if got := (&connix.Error{Message: text}).Error(); got != "connix: "+want {
			t.Errorf("%s is shown as %s", text, got)
		}
	}
}

// An error as JSON is for logs: its parts, and nothing that may be secret.
func TestError_MarshalJSON(t *testing.T) {
	e := &connix.Error{StatusCode: 404, Code: "RESOURCE_NOT_FOUND", Message: "gone", RequestID: "req_1", Method: "GET", Route: "/projects/{id}", Body: []byte("secret"), Attempts: make([]connix.Attempt, 1)}
	equalJSON(t, "error", must(json.Marshal(e))(t), `{"error":"connix: GET /projects/{id}: 404 RESOURCE_NOT_FOUND: gone [request id req_1]","status":404,"code":"RESOURCE_NOT_FOUND",
		"request_id":"req_1","method":"GET","route":"/projects/{id}","attempts":1}`)
	equal(t, "nil", string(must(json.Marshal((*connix.Error)(nil)))(t)), "null")
	a := connix.Attempt{StatusCode: 503, RequestID: "r", Duration: 1e9, Err: errors.New("cut")}
	equalJSON(t, "attempt", must(json.Marshal(a))(t), `{"status":503,"request_id":"r","duration":"1s","error":"cut"}`)
	equal(t, "attempt's text", fmt.Sprintf("%v", a), "connix.Attempt(status=503 request_id=r duration=1s error=cut)")
}
