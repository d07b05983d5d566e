package connix_test

import (
	"bytes"
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

const (
	plantedKey    = "cx_5ecre75ecre75ecre75ecre75ecre75e"
	plantedToken  = "tok-5ecre7-5ecre7-5ecre7-5ecre7"
	plantedSecret = "whsec_NWVjcmU3NWVjcmU3NWVjcmU3"
)

// leaks returns the planted secrets that text holds, in any usual coding.
func leaks(text string) []string {
	var found []string
	for _, secret := range []string{plantedKey, plantedToken, plantedSecret} {
		for _, coded := range []string{secret, fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret), fmt.Sprint([]byte(secret))} {
			if strings.Contains(text, coded) {
				found = append(found, coded)
			}
		}
	}
	return found
}

// printed is v as every verb and every logger shows it.
func printed(v any) string {
	var b bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%T"} {
		_, _ = fmt.Fprintf(&b, verb+"\n", v)
	}
	for _, handler := range []slog.Handler{slog.NewTextHandler(&b, nil), slog.NewJSONHandler(&b, nil)} {
		slog.New(handler).Info("line", "value", v)
	}
	return b.String()
}

// What holds a secret never shows it, by value or by pointer, in a struct or
// alone.
func TestSecret_notPrinted(t *testing.T) {
	secret := connix.Secret(plantedSecret)
	keyClient, err := connix.NewClient(connix.WithAPIKey(plantedKey))
	if err != nil {
		t.Fatal(err)
	}
	source, err := connix.NewTokenSource(&oauth2.Config{ClientID: "app", ClientSecret: plantedSecret, Endpoint: connix.OAuthEndpoint},
		&oauth2.Token{AccessToken: plantedToken, RefreshToken: plantedToken})
	if err != nil {
		t.Fatal(err)
	}
	tokenClient, err := connix.NewClient(connix.WithTokenSource(source))
	if err != nil {
		t.Fatal(err)
	}
	foreignClient, err := connix.NewClient(connix.WithTokenSource(oauth2.StaticTokenSource(&oauth2.Token{AccessToken: plantedToken})))
	if err != nil {
		t.Fatal(err)
	}
	rotating, err := connix.NewRotatingKey(plantedKey)
	if err != nil {
		t.Fatal(err)
	}
	update := connix.UpdateWebhookRequest{Secret: &secret}
	for name, v := range map[string]any{
		"secret": secret, "pointer to a secret": &secret,
		"client": keyClient, "client value": *keyClient, "service": keyClient.Projects,
		"client of tokens": tokenClient, "client of tokens, value": *tokenClient,
		"client of foreign tokens": foreignClient, "client of foreign tokens, value": *foreignClient,
		"response": connix.Response{Body: []byte(plantedKey)}, "pointer to a response": &connix.Response{StatusCode: 201, Body: []byte(plantedKey)},
		"error": &connix.Error{Body: []byte(plantedKey)}, "error value": connix.Error{Body: []byte(plantedKey)},
		"token source": source, "token source value": *source,
		"rotating key":   rotating,
		"create request": connix.CreateWebhookRequest{Secret: secret}, "pointer to one": &connix.CreateWebhookRequest{Secret: secret},
		"update request": update, "API key": connix.APIKey{Key: plantedKey}, "pointer to an API key": &connix.APIKey{Key: plantedKey},
		"in a struct": struct{ C *connix.Client }{keyClient},
		"verifier":    connix.WebhookVerifier{Secrets: []connix.Secret{secret}}, "pointer to a verifier": &connix.WebhookVerifier{Secrets: []connix.Secret{secret}},
		"option": connix.WithAPIKey(plantedKey),
	} {
		if found := leaks(printed(v)); found != nil {
			t.Errorf("%s shows %q", name, found)
		}
	}
	if got := secret.Reveal(); got != plantedSecret {
		t.Errorf("Reveal: %q", got)
	}
}

func TestSecret_mask(t *testing.T) {
	for secret, want := range map[connix.Secret]string{
		"": "", "short": "****", "nineteen-characters": "****", "twenty-characters-xx": "twen****s-xx", plantedKey: "cx_5****e75e",
	} {
		if got := fmt.Sprint(secret); got != want {
			t.Errorf("mask of %d characters: %q, want %q", len(secret), got, want)
		}
	}
}

// JSON is the wire: it carries a secret.
func TestSecret_json(t *testing.T) {
	b, err := json.Marshal(connix.CreateWebhookRequest{URL: "https://x.test", Secret: plantedSecret})
	if err != nil || !strings.Contains(string(b), `"secret":"`+plantedSecret+`"`) {
		t.Errorf("a request as JSON: %s, %v", b, err)
	}
}

// Whatever fails, neither errors nor logs show a secret: not the ones sent, nor
// one that a redirect's location carries, nor the query.
func TestSecret_notInFailures(t *testing.T) {
	answers := map[string]func(http.ResponseWriter, *http.Request){
		"redirect off the origin": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://evil.example/?key="+plantedToken, http.StatusFound)
		},
		"broken location": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "https://x.test/%zz?key="+plantedToken)
			w.WriteHeader(http.StatusFound)
		},
		"unauthorized": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) },
		"unavailable":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) },
		"cut": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "99")
			_, _ = io.WriteString(w, "{")
		},
		"HTML":    func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
		"dropped": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	}
	for name, answer := range answers {
		var logs bytes.Buffer
		client := serve(t, func(w http.ResponseWriter, r *http.Request) { answer(w, r) },
			connix.WithAPIKey(plantedKey), connix.WithRetryPolicy(connix.RetryPolicy{MaxRetries: 1}),
			connix.WithLogger(slog.New(slog.NewTextHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug}))))
		_, listErr := client.Projects.List(t.Context(), &connix.ListProjectsOptions{ListOptions: connix.ListOptions{Search: plantedToken}})
		_, createErr := client.Webhooks.Create(t.Context(), connix.CreateWebhookRequest{URL: "https://x.test", Secret: plantedSecret})
		for _, err := range []error{listErr, createErr} {
			if err == nil {
				t.Errorf("%s: no error", name)
				continue
			}
			text := printed(err)
			for e := err; e != nil; e = errors.Unwrap(e) {
				text += printed(e)
			}
			if found := leaks(text); found != nil {
				t.Errorf("%s: the error shows %q: %v", name, found, err)
			}
		}
		if logs.Len() == 0 {
			t.Errorf("%s: nothing was logged", name)
		}
		if found := leaks(logs.String()); found != nil {
			t.Errorf("%s: the log shows %q:\n%s", name, found, logs.String())
		}
	}
}

// A server that quotes the credential, anywhere, is not quoted with it.
func TestSecrets_quotedByTheServer(t *testing.T) {
	const key = plantedKey
	for name, c := range map[string]struct{ body, id string }{
		"message":    {`{"error":{"code":"INVALID_REQUEST","message":"the key ` + key + ` is odd"}}`, ""},
		"code":       {`{"error":{"code":"` + key + `","message":"no"}}`, ""},
		"details":    {`{"error":{"code":"INVALID_REQUEST","message":"no","details":{"field":"` + key + `","issue":"` + key + `"}}}`, ""},
		"plain":      {`{"error":{"code":"INVALID_REQUEST","message":"no","details":"` + key + `"}}`, ""},
		"request id": {`{"error":{"code":"INVALID_REQUEST","message":"no","request_id":"` + key + `"}}`, ""},
		"header":     {`{"error":{"code":"INVALID_REQUEST","message":"no"}}`, "req_" + key},
		"page":       {"<html><title>" + key + "</title>" + key + "</html>", ""},
		"text":       {key, ""},
	} {
		for _, status := range []int{200, 400, 401, 503} {
			t.Run(name, func(t *testing.T) {
				var meta connix.Response
				client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("X-Request-ID", c.id)
					w.WriteHeader(status)
					_, _ = io.WriteString(w, c.body)
				}, connix.WithAPIKey(key))
				_, err := client.Projects.Create(t.Context(), connix.CreateProjectRequest{Name: "my-project"}, connix.WithResponse(&meta))
				if err == nil {
					t.Fatal("no error")
				}
				for form, text := range chaosPrinted(err, meta) {
					if strings.Contains(text, key) {
						t.Fatalf("%d: %s shows it: %s", status, form, text)
					}
				}
				if e, ok := errors.AsType[*connix.Error](err); ok && strings.Contains(e.SupportInfo(), key) {
					t.Errorf("%d: SupportInfo shows it: %s", status, e.SupportInfo())
				}
			})
		}
	}
}
