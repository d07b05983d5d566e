package oauthcli

import (
	"context"
	"crypto/subtle"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"
)

// callback is the place that the browser comes back to: it takes one answer of
// the login that it belongs to, and shows how the login ended.
type callback struct {
	host, path, state, appName string

	answers chan url.Values // holds one: the first valid one
	taken   sync.Once
	ended   chan struct{} // closed by end
	result  error         // readable after ended
}

func newCallback(at *url.URL, state, appName string) *callback {
	return &callback{
		host: at.Host, path: at.Path, state: state, appName: appName,
		answers: make(chan url.Values, 1), ended: make(chan struct{}),
	}
}

// serve answers the browser until stop is called, which waits for the page
// that is being sent.
func (c *callback) serve(l net.Listener) (stop func()) {
	srv := &http.Server{
		Handler: c, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 64 << 10,
		ErrorLog: log.New(io.Discard, "", 0),
	}
	var wg sync.WaitGroup
	wg.Go(func() { _ = srv.Serve(l) })
	return func() {
		// Browsers hold connections open that they never use: the wait is short.
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if srv.Shutdown(ctx) != nil {
			_ = srv.Close()
		}
		wg.Wait()
	}
}

// end tells the browser how the login ended.
func (c *callback) end(result error) {
	c.result = result
	close(c.ended)
}

func (c *callback) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Connection", "close")
	// A page elsewhere can send a browser here under another name (DNS rebinding).
	if r.Host != c.host {
		c.page(w, http.StatusMisdirectedRequest, "This address is not the one of the login.")
		return
	}
	if r.URL.Path != c.path {
		c.page(w, http.StatusNotFound, "There is nothing at this address.")
		return
	}
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		c.page(w, http.StatusMethodNotAllowed, "This address takes GET requests only.")
		return
	}
	q, err := url.ParseQuery(r.URL.RawQuery)
	switch {
	case err != nil || len(q["state"]) != 1 || len(q["code"])+len(q["error"]) != 1 || q.Get("code")+q.Get("error") == "":
		c.page(w, http.StatusBadRequest, "This is not the answer to a login.")
		return
	case subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(c.state)) != 1:
		c.page(w, http.StatusBadRequest, "This answer belongs to another login. The program still waits for its own: open the address that it has printed.")
		return
	}
	first := false
	c.taken.Do(func() { first = true })
	if !first {
		c.page(w, http.StatusConflict, "This login was answered before.")
		return
	}
	c.answers <- q
	select {
	case <-c.ended:
	case <-r.Context().Done():
		return // the user closed the page; the login goes on
	}
	if c.result != nil {
		c.page(w, http.StatusOK, problemText(c.result))
		return
	}
	c.page(w, http.StatusOK, "")
}

// page writes the page of a login that ended with this problem, "" for none.
func (c *callback) page(w http.ResponseWriter, status int, problem string) {
	body, policy := renderPage(c.appName, problem)
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Content-Security-Policy", policy)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer") // the address holds the code
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a browser that went away reads nothing
}
