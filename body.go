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

// Bodies are read whole into pooled buffers: decoding copies what it keeps, so
// that one buffer serves many calls. Buffers that grew beyond maxPooled are left
// to the garbage collector.
const maxPooled = 1 << 20

var (
	bufferPool = sync.Pool{New: func() any { return new(body) }}
	gzipPool   = sync.Pool{New: func() any { return new(gzip.Reader) }}
)

// body is an answer's body and, while it is read, the cap on it.
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

// errBodyCut is an answer that ended before its body did.
var errBodyCut = errors.New("the answer was cut off")

// readBody reads an answer's whole body, decompressed and under a cap, and
// closes it. The buffer holds what came, also when the error is not nil.
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

// bodyError says of a broken body what it is, beside the network's own words.
func bodyError(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: %w", errBodyCut, err)
	}
	return fmt.Errorf("the answer's body could not be read: %w", err)
}
