package memnet

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// bufferSize bounds what a writer may be ahead of its reader. It is of the
// order of a socket's: large enough that an early response never blocks, small
// enough that an endless body does not fill the memory.
const bufferSize = 64 << 10

// stream is one direction of a connection.
type stream struct {
	mu      sync.Mutex
	changed sync.Cond
	buf     []byte // unread bytes are buf[off:]
	off     int

	noMoreWrites bool // the writer closed: io.EOF after buf
	noMoreReads  bool // the reader closed: what is written goes nowhere
	readerReset  bool // the reader's end was reset
	writerReset  bool // the writer's end was reset

	readDeadline, writeDeadline deadline
}

func newStream() *stream {
	s := &stream{}
	s.changed.L = &s.mu
	return s
}

func (s *stream) read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.noMoreReads:
			return 0, net.ErrClosed
		case s.readDeadline.passed:
			return 0, os.ErrDeadlineExceeded
		case len(p) == 0:
			return 0, nil
		case s.off < len(s.buf):
			n := copy(p, s.buf[s.off:])
			if s.off += n; s.off == len(s.buf) {
				s.buf, s.off = s.buf[:0], 0
			}
			s.changed.Broadcast()
			return n, nil
		case s.writerReset:
			return 0, syscall.ECONNRESET
		case s.noMoreWrites:
			return 0, io.EOF
		}
		s.changed.Wait()
	}
}

func (s *stream) write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	written := 0
	for {
		switch {
		case s.noMoreWrites:
			return written, net.ErrClosed
		case s.writeDeadline.passed:
			return written, os.ErrDeadlineExceeded
		case s.readerReset:
			return written, syscall.ECONNRESET
		case s.noMoreReads:
			return written, syscall.EPIPE
		}
		if free := bufferSize - (len(s.buf) - s.off); free > 0 {
			n := min(free, len(p)-written)
			s.compact()
			s.buf = append(s.buf, p[written:written+n]...)
			written += n
			s.changed.Broadcast()
		}
		if written == len(p) {
			return written, nil
		}
		s.changed.Wait()
	}
}

// compact moves the unread bytes to the front when the read ones outweigh them.
func (s *stream) compact() {
	if s.off > len(s.buf)-s.off {
		s.buf = s.buf[:copy(s.buf, s.buf[s.off:])]
		s.off = 0
	}
}

func (s *stream) closeWrite() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noMoreWrites = true
	s.writeDeadline.stop()
	s.changed.Broadcast()
}

func (s *stream) closeRead() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noMoreReads = true
	s.buf, s.off = nil, 0
	s.readDeadline.stop()
	s.changed.Broadcast()
}

// reset ends the stream from the reader's end or from the writer's.
func (s *stream) reset(byReader bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case byReader && !s.noMoreReads:
		s.noMoreReads, s.readerReset = true, true
		s.buf, s.off = nil, 0
		s.readDeadline.stop()
	case !byReader && !s.noMoreWrites:
		s.noMoreWrites, s.writerReset = true, true
		s.writeDeadline.stop()
	}
	s.changed.Broadcast()
}

func (s *stream) setReadDeadline(t time.Time)  { s.setDeadline(&s.readDeadline, t) }
func (s *stream) setWriteDeadline(t time.Time) { s.setDeadline(&s.writeDeadline, t) }

// deadline is a moment after which waiting ends. It is guarded by its stream's
// mutex.
type deadline struct {
	passed bool
	timer  *time.Timer
}

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}

func (s *stream) setDeadline(d *deadline, t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d.stop()
	d.passed = false
	if t.IsZero() {
		return
	}
	wait := time.Until(t)
	if wait <= 0 {
		d.passed = true
		s.changed.Broadcast()
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(wait, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		// A timer that was replaced while it fired has no say any more.
		if d.timer == timer {
			d.passed = true
			s.changed.Broadcast()
		}
	})
	d.timer = timer
}
