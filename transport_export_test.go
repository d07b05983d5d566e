package connix

import "net/http"

// NewTransport is the transport of a client that was given none.
var NewTransport = newTransport

// NewOwnTransport is the transport of a client that was given none, over others than
// NewTransport's.
func NewOwnTransport(create func() *http.Transport) http.RoundTripper { return newOwnTransport(create) }
