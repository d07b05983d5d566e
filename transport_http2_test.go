package connix_test

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/connix-io/connix-go"
)

// The frames of HTTP/2 that the server below speaks.
const (
	h2Data, h2Headers, h2Reset, h2Settings, h2GoAway = 0x0, 0x1, 0x3, 0x4, 0x7
	h2EndStream, h2Ack, h2EndHeaders                 = 0x1, 0x1, 0x4
	h2RefusedStream                                  = 7
	h2Preface                                        = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
)

// http2Server speaks HTTP/2 in the clear, and turns its first request away as a
// server does that drains or is overloaded: by REFUSED_STREAM or by GOAWAY, both
// of which say that the request was not processed.
type http2Server struct {
	net.Listener
	refuse byte // the frame that turns the first request away

	mu      sync.Mutex
	refused bool
	bodies  []string // of the requests that were processed
}

func newHTTP2Server(t *testing.T, refuse byte) *http2Server {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http2Server{Listener: listener, refuse: refuse}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_ = s.serve(conn)
			}()
		}
	}()
	return s
}

func writeFrame(w io.Writer, kind, flags byte, stream uint32, payload []byte) error {
	header := make([]byte, 9, 9+len(payload))
	header[0], header[1], header[2] = byte(len(payload)>>16), byte(len(payload)>>8), byte(len(payload))
	header[3], header[4] = kind, flags
	binary.BigEndian.PutUint32(header[5:], stream)
	_, err := w.Write(append(header, payload...))
	return err
}

func (s *http2Server) serve(conn net.Conn) error {
	if _, err := io.CopyN(io.Discard, conn, int64(len(h2Preface))); err != nil {
		return err
	}
	if err := writeFrame(conn, h2Settings, 0, 0, nil); err != nil {
		return err
	}
	turnedAway := map[uint32]bool{}
	bodies := map[uint32][]byte{}
	header := make([]byte, 9)
	for {
		if _, err := io.ReadFull(conn, header); err != nil {
			return err
		}
		payload := make([]byte, int(header[0])<<16|int(header[1])<<8|int(header[2]))
		if _, err := io.ReadFull(conn, payload); err != nil {
			return err
		}
		kind, flags, stream := header[3], header[4], binary.BigEndian.Uint32(header[5:])
		var err error
		switch {
		case kind == h2Settings && flags&h2Ack == 0:
			err = writeFrame(conn, h2Settings, h2Ack, 0, nil)
		case kind == h2Headers:
			turnedAway[stream], err = s.turnAway(conn, stream)
		case kind == h2Data:
			bodies[stream] = append(bodies[stream], payload...)
		}
		if err != nil {
			return err
		}
		if (kind == h2Data || kind == h2Headers) && flags&h2EndStream != 0 && !turnedAway[stream] {
			if err := s.answer(conn, stream, bodies[stream]); err != nil {
				return err
			}
		}
	}
}

func (s *http2Server) turnAway(conn net.Conn, stream uint32) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refused {
		return false, nil
	}
	s.refused = true
	if s.refuse == h2GoAway { // no stream was processed, no error
		return true, writeFrame(conn, h2GoAway, 0, 0, make([]byte, 8))
	}
	return true, writeFrame(conn, h2Reset, 0, stream, binary.BigEndian.AppendUint32(nil, h2RefusedStream))
}

func (s *http2Server) answer(conn net.Conn, stream uint32, body []byte) error {
	s.mu.Lock()
	s.bodies = append(s.bodies, string(body))
	s.mu.Unlock()
	const status200 = 0x88 // an entry of HPACK's static table
	if err := writeFrame(conn, h2Headers, h2EndHeaders, stream, []byte{status200}); err != nil {
		return err
	}
	return writeFrame(conn, h2Data, h2EndStream, stream, []byte(`{"id":1,"name":"my-project"}`))
}

// A request that an HTTP/2 server turns away unprocessed is sent again, a write
// too, with the same bytes; one whose body is a stream only if none of it was read.
func TestHTTP2TurnedAway(t *testing.T) {
	for name, refuse := range map[string]byte{"REFUSED_STREAM": h2Reset, "GOAWAY": h2GoAway} {
		for _, streamed := range []bool{false, true} {
			srv := newHTTP2Server(t, refuse)
			transport := &http.Transport{Protocols: new(http.Protocols)}
			transport.Protocols.SetUnencryptedHTTP2(true)
			client, err := connix.NewClient(connix.WithAPIKey("key"), connix.WithBaseURL("http://"+srv.Addr().String()),
				connix.WithHTTPClient(&http.Client{Transport: transport}), connix.WithoutRateLimiter())
			if err != nil {
				t.Fatal(err)
			}
			const body = `{"name":"my-project"}`
			if streamed {
				pipe, w := io.Pipe()
				go func() { _, _ = io.WriteString(w, body); _ = w.Close() }()
				err = client.Do(t.Context(), http.MethodPost, "projects", pipe, nil)
				if e, ok := errors.AsType[*connix.Error](err); err != nil && (!ok || e.StatusCode != 0 || len(e.Attempts) != 1) {
					t.Errorf("%s, streamed: %v, want one attempt", name, err)
				}
				_ = pipe.Close()
			} else if _, err = client.Projects.Create(t.Context(), connix.CreateProjectRequest{Name: "my-project"}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			srv.mu.Lock()
			if (len(srv.bodies) == 1) != (err == nil) || err == nil && srv.bodies[0] != body {
				t.Errorf("%s, streamed %v: processed %q", name, streamed, srv.bodies)
			}
			srv.mu.Unlock()
			transport.CloseIdleConnections()
		}
	}
}
