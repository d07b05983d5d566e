package contract_test

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/connix-io/connix-go/contract"
)

// document is the OpenAPI document of the API.
func document(t testing.TB) []byte {
	t.Helper()
	text, err := os.ReadFile("../internal/openapi/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

var shared struct {
	once    sync.Once
	checker *contract.Checker
	err     error
}

func checker(t testing.TB) *contract.Checker {
	t.Helper()
	shared.once.Do(func() { shared.checker, shared.err = contract.New(document(t)) })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.checker
}

const project = `{"id":123,"name":"my-ai-project","created_at":"2024-01-15T10:30:00Z","updated_at":"2024-01-15T10:30:00Z"}`

// requestHeader is what the SDK sends.
func requestHeader(body string) http.Header {
	h := http.Header{
		"Accept":          {"application/json"},
		"Accept-Encoding": {"gzip"},
		"User-Agent":      {"connix-go/0.1.0"},
		"X-Api-Key":       {"cx_test"},
		"X-Request-Id":    {"req-1"},
	}
	if body != "" {
		h.Set("Content-Type", "application/json")
	}
	return h
}

// responseHeader is what the API sends.
func responseHeader(status int) http.Header {
	h := http.Header{
		"Date":                           {"Mon, 15 Jan 2024 10:30:00 GMT"},
		"X-Request-Id":                   {"req-1"},
		"X-Response-Time":                {"150ms"},
		"X-Ratelimit-Limit-Requests":     {"1000"},
		"X-Ratelimit-Remaining-Requests": {"999"},
		"X-Ratelimit-Reset-Requests":     {"1625097600"},
		"X-Ratelimit-Limit-Tokens":       {"10000"},
		"X-Ratelimit-Remaining-Tokens":   {"9950"},
		"X-Ratelimit-Reset-Tokens":       {"1625097600"},
	}
	if status != http.StatusNoContent {
		h.Set("Content-Type", "application/json")
	}
	return h
}

// exchange is one that keeps the contract if its bodies do.
func exchange(method, path, sent string, status int, received string) contract.Exchange {
	return contract.Exchange{
		Method:         method,
		URL:            "/api/v1" + path,
		RequestHeader:  requestHeader(sent),
		RequestBody:    []byte(sent),
		Status:         status,
		ResponseHeader: responseHeader(status),
		ResponseBody:   []byte(received),
	}
}

func failure(code string) string {
	return `{"error":{"code":"` + code + `","message":"no","request_id":"req-1"}}`
}

// wantViolation fails the test unless err is exactly one violation, of the
// given status (0: of the request), with a problem that has want in it.
func wantViolation(t *testing.T, err error, status int, want string) {
	t.Helper()
	if err == nil {
		t.Fatalf("passed; want a violation that says %q", want)
	}
	violations := violations(err)
	if len(violations) != 1 || violations[0].Status != status {
		t.Fatalf("want one violation, of status %d; got\n%v", status, err)
	}
	problems := violations[0].Problems
	if !slices.ContainsFunc(problems, func(problem string) bool { return strings.Contains(problem, want) }) {
		t.Errorf("want a problem with %q; got\n%s", want, strings.Join(problems, "\n"))
	}
}

// violations flattens what CheckExchange joins.
func violations(err error) (out []*contract.Violation) {
	switch e := any(err).(type) {
	case *contract.Violation:
		out = append(out, e)
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			out = append(out, violations(one)...)
		}
	}
	return out
}
