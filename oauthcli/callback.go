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
	"strings"
	"sync"
	"time"
)

// callback receives the browser that comes back: it takes one response of the
// login that it belongs to, and shows how the login ended.
type callback struct {
	host, path, state, appName string

	responses chan url.Values // holds one: the first valid one
	mu        sync.Mutex
	taken     string        // the code or the error of that one, "" for none
	ended     chan struct{} // closed by end
	result    error         // readable after ended
}

func newCallback(at *url.URL, state, appName string) *callback {
	return &callback{
		host: at.Host, path: at.Path, state: state, appName: appName,
		responses: make(chan url.Values, 1), ended: make(chan struct{}),
	}
}

// serve responds to the browser until stop is called, which waits for the page
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
	if r.Host != c.host && r.Host+":80" != c.host { // browsers leave the usual port out
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
	if status, problem := c.take(r.URL.RawQuery); problem != "" {
		c.page(w, status, problem)
		return
	}
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

// take takes the response in a query. The same one may come again, since browsers
// load a page ahead, or once more; any other is refused with a status and a text.
func (c *callback) take(query string) (status int, problem string) {
	q, err := url.ParseQuery(query)
	switch {
	case err != nil || len(q["state"]) != 1 || len(q["code"])+len(q["error"]) != 1 || q.Get("code")+q.Get("error") == "":
		return http.StatusBadRequest, "This is not the response to a login."
	case subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(c.state)) != 1:
		return http.StatusBadRequest, "This response belongs to another login. The program still waits for its own: open the address that it has printed."
	}
	response := url.Values{"code": q["code"], "error": q["error"]}.Encode()
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.taken {
	case "":
		c.taken = response
		c.responses <- q
	case response:
	default:
		return http.StatusConflict, "This login has had another response before."
	}
	return 0, ""
}

// paste takes the response in an address that the user copied.
func (c *callback) paste(address string) (problem string) {
	_, query, found := strings.Cut(address, "?")
	if !found {
		query = address
	}
	query, _, _ = strings.Cut(query, "#")
	_, problem = c.take(query)
	return problem
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
