// Package problem is how an error response of the API travels to the one function that
// writes it: from a handler, or from a fault that takes the API's place.
package problem

import (
	"context"
	"net/http"
)

// Problem is an error response of the API.
type Problem struct {
	Status  int
	Code    string // "": the code that goes with the status
	Message string
	// Field and Issue say what is wrong with the request, "" for nothing.
	Field, Issue string
}

// Error implements error.
func (p *Problem) Error() string { return p.Message }

// Writer writes a problem as the response to a request.
type Writer func(http.ResponseWriter, *http.Request, *Problem)

type writerKey struct{}

// NewContext returns a context whose requests get their problems from write.
func NewContext(ctx context.Context, write Writer) context.Context {
	return context.WithValue(ctx, writerKey{}, write)
}

// Write writes p by the writer of the request's context. It panics if the context has
// none: an error in another form than the API's would go unnoticed.
func Write(w http.ResponseWriter, r *http.Request, p *Problem) {
	write, ok := r.Context().Value(writerKey{}).(Writer)
	if !ok {
		panic("problem: the context of the request has no writer")
	}
	write(w, r, p)
}
