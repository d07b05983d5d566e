package connix_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/connix-io/connix-go"
)

const webhookSecret connix.Secret = "a secret that nobody guesses"

var webhookNow = time.Date(2024, 1, 15, 10, 30, 0, 0, time.UTC)

// agentEvent is a delivery as the API sends them.
const agentEvent = `{"id":"evt_1","type":"agent.launched","created_at":"2024-01-15T10:29:58.5Z",
	"data":{"id":"agent_5f2c","name":"data-processor","project_id":123,"status":"running"}}`

func verifierAt(now time.Time) *connix.WebhookVerifier {
	return &connix.WebhookVerifier{Secrets: []connix.Secret{webhookSecret}, Now: func() time.Time { return now }}
}

// deliver returns a request that carries body, signed at webhookNow.
func deliver(tb testing.TB, scheme connix.WebhookScheme, id, body string) *http.Request {
	tb.Helper()
	h, err := connix.SignWebhook(scheme, webhookSecret, connix.Delivery{ID: id, Timestamp: webhookNow}, []byte(body))
	if err != nil {
		tb.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/webhooks/connix", strings.NewReader(body))
	r.Header = h
	return r
}

func TestParse(t *testing.T) {
	event, err := verifierAt(webhookNow).Parse(deliver(t, nil, "msg_1", agentEvent))
	if err != nil {
		t.Fatal(err)
	}
	if event.ID != "evt_1" || event.Type != connix.EventAgentLaunched || !event.CreatedAt.Equal(webhookNow.Add(-1500*time.Millisecond)) {
		t.Errorf("event: %+v", event)
	}
	if event.Delivery.ID != "msg_1" || !event.Delivery.Timestamp.Equal(webhookNow) {
		t.Errorf("delivery: %+v", event.Delivery)
	}
	agent, err := event.Agent()
	if err != nil || agent.ID != "agent_5f2c" || agent.ProjectID != "123" || agent.Status != connix.StatusRunning {
		t.Errorf("agent: %+v, %v", agent, err)
	}
	if project, err := event.Project(); err == nil {
		t.Errorf("an agent event carries the project %+v", project)
	}
}

// TestVerify_publishedVector is the vector of the Standard Webhooks libraries.
func TestVerify_publishedVector(t *testing.T) {
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	at := time.Unix(1614265330, 0)
	body := []byte(`{"test": 2432232314}`)
	h, err := connix.SignWebhook(connix.StandardWebhooks, secret, connix.Delivery{ID: "msg_p5jXN8AQM9LWM0D4loKWxJek", Timestamp: at}, body)
	if err != nil {
		t.Fatal(err)
	}
	if got := h.Get("webhook-signature"); got != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Errorf("signature %s", got)
	}
	v := &connix.WebhookVerifier{Secrets: []connix.Secret{"another", secret}, Now: func() time.Time { return at }}
	if err := v.Verify(h, body); err != nil {
		t.Error(err)
	}
}

func TestVerify_errors(t *testing.T) {
	signed := func(scheme connix.WebhookScheme) http.Header { return deliver(t, scheme, "msg_1", agentEvent).Header }
	far, err := connix.SignWebhook(nil, webhookSecret, connix.Delivery{ID: "msg_1", Timestamp: time.Unix(99999999999, 0)}, []byte(agentEvent))
	if err != nil {
		t.Fatal(err)
	}
	malformed := signed(nil)
	malformed.Set("webhook-timestamp", "yesterday")
	for _, c := range []struct {
		name string
		v    *connix.WebhookVerifier
		h    http.Header
		body string
		want error
	}{
		{"right", verifierAt(webhookNow), signed(nil), agentEvent, nil},
		{"at the edge", verifierAt(webhookNow.Add(5 * time.Minute)), signed(nil), agentEvent, nil},
		{"at the other edge", verifierAt(webhookNow.Add(-5 * time.Minute)), signed(nil), agentEvent, nil},
		{"too old", verifierAt(webhookNow.Add(5*time.Minute + 1)), signed(nil), agentEvent, connix.ErrWebhookStale},
		{"of the future", verifierAt(webhookNow.Add(-5*time.Minute - 1)), signed(nil), agentEvent, connix.ErrWebhookStale},
		{"of a far future", verifierAt(webhookNow), far, agentEvent, connix.ErrWebhookStale},
		{"too old and wrong", verifierAt(webhookNow.Add(time.Hour)), signed(nil), agentEvent + " ", connix.ErrSignatureMismatch},
		{"no header", verifierAt(webhookNow), nil, agentEvent, connix.ErrSignatureMissing},
		{"another body", verifierAt(webhookNow), signed(nil), agentEvent + " ", connix.ErrSignatureMismatch},
		{"another scheme", verifierAt(webhookNow), signed(connix.GitHubWebhooks("")), agentEvent, connix.ErrSignatureMissing},
		{"odd header", verifierAt(webhookNow), malformed, agentEvent, connix.ErrWebhookMalformed},
		{"no verifier", nil, signed(nil), agentEvent, connix.ErrNoWebhookSecret},
		{"no secrets", &connix.WebhookVerifier{}, signed(nil), agentEvent, connix.ErrNoWebhookSecret},
		{"an empty secret", &connix.WebhookVerifier{Secrets: []connix.Secret{""}}, signed(nil), agentEvent, connix.ErrNoWebhookSecret},
		{"an empty secret too", &connix.WebhookVerifier{Secrets: []connix.Secret{webhookSecret, ""}}, signed(nil), agentEvent, connix.ErrNoWebhookSecret},
		{"a negative tolerance", &connix.WebhookVerifier{Secrets: []connix.Secret{webhookSecret}, Tolerance: -1, Now: func() time.Time { return webhookNow }}, signed(nil), agentEvent, connix.ErrWebhookStale},
		{"a wide tolerance", &connix.WebhookVerifier{Secrets: []connix.Secret{webhookSecret}, Tolerance: time.Hour, Now: func() time.Time { return webhookNow.Add(time.Hour) }}, signed(nil), agentEvent, nil},
		{"a scheme without time", &connix.WebhookVerifier{Secrets: []connix.Secret{webhookSecret}, Scheme: connix.SharedToken("")}, signed(connix.SharedToken("")), agentEvent, nil},
		{"a scheme with time", &connix.WebhookVerifier{Secrets: []connix.Secret{webhookSecret}, Scheme: connix.StripeWebhooks("")}, signed(connix.StripeWebhooks("")), agentEvent, connix.ErrWebhookStale},
	} {
		err := c.v.Verify(c.h, []byte(c.body))
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		for _, other := range sentinels {
			if err != nil && !errors.Is(c.want, other) && errors.Is(err, other) {
				t.Errorf("%s: %v is also %v", c.name, err, other)
			}
		}
	}
}

// sentinels are the reasons to refuse a delivery; no error is two of them.
var sentinels = []error{
	connix.ErrSignatureMissing, connix.ErrSignatureMismatch, connix.ErrWebhookStale,
	connix.ErrWebhookMalformed, connix.ErrWebhookTooLarge, connix.ErrNoWebhookSecret,
}

// TestVerify_presentTime: the clock is the real one unless another is given.
func TestVerify_presentTime(t *testing.T) {
	h, err := connix.SignWebhook(nil, webhookSecret, connix.Delivery{}, []byte(agentEvent))
	if err != nil {
		t.Fatal(err)
	}
	v := &connix.WebhookVerifier{Secrets: []connix.Secret{webhookSecret}}
	if err := v.Verify(h, []byte(agentEvent)); err != nil {
		t.Error(err)
	}
	other, err := connix.SignWebhook(nil, webhookSecret, connix.Delivery{}, []byte(agentEvent))
	if err != nil || other.Get("webhook-id") == h.Get("webhook-id") {
		t.Errorf("two deliveries have the id %q, %v", h.Get("webhook-id"), err)
	}
}

func TestWebhookScheme_each(t *testing.T) {
	for name, scheme := range map[string]connix.WebhookScheme{
		"standard": connix.StandardWebhooks,
		"github":   connix.GitHubWebhooks("X-Connix-Signature"),
		"stripe":   connix.StripeWebhooks("X-Connix-Signature"),
		"token":    connix.SharedToken("X-Connix-Token"),
	} {
		v := verifierAt(webhookNow)
		v.Scheme = scheme
		v.Secrets = append(v.Secrets, "the next one")
		event, err := v.Parse(deliver(t, scheme, "msg_1", agentEvent))
		if err != nil || event.ID != "evt_1" {
			t.Errorf("%s: %+v, %v", name, event, err)
		}
		if _, err := connix.SignWebhook(scheme, "", connix.Delivery{}, nil); !errors.Is(err, connix.ErrNoWebhookSecret) {
			t.Errorf("%s signs without a secret: %v", name, err)
		}
	}
}

func TestParse_body(t *testing.T) {
	broken := errors.New("the line went dead")
	pad := func(n int) string { return `{"type":"t","data":"` + strings.Repeat("x", n-22) + `"}` }
	for _, c := range []struct {
		name   string
		max    int64
		size   int
		length int64 // announced
		body   func(io.Reader) io.Reader
		want   error
	}{
		{name: "as announced", size: 3000, length: 3000},
		{name: "unannounced", size: 300000, length: -1},
		{name: "large claim", size: 300, length: 1 << 20},
		{name: "more than announced", size: 300, length: 100},
		{name: "at the limit", max: 300, size: 300, length: 300},
		{name: "at the limit, unannounced", max: 300, size: 300, length: -1},
		{name: "over the limit", max: 300, size: 301, length: 301, want: connix.ErrWebhookTooLarge},
		{name: "over the limit, unannounced", max: 300, size: 301, length: -1, want: connix.ErrWebhookTooLarge},
		{name: "over the limit, announced less", max: 300, size: 5000, length: 10, want: connix.ErrWebhookTooLarge},
		{name: "over a mebibyte", size: 1<<20 + 1, length: -1, want: connix.ErrWebhookTooLarge},
		{name: "a negative limit", max: -1, size: 300, length: 300},
		{name: "somebody's smaller limit", size: 3000, length: -1, want: connix.ErrWebhookTooLarge,
			body: func(r io.Reader) io.Reader { return http.MaxBytesReader(nil, io.NopCloser(r), 100) }},
		{name: "byte by byte", size: 300, length: 300, body: func(r io.Reader) io.Reader { return oneByOne{r} }},
		{name: "broken off", size: 300, length: 300, want: broken,
			body: func(r io.Reader) io.Reader { return io.MultiReader(io.LimitReader(r, 20), failing{broken}) }},
	} {
		r := deliver(t, nil, "msg_1", pad(c.size))
		if c.body != nil {
			r.Body = io.NopCloser(c.body(r.Body))
		}
		r.ContentLength = c.length
		v := verifierAt(webhookNow)
		v.MaxBody = c.max
		event, err := v.Parse(r)
		if !errors.Is(err, c.want) || err == nil && len(event.Data) != c.size-20 {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	r := deliver(t, nil, "msg_1", "")
	r.Body = nil
	if _, err := verifierAt(webhookNow).Parse(r); !errors.Is(err, connix.ErrWebhookMalformed) {
		t.Errorf("no body: %v", err)
	}
}

type oneByOne struct{ r io.Reader }

func (o oneByOne) Read(p []byte) (int, error) { return o.r.Read(p[:min(1, len(p))]) }

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestWebhookErrors_tellNothing: neither secret nor signature nor body gets into
// an error or a printed verifier.
func TestWebhookErrors_tellNothing(t *testing.T) {
	const planted = "PLANTED_SECRET_OF_MORE_THAN_TWENTY"
	v := verifierAt(webhookNow)
	v.Secrets = []connix.Secret{planted}
	var texts []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		texts = append(texts, fmt.Sprintf(verb, v.Secrets), fmt.Sprintf(verb, *v))
	}
	for _, scheme := range []connix.WebhookScheme{nil, connix.GitHubWebhooks(""), connix.StripeWebhooks(""), connix.SharedToken("")} {
		v.Scheme = scheme
		h, err := connix.SignWebhook(scheme, planted, connix.Delivery{ID: "x", Timestamp: webhookNow.Add(-time.Hour)}, []byte("SECRETIVE"))
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("SECRETIVE"))
		r.Header = h
		_, err = v.Parse(r)
		texts = append(texts, fmt.Sprint(err))
		_, err = verifierAt(webhookNow).Parse(deliver(t, scheme, "x", "SECRETIVE"))
		texts = append(texts, fmt.Sprint(err))
		for _, values := range h {
			_, signature, _ := strings.Cut(values[0], ",")
			if strings.Contains(strings.Join(texts, "\n"), signature) && len(signature) > 8 {
				t.Errorf("signature %s in %q", signature, texts)
			}
		}
	}
	for _, text := range texts {
		if strings.Contains(text, planted) || strings.Contains(text, "SECRETIVE") || strings.Contains(text, fmt.Sprintf("%x", planted)) {
			t.Errorf("told: %s", text)
		}
	}
}

// FuzzVerify: no header and no body is accepted that was not signed.
func FuzzVerify(f *testing.F) {
	h := deliver(f, nil, "msg_1", agentEvent).Header
	f.Add(h.Get("webhook-id"), h.Get("webhook-timestamp"), h.Get("webhook-signature"), []byte(agentEvent))
	f.Add("", "-1", "v1,,v1 ", []byte(nil))
	v := verifierAt(webhookNow)
	f.Fuzz(func(t *testing.T, id, stamp, signature string, body []byte) {
		h := http.Header{"Webhook-Id": {id}, "Webhook-Timestamp": {stamp}, "Webhook-Signature": {signature}}
		if v.Verify(h, body) != nil {
			return
		}
		seconds, err := strconv.ParseInt(stamp, 10, 64)
		if err != nil {
			t.Fatalf("accepted the time %q", stamp)
		}
		signed, err := connix.SignWebhook(nil, webhookSecret, connix.Delivery{ID: id, Timestamp: time.Unix(seconds, 0)}, body)
		if err != nil || !strings.Contains(signature, signed.Get("webhook-signature")) || stamp != signed.Get("webhook-timestamp") {
			t.Errorf("accepted %q %q %q %q", id, stamp, signature, body)
		}
	})
}

func TestWebhookVerifier_check(t *testing.T) {
	source := func(*http.Request) ([]connix.Secret, error) { return nil, nil }
	for name, c := range map[string]struct {
		v  *connix.WebhookVerifier
		ok bool
	}{
		"nil":                      {nil, false},
		"none":                     {&connix.WebhookVerifier{}, false},
		"empty":                    {&connix.WebhookVerifier{Secrets: []connix.Secret{webhookSecret, ""}}, false},
		"text":                     {&connix.WebhookVerifier{Secrets: []connix.Secret{webhookSecret}}, true},
		"base64":                   {&connix.WebhookVerifier{Secrets: []connix.Secret{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}}, true},
		"bad base64":               {&connix.WebhookVerifier{Secrets: []connix.Secret{webhookSecret, "whsec_MfKQ9r8G!"}}, false},
		"with its version":         {&connix.WebhookVerifier{Secrets: []connix.Secret{"v1,whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}}, false},
		"of another scheme":        {&connix.WebhookVerifier{Secrets: []connix.Secret{"whsec_test!"}, Scheme: connix.StripeWebhooks("")}, true},
		"no header can carry it":   {&connix.WebhookVerifier{Secrets: []connix.Secret{"a\nb"}, Scheme: connix.SharedToken("")}, false},
		"of a caller's scheme":     {&connix.WebhookVerifier{Secrets: []connix.Secret{"s"}, Scheme: foreignScheme{}}, true},
		"none of a caller's":       {&connix.WebhookVerifier{Secrets: []connix.Secret{""}, Scheme: foreignScheme{}}, false},
		"from a source":            {&connix.WebhookVerifier{SecretSource: source}, true},
		"from a source, and fixed": {&connix.WebhookVerifier{SecretSource: source, Secrets: []connix.Secret{""}}, true},
	} {
		err := c.v.Check()
		if (err == nil) != c.ok || err != nil && !errors.Is(err, connix.ErrNoWebhookSecret) {
			t.Errorf("%s: %v", name, err)
		}
		if c.ok || c.v == nil {
			continue
		}
		// A delivery is refused for the same reason, not as a forgery.
		if err := c.v.Verify(deliver(t, nil, "msg_1", agentEvent).Header, []byte(agentEvent)); !errors.Is(err, connix.ErrNoWebhookSecret) {
			t.Errorf("%s: verified: %v", name, err)
		}
		// And a handler finds it with its first request, of any kind.
		h := connix.WebhookHandler(c.v, func(context.Context, *connix.Event) error { return nil }, connix.WithWebhookErrors(func(context.Context, *connix.Event, error) {}))
		if w := handled(h, httptest.NewRequest(http.MethodGet, "/", nil)); w.Code != 500 {
			t.Errorf("%s: the handler responds with %d", name, w.Code)
		}
	}
}

// TestWebhookVerifier_secretSource serves tenants whose secrets rotate on one
// handler.
func TestWebhookVerifier_secretSource(t *testing.T) {
	away := errors.New("the vault is away")
	secrets := map[string][]connix.Secret{"/a": {webhookSecret}, "/b": {"another secret"}, "/none": {}, "/empty": {""}, "/malformed": {"whsec_!"}}
	v := verifierAt(webhookNow)
	v.SecretSource = func(r *http.Request) ([]connix.Secret, error) {
		if r.URL.Path == "/away" {
			return nil, away
		}
		if found, ok := secrets[r.URL.Path]; ok {
			return found, nil
		}
		return nil, fmt.Errorf("no tenant: %w", connix.ErrSignatureMismatch)
	}
	var told error
	h := connix.WebhookHandler(v, func(context.Context, *connix.Event) error { return nil },
		connix.WithWebhookErrors(func(_ context.Context, _ *connix.Event, err error) { told = err }))
	send := func(path string, status int, want error) {
		t.Helper()
		told = nil
		r := deliver(t, nil, "msg_1", agentEvent)
		r.URL.Path = path
		if w := handled(h, r); w.Code != status || !errors.Is(told, want) {
			t.Errorf("%s: status %d, told %v; want %d, %v", path, w.Code, told, status, want)
		}
	}
	send("/a", 200, nil)
	send("/b", 400, connix.ErrSignatureMismatch)
	send("/c", 400, connix.ErrSignatureMismatch)
	send("/none", 500, connix.ErrNoWebhookSecret)
	send("/empty", 500, connix.ErrNoWebhookSecret)
	send("/malformed", 500, connix.ErrNoWebhookSecret)
	send("/away", 500, away)
	secrets["/b"] = append(secrets["/b"], webhookSecret) // it rotates
	send("/b", 200, nil)

	// Without a request the source sees the headers alone.
	r := deliver(t, nil, "msg_1", agentEvent)
	v.SecretSource = func(got *http.Request) ([]connix.Secret, error) {
		if got.Method != http.MethodPost || got.URL == nil || got.Header.Get("webhook-id") != "msg_1" || got.Context() == nil {
			t.Errorf("request %+v", got)
		}
		return []connix.Secret{webhookSecret}, nil
	}
	if err := v.Verify(r.Header, []byte(agentEvent)); err != nil {
		t.Error(err)
	}
}

// TestParseEvent reads a delivery as a serverless function has it: bytes, and a map
// of headers in lower case.
func TestParseEvent(t *testing.T) {
	r := deliver(t, nil, "msg_1", agentEvent)
	lower := http.Header{}
	for name, values := range r.Header {
		lower[strings.ToLower(name)] = values
	}
	body := []byte(agentEvent)
	got, err := verifierAt(webhookNow).ParseEvent(lower, body)
	if err != nil {
		t.Fatal(err)
	}
	want, err := verifierAt(webhookNow).Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	for i := range body {
		body[i] = 'x' // it is the caller's
	}
	equal(t, "event", got, want)
	for body, want := range map[string]error{agentEvent + " ": connix.ErrSignatureMismatch, "null": connix.ErrWebhookMalformed, "[]": connix.ErrWebhookMalformed} {
		h := lower
		if !errors.Is(want, connix.ErrSignatureMismatch) {
			h = deliver(t, nil, "msg_1", body).Header
		}
		if event, err := verifierAt(webhookNow).ParseEvent(h, []byte(body)); event != nil || !errors.Is(err, want) {
			t.Errorf("%s: %+v, %v; want %v", body, event, err, want)
		}
	}
}
