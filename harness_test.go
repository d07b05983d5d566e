package connix_test

import (
	"encoding/json"
	"errors"
	"iter"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
)

// overviewTime is when everything happens in the examples of the API overview.
var overviewTime = time.Date(2024, 1, 15, 10, 30, 0, 0, time.UTC)

// must returns a result, or fails the test: must(f())(t).
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// equal compares deeply.
func equal[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

// equalJSON compares JSON texts by their value.
func equalJSON(t testing.TB, what string, got []byte, want string) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatalf("%s: the wanted text is no JSON: %v", what, err)
	}
	if err := json.Unmarshal(got, &g); err != nil || !reflect.DeepEqual(g, w) {
		t.Errorf("%s:\n got %s\nwant %s", what, got, want)
	}
}

// mustErrorIs fails the test unless err is an *Error that matches every target.
func mustErrorIs(t testing.TB, err error, targets ...error) {
	t.Helper()
	_ = mustError(t, err, targets...)
}

// mustError is mustErrorIs, and returns the *Error.
func mustError(t testing.TB, err error, targets ...error) *connix.Error {
	t.Helper()
	e, ok := errors.AsType[*connix.Error](err)
	if !ok {
		t.Fatalf("got %T: %v; want a *connix.Error", err, err)
	}
	for _, target := range targets {
		if !errors.Is(err, target) {
			t.Errorf("%v\ndoes not match %v", err, target)
		}
	}
	return e
}

// mustRefuse fails the test unless err is an *ArgumentError about the argument
// of that name.
func mustRefuse(t testing.TB, err error, name string) {
	t.Helper()
	e, ok := errors.AsType[*connix.ArgumentError](err)
	if !ok || e.Name != name || !errors.Is(err, connix.ErrInvalidRequest) {
		t.Fatalf("got %T: %v; want a refusal of %s", err, err, name)
	}
}

// mustBlame fails the test unless err is an answer with the status that blames
// the field and says why.
func mustBlame(t testing.TB, err error, status int, field string) {
	t.Helper()
	class, code := connix.ErrInvalidRequest, connix.CodeInvalidRequest
	switch status {
	case 404:
		class, code = connix.ErrNotFound, connix.CodeResourceNotFound
	case 409:
		class, code = connix.ErrConflict, connix.CodeConflict
	}
	e := mustError(t, err, class)
	if e.StatusCode != status || e.Code != code || e.Details.Field != field || e.Details.Issue == "" || e.RequestID == "" {
		t.Errorf("got %d %s, %+v; want %d %s about %s", e.StatusCode, e.Code, e.Details, status, code, field)
	}
	if !strings.Contains(err.Error(), e.Details.Issue) {
		t.Errorf("the text does not say what is wrong: %v", err)
	}
}

// only returns the one request that the server was sent.
func only(t testing.TB, srv *connixtest.Server) connixtest.Request {
	t.Helper()
	all := srv.Requests()
	if len(all) != 1 {
		t.Fatalf("the server was sent %d requests, want 1", len(all))
	}
	return all[0]
}

// drop drops a call's result.
func drop[T any](_ T, err error) error { return err }

// collect ranges over an iterator to its end, or to its first error.
func collect[T any](items iter.Seq2[T, error]) (out []T, err error) {
	for item, err := range items {
		if err != nil {
			return out, err
		}
		out = append(out, item)
	}
	return out, nil
}
