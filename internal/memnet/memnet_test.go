package memnet_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connix-io/connix-go/internal/memnet"
)

func pipe() (client, server *memnet.Conn) {
	return memnet.Pipe(&net.TCPAddr{Port: 1}, &net.TCPAddr{Port: 2})
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	client, server := pipe()
	sent := bytes.Repeat([]byte("0123456789abcdef"), 64<<10) // 1 MiB: many times the buffer
	var wg sync.WaitGroup
	wg.Go(func() {
		for part := range chunks(sent, 1000) {
			if n, err := client.Write(part); n != len(part) || err != nil {
				t.Errorf("Write = %d, %v", n, err)
			}
		}
		_ = client.Close()
	})
	got, err := io.ReadAll(server)
	wg.Wait()
	if err != nil || !bytes.Equal(got, sent) {
		t.Fatalf("read %d bytes, error %v; want the %d that were sent", len(got), err, len(sent))
	}
}

func chunks(b []byte, size int) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(b) > 0 {
			n := min(size, len(b))
			if !yield(b[:n]) {
				return
			}
			b = b[n:]
		}
	}
}

func TestTheBufferIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := pipe()
		_ = client.SetWriteDeadline(time.Now().Add(time.Minute))
		n, err := client.Write(make([]byte, 10<<20))
		if !errors.Is(err, os.ErrDeadlineExceeded) || n == 0 || n > 1<<20 {
			t.Errorf("Write to an end that nobody reads = %d, %v; want a timeout within a mebibyte", n, err)
		}
		_ = client.Close()
		if got, err := io.ReadAll(server); len(got) != n || err != nil {
			t.Errorf("the other end read %d bytes, %v; want the %d that Write reported", len(got), err, n)
		}
	})
}

func TestHowAnEndEnds(t *testing.T) {
	read := func(c *memnet.Conn) error { _, err := c.Read(make([]byte, 8)); return err }
	write := func(c *memnet.Conn) error { _, err := c.Write([]byte("x")); return err }
	tests := []struct {
		name                  string
		end                   func(*memnet.Conn)
		ownRead, ownWrite     error
		peerRead, peerWrite   error
		peerStillReadsWritten bool
	}{
		{"Close", func(c *memnet.Conn) { _ = c.Close() }, net.ErrClosed, net.ErrClosed, io.EOF, syscall.EPIPE, true},
		{"CloseWrite", func(c *memnet.Conn) { _ = c.CloseWrite() }, nil, net.ErrClosed, io.EOF, nil, true},
		{"Reset", (*memnet.Conn).Reset, net.ErrClosed, net.ErrClosed, syscall.ECONNRESET, syscall.ECONNRESET, true},
		{"SetLinger(0)", func(c *memnet.Conn) { _ = c.SetLinger(0); _ = c.Close() }, net.ErrClosed, net.ErrClosed, syscall.ECONNRESET, syscall.ECONNRESET, true},
		{"SetLinger(-1)", func(c *memnet.Conn) { _ = c.SetLinger(0); _ = c.SetLinger(-1); _ = c.Close() }, net.ErrClosed, net.ErrClosed, io.EOF, syscall.EPIPE, true},
		{"Reset after Close", func(c *memnet.Conn) { _ = c.Close(); c.Reset() }, net.ErrClosed, net.ErrClosed, io.EOF, syscall.EPIPE, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			own, peer := pipe()
			_ = write(own)
			tt.end(own)
			if err := read(peer); err != nil {
				t.Errorf("the peer cannot read what was written before: %v", err)
			}
			if err := read(peer); !errors.Is(err, tt.peerRead) {
				t.Errorf("the peer's Read: %v, want %v", err, tt.peerRead)
			}
			if err := write(peer); !errors.Is(err, tt.peerWrite) {
				t.Errorf("the peer's Write: %v, want %v", err, tt.peerWrite)
			}
			if err := write(own); !errors.Is(err, tt.ownWrite) {
				t.Errorf("own Write: %v, want %v", err, tt.ownWrite)
			}
			if err := read(own); !errors.Is(err, tt.ownRead) {
				t.Errorf("own Read: %v, want %v", err, tt.ownRead)
			}
		})
	}
}

func TestAResetWakesWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		own, peer := pipe()
		errs := make(chan error, 2)
		go func() { _, err := peer.Read(make([]byte, 1)); errs <- err }()
		go func() { _, err := peer.Write(make([]byte, 1<<20)); errs <- err }()
		synctest.Wait()
		own.Reset()
		for range 2 {
			if err := <-errs; !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("a waiting call ended with %v, want ECONNRESET", err)
			}
		}
	})
}

func TestDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		own, _ := pipe()
		start := time.Now()
		_ = own.SetReadDeadline(start.Add(time.Hour))
		_ = own.SetReadDeadline(start.Add(time.Second)) // the later call wins
		_, err := own.Read(make([]byte, 1))
		if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("Read ended after %v with %v", time.Since(start), err)
		}
		if ne, ok := errors.AsType[net.Error](err); !ok || !ne.Timeout() {
			t.Errorf("%v is no timeout to package net", err)
		}
		// Unlike the connection, a deadline can be taken back.
		_ = own.SetDeadline(time.Time{})
		go func() { time.Sleep(time.Minute); _ = own.SetDeadline(time.Now().Add(-time.Second)) }()
		if _, err := own.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Minute+time.Second {
			t.Errorf("Read ended after %v with %v; a deadline applies to a call that waits", time.Since(start), err)
		}
		if _, err := own.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Write past its deadline: %v", err)
		}
	})
}

func TestListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := memnet.Listen(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 4010})
		first, err := l.Dial(t.Context()) // does not wait for Accept
		if err != nil {
			t.Fatal(err)
		}
		second, _ := l.Dial(t.Context())
		_, _ = first.Write([]byte("1"))
		_, _ = second.Write([]byte("2"))
		for _, want := range []string{"1", "2"} {
			c, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			_ = c.Close()
			if got := make([]byte, 1); want == "1" && c.RemoteAddr().String() != first.LocalAddr().String() {
				t.Errorf("Accept returned %v first (%s), want %v", c.RemoteAddr(), got, first.LocalAddr())
			}
		}
		third, _ := l.Dial(t.Context())
		accepted := make(chan error)
		_ = l.Close()
		go func() { _, err := l.Accept(); accepted <- err }()
		if err := <-accepted; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept of a closed listener: %v", err)
		}
		if _, err := third.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("a connection that was never accepted reads %v, want ECONNRESET", err)
		}
		if _, err := l.Dial(t.Context()); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("Dial to a closed listener: %v", err)
		}
		if err := l.Close(); err != nil {
			t.Errorf("second Close: %v", err)
		}
	})
}

func TestDialHonoursItsContext(t *testing.T) {
	l := memnet.Listen(&net.TCPAddr{Port: 1})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Dial(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Dial with a cancelled context: %v", err)
	}
}

func TestAcceptWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := memnet.Listen(&net.TCPAddr{Port: 1})
		accepted := make(chan error, 2)
		for range 2 {
			go func() { _, err := l.Accept(); accepted <- err }()
		}
		synctest.Wait()
		if _, err := l.Dial(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-accepted; err != nil {
			t.Errorf("Accept: %v", err)
		}
		_ = l.Close()
		if err := <-accepted; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept during Close: %v", err)
		}
	})
}

func TestErrorsReadLikeThoseOfANetwork(t *testing.T) {
	own, peer := pipe()
	own.Reset()
	_, err := peer.Read(make([]byte, 1))
	if text := err.Error(); !strings.Contains(text, "read tcp") || !strings.Contains(text, "reset by peer") {
		t.Errorf("error %q", text)
	}
}
