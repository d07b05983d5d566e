package memnet

import (
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

// Conn is one end of a connection in memory. It has what net/http and tests
// use of a [net.TCPConn]: deadlines, CloseWrite, and SetLinger(0), after which
// Close resets.
type Conn struct {
	in, out       *stream
	local, remote net.Addr
	resetOnClose  atomic.Bool
}

// Pipe returns the two ends of a connection between addresses a and b: the
// first end is the one at a.
func Pipe(a, b net.Addr) (*Conn, *Conn) {
	ab, ba := newStream(), newStream()
	return &Conn{in: ba, out: ab, local: a, remote: b}, &Conn{in: ab, out: ba, local: b, remote: a}
}

// Read reads what the peer wrote. It returns [io.EOF] after the peer's Close
// or CloseWrite, and an error that matches [syscall.ECONNRESET] after its
// Reset; both only when everything written before has been read.
func (c *Conn) Read(p []byte) (int, error) {
	n, err := c.in.read(p)
	return n, c.opError("read", err)
}

// Write hands p to the peer. It waits while the connection's buffer is full.
// Once the peer is closed, it fails with an error that matches
// [syscall.EPIPE], or [syscall.ECONNRESET] if the peer was reset.
func (c *Conn) Write(p []byte) (int, error) {
	n, err := c.out.write(p)
	return n, c.opError("write", err)
}

// Close closes this end. The peer reads what was written, then [io.EOF].
func (c *Conn) Close() error {
	if c.resetOnClose.Load() {
		c.Reset()
		return nil
	}
	c.out.closeWrite()
	c.in.closeRead()
	return nil
}

// CloseWrite tells the peer that nothing more will be written; reading goes on.
func (c *Conn) CloseWrite() error {
	c.out.closeWrite()
	return nil
}

// Reset closes this end as a process does that is killed: the peer's reads and
// writes fail with an error that matches [syscall.ECONNRESET].
func (c *Conn) Reset() {
	c.out.reset(false)
	c.in.reset(true)
}

// SetLinger decides what Close does with a connection: after SetLinger(0) it
// resets, after any other value it closes. It is there so that one piece of
// code resets a TCP connection and one in memory.
func (c *Conn) SetLinger(sec int) error {
	c.resetOnClose.Store(sec == 0)
	return nil
}

// LocalAddr returns the address of this end.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr returns the address of the other end.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline sets both deadlines; the zero time means none.
func (c *Conn) SetDeadline(t time.Time) error {
	c.in.setReadDeadline(t)
	c.out.setWriteDeadline(t)
	return nil
}

// SetReadDeadline sets when Read gives up with [os.ErrDeadlineExceeded]; it
// applies to a Read that is waiting already. The zero time means never.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.in.setReadDeadline(t)
	return nil
}

// SetWriteDeadline is SetReadDeadline for Write.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.out.setWriteDeadline(t)
	return nil
}

// opError dresses an error as package net does, because net/http looks for
// net.Error and for the errno inside.
func (c *Conn) opError(op string, err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		err = os.NewSyscallError(op, errno)
	}
	return &net.OpError{Op: op, Net: "tcp", Source: c.local, Addr: c.remote, Err: err}
}
