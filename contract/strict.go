package contract

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
)

// Strict has a server of connixtest refuse every request that the OpenAPI
// document does not allow: an unknown path or method, a query parameter, a
// header or a field that the document does not mention, a value of the wrong
// type or form, a missing credential.
//
//	srv := connixtest.NewServer(t, contract.Strict())
//
// Such a request fails the test of [connixtest.NewServer] and is answered as
// without Strict; a server of [connixtest.Start] answers it with 500. Both name
// the [Violation]. Requests to the endpoints of OAuth2 are not checked.
//
// A test that sends bad requests on purpose, to see how an application takes a
// refusal, needs a server without it. An application whose transport adds
// headers of its own, such as traceparent, breaks the contract with every
// request: leave that transport out of the test.
func Strict() connixtest.Option {
	return connixtest.WithRequestCheck(func(req *http.Request) error {
		c, err := Default()
		if err != nil {
			return err
		}
		return c.CheckRequest(req)
	})
}

// Default returns the Checker of the API's own document, in the version that
// comes with the SDK. All callers share one. It fails only where the document
// is broken.
func Default() (*Checker, error) { return standard() }

// standard asks a fake for the document, as anybody can, once in a process.
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
