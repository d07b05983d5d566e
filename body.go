package connix

import (
	"bytes"
	"compress/gzip"
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
	source := io.Reader(resp.Body)
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
		source = unzip
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
	case source != resp.Body:
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
