package connix

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/connix-io/connix-go/internal/headers"
)

// Bodies are read whole into pooled buffers. Decoding copies what it keeps, so one
// buffer serves many calls. The garbage collector takes buffers larger than
// maxPooled.
const maxPooled = 1 << 20

// maxErrorBody is the number of bytes of an error's body that are read and kept.
const maxErrorBody = 64 << 10

var (
	bufferPool = sync.Pool{New: func() any { return new(body) }}
	gzipPool   = sync.Pool{New: func() any { return new(gzip.Reader) }}
)

// body holds a response body and, while it is read, the cap on it.
type body struct {
	bytes.Buffer
	limited io.LimitedReader
}

func releaseBuffer(b *body) {
	if b != nil && b.Cap() <= maxPooled {
		b.Reset()
		bufferPool.Put(b)
	}
}

// errBodyCut reports a response that ended before its body was complete.
var errBodyCut = errors.New("the response was cut off")

// readBody reads and closes a response body. It decompresses the body and stops
// at limit bytes. The buffer holds the bytes received, even if the error is not
// nil. Of the body of an error status, it reads the first maxErrorBody bytes only.
func readBody(resp *http.Response, limit int64) (*body, error) {
	defer resp.Body.Close()
	buffer := bufferPool.Get().(*body)
	source, unzipped := io.Reader(resp.Body), false
	room := limit
	if resp.StatusCode >= http.StatusMultipleChoices {
		room = min(limit, maxErrorBody)
	}
	if isGzip(resp) {
		unzip := gzipPool.Get().(*gzip.Reader)
		defer gzipPool.Put(unzip)
		switch err := unzip.Reset(resp.Body); {
		case errors.Is(err, io.EOF): // an empty body, as of a 204 or HEAD
			return buffer, nil
		case err != nil:
			return buffer, bodyError(err)
		}
		source, unzipped = unzip, true
	} else if n := resp.ContentLength; n > 0 && n <= min(limit, maxPooled) {
		buffer.Grow(int(min(n, room)) + bytes.MinRead)
	}
	buffer.limited = io.LimitedReader{R: source, N: room + 1}
	n, err := buffer.ReadFrom(&buffer.limited)
	buffer.limited.R = nil
	switch {
	case n > limit:
		buffer.Truncate(int(limit))
		return buffer, fmt.Errorf("%w: over %d bytes", ErrResponseTooLarge, limit)
	case n > room:
		buffer.Truncate(int(room)) // closing the body ends the connection
	case err != nil:
		return buffer, bodyError(err)
	case unzipped:
		// The transport reuses a connection only after it has seen the end.
		_, _ = io.CopyN(io.Discard, resp.Body, 1)
	}
	return buffer, nil
}

// isGzip reports whether the body is compressed, under either name of the coding.
func isGzip(resp *http.Response) bool {
	coding := headers.First(resp.Header, "Content-Encoding")
	if coding == "" || coding == "gzip" || resp.Uncompressed {
		return coding == "gzip" && !resp.Uncompressed // as nearly always
	}
	for name := range strings.SplitSeq(strings.Join(resp.Header["Content-Encoding"], ","), ",") {
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "gzip", "x-gzip":
			return true
		}
	}
	return false
}

// bodyError adds to the network's error that it broke the response body.
func bodyError(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: %w", errBodyCut, err)
	}
	return fmt.Errorf("the response body could not be read: %w", err)
}

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
	if n, err = b.reader.Read(b.space); n < 0 || n > len(b.space) {
		n, err = 0, errors.New("the reader returned an invalid count")
	}
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
