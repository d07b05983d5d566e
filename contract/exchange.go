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

// Exchange is one request and the answer to it, as a test suite recorded them.
// A recording is a stream of such JSON objects, one a line.
type Exchange struct {
	Method string `json:"method"`
	// URL may lack scheme and host.
	URL           string      `json:"url"`
	RequestHeader http.Header `json:"request_header"`
	RequestBody   []byte      `json:"request_body"` // base64 in JSON
	Status        int         `json:"status"`
	// ResponseHeader and ResponseBody are as they were sent, compressed where
	// the Content-Encoding says so.
	ResponseHeader http.Header `json:"response_header"`
	ResponseBody   []byte      `json:"response_body"` // base64 in JSON
	// OffContract says why the request breaks the contract on purpose, as a
	// test of the server's refusals must; "" for one that keeps it.
	OffContract string `json:"off_contract"`
}

// ReadExchanges reads a recording. It ends after the first error.
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

// CheckExchange checks both directions; of a request that is off contract on
// purpose, the answer alone. The error joins a [*Violation] for each.
func (c *Checker) CheckExchange(e *Exchange) error {
	req, err := e.request()
	if err != nil {
		return err
	}
	var asked error
	if e.OffContract == "" {
		asked = c.checkRequest(req, e.RequestBody)
	}
	return errors.Join(asked, c.CheckResponse(req, e.Status, e.ResponseHeader, e.ResponseBody))
}

// Missing returns the operationIds that no exchange called with the success
// that the document gives, sorted. Requests that are off contract count as the
// others do: it is the answer that shows that an operation works.
func (c *Checker) Missing(exchanges []Exchange) []string {
	done := make(map[string]bool)
	for _, e := range exchanges {
		req, err := e.request()
		if err != nil {
			continue // CheckExchange says so
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
