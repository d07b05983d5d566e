package contract

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"
)

// Exchange is one request and the response to it, as a test suite recorded them.
// A recording is a stream of such JSON objects, one per line.
type Exchange struct {
	Method string `json:"method"`
	// URL is absolute, or a path with its query.
	URL           string      `json:"url"`
	RequestHeader http.Header `json:"request_header"`
	RequestBody   []byte      `json:"request_body"` // base64 in JSON
	Status        int         `json:"status"`
	// ResponseHeader and ResponseBody are as they were sent: compressed if the
	// Content-Encoding says so.
	ResponseHeader http.Header `json:"response_header"`
	ResponseBody   []byte      `json:"response_body"` // base64 in JSON
	// OffContract is the reason why the request breaks the contract on purpose,
	// such as a test of the server's errors. It is "" if the request must keep the
	// contract.
	OffContract string `json:"off_contract"`
}

// ReadExchanges returns an iterator over the exchanges of a recording. It ends after
// the first error, which it yields with a zero Exchange.
func ReadExchanges(r io.Reader) iter.Seq2[Exchange, error] {
	return func(yield func(Exchange, error) bool) {
		decoder := json.NewDecoder(r)
		decoder.DisallowUnknownFields()
		for n := 1; ; n++ {
			var e Exchange
			err := decoder.Decode(&e)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(Exchange{}, fmt.Errorf("contract: exchange %d of the recording: %w", n, err))
				return
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

// CheckExchange checks the request and the response, or the response alone if e is
// off contract on purpose. The error joins a [*Violation] for each direction.
func (c *Checker) CheckExchange(e *Exchange) error {
	req, err := e.request()
	if err != nil {
		return err
	}
	var requestErr error
	if e.OffContract == "" {
		requestErr = c.checkRequest(req, e.RequestBody)
	}
	return errors.Join(requestErr, c.CheckResponse(req, e.Status, e.ResponseHeader, e.ResponseBody))
}

// Missing returns, sorted, the operationIds for which no exchange has the successful
// status that the document gives. Requests that are off contract count, too: the
// response shows that an operation works.
func (c *Checker) Missing(exchanges []Exchange) []string {
	done := make(map[string]bool)
	for _, e := range exchanges {
		req, err := e.request()
		if err != nil {
			continue // CheckExchange reports it
		}
		if id := c.Operation(req); id != "" && e.Status == c.operations[id] {
			done[id] = true
		}
	}
	return slices.DeleteFunc(c.Operations(), func(id string) bool { return done[id] })
}

func (e *Exchange) request() (*http.Request, error) {
	req, err := http.NewRequestWithContext(context.Background(), e.Method, e.URL, bytes.NewReader(e.RequestBody))
	if err != nil {
		return nil, fmt.Errorf("contract: recorded request: %w", err)
	}
	if e.RequestHeader != nil {
		req.Header = e.RequestHeader
	}
	return req, nil
}
