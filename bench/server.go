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

// addresses is where the server listens, one pair of addresses for each API, so
// that their connections are counted apart.
type addresses struct {
	Control string
	Fast    map[string]string
	Slow    map[string]string
}

// serve answers on loopback until the standard input ends, after it has written
// its addresses to the standard output.
func serve(stdin io.Reader, stdout io.Writer) error {
	where := addresses{Fast: map[string]string{}, Slow: map[string]string{}}
	opened := map[string]*atomic.Int64{}
	control := http.NewServeMux()
	control.HandleFunc("GET /connections/{api}", func(w http.ResponseWriter, r *http.Request) {
		if n := opened[r.PathValue("api")]; n != nil {
			_, _ = io.WriteString(w, strconv.FormatInt(n.Load(), 10))
			return
		}
		http.NotFound(w, r)
	})
	for name, api := range apis {
		opened[name] = new(atomic.Int64)
		handler := api.handler()
		var err error
		if where.Fast[name], err = listen(handler, opened[name]); err != nil {
			return err
		}
		if where.Slow[name], err = listen(delayed(handler), new(atomic.Int64)); err != nil {
			return err
		}
	}
	var err error
	if where.Control, err = listen(control, new(atomic.Int64)); err != nil {
		return err
	}
	if err := json.NewEncoder(stdout).Encode(where); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, stdin)
	return err
}

// listen serves handler on a free port, counting the connections that it gets.
func listen(handler http.Handler, opened *atomic.Int64) (string, error) {
	var config net.ListenConfig
	listener, err := config.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: time.Minute,
		ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				opened.Add(1)
			}
		},
	}
	go func() {
		fmt.Fprintln(os.Stderr, "bench: the server ended:", server.Serve(listener))
	}()
	return "http://" + listener.Addr().String(), nil
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
	// wrap puts the objects of a page into what a list answers.
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
	answer := func(w http.ResponseWriter, status int, body []byte) {
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
	mux.HandleFunc("GET "+a.get, func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, object) })
	mux.HandleFunc("GET "+a.list, func(w http.ResponseWriter, r *http.Request) {
		page := a.page(r)
		if page < 1 || page > listPages {
			http.Error(w, "no such page", http.StatusBadRequest)
			return
		}
		answer(w, http.StatusOK, a.wrap(w.Header(), page, pages[page-1]))
	})
	mux.HandleFunc("POST "+a.post, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
		if err != nil || !json.Valid(body) {
			http.Error(w, "the body is not JSON", http.StatusBadRequest)
			return
		}
		answer(w, http.StatusCreated, created)
	})
	return mux
}

// number reads a number from a query, first where it is not there.
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
