package deliveries

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/connix-io/connix-go/internal/fake/recorder"
)

// Receiver is a handler that stands for a URL and everything below it: one for
// http://app.test serves every URL of that host, one for http://app.test/hooks
// also http://app.test/hooks/connix. It is called without a socket, in a
// new goroutine, with a request as a server reads it.
type Receiver struct {
	url     *url.URL
	handler http.Handler
}

// NewReceiver returns a receiver for an absolute URL.
func NewReceiver(text string, handler http.Handler) (Receiver, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return Receiver{}, fmt.Errorf("the receiver's URL: %w", err)
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return Receiver{}, fmt.Errorf("the receiver's URL %q is not an absolute one of http or https", text)
	case handler == nil:
		return Receiver{}, errors.New("the receiver has no handler")
	}
	return Receiver{u, handler}, nil
}

// serves reports whether the receiver stands for u.
func (r Receiver) serves(u *url.URL) bool {
	prefix := strings.TrimSuffix(r.url.Path, "/")
	rest, ok := strings.CutPrefix(u.Path, prefix)
	return ok && (rest == "" || rest[0] == '/') && origin(u) == origin(r.url)
}

// origin returns scheme, host and port in one spelling.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}

// Same reports whether two receivers stand for the same URLs.
func (r Receiver) Same(other Receiver) bool {
	return origin(r.url) == origin(other.url) && strings.TrimSuffix(r.url.Path, "/") == strings.TrimSuffix(other.url.Path, "/")
}

// router is a RoundTripper that calls receivers, and remote for the rest.
type router struct {
	receivers []Receiver
	remote    http.RoundTripper
	serving   *sync.WaitGroup
}

// RoundTrip implements [http.RoundTripper]. The receiver with the longest path
// is called.
func (t *router) RoundTrip(r *http.Request) (*http.Response, error) {
	var found Receiver
	for _, receiver := range t.receivers {
		if receiver.serves(r.URL) && (found.handler == nil || len(receiver.url.Path) > len(found.url.Path)) {
			found = receiver
		}
	}
	if found.handler == nil {
		return t.remote.RoundTrip(r)
	}
	return t.serve(found.handler, r)
}

// serve calls a handler as a server would. Where the sender stops waiting, the
// handler goes on, as it would behind a connection, with its context cancelled.
func (t *router) serve(handler http.Handler, r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	_ = r.Body.Close()
	if err != nil {
		return nil, err
	}
	served := r.Clone(r.Context())
	served.URL = &url.URL{Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
	served.RequestURI = r.URL.RequestURI()
	served.Host = r.URL.Host
	served.RemoteAddr = "127.0.0.1:1"
	served.Body = io.NopCloser(bytes.NewReader(body))
	served.ContentLength, served.GetBody = int64(len(body)), nil

	rec := recorder.New(maxResponse)
	ended := make(chan error, 1)
	t.serving.Go(func() {
		err := errors.New("the receiver ended its goroutine")
		defer func() {
			switch v := recover(); v {
			case nil:
			case http.ErrAbortHandler:
				err = errors.New("the receiver cut the connection")
			default:
				err = fmt.Errorf("the receiver panicked: %v", v)
			}
			ended <- err
		}()
		handler.ServeHTTP(rec, served)
		err = nil
	})
	select {
	case err := <-ended:
		if err != nil {
			return nil, err
		}
		response := rec.Result()
		response.Request = r
		return response, nil
	case <-r.Context().Done():
		return nil, context.Cause(r.Context())
	}
}
