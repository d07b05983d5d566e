package connix_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
)

// The chaos suite: mixed calls from 64 goroutines against a server that fails
// in every way that connixtest knows. What really happened is noted where the
// fake processes a request, and every call's report is held against it.
//
//	go test -run Chaos .                                   # small
//	go test -run Chaos . -chaos.calls 100000               # large
//	go test -run Chaos . -chaos.seed 7                     # as a failure says
var (
	chaosCalls = flag.Int("chaos.calls", 10_000, "calls of the chaos suite")
	chaosSeed  = flag.Uint64("chaos.seed", 1, "seed of the chaos suite")
)

const (
	chaosWorkers = 64
	chaosFaults  = 20 // percent of the attempts
)

// chaos is one run. Each attempt's fault follows from the seed, the call's
// request id and the number of the attempt, whatever the goroutines do.
type chaos struct {
	seed    uint64
	unit    time.Duration // a second of the faults
	actions []connixtest.Action

	mu         sync.Mutex
	attempts   map[string]int // by request id
	applied    map[string]int // writes that the API did, by request id
	faults     int
	failed     int
	doubtful   int
	violations []string
}

func newChaos(seed uint64, unit time.Duration) *chaos {
	later := http.Header{"Retry-After": {"1"}}
	return &chaos{
		seed: seed, unit: unit, attempts: map[string]int{}, applied: map[string]int{},
		actions: []connixtest.Action{
			// Before the API has done anything.
			connixtest.Respond(500, "", nil), connixtest.Respond(503, "", later), connixtest.HTMLError(502),
			connixtest.RespondError(409, connix.CodeConflict, "no"), connixtest.RespondError(403, connix.CodeForbidden, "no"),
			connixtest.RateLimited(""), connixtest.RateLimited("1"), connixtest.RateLimited("99999"),
			connixtest.ResetBefore(), connixtest.Delay(2*unit, connixtest.ResetBefore()), connixtest.EndlessBody(),
			connixtest.RedirectTo("https://elsewhere.test/", 302), connixtest.RedirectTo("https://elsewhere.test/", 307),
			connixtest.RedirectLoop(302), connixtest.RedirectLoop(308), connixtest.OKWithError(connix.CodeInternalError, "no"),
			// After it has.
			connixtest.ResetAfter(), connixtest.ResetInBody(5), connixtest.Truncate(5), connixtest.TruncateChunked(5),
			connixtest.TruncateGzip(12), connixtest.WrongContentLength(7), connixtest.WrongContentLength(-7), connixtest.EmptyBody(),
			connixtest.Stall(3, 20*unit), connixtest.Drip(200), connixtest.AfterProcessing(connixtest.HTMLError(504)),
			connixtest.AfterProcessing(connixtest.Respond(408, "", nil)), connixtest.AfterProcessing(connixtest.Delay(20*unit, connixtest.ResetBefore())),
			connixtest.AfterProcessing(connixtest.RedirectTo("https://elsewhere.test/", 303)),
			// Spoiling only what is said about the answer.
			connixtest.RateHeaders("many", "-1", "99999999999999"), connixtest.NoRateHeaders(), connixtest.SkewDate(-time.Hour),
			connixtest.SetHeaders(http.Header{"X-Response-Time": {"NaN"}, "X-Request-Id": {strings.Repeat("x", 9000)}}),
		},
	}
}

// act chooses the attempt's fault, if any, and counts what the API does.
func (c *chaos) act(w http.ResponseWriter, r *http.Request, api http.Handler) {
	id := r.Header.Get("X-Request-ID")
	c.mu.Lock()
	c.attempts[id]++
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, c.seed, id, c.attempts[id])
	n := h.Sum64() >> 8 // the low bits of short texts differ least
	faulty := strings.HasPrefix(id, "chaos-") && n%100 < chaosFaults
	if faulty {
		c.faults++
	}
	c.mu.Unlock()
	counted := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := statusWriter{ResponseWriter: w}
		api.ServeHTTP(&status, r)
		if r.Method != http.MethodGet && status.status >= 200 && status.status < 300 {
			c.mu.Lock()
			c.applied[id]++
			c.mu.Unlock()
		}
	})
	if !faulty {
		counted(w, r)
		return
	}
	c.actions[n/100%uint64(len(c.actions))](w, r, counted)
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (c *chaos) violated(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.violations = append(c.violations, fmt.Sprintf(format, args...))
}

// judge holds what a call reported against what the API did.
func (c *chaos) judge(id, what string, write, unsafe bool, took, deadline time.Duration, err error) {
	c.mu.Lock()
	applied := c.applied[id]
	if err != nil {
		c.failed++
	}
	doubt := errors.Is(err, connix.ErrUnknownOutcome)
	if doubt {
		c.doubtful++
	}
	c.mu.Unlock()
	if _, typed := errors.AsType[*connix.Error](err); err != nil && !typed {
		c.violated("%s (%s): the error is a %T: %v", what, id, err, err)
	}
	if took > deadline {
		c.violated("%s (%s): took %v with a deadline of %v", what, id, took, deadline)
	}
	switch {
	case !write:
		if doubt {
			c.violated("%s (%s): a read of unknown outcome: %v", what, id, err)
		}
	case err == nil && applied == 0:
		c.violated("%s (%s): reported done, and was not", what, id)
	case err != nil && !doubt && applied > 0:
		c.violated("%s (%s): reported as certainly not done, and was: %v", what, id, err)
	case applied > 1 && !unsafe:
		c.violated("%s (%s): done %d times", what, id, applied)
	}
}

// run makes the calls; transport, unless nil, comes between client and server.
func (c *chaos) run(t *testing.T, srv *connixtest.Server, calls int, between func(http.RoundTripper) http.RoundTripper) {
	srv.Inject(connixtest.Fault{Action: c.act})
	transport := srv.HTTPClient().Transport
	if between != nil {
		transport = between(transport)
	}
	client := srv.Client(t, connix.WithHTTPClient(&http.Client{Transport: transport}), connix.WithTimeout(5*c.unit), connix.WithMaxResponseBytes(1<<20),
		connix.WithRetryPolicy(connix.RetryPolicy{MaxRetries: 3, BaseDelay: c.unit / 10, MaxDelay: 2 * c.unit}))
	var workers sync.WaitGroup
	for n := range chaosWorkers {
		worker := &chaosWorker{
			chaos: c, client: client, n: n, random: rand.New(rand.NewPCG(c.seed, uint64(n))),
			project: srv.AddProject(connix.Project{Name: fmt.Sprintf("seeded-%d", n)}),
		}
		for range 3 {
			worker.agents = append(worker.agents, srv.AddAgent(connix.Agent{Name: "seeded", ProjectID: worker.project.ID, Status: connix.StatusRunning}).ID)
		}
		workers.Go(func() {
			for i := range calls / chaosWorkers {
				worker.call(t.Context(), i)
			}
		})
	}
	workers.Wait()
	c.lookAround(t, client)
}

// lookAround asks, without faults, for what was reported as created.
func (c *chaos) lookAround(t *testing.T, client *connix.Client) {
	exists := map[string]bool{}
	for project, err := range client.Projects.All(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		exists[project.Name] = true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, n := range c.applied {
		name, created := strings.CutPrefix(id, "chaos-create-")
		if created && n > 0 && !exists[name] {
			c.violations = append(c.violations, fmt.Sprintf("project %s was created and is not there", name))
		}
		delete(exists, name)
	}
	for name := range exists {
		if strings.HasPrefix(name, "made-") {
			c.violations = append(c.violations, fmt.Sprintf("project %s is there and was not created", name))
		}
	}
	t.Logf("seed %d: %d calls, %d attempts with a fault, %d calls failed, %d of them with doubt", c.seed, len(c.attempts), c.faults, c.failed, c.doubtful)
}

// chaosWorker is one goroutine of callers, with a project and agents of its own.
type chaosWorker struct {
	chaos   *chaos
	client  *connix.Client
	n       int
	random  *rand.Rand
	project connix.Project
	agents  []connix.ID
}

// chaosEvents never happen: deliveries to every webhook would be another suite.
var chaosEvents = []connix.EventType{connix.EventProjectDeleted}

// call makes one call of some kind and has it judged.
func (w *chaosWorker) call(ctx context.Context, i int) {
	deadline := 60 * w.chaos.unit
	if w.random.IntN(20) == 0 {
		deadline = w.chaos.unit / 2 // an impatient caller
	}
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	name := fmt.Sprintf("made-%d-%d", w.n, i)
	kinds := []string{"create", "get", "update", "delete", "list", "find", "launch", "stop", "webhook", "key", "hello"}
	kind := kinds[w.random.IntN(len(kinds))]
	id := "chaos-" + kind + "-" + name
	opts := []connix.CallOption{connix.WithRequestID(id)}
	unsafe := w.random.IntN(10) == 0
	if unsafe {
		opts = append(opts, connix.WithRetryUnsafe())
	}
	write := true
	var err error
	began := time.Now()
	switch kind {
	case "create":
		_, err = w.client.Projects.Create(ctx, connix.CreateProjectRequest{Name: name}, opts...)
	case "get":
		write = false
		_, err = w.client.Projects.Get(ctx, w.project.ID, opts...)
	case "update":
		_, err = w.client.Projects.Update(ctx, w.project.ID, connix.UpdateProjectRequest{Name: new("renamed-" + name)}, opts...)
	case "delete":
		var webhook *connix.Webhook
		if webhook, err = w.client.Webhooks.Create(ctx, connix.CreateWebhookRequest{URL: "https://receiver.test/" + name, Events: chaosEvents, Secret: "s"}); err != nil {
			return
		}
		err = w.client.Webhooks.Delete(ctx, webhook.ID, opts...)
	case "list":
		write = false
		_, err = w.client.Projects.List(ctx, nil, opts...)
	case "find":
		write, id = false, ""
		_, err = w.client.Projects.FindByName(ctx, w.project.Name)
		if errors.Is(err, connix.ErrNotFound) {
			err = nil // an update has renamed it
		}
	case "launch":
		_, err = w.client.Agents.Launch(ctx, connix.LaunchAgentRequest{Name: name, ProjectID: w.project.ID}, opts...)
	case "stop":
		_, err = w.client.Agents.Stop(ctx, w.agents[w.random.IntN(len(w.agents))], opts...)
	case "webhook":
		_, err = w.client.Webhooks.Create(ctx, connix.CreateWebhookRequest{URL: "https://receiver.test/", Events: chaosEvents, Secret: "s"}, opts...)
	case "key":
		_, err = w.client.APIKeys.Create(ctx, connix.CreateAPIKeyRequest{Name: name}, opts...)
	case "hello":
		write = false
		_, err = w.client.Hello(ctx, name, opts...)
	}
	w.chaos.judge(id, kind, write, unsafe, time.Since(began), deadline+w.chaos.slack(), err)
}

// slack is what a busy machine may add to a deadline in real time.
func (c *chaos) slack() time.Duration {
	if c.unit < time.Second {
		return 10 * time.Second
	}
	return 0
}

func (c *chaos) report(t *testing.T) {
	t.Helper()
	for i, v := range c.violations {
		if i == 20 {
			t.Errorf("… and %d more", len(c.violations)-i)
			break
		}
		t.Error(v)
	}
	if t.Failed() {
		t.Logf("again: go test -run '%s' . -chaos.calls %d -chaos.seed %d", t.Name(), *chaosCalls, c.seed)
	}
	if c.faults < *chaosCalls/20 || c.doubtful == 0 {
		t.Errorf("%d faults and %d doubts: that is no chaos", c.faults, c.doubtful)
	}
}

// In memory, in a bubble: stalls and drips take no time, and a goroutine that is
// left fails the bubble.
func TestChaos(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChaos(*chaosSeed, time.Second)
		c.run(t, connixtest.NewServer(t, connixtest.WithInMemory(), connixtest.WithJournalSize(100)), *chaosCalls, nil)
		c.report(t)
	})
}

// On sockets: goroutines, file descriptors and heap return to the start.
func TestChaosOnSockets(t *testing.T) {
	start := resources()
	srv := connixtest.NewServer(t, connixtest.WithJournalSize(100))
	c := newChaos(*chaosSeed, 20*time.Millisecond)
	c.run(t, srv, *chaosCalls/10, nil)
	srv.Close()
	for _, v := range c.violations {
		t.Error(v)
	}
	end := resources()
	for range 500 {
		if end.goroutines <= start.goroutines && end.files <= start.files {
			break
		}
		time.Sleep(10 * time.Millisecond) // the kernel and net/http take their time to close what is closed
		end = resources()
	}
	if end.goroutines > start.goroutines || end.files > start.files || end.heap > start.heap+(32<<20) {
		t.Errorf("left behind: %+v, at the start %+v", end, start)
	}
}

type resourceCount struct {
	goroutines, files int
	heap              uint64
}

func resources() resourceCount {
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	files, _ := os.ReadDir("/proc/self/fd") // elsewhere: none, now and then
	return resourceCount{runtime.NumGoroutine(), len(files), memory.HeapAlloc}
}

// repeats is a planted bug: a transport that sends a lost write again.
type repeats struct{ next http.RoundTripper }

func (p repeats) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := p.next.RoundTrip(r)
	if err != nil && r.Method == http.MethodPost && r.GetBody != nil && r.Context().Err() == nil {
		again := r.Clone(r.Context())
		again.Body, _ = r.GetBody()
		return p.next.RoundTrip(again)
	}
	return resp, err
}

// swallows is another: one that takes a lost answer for a good one.
type swallows struct{ next http.RoundTripper }

func (p swallows) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := p.next.RoundTrip(r)
	if err != nil && r.Method != http.MethodGet {
		return &http.Response{
			StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}},
			Body: io.NopCloser(bytes.NewReader([]byte(`{"id":1,"message":"done"}`))), Request: r,
		}, nil
	}
	return resp, err
}

// The suite notices what it is there for.
func TestChaosNoticesPlantedBugs(t *testing.T) {
	for name, between := range map[string]func(http.RoundTripper) http.RoundTripper{
		"done 2 times":               func(next http.RoundTripper) http.RoundTripper { return repeats{next} },
		"reported done, and was not": func(next http.RoundTripper) http.RoundTripper { return swallows{next} },
	} {
		synctest.Test(t, func(t *testing.T) {
			c := newChaos(*chaosSeed, time.Second)
			c.run(t, connixtest.NewServer(t, connixtest.WithInMemory(), connixtest.WithJournalSize(100)), 4000, between)
			if !strings.Contains(strings.Join(c.violations, "\n"), name) {
				t.Errorf("planted %q: not noticed among %d violations", name, len(c.violations))
			}
		})
	}
}
