// Package memnet is a network in memory: a listener, and connections that
// behave as TCP's do where net/http can tell the difference.
//
// It exists for testing/synctest. A goroutine that waits on a socket is not
// durably blocked, so a bubble with a socket in it never advances its clock;
// here every wait is a sync.Cond, and every deadline a timer of package time,
// both of which the bubble rules. net.Pipe would do for that, but it has no
// buffer: a server that responds before it has read the whole request would
// wait for a client that waits for the server. And it knows no reset.
//
// Make the listener, the server and the client inside the bubble.
package memnet

import (
	"context"
	"net"
	"os"
	"sync"
	"syscall"
)

// Listener is a [net.Listener] whose connections are made by [Listener.Dial].
// The zero value is not usable; use [Listen].
type Listener struct {
	addr *net.TCPAddr

	mu      sync.Mutex
	waiting sync.Cond // Accept waits here for backlog or closed
	backlog []*Conn
	dialed  int
	closed  bool
}

// Listen returns a listener that says it is at addr. No port is taken: addr
// only names the two ends.
func Listen(addr *net.TCPAddr) *Listener {
	l := &Listener{addr: addr}
	l.waiting.L = &l.mu
	return l
}

// Accept returns the server's end of the next dialed connection, in the order
// in which they were dialed, or an error that matches [net.ErrClosed] once the
// listener is closed.
func (l *Listener) Accept() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.backlog) == 0 && !l.closed {
		l.waiting.Wait()
	}
	if l.closed {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: l.addr, Err: net.ErrClosed}
	}
	c := l.backlog[0]
	l.backlog = append(l.backlog[:0], l.backlog[1:]...)
	return c, nil
}

// Dial connects to the listener. Like a TCP connect it does not wait for
// Accept. A closed listener refuses with an error that matches
// [syscall.ECONNREFUSED].
func (l *Listener) Dial(ctx context.Context) (net.Conn, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: l.addr, Err: err}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: l.addr, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	}
	const firstPort, ports = 32768, 28232 // the ephemeral range of Linux
	local := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: firstPort + l.dialed%ports}
	l.dialed++
	client, server := Pipe(local, l.addr)
	l.backlog = append(l.backlog, server)
	l.waiting.Signal()
	return client, nil
}

// Close ends Accept and refuses later dials. Connections that were dialed but
// never accepted are reset, as a kernel does; accepted ones live on. Closing
// again does nothing.
func (l *Listener) Close() error {
	l.mu.Lock()
	backlog := l.backlog
	l.backlog, l.closed = nil, true
	l.waiting.Broadcast()
	l.mu.Unlock()
	for _, c := range backlog {
		c.Reset()
	}
	return nil
}

// Addr returns the address that the listener was given.
func (l *Listener) Addr() net.Addr { return l.addr }
