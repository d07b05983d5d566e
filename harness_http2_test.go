package connix_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/connix-io/connix-go/internal/memnet"
)

// The frames, flags and settings of HTTP/2 that tests speak of, and its error
// codes (RFC 9113, sections 6 and 7).
const (
	h2Data, h2Headers, h2Reset, h2Settings, h2GoAway = 0x0, 0x1, 0x3, 0x4, 0x7
	h2EndStream, h2Ack, h2EndHeaders                 = 0x1, 0x1, 0x4
	h2HeaderTableSize                                = 0x1
	h2Preface                                        = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

	h2NoError, h2ProtocolError, h2InternalError, h2RefusedStream, h2Cancel, h2EnhanceYourCalm = 0x0, 0x1, 0x2, 0x7, 0x8, 0xb
	h2LastCode                                                                                = 0xd
)

// http2Fault is done to the HTTP/2 stream whose handler writes it, or to its
// connection, instead of a response. It is honest: where the protocol makes it
// say that a request was not processed, the handler must not have processed it.
type http2Fault struct {
	frame byte   // h2Reset, h2GoAway, http2Die or http2Kill
	code  uint32 // of the frame
	below bool   // GOAWAY: the last stream is below this one, which was not processed
}

const (
	http2Die  byte = 0xf0 + iota // the server says nothing more on the connection
	http2Kill                    // the connection is reset
)

// http2Mark begins a body that is an http2Fault.
const http2Mark = "\x00http2Fault "

// ServeHTTP makes the fault a handler's response.
func (f http2Fault) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	fault := []byte(http2Mark + string([]byte{f.frame, byte(f.code), 0}))
	if f.below {
		fault[len(fault)-1] = 1
	}
	_, _ = w.Write(fault)
}

// serveHTTP2 is serveMemory over HTTP/2, for handlers that write an http2Fault.
// The server is net/http's; the faults are made between it and the network.
func serveHTTP2(t testing.TB, handler http.Handler) (base string, transport *http.Transport) {
	t.Helper()
	listener := memnet.Listen(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80})
	server := &http.Server{ReadHeaderTimeout: time.Hour, Protocols: new(http.Protocols), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		handler.ServeHTTP(w, r)
	})}
	server.Protocols.SetUnencryptedHTTP2(true)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(http2Listener{listener})
	}()
	transport = &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return listener.Dial(ctx) },
		Protocols:   new(http.Protocols),
	}
	transport.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = server.Close()
		<-done
	})
	return "http://127.0.0.1", transport
}

type http2Listener struct{ net.Listener }

func (l http2Listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &http2Conn{Conn: conn, held: map[uint32][]byte{}, gone: map[uint32]bool{}, limit: 1<<32 - 1}, nil
}

// http2Conn is a server's end of a connection. It reads the frames that pass,
// and makes the faults. It has the server compress headers without a table, so
// that frames may be left out.
type http2Conn struct {
	net.Conn
	in struct { // used by the one goroutine that reads
		begun bool
		ready bytes.Buffer
	}

	mu      sync.Mutex
	out     bytes.Buffer      // of the server's, not yet a frame
	held    map[uint32][]byte // HEADERS that may turn out to be a fault's
	gone    map[uint32]bool   // streams that have had a fault
	highest uint32            // stream that the server was given
	limit   uint32            // streams above it are turned away
	dead    bool
}

func frame(kind, flags byte, stream uint32, payload []byte) []byte {
	f := binary.BigEndian.AppendUint32(nil, uint32(len(payload))<<8|uint32(kind))
	f = append(f, flags)
	f = binary.BigEndian.AppendUint32(f, stream)
	return append(f, payload...)
}

// Read gives the server whole frames.
func (c *http2Conn) Read(p []byte) (int, error) {
	for c.in.ready.Len() == 0 {
		if err := c.readFrame(); err != nil {
			return 0, err
		}
	}
	return c.in.ready.Read(p)
}

func (c *http2Conn) readFrame() error {
	if !c.in.begun {
		if _, err := io.CopyN(&c.in.ready, c.Conn, int64(len(h2Preface))); err != nil {
			return err
		}
	}
	head := make([]byte, 9)
	if _, err := io.ReadFull(c.Conn, head); err != nil {
		return err
	}
	payload := make([]byte, binary.BigEndian.Uint32(head)>>8)
	if _, err := io.ReadFull(c.Conn, payload); err != nil {
		return err
	}
	kind, flags, stream := head[3], head[4], binary.BigEndian.Uint32(head[5:])
	if !c.in.begun { // the first is SETTINGS
		c.in.begun = true
		payload = append(payload, 0, h2HeaderTableSize, 0, 0, 0, 0)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if stream > c.limit {
		return nil // RFC 9113, section 6.8: after GOAWAY the frames of newer streams are discarded
	}
	if kind == h2Headers {
		c.highest = max(c.highest, stream)
	}
	c.in.ready.Write(frame(kind, flags, stream, payload))
	return nil
}

// Write passes the server's frames on, or makes a fault of them.
func (c *http2Conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out.Write(p)
	for c.out.Len() >= 9 {
		head := c.out.Bytes()
		length := int(binary.BigEndian.Uint32(head) >> 8)
		if c.out.Len() < 9+length {
			break
		}
		if err := c.pass(bytes.Clone(c.out.Next(9 + length))); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

func (c *http2Conn) pass(f []byte) error {
	kind, flags, stream := f[3], f[4], binary.BigEndian.Uint32(f[5:])
	switch {
	case c.dead || c.gone[stream]:
		return nil
	case kind == h2Headers && flags&h2EndStream == 0 && c.held[stream] == nil:
		c.held[stream] = f
		return nil
	case kind == h2Data && bytes.HasPrefix(f[9:], []byte(http2Mark)):
		delete(c.held, stream)
		c.gone[stream] = true
		fault := f[9+len(http2Mark):]
		return c.fault(stream, http2Fault{frame: fault[0], code: uint32(fault[1]), below: fault[2] == 1})
	}
	if held := c.held[stream]; held != nil {
		delete(c.held, stream)
		f = append(held, f...)
	}
	_, err := c.Conn.Write(f)
	return err
}

func (c *http2Conn) fault(stream uint32, f http2Fault) error {
	code := binary.BigEndian.AppendUint32(nil, f.code)
	switch {
	case f.frame == http2Die:
		c.dead = true
		return nil
	case f.frame == http2Kill:
		_ = c.Conn.(*memnet.Conn).SetLinger(0)
		return c.Conn.Close()
	case f.frame == h2GoAway && f.below && c.highest > stream:
		// GOAWAY would speak of the streams above too, which may have been processed.
		code = binary.BigEndian.AppendUint32(nil, h2RefusedStream)
		_, err := c.Conn.Write(frame(h2Reset, 0, stream, code))
		return err
	case f.frame == h2GoAway:
		c.limit = c.highest
		if f.below {
			c.limit = max(stream, 2) - 2
		}
		_, err := c.Conn.Write(frame(h2GoAway, 0, 0, append(binary.BigEndian.AppendUint32(nil, c.limit), code...)))
		if err == nil && !f.below {
			err = c.Conn.Close() // the responses are lost
		}
		return err
	}
	_, err := c.Conn.Write(frame(f.frame, 0, stream, code))
	return err
}
