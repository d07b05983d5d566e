package connixtest

import (
	"cmp"
	"fmt"
	"net/http"
	"testing"

	"github.com/connix-io/connix-go/internal/fake"
	"github.com/connix-io/connix-go/internal/fake/faults"
)

// Fault selects requests and what happens to them. Only Action is required. If all
// other fields are zero, every request is hit.
//
//	srv.Inject(connixtest.Fault{
//		Method: "POST", Route: "/projects", Times: 1,
//		Action: connixtest.ResetAfter(),
//	})
type Fault struct {
	// Method is the method of the requests to hit; "" matches any.
	Method string
	// Route is a template such as "/projects/{id}", or a path such as
	// "/projects/123"; "" matches any. Inject panics if the API has no such route.
	Route string

	// Skip is how many matching requests pass before the first hit.
	Skip int
	// Times is how many requests are hit after that; 0 hits all. A test of [NewServer]
	// fails if none was hit when it ends; see [WithUnusedFaults].
	Times int
	// Probability is the chance of each matching request to be hit, from 0 to 1;
	// 0 means 1.
	Probability float64
	// Seed seeds the random numbers for Probability: with the same seed, the same
	// requests are hit, counted in the order of their arrival. 0 is a valid seed.
	Seed uint64

	// Action handles a request that is hit. Nil panics in Inject.
	Action Action
}

// Action handles a request that a [Fault] hits. The package has three families of
// them:
//
//   - [Respond], [RespondError], [OKWithError], [HTMLError], [RateLimited],
//     [RedirectTo], [RedirectLoop], [EndlessBody] and [ResetBefore] replace the
//     API, which does not process the request: nothing has changed.
//   - [Truncate], [TruncateChunked], [TruncateGzip], [WrongContentLength],
//     [EmptyBody], [Stall], [Drip], [SetHeaders], [RateHeaders],
//     [TokenHeaders], [NoRateHeaders], [SkewDate], [ResetInBody] and [ResetAfter]
//     let the API process the request and spoil its response: changes remain.
//   - [Delay] and [AfterProcessing] combine actions: AfterProcessing(HTMLError(504))
//     is a proxy that timed out although the API processed the request.
//
// A test can write its own. api is the handler of the API. The server has read the
// whole request; api can read the body once. A panic fails the test of [NewServer].
// The context of r ends when the client disconnects or the server closes.
type Action func(w http.ResponseWriter, r *http.Request, api http.Handler)

// Injection is a [Fault] on a server. It is safe for concurrent use.
type Injection struct{ injection *faults.Injection }

// Inject adds a fault to the server. A request is hit by the first fault that
// matches, in the order of injection, and ignored by the others: two faults with
// Times 1 hit one request each, in sequence.
//
// The journal sets [Request.Fault] for each request that was hit. A connection that
// is reset or cut is closed, so the next request uses another. Note that net/http
// itself repeats a GET that was reset on a reused connection, so such a fault may
// need Times 2 to be visible. Over HTTP/2 the stream is reset instead of the
// connection.
//
// It panics if the fault can never work: no Action, a negative Skip or Times, a
// Probability outside 0 to 1, or a Route that the API does not have.
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

// Hits returns how many requests the fault has hit.
func (i *Injection) Hits() int { return i.injection.Hits() }

// Remove removes the fault from the server. Requests that were hit continue. A
// second call does nothing.
func (i *Injection) Remove() { i.injection.Remove() }

// wantFaultsUsed fails the test for faults that never hit: it has not tested what it was
// meant to.
func (s *Server) wantFaultsUsed(tb testing.TB) {
	tb.Helper()
	for _, r := range s.faults.Missed() {
		if tb.Skipped() {
			return
		}
		tb.Errorf("connixtest: the fault for %s %s with Times %d has hit no request (WithUnusedFaults allows that)",
			cmp.Or(r.Method, "any method,"), cmp.Or(r.Route, "any route"), r.Times)
	}
}

// withFaults is the middleware that lets the faults act.
func (s *Server) withFaults(api http.Handler) http.Handler {
	mark := func(r *http.Request) { fake.MarkFault(r.Context()) }
	return s.faults.Wrap(fake.Route, mark, api)
}
