package faults

import (
	"bytes"
	"compress/gzip"
	"context"
	"net/http"
	"time"
)

// The actions of this file pass the request to the API and spoil the body of
// its response. A response without a body passes as it is.

// Truncate cuts the response's body after keep bytes, at most all but one:
// Content-Length promises the whole of it, then the connection is closed.
func Truncate(keep int) Action {
	return body(func(_ context.Context, w http.ResponseWriter, a response) {
		a.start(w, len(a.body))
		write(w, a.cut(keep))
		hangUp(w)
	})
}

// TruncateChunked is Truncate without a Content-Length: the body comes in
// chunks, and the last one never does.
func TruncateChunked(keep int) Action {
	return body(func(_ context.Context, w http.ResponseWriter, a response) {
		a.start(w, -1)
		write(w, a.cut(keep))
		hangUp(w)
	})
}

// TruncateGzip compresses the response's body and sends the first keep bytes of
// that, at least one and at most all but one, as a body that is complete as
// far as HTTP can tell. It does not ask whether the client accepts gzip.
func TruncateGzip(keep int) Action {
	return body(func(_ context.Context, w http.ResponseWriter, a response) {
		var packed bytes.Buffer
		zip := gzip.NewWriter(&packed)
		_, _ = zip.Write(a.body) // a buffer takes all
		_ = zip.Close()
		a.body = packed.Bytes()
		a.body = a.cut(max(keep, 1))
		a.header.Set("Content-Encoding", "gzip")
		a.send(w)
	})
}

// WrongContentLength sends the whole body under a Content-Length that is off
// by that many bytes, then closes the connection. With a positive one the
// client waits for bytes that do not come, with a negative one bytes are left
// over.
func WrongContentLength(off int) Action {
	return body(func(ctx context.Context, w http.ResponseWriter, a response) {
		length := max(len(a.body)+off, 0)
		a.header.Set("Connection", "close")
		a.start(w, length)
		write(w, a.body[:min(length, len(a.body))])
		if off < 0 {
			writeRaw(ctx, w, a.body[length:])
		} // else net/http itself closes the connection, for want of bytes
	})
}

// writeRaw puts p on the connection behind a response that is complete, and
// closes it. Where there is no connection to be had, as in HTTP/2, there is no
// such fault either.
func writeRaw(ctx context.Context, w http.ResponseWriter, p []byte) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	_, _ = conn.Write(p)
	_ = conn.Close()
}

// ResetInBody resets the connection after the header and the first keep bytes
// of the response's body, at most all but one.
func ResetInBody(keep int) Action {
	return body(func(_ context.Context, w http.ResponseWriter, a response) {
		a.start(w, len(a.body))
		write(w, a.cut(keep))
		breakOff(w, reset)
	})
}

// EmptyBody keeps the response's status and header, and sends no body.
func EmptyBody() Action {
	return body(func(_ context.Context, w http.ResponseWriter, a response) {
		a.body = nil
		a.send(w)
	})
}

// Stall sends the first keep bytes of the response's body, at most all but one,
// waits d, and sends the rest.
func Stall(keep int, d time.Duration) Action {
	return body(func(ctx context.Context, w http.ResponseWriter, a response) {
		a.start(w, len(a.body))
		first := a.cut(keep)
		if !write(w, first) || !wait(ctx, d) || !write(w, a.body[len(first):]) {
			hangUp(w)
		}
	})
}

// Drip sends the response's body at that many bytes a second (at least one), in
// ten pieces a second at most.
func Drip(bytesPerSecond int) Action {
	rate := max(bytesPerSecond, 1)
	piece := (rate + 9) / 10
	return body(func(ctx context.Context, w http.ResponseWriter, a response) {
		a.start(w, len(a.body))
		alive := write(w, nil) // the header does not wait
		for rest := a.body; alive && len(rest) > 0; {
			n := min(piece, len(rest))
			pause := time.Duration(float64(n) / float64(rate) * float64(time.Second))
			alive = wait(ctx, pause) && write(w, rest[:n])
			rest = rest[n:]
		}
		if !alive {
			hangUp(w)
		}
	})
}

// body makes an action of what spoils a response's body.
func body(spoil func(ctx context.Context, w http.ResponseWriter, a response)) Action {
	return func(w http.ResponseWriter, r *http.Request, api http.Handler) {
		a := capture(w, r, api)
		if len(a.body) == 0 {
			a.send(w)
			return
		}
		spoil(r.Context(), w, a)
	}
}

// cut returns the first keep bytes of the body, at most all but one.
func (a response) cut(keep int) []byte {
	return a.body[:max(0, min(keep, len(a.body)-1))]
}
