package memnet

import (
	"context"
	"net"
	"net/http"
	"time"
)

// Serve starts an HTTP server in memory and returns a client that reaches it,
// whatever the host of the URL, and what closes both. Made inside a synctest
// bubble, both belong to it; they are closed before it ends.
func Serve(handler http.Handler) (client *http.Client, stop func()) {
	listener := Listen(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80})
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Hour}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	transport := &http.Transport{
		MaxIdleConnsPerHost: 100,
		DialContext:         func(ctx context.Context, _, _ string) (net.Conn, error) { return listener.Dial(ctx) },
	}
	return &http.Client{Transport: transport}, func() {
		transport.CloseIdleConnections()
		_ = server.Close()
		<-done
	}
}
