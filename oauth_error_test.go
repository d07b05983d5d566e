package connix_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	connix "github.com/connix-io/connix-go"
	"golang.org/x/oauth2"
)

// tokenFailure is the error of a call whose token endpoint responds like this.
func tokenFailure(t *testing.T, respond func(*http.Request) (*http.Response, error), opts ...connix.TokenSourceOption) error {
	t.Helper()
	client, err := connix.NewClient(connix.WithTokenSource(newSource(t, tokenIn(-time.Hour), opts...)), connix.WithBaseURL("https://api.example"),
		connix.WithHTTPClient(&http.Client{Transport: roundTripper(respond)}), connix.WithRetryPolicy(connix.RetryPolicy{}))
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Hello(t.Context(), "Gopher")
	if err == nil {
		t.Fatal("got no error")
	}
	return err
}

func TestTokenError_conversion(t *testing.T) {
	failing := connix.WithTokenSaver(func(context.Context, *oauth2.Token) error { return errDisk })
	tests := []struct {
		name      string
		respond   func(*http.Request) (*http.Response, error)
		opts      []connix.TokenSourceOption
		status    int
		code      string
		cause     error
		temporary bool
	}{
		{"login ended", returning(400, `{"error":"invalid_grant"}`), nil, 400, "invalid_grant", connix.ErrLoginRequired, false},
		{"unavailable", returning(503, `<html>`), nil, 503, "", nil, true},
		{"refused", returning(401, `{"error":"invalid_client"}`), nil, 401, "invalid_client", nil, false},
		{"lost", noResponse, nil, 0, "", errConnection, true},
		{"not saved", returning(200, `{"access_token":"a1","refresh_token":"r1"}`), []connix.TokenSourceOption{failing}, 0, "", errDisk, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tokenFailure(t, tt.respond, tt.opts...)
			failure, ok := errors.AsType[*connix.TokenError](err)
			if !ok || failure.StatusCode != tt.status || failure.Code != tt.code || failure.Temporary() != tt.temporary {
				t.Fatalf("got %#v of %v", failure, err)
			}
			if tt.cause != nil && !errors.Is(err, tt.cause) {
				t.Errorf("%v hides %v", err, tt.cause)
			}
			if login := tt.code == "invalid_grant"; login != errors.Is(err, connix.ErrLoginRequired) {
				t.Errorf("%v: matches ErrLoginRequired: %t, want %t", err, !login, login)
			}
		})
	}
}

func TestTokenError_loginRequiredWithoutARefreshToken(t *testing.T) {
	tok := tokenIn(-time.Hour)
	tok.RefreshToken = ""
	_, err := newSource(t, tok).Token()
	if failure, ok := errors.AsType[*connix.TokenError](err); !ok || !errors.Is(err, connix.ErrLoginRequired) || failure.Temporary() {
		t.Errorf("got %v", err)
	}
	if want := "connix: OAuth2 token: the access token is not usable and there is no refresh token: login required"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}

func TestTokenError_hostileDescription(t *testing.T) {
	description := "forged\\nline " + strings.Repeat("é", 1000)
	err := tokenFailure(t, returning(400, `{"error":"invalid_request","error_description":"%s"}`, description))
	if text := err.Error(); len(text) > 700 || strings.Contains(text, "\n") || !strings.Contains(text, "forged line") {
		t.Errorf("the server forges or floods the log: %s", text)
	}
}

var errDisk = errors.New("disk full")
