package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"time"
)

const (
	listItems = 1000
	pageItems = 100
	listPages = listItems / pageItems

	// slowPage is what the slow listener lets every request wait, about what an
	// API far away takes.
	slowPage = 20 * time.Millisecond

	// maxRequest bounds what the server reads of a body.
	maxRequest = 1 << 20
)

// addresses holds the URLs of the server. Each API has listeners of its own, so
// that its traffic is counted apart.
type addresses struct {
	Control string
	Plain   map[string]listeners // HTTP/1.1
	TLS     map[string]listeners // HTTP/2
}

// listeners are the URLs of one API. Each request to the slow one takes slowPage.
type listeners struct{ Fast, Slow string }

// traffic counts what the fast listener of an API got.
type traffic struct {
	Connections int64
	Bytes       int64 // as they came from the network, encrypted over TLS
}

// serve serves on loopback until the standard input ends, after it has written its
// addresses to the standard output.
func serve(stdin io.Reader, stdout io.Writer) error {
	where := addresses{Plain: map[string]listeners{}, TLS: map[string]listeners{}}
	counters := map[string]*counter{}
	control := http.NewServeMux()
	control.HandleFunc("GET /traffic", func(w http.ResponseWriter, r *http.Request) {
		c := counters[r.URL.Query().Get("url")]
		if c == nil {
			http.NotFound(w, r)
			return
		}
		_ = json.NewEncoder(w).Encode(traffic{c.connections.Load(), c.bytes.Load()})
	})
	certificate := os.Getenv(certificateVariable)
	for name, api := range apis {
		handler := api.handler()
		for certificate, urls := range map[string]map[string]listeners{"": where.Plain, certificate: where.TLS} {
			count := new(counter)
			fast, err := listen(handler, count, certificate)
			if err != nil {
				return err
			}
			slow, err := listen(delayed(handler), new(counter), certificate)
			if err != nil {
				return err
			}
			urls[name], counters[fast] = listeners{fast, slow}, count
		}
	}
	var err error
	if where.Control, err = listen(control, new(counter), ""); err != nil {
		return err
	}
	if err := json.NewEncoder(stdout).Encode(where); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, stdin)
	return err
}

// counter counts what a listener gets.
type counter struct{ connections, bytes atomic.Int64 }

type countingListener struct {
	net.Listener
	counter *counter
}

type countingConn struct {
	net.Conn
	counter *counter
}

func (l countingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.counter.connections.Add(1)
	return countingConn{conn, l.counter}, nil
}

func (c countingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.counter.bytes.Add(int64(n))
	return n, err
}

// listen serves handler on a free port: HTTP/2 with the certificate in a folder, and
// HTTP/1.1 if the folder is "". It returns the URL.
func listen(handler http.Handler, count *counter, certificate string) (string, error) {
	var config net.ListenConfig
	listener, err := config.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	counting := countingListener{listener, count}
	if certificate == "" {
		go func() { fmt.Fprintln(os.Stderr, "bench: the server ended:", server.Serve(counting)) }()
		return "http://" + listener.Addr().String(), nil
	}
	certFile, keyFile := certificateFiles(certificate)
	go func() {
		fmt.Fprintln(os.Stderr, "bench: the server ended:", server.ServeTLS(counting, certFile, keyFile))
	}()
	return "https://" + listener.Addr().String(), nil
}

func delayed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(slowPage):
			next.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	})
}

// api is one API in miniature: one object, a list of them and a way to create
// one, in the JSON that its SDK reads. The objects of all are of about one size.
type api struct {
	get, list, post string // paths
	object          func(i int) string
	created         func(i int) string // nil: as object
	headers         map[string]string
	// page reads which page a query asks for, from 1.
	page func(r *http.Request) int
	// wrap puts the objects of a page into the response of a list.
	wrap func(header http.Header, page int, objects []byte) []byte
}

func (a *api) handler() http.Handler {
	object, pages := []byte(a.object(1)), make([][]byte, listPages)
	for i := range pages {
		var objects bytes.Buffer
		for j := range pageItems {
			if j > 0 {
				objects.WriteByte(',')
			}
			objects.WriteString(a.object(i*pageItems + j + 1))
		}
		pages[i] = objects.Bytes()
	}
	created := object
	if a.created != nil {
		created = []byte(a.created(1))
	}
	respond := func(w http.ResponseWriter, status int, body []byte) {
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Content-Length", strconv.Itoa(len(body)))
		h.Set("X-Request-Id", "req_0123456789abcdef")
		for name, value := range a.headers {
			h.Set(name, value)
		}
		w.WriteHeader(status)
		_, _ = w.Write(body)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+a.get, func(w http.ResponseWriter, _ *http.Request) { respond(w, http.StatusOK, object) })
	mux.HandleFunc("GET "+a.list, func(w http.ResponseWriter, r *http.Request) {
		page := a.page(r)
		if page < 1 || page > listPages {
			http.Error(w, "no such page", http.StatusBadRequest)
			return
		}
		respond(w, http.StatusOK, a.wrap(w.Header(), page, pages[page-1]))
	})
	mux.HandleFunc("POST "+a.post, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
		if err != nil || !json.Valid(body) {
			http.Error(w, "the body is not JSON", http.StatusBadRequest)
			return
		}
		respond(w, http.StatusCreated, created)
	})
	return mux
}

// number returns a number of a query, or first if the query does not have it.
func number(r *http.Request, name string, first int) int {
	text := r.URL.Query().Get(name)
	if text == "" {
		return first
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return n
}
