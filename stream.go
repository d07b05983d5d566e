package connix

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
)

// errStreamEnded tells the transport that nothing more is read for it.
var errStreamEnded = errors.New("the attempt is over")

// errStillReading says that the caller's reader has not returned.
var errStillReading = errors.New("a Read of the reader given to Do is still under way")

// streamedBody reads the reader that the caller gave to [Client.Do], for one
// attempt. The transport may go on reading after it has returned, and the reader
// may block: each Read of it runs on a goroutine of its own, none begins once the
// attempt is over, and the attempt's context ends the wait for one.
type streamedBody struct {
	ctx    context.Context
	reader io.Reader

	mu    sync.Mutex
	over  bool          // no further Read begins
	ended chan struct{} // closed once over
	busy  chan struct{} // closed when the Read under way has returned; nil: none is
	chunk []byte        // read, and not yet handed to the transport
	space []byte
	err   error
}

const streamChunk = 32 << 10

// newStreamedBody returns a body that reads from r, and its length, -1 if it is
// not known. r is the caller's: it is not closed.
func newStreamedBody(ctx context.Context, r io.Reader) (io.ReadCloser, int64) {
	length := int64(-1)
	if sized, ok := r.(interface{ Len() int }); ok {
		if length = int64(sized.Len()); length == 0 {
			return http.NoBody, 0
		}
	}
	return &streamedBody{ctx: ctx, reader: r, ended: make(chan struct{})}, length
}

// Read hands the transport what the caller's reader gives.
func (b *streamedBody) Read(p []byte) (int, error) {
	for {
		b.mu.Lock()
		switch {
		case b.over:
			b.mu.Unlock()
			return 0, errStreamEnded
		case len(b.chunk) > 0:
			n := copy(p, b.chunk)
			b.chunk = b.chunk[n:]
			b.mu.Unlock()
			return n, nil
		case b.err != nil:
			b.mu.Unlock()
			return 0, b.err
		case b.busy == nil:
			b.busy = make(chan struct{})
			go b.fetch()
		}
		busy := b.busy
		b.mu.Unlock()
		select {
		case <-busy:
		case <-b.ended:
		case <-b.ctx.Done():
			return 0, context.Cause(b.ctx)
		}
	}
}

// fetch makes one Read of the caller's reader.
func (b *streamedBody) fetch() {
	if b.space == nil {
		b.space = make([]byte, streamChunk)
	}
	n, err := 0, errors.New("the reader given to Do ended its goroutine")
	defer func() {
		if p := recover(); p != nil {
			n, err = 0, fmt.Errorf("the reader given to Do panicked: %v", p)
		}
		if err != nil && err != io.EOF { //nolint:errorlint // readers return it bare
			err = fmt.Errorf("the body given to Do could not be read: %w", err)
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		b.chunk, b.err = b.space[:min(max(n, 0), len(b.space))], err
		close(b.busy)
		b.busy = nil
	}()
	n, err = b.reader.Read(b.space)
}

// Close begins no further Read.
func (b *streamedBody) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.over {
		b.over = true
		close(b.ended)
	}
	return nil
}

// finish begins no further Read, and waits for one that is under way until ctx
// ends. The caller may use its reader again once finish has returned nil.
func (b *streamedBody) finish(ctx context.Context) error {
	_ = b.Close()
	b.mu.Lock()
	busy := b.busy
	b.mu.Unlock()
	if busy == nil {
		return nil
	}
	select {
	case <-busy:
		return nil
	case <-ctx.Done():
		return errStillReading
	}
}

// emptyBody is a body of no bytes that net/http does not know: it repeats
// requests over HTTP/2 by itself if they have no body or http.NoBody.
type emptyBody struct{}

func (emptyBody) Read([]byte) (int, error) { return 0, io.EOF }
func (emptyBody) Close() error             { return nil }
