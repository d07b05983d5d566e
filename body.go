package connix

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/connix-io/connix-go/internal/headers"
)

// Bodies are read whole into pooled buffers. Decoding copies what it keeps, so one
// buffer serves many calls. The garbage collector takes buffers larger than
// maxPooled.
const maxPooled = 1 << 20

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
// nil.
func readBody(resp *http.Response, limit int64) (*body, error) {
	defer resp.Body.Close()
	buffer := bufferPool.Get().(*body)
	source := io.Reader(resp.Body)
	if headers.First(resp.Header, "Content-Encoding") == "gzip" && !resp.Uncompressed {
		unzip := gzipPool.Get().(*gzip.Reader)
		defer gzipPool.Put(unzip)
		switch err := unzip.Reset(resp.Body); {
		case errors.Is(err, io.EOF): // an empty body, as of a 204 or HEAD
			return buffer, nil
		case err != nil:
			return buffer, bodyError(err)
		}
		source = unzip
	} else if n := resp.ContentLength; n > 0 && n <= min(limit, maxPooled) {
		buffer.Grow(int(n) + bytes.MinRead)
	}
	buffer.limited = io.LimitedReader{R: source, N: limit + 1}
	n, err := buffer.ReadFrom(&buffer.limited)
	buffer.limited.R = nil
	switch {
	case n > limit:
		buffer.Truncate(int(limit))
		return buffer, fmt.Errorf("%w: over %d bytes", ErrResponseTooLarge, limit)
	case err != nil:
		return buffer, bodyError(err)
	case source != resp.Body:
		// The transport reuses a connection only after it has seen the end.
		_, _ = io.CopyN(io.Discard, resp.Body, 1)
	}
	return buffer, nil
}

// bodyError adds to the network's error that it broke the response body.
func bodyError(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: %w", errBodyCut, err)
	}
	return fmt.Errorf("the response body could not be read: %w", err)
}
