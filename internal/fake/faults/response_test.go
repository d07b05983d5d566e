package faults_test

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connix-io/connix-go/internal/fake/faults"
)

// A response that is held back and changed in nothing is the one that the API
// would have given by itself.
func TestAnAnswerHeldBackIsTheSame(t *testing.T) {
	for name, api := range map[string]http.HandlerFunc{
		"nothing":    func(http.ResponseWriter, *http.Request) {},
		"body alone": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
		"two writes": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "a")
			_, _ = io.WriteString(w, "b")
		},
		"status alone": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) },
		"two statuses": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201); w.WriteHeader(500) },
		"no content":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) },
		"not modified": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(304) },
		"outer header": func(w http.ResponseWriter, _ *http.Request) { w.Header().Del("X-Outer") },
		"early hints":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(103); w.WriteHeader(201) },
		"late header":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201); w.Header().Set("X-Late", "1") },
		"later header": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "a")
			w.Header().Set("X-Late", "1")
		},
		"several values": func(w http.ResponseWriter, _ *http.Request) { w.Header()["X-Many"] = []string{"1", "2"} },
	} {
		t.Run(name, func(t *testing.T) {
			var set faults.Set
			if _, err := set.Add(faults.Rule{Method: "PUT", Action: faults.SetHeaders(nil)}); err != nil {
				t.Fatal(err)
			}
			inner := set.Wrap(template, nil, api)
			srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("X-Outer", "1")
				w.Header().Set("Date", apiDate)
				inner.ServeHTTP(w, r)
			}))
			srv.Config.ErrorLog = log.New(io.Discard, "", 0) // a second status is complained of
			srv.Start()
			defer srv.Close()
			s := &site{client: srv.Client()}
			want, got := s.call(t, "GET", srv.URL, ""), s.call(t, "PUT", srv.URL, "")
			if want.err != nil || got.err != nil || got.status != want.status || got.body != want.body || got.length != want.length {
				t.Errorf("%+v, want %+v", got, want)
			}
			for _, h := range []string{"X-Outer", "X-Late", "X-Many", "Content-Type", "Date"} {
				if g, w := strings.Join(got.header[h], ","), strings.Join(want.header[h], ","); g != w {
					t.Errorf("%s: %q, want %q", h, g, w)
				}
			}
		})
	}
}

func TestSkewDateWithoutADate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var set faults.Set
		if _, err := set.Add(faults.Rule{Action: faults.SkewDate(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		set.Wrap(template, nil, http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
		if want := time.Now().Add(time.Hour).UTC().Format(http.TimeFormat); w.Header().Get("Date") != want {
			t.Errorf("Date %q, want %q", w.Header().Get("Date"), want)
		}
	})
}
