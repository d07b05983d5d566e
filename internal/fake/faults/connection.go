package faults

import (
	"net"
	"net/http"
)

// ResetBefore resets the connection when the request has arrived. The API does
// not see it.
func ResetBefore() Action {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { breakOff(w, reset) }
}

// ResetAfter resets the connection when the API has processed the request:
// what it changed stays changed, the response is lost.
func ResetAfter() Action { return AfterProcessing(ResetBefore()) }

// hangUp closes the connection without finishing the response.
func hangUp(w http.ResponseWriter) {
	breakOff(w, func(c net.Conn) { _ = c.Close() })
}

// breakOff passes the connection to end. If the connection cannot be taken over, as in
// HTTP/2, it aborts the handler: the stream is then reset.
func breakOff(w http.ResponseWriter, end func(net.Conn)) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	end(conn)
}

// reset closes conn so that the peer's next read fails instead of ending: on
// TCP by an RST, under TLS that of the TCP connection below. A connection in
// memory may bring its own SetLinger; one without is closed.
func reset(conn net.Conn) {
	for {
		switch c := conn.(type) {
		case interface{ SetLinger(sec int) error }:
			_ = c.SetLinger(0)
			_ = conn.Close()
			return
		case interface{ NetConn() net.Conn }:
			conn = c.NetConn()
		default:
			_ = conn.Close()
			return
		}
	}
}
