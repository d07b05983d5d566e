package connixtest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
)

// t stands for the *testing.T of your test, so that the examples read as tests.
var t = &exampleT{}

// exampleT closes the server of one example when the next one starts its own.
type exampleT struct {
	testing.TB
	cleanup func()
}

func (t *exampleT) Helper()                           {}
func (t *exampleT) Context() context.Context          { return context.Background() }
func (t *exampleT) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }
func (t *exampleT) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
func (t *exampleT) Cleanup(f func()) {
	if t.cleanup != nil {
		t.cleanup()
	}
	t.cleanup = f
}

// A service that is down for two requests, and then slow. The client's retries
// bridge the first part.
func ExampleServer_Inject() {
	srv := connixtest.NewServer(t)
	client := srv.Client(t)

	down := srv.Inject(connixtest.Fault{Times: 2, Action: connixtest.HTMLError(503)})
	slow := srv.Inject(connixtest.Fault{Action: connixtest.Delay(10*time.Millisecond, nil)})

	_, err := client.Projects.List(t.Context(), nil)
	fmt.Println(err, down.Hits(), slow.Hits())

	slow.Remove()
	_, err = client.Projects.List(t.Context(), nil)
	fmt.Println(err, slow.Hits())
	// Output:
	// <nil> 2 1
	// <nil> 1
}

// The third creation of a project fails, all other requests are as ever.
func ExampleFault() {
	srv := connixtest.NewServer(t)
	client := srv.Client(t)
	srv.Inject(connixtest.Fault{
		Method: "POST",
		Route:  "/projects",
		Skip:   2,
		Times:  1,
		Action: connixtest.RespondError(403, connix.CodeForbidden, "the plan allows two projects"),
	})

	for _, name := range []string{"first-project", "second-project", "third-project"} {
		_, err := client.Projects.Create(t.Context(), connix.CreateProjectRequest{Name: name})
		fmt.Println(name, errors.Is(err, connix.ErrForbidden))
	}
	// Output:
	// first-project false
	// second-project false
	// third-project true
}

// One request in five fails, and always the same ones.
func ExampleFault_probability() {
	srv := connixtest.NewServer(t)
	client := srv.Client(t)
	srv.Inject(connixtest.Fault{
		Method:      "POST",
		Probability: 0.2,
		Seed:        7,
		Action:      connixtest.HTMLError(503),
	})

	var lost []int
	for i := range 20 {
		_, err := client.Projects.Create(t.Context(), connix.CreateProjectRequest{Name: fmt.Sprintf("project-%d", i)})
		if err != nil {
			lost = append(lost, i)
		}
	}
	fmt.Println(lost)
	// Output: [2 6 14 17 19]
}

// What the package has no action for is a function.
func ExampleAction() {
	srv := connixtest.NewServer(t)
	client := srv.Client(t)
	srv.Inject(connixtest.Fault{Action: func(w http.ResponseWriter, r *http.Request, api http.Handler) {
		if r.URL.Query().Get("page") == "2" {
			http.Error(w, "no second page today", http.StatusServiceUnavailable)
			return
		}
		api.ServeHTTP(w, r)
	}})

	_, err := client.Projects.List(t.Context(), &connix.ListProjectsOptions{ListOptions: connix.ListOptions{Page: 2}})
	fmt.Println(errors.Is(err, connix.ErrServer))
	// Output: true
}

func ExampleRespond() {
	srv := connixtest.NewServer(t)
	client := srv.Client(t)
	srv.Inject(connixtest.Fault{Action: connixtest.Respond(503, "down for maintenance", http.Header{"Retry-After": {"3600"}})})

	_, err := client.Projects.List(t.Context(), nil) // it does not wait for an hour
	if e, ok := errors.AsType[*connix.Error](err); ok {
		fmt.Println(e.StatusCode, e.RetryAfter, len(e.Attempts))
	}
	// Output: 503 1h0m0s 1
}

func ExampleRespondError() {
	srv := connixtest.NewServer(t)
	client := srv.Client(t)
	srv.Inject(connixtest.Fault{Method: "DELETE", Action: connixtest.RespondError(409, connix.CodeConflict, "agents are running")})

	err := client.Projects.Delete(t.Context(), connix.IntID(123))
	if e, ok := errors.AsType[*connix.Error](err); ok {
		fmt.Println(errors.Is(err, connix.ErrConflict), e.Message)
	}
	// Output: true agents are running
}

func ExampleOKWithError() {
	srv := connixtest.NewServer(t)
	client := srv.Client(t)
	srv.Inject(connixtest.Fault{Action: connixtest.OKWithError(connix.CodeInternalError, "not really ok")})

	_, err := client.Projects.Get(t.Context(), connix.IntID(123))
	fmt.Println(errors.Is(err, connix.ErrInvalidResponse))
	// Output: true
}

func ExampleHTMLError() {
	srv := connixtest.NewServer(t)
	client := srv.Client(t)
	fault := srv.Inject(connixtest.Fault{Action: connixtest.HTMLError(502)})

	// A proxy's 502 does not say whether the launch reached the API, so it is
	// sent once only.
	_, err := client.Agents.Launch(t.Context(), connix.LaunchAgentRequest{Name: "data-processor", ProjectID: connix.IntID(123)})
	fmt.Println(errors.Is(err, connix.ErrUnknownOutcome), fault.Hits())
	// Output: true 1
}

func ExampleRateLimited() {
	srv := connixtest.NewServer(t)
	client := srv.Client(t)
	srv.Inject(connixtest.Fault{Action: connixtest.RateLimited("3600")})

	_, err := client.Projects.List(t.Context(), nil) // it does not wait for an hour
	if limit, ok := errors.AsType[*connix.RateLimitError](err); ok {
		fmt.Println(limit.Wait.Round(time.Minute))
	}
	// Output: 1h0m0s
}

func ExampleRateLimited_withoutRetryAfter() {
	srv := connixtest.NewServer(t)
	client := srv.Client(t)
	fault := srv.Inject(connixtest.Fault{Times: 2, Action: connixtest.RateLimited("")})

	_, err := client.Projects.List(t.Context(), nil)
	fmt.Println(err, fault.Hits())
	// Output: <nil> 2
}

func ExampleRedirectTo() {
	srv := connixtest.NewServer(t)
	client := srv.Client(t)
	srv.Inject(connixtest.Fault{Times: 1, Action: connixtest.RedirectTo("/api/v1/projects?page=2", 307)})

	page, err := client.Projects.List(t.Context(), nil)
	fmt.Println(page.Pagination.Page, err)

	// Off the origin no key may go: another host, another port, another scheme.
	srv.Inject(connixtest.Fault{Action: connixtest.RedirectTo("https://elsewhere.example/", 307)})
	_, err = client.Projects.List(t.Context(), nil)
	fmt.Println(errors.Is(err, connix.ErrRedirectRefused))
	// Output:
	// 2 <nil>
	// true
}

func ExampleRedirectLoop() {
	srv := connixtest.NewServer(t)
	client := srv.Client(t)
	fault := srv.Inject(connixtest.Fault{Action: connixtest.RedirectLoop(302)})

	_, err := client.Projects.List(t.Context(), nil)
	fmt.Println(errors.Is(err, connix.ErrRedirectRefused), fault.Hits())
	// Output: true 11
}

func ExampleEndlessBody() {
	srv := connixtest.NewServer(t)
	client := srv.Client(t, connix.WithMaxResponseBytes(1<<20))
	srv.Inject(connixtest.Fault{Action: connixtest.EndlessBody()})

	_, err := client.Projects.List(t.Context(), nil)
	fmt.Println(errors.Is(err, connix.ErrResponseTooLarge))
	// Output: true
}

func ExampleResetBefore() {
	srv := connixtest.NewServer(t)
	client := srv.Client(t)
	srv.Inject(connixtest.Fault{Method: "POST", Times: 1, Action: connixtest.ResetBefore()})

	_, err := client.Projects.Create(t.Context(), connix.CreateProjectRequest{Name: "my-ai-project"})
	fmt.Println(errors.Is(err, connix.ErrUnknownOutcome))

	// It was not created.
	_, err = client.Projects.FindByName(t.Context(), "my-ai-project")
	fmt.Println(errors.Is(err, connix.ErrNotFound))
	// Output:
	// true
	// true
}

func ExampleResetAfter() {
	srv := connixtest.NewServer(t)
	client := srv.Client(t)
	fault := srv.Inject(connixtest.Fault{Method: "POST", Route: "/projects", Action: connixtest.ResetAfter()})

	_, err := client.Projects.Create(t.Context(), connix.CreateProjectRequest{Name: "my-ai-project"})
	fmt.Println(errors.Is(err, connix.ErrUnknownOutcome), fault.Hits())

	// It was created after all.
	project, err := client.Projects.FindByName(t.Context(), "my-ai-project")
	fmt.Println(project.Name, err)
	// Output:
	// true 1
	// my-ai-project <nil>
}

func ExampleResetInBody() {
	srv := connixtest.NewServer(t)
	client := srv.Client(t)
	project := srv.AddProject(connix.Project{Name: "my-ai-project"})
	fault := srv.Inject(connixtest.Fault{Times: 1, Action: connixtest.ResetInBody(10)})

	var resp connix.Response
	_, err := client.Projects.Get(t.Context(), project.ID, connix.WithResponse(&resp))
	fmt.Println(err, fault.Hits(), len(resp.Attempts), errors.Is(resp.Attempts[0].Err, syscall.ECONNRESET))
	// Output: <nil> 1 2 true
}

func ExampleTruncate() {
	srv := connixtest.NewServer(t)
	client := srv.Client(t)
	project := srv.AddProject(connix.Project{Name: "my-ai-project"})
	srv.Inject(connixtest.Fault{Method: "PATCH", Action: connixtest.Truncate(10)})

	// The header has said 200, and yet nothing is certain.
	_, err := client.Projects.Update(t.Context(), project.ID, connix.UpdateProjectRequest{Name: new("renamed")})
	if e, ok := errors.AsType[*connix.Error](err); ok {
		fmt.Println(e.StatusCode, errors.Is(err, connix.ErrUnknownOutcome), errors.Is(err, io.ErrUnexpectedEOF))
	}
	// Output: 200 true true
}

func ExampleTruncateChunked() {
	srv := connixtest.NewServer(t)
	client := srv.Client(t)
	fault := srv.Inject(connixtest.Fault{Times: 1, Action: connixtest.TruncateChunked(10)})

	_, err := client.Projects.List(t.Context(), nil)
	fmt.Println(err, fault.Hits())
	// Output: <nil> 1
}

func ExampleTruncateGzip() {
	srv := connixtest.NewServer(t)
	client := srv.Client(t)
	srv.Inject(connixtest.Fault{Action: connixtest.TruncateGzip(20)})

	_, err := client.Projects.List(t.Context(), nil)
	fmt.Println(errors.Is(err, io.ErrUnexpectedEOF))
	// Output: true
}

func ExampleWrongContentLength() {
	srv := connixtest.NewServer(t)
	client := srv.Client(t)
	longer := srv.Inject(connixtest.Fault{Action: connixtest.WrongContentLength(+100)})

	_, err := client.Projects.List(t.Context(), nil)
	fmt.Println(errors.Is(err, io.ErrUnexpectedEOF))

	longer.Remove()
	srv.Inject(connixtest.Fault{Action: connixtest.WrongContentLength(-10)})
	_, err = client.Projects.List(t.Context(), nil)
	fmt.Println(errors.Is(err, connix.ErrInvalidResponse))
	// Output:
	// true
	// true
}

func ExampleEmptyBody() {
	srv := connixtest.NewServer(t)
	client := srv.Client(t)
	srv.Inject(connixtest.Fault{Method: "POST", Route: "/projects", Action: connixtest.EmptyBody()})

	_, err := client.Projects.Create(t.Context(), connix.CreateProjectRequest{Name: "my-ai-project"})
	if e, ok := errors.AsType[*connix.Error](err); ok {
		fmt.Println(e.StatusCode, errors.Is(err, connix.ErrInvalidResponse))
	}
	// Output: 201 true
}

func ExampleStall() {
	srv := connixtest.NewServer(t)
	client := srv.Client(t, connix.WithTimeout(100*time.Millisecond))
	srv.Inject(connixtest.Fault{Action: connixtest.Stall(10, time.Hour)})

	_, err := client.Projects.List(t.Context(), nil, connix.WithMaxRetries(0))
	fmt.Println(errors.Is(err, context.DeadlineExceeded))
	// Output: true
}

func ExampleDrip() {
	srv := connixtest.NewServer(t)
	client := srv.Client(t, connix.WithTimeout(100*time.Millisecond))
	srv.Inject(connixtest.Fault{Action: connixtest.Drip(1)})

	_, err := client.Projects.List(t.Context(), nil, connix.WithMaxRetries(0))
	fmt.Println(errors.Is(err, context.DeadlineExceeded))
	// Output: true
}

func ExampleSetHeaders() {
	srv := connixtest.NewServer(t)
	client := srv.Client(t)
	srv.Inject(connixtest.Fault{Action: connixtest.SetHeaders(http.Header{
		"X-Request-Id":    nil, // not there
		"X-Response-Time": {"soon"},
	})})

	var resp connix.Response
	_, err := client.Projects.List(t.Context(), nil, connix.WithResponse(&resp), connix.WithRequestID("my-own-id"))
	fmt.Println(err, resp.RequestID, resp.ResponseTime)
	// Output: <nil> my-own-id 0s
}

func ExampleRateHeaders() {
	srv := connixtest.NewServer(t)
	client := srv.Client(t)
	for _, absurd := range [][3]string{
		{"-1", "-1", "-1"},
		{"1000", "99999999999999999999", "99999999999999999999"},
		{"NaN", "NaN", "NaN"},
		{"1000", "1001", "1"}, // more left than allowed, until 1970
		{"many", "", "tomorrow"},
	} {
		fault := srv.Inject(connixtest.Fault{Action: connixtest.RateHeaders(absurd[0], absurd[1], absurd[2])})
		_, err := client.Projects.List(t.Context(), nil)
		fmt.Println(err)
		fault.Remove()
	}
	// Output:
	// <nil>
	// <nil>
	// <nil>
	// <nil>
	// <nil>
}

func ExampleTokenHeaders() {
	srv := connixtest.NewServer(t)
	client := srv.Client(t)
	srv.Inject(connixtest.Fault{Action: connixtest.TokenHeaders("10000", "9950", "")})

	var resp connix.Response
	_, err := client.Projects.List(t.Context(), nil, connix.WithResponse(&resp))
	tokens := resp.RateLimits.Tokens
	fmt.Println(err, *tokens.Remaining, tokens.Reset.IsZero())
	// Output: <nil> 9950 true
}

func ExampleNoRateHeaders() {
	srv := connixtest.NewServer(t)
	client := srv.Client(t)
	srv.Inject(connixtest.Fault{Action: connixtest.NoRateHeaders()})

	var resp connix.Response
	_, err := client.Projects.List(t.Context(), nil, connix.WithResponse(&resp))
	fmt.Println(err, resp.RateLimits.Requests.Limit == nil)
	// Output: <nil> true
}

func ExampleSkewDate() {
	srv := connixtest.NewServer(t)
	client := srv.Client(t)
	srv.Inject(connixtest.Fault{Action: connixtest.SkewDate(-time.Hour)})

	var resp connix.Response
	_, err := client.Projects.List(t.Context(), nil, connix.WithResponse(&resp))
	date, _ := http.ParseTime(resp.Header.Get("Date"))
	fmt.Println(err, time.Since(date).Round(time.Hour))
	// Output: <nil> 1h0m0s
}

func ExampleDelay() {
	srv := connixtest.NewServer(t)
	client := srv.Client(t)
	srv.Inject(connixtest.Fault{Action: connixtest.Delay(time.Hour, nil)})

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := client.Projects.List(ctx, nil)
	fmt.Println(errors.Is(err, context.DeadlineExceeded))
	// Output: true
}

// Slow, and then an error.
func ExampleDelay_next() {
	srv := connixtest.NewServer(t)
	client := srv.Client(t)
	fault := srv.Inject(connixtest.Fault{Times: 1, Action: connixtest.Delay(5*time.Millisecond, connixtest.HTMLError(504))})

	_, err := client.Projects.List(t.Context(), nil)
	fmt.Println(err, fault.Hits())
	// Output: <nil> 1
}

// A proxy gives up on an API that does not.
func ExampleAfterProcessing() {
	srv := connixtest.NewServer(t)
	client := srv.Client(t)
	srv.Inject(connixtest.Fault{Method: "POST", Action: connixtest.AfterProcessing(connixtest.HTMLError(504))})

	_, err := client.Projects.Create(t.Context(), connix.CreateProjectRequest{Name: "my-ai-project"})
	fmt.Println(errors.Is(err, connix.ErrUnknownOutcome))
	srv.Expect(t, connixtest.Match{Method: "POST", Body: json.RawMessage(`{"name":"my-ai-project"}`), Status: 504}, 1)

	_, err = client.Projects.FindByName(t.Context(), "my-ai-project")
	fmt.Println(err)
	// Output:
	// true
	// <nil>
}
