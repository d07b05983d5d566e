package contract

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
)

// Strict returns an option with which a server of package connixtest checks every
// request against the API's OpenAPI document. It refuses an unknown path or method,
// a query parameter, header or field that the document does not mention, a value of
// the wrong type or form, and a missing credential.
//
//	srv := connixtest.NewServer(t, contract.Strict())
//
// Such a request fails the test that was given to [connixtest.NewServer], and gets
// the same response as without Strict. A server of [connixtest.Start] responds with
// status 500. Both name the [Violation]. Requests to the OAuth2 endpoints are not
// checked.
//
// A test that sends bad requests on purpose, to see how an application handles an
// error, needs a server without Strict. If an application's transport adds headers
// such as traceparent, every request breaks the contract: leave that transport out
// of the test.
func Strict() connixtest.Option {
	return connixtest.WithRequestCheck(func(req *http.Request) error {
		c, err := Default()
		if err != nil {
			return err
		}
		return c.CheckRequest(req)
	})
}

// Default returns the Checker of the OpenAPI document that comes with this version
// of the SDK. All callers share it. Default returns an error only if the document is
// invalid.
func Default() (*Checker, error) { return standard() }

// standard fetches the document from a fake, once in a process.
var standard = sync.OnceValues(func() (*Checker, error) {
	srv, err := connixtest.Start(connixtest.WithInMemory())
	if err != nil {
		return nil, fmt.Errorf("contract: %w", err)
	}
	defer srv.Close()
	client, err := connix.NewClient(srv.Options()...)
	if err != nil {
		return nil, fmt.Errorf("contract: %w", err)
	}
	document, err := client.OpenAPI(context.Background())
	if err != nil {
		return nil, fmt.Errorf("contract: fetching the document: %w", err)
	}
	return New(document)
})
