package connixtest

import (
	"fmt"
	"net/http"

	"github.com/connix-io/connix-go/internal/fake"
	"github.com/connix-io/connix-go/internal/fake/faults"
)

// Fault is trouble that a test makes: it says which requests are hit, how many
// of them, and what happens to them. Only Action is needed; without the rest,
// every request is hit.
//
//	srv.Inject(connixtest.Fault{
//		Method: "POST", Route: "/projects", Times: 1,
//		Action: connixtest.ResetAfter(),
//	})
type Fault struct {
	// Method is that of the requests that are meant; "" is any.
	Method string
	// Route is a template such as "/projects/{id}", or a path such as
	// "/projects/123"; "" is any.
	Route string

	// Skip is how many of the requests that are meant are let through first.
	Skip int
	// Times is how many are hit after that; 0: all that come.
	Times int
	// Probability is that of each request that is not skipped to be hit; 0: each
	// one is, as with 1.
	Probability float64
	// Seed is that of the draws for Probability: with the same seed, the same
	// ones of the requests that are meant are hit, counted as they arrive. 0 is
	// a seed like any other.
	Seed uint64

	// Action is what happens to a request that is hit.
	Action Action
}

// Action is what a [Fault] does to a request that it hits. The package has one
// for most kinds of trouble, in three families:
//
//   - [Respond], [RespondError], [OKWithError], [HTMLError], [RateLimited],
//     [RedirectTo], [RedirectLoop], [EndlessBody] and [ResetBefore] take the
//     place of the API, which does not see the request: nothing has happened.
//   - [Truncate], [TruncateChunked], [TruncateGzip], [WrongContentLength],
//     [EmptyBody], [Stall], [Drip], [SetHeaders], [RateHeaders],
//     [TokenHeaders], [NoRateHeaders], [SkewDate], [ResetInBody] and [ResetAfter]
//     let the API process the request and spoil its response: what was created,
//     changed or deleted stays so.
//   - [Delay] and [AfterProcessing] combine: AfterProcessing(HTMLError(504)) is
//     a proxy that gave up on an API that did not.
//
// Any other function will do: api is the handler that would have answered, and
// the request has been read whole, into a body that api reads once. A panic fails
// the test of [NewServer]. When the context of r ends, the client has
// gone or the server is being closed.
type Action func(w http.ResponseWriter, r *http.Request, api http.Handler)

// Injection is a [Fault] that was put on a server. It is safe for concurrent
// use.
type Injection struct{ injection *faults.Injection }

// Inject puts a fault on the server. Where several are there, a request is hit
// by the first that takes it, in the order in which they were injected, and the
// others do not see it: two faults with Times 1 hit one request each, one after
// the other.
//
// A request that was hit is in the journal with [Request.Fault] set. A
// connection that is reset or cut short is closed, so the next request takes
// another one; note that net/http itself repeats a GET that was reset on a
// connection that had served before, so such a fault may need Times 2 to be
// seen. Over HTTP/2, which only [Server.Handler] can be served by, the stream is
// reset in place of the connection.
//
// It panics where the fault could never work: without an Action, with a negative
// number, a Probability that is none, a Route as no request has it.
func (s *Server) Inject(f Fault) *Injection {
	in, err := s.faults.Add(faults.Rule{
		Method:      f.Method,
		Route:       f.Route,
		Skip:        f.Skip,
		Times:       f.Times,
		Probability: f.Probability,
		Seed:        f.Seed,
		Action:      faults.Action(f.Action),
	})
	if err != nil {
		panic(fmt.Sprintf("connixtest: Inject: %v", err))
	}
	return &Injection{in}
}

// Hits returns how many requests the fault has hit. A test that relies on a
// fault should ask: a Route with a slip in it hits nothing.
func (i *Injection) Hits() int { return i.injection.Hits() }

// Remove takes the fault off the server; a second call does nothing. A request
// that has been hit goes on as it would have.
func (i *Injection) Remove() { i.injection.Remove() }

// withFaults is the middleware that lets the faults act.
func (s *Server) withFaults(api http.Handler) http.Handler {
	mark := func(r *http.Request) { fake.MarkFault(r.Context()) }
	return s.faults.Wrap(fake.Route, mark, api)
}
