package connix_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
)

// The chaos suite: mixed calls from many goroutines against a server that fails in
// every way that connixtest knows, over HTTP/1.1 and HTTP/2, through net/http's
// transport and others. What really happened is noted where the fake processes a
// request, and every call's report is held against it.
//
//	go test -run Chaos .                                   # small
//	go test -run Chaos . -chaos.calls 100000               # large
//	go test -run Chaos . -chaos.seed 7                     # as a failure says
//	go test -run Chaos . -chaos.faults streams,goaway      # see chaosKinds
var (
	chaosCalls  = flag.Int("chaos.calls", 10_000, "calls of the chaos suite")
	chaosSeed   = flag.Uint64("chaos.seed", 1, "seed of the chaos suite")
	chaosFaults = flag.String("chaos.faults", "all", "kinds of faults of the chaos suite, separated by commas")
)

const (
	chaosWorkers = 32
	chaosPercent = 20 // of the attempts have a fault
)

// chaos is one run. Each attempt's fault follows from the seed, the call's
// request id and the number of the attempt, whatever the goroutines do.
type chaos struct {
	seed    uint64
	unit    time.Duration // a second of the faults
	actions []connixtest.Action
	key     string // the client's
	permits permits

	mu         sync.Mutex
	attempts   map[string]int      // that the server saw, by request id
	applied    map[string]int      // writes that the API did, by request id
	busy       map[string]int      // requests that the API has begun, by request id
	secrets    map[string][]string // of the responses, by request id
	faults     int
	failed     int
	unknown    int
	violations map[string][]string // by kind
}

func newChaos(seed uint64, unit time.Duration, version int) *chaos {
	return &chaos{
		seed: seed, unit: unit, actions: chaosActions(version, unit),
		attempts: map[string]int{}, applied: map[string]int{}, busy: map[string]int{}, secrets: map[string][]string{}, violations: map[string][]string{},
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
	faulty := strings.HasPrefix(id, "chaos-") && n%100 < chaosPercent && len(c.actions) > 0
	if faulty {
		c.faults++
	}
	c.mu.Unlock()
	counted := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		c.busy[id]++
		c.mu.Unlock()
		defer func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.busy[id]--; c.busy[id] == 0 {
				delete(c.busy, id)
			}
		}()
		status := statusWriter{ResponseWriter: w, keep: strings.HasSuffix(r.URL.Path, "/api-keys")}
		api.ServeHTTP(&status, r)
		if r.Method == http.MethodGet || status.status < 200 || status.status >= 300 {
			return
		}
		var made struct{ Key string }
		_ = json.Unmarshal(status.body, &made) // it may be compressed
		c.mu.Lock()
		defer c.mu.Unlock()
		c.applied[id]++
		if made.Key != "" {
			c.secrets[id] = append(c.secrets[id], made.Key)
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
	keep   bool
	body   []byte
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
	if w.keep {
		w.body = append(w.body, p...)
	}
	return w.ResponseWriter.Write(p)
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (c *chaos) violated(kind, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.violations[kind] = append(c.violations[kind], text)
}

// report is what a call reported.
type report struct {
	id, kind      string
	write, unsafe bool
	took, most    time.Duration
	err           error
	response      connix.Response
}

// done waits until what the API did is noted: a response may arrive before its
// handler has returned.
func (c *chaos) done(isBusy func() bool) {
	for {
		c.mu.Lock()
		busy := isBusy()
		c.mu.Unlock()
		if !busy {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// judge holds what a call reported against what the API did.
func (c *chaos) judge(r report) {
	unknown := errors.Is(r.err, connix.ErrUnknownOutcome)
	c.done(func() bool { return c.busy[r.id] > 0 })
	c.mu.Lock()
	applied, seen, secrets := c.applied[r.id], c.attempts[r.id], append([]string{c.key}, c.secrets[r.id]...)
	if r.err != nil {
		c.failed++
	}
	if unknown {
		c.unknown++
	}
	c.mu.Unlock()
	violated := func(format string, args ...any) {
		c.violated(format, fmt.Sprintf("%s (%s): ", r.kind, r.id)+fmt.Sprintf(format, args...))
	}
	if _, typed := errors.AsType[*connix.Error](r.err); r.err != nil && !typed {
		violated("the error is a %T: %v", r.err, r.err)
	}
	if r.took > r.most {
		violated("took %v with a deadline of %v: %v", r.took, r.most, r.err)
	}
	switch {
	case !r.write && unknown:
		violated("a read of unknown outcome: %v", r.err)
	case !r.write:
	case r.err == nil && applied == 0:
		violated("reported done, and was not")
	case r.err != nil && !unknown && applied > 0:
		violated("reported as certainly not done, and was: %v", r.err)
	case applied > 1 && !r.unsafe:
		violated("done %d times", applied)
	}
	if r.write && seen > len(r.response.Attempts) {
		violated("the server was sent %d requests, and %d attempts are listed: %v", seen, len(r.response.Attempts), r.err)
	}
	for form, text := range chaosPrinted(r.err, r.response) {
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				c.violated(form+" shows a secret", fmt.Sprintf("%s (%s): %s shows a secret: %s", r.kind, r.id, form, text))
			}
		}
	}
}

// chaosPrinted returns what users and logs see of a call.
func chaosPrinted(err error, response connix.Response) map[string]string {
	if err == nil {
		return nil
	}
	var text bytes.Buffer
	slog.New(slog.NewJSONHandler(&text, nil)).Error("failed", "err", err, "errs", []error{err}, "by", map[string]any{"err": err}, "response", response)
	asJSON, _ := json.Marshal(map[string]any{"err": err, "response": response})
	var attempts []connix.Attempt
	if e, ok := errors.AsType[*connix.Error](err); ok {
		attempts = e.Attempts
	}
	return map[string]string{
		"Error": err.Error(), "%+v": fmt.Sprintf("%+v", err), "%#v": fmt.Sprintf("%#v %#v %#v", err, response, attempts), "%q": fmt.Sprintf("%q", err),
		"a struct": fmt.Sprintf("%+v %#v", struct{ Err error }{err}, struct{ Err error }{err}), "slog": text.String(), "JSON": string(asJSON),
	}
}

// run makes the calls, through a transport to srv.
func (c *chaos) run(t *testing.T, srv *connixtest.Server, transport http.RoundTripper, calls int, opts ...connix.Option) {
	srv.Inject(connixtest.Fault{Action: c.act})
	c.key = srv.APIKey
	client := srv.Client(t, append([]connix.Option{
		connix.WithHTTPClient(&http.Client{Transport: transport}), connix.WithTimeout(5 * c.unit), connix.WithMaxResponseBytes(1 << 20), connix.WithRateLimiter(&c.permits),
		connix.WithRetryPolicy(connix.RetryPolicy{MaxRetries: 3, BaseDelay: c.unit / 10, MaxDelay: 2 * c.unit}),
	}, opts...)...)
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
	if taken, ended := c.permits.taken.Load(), c.permits.cancelled.Load()+c.permits.settled.Load(); taken != ended {
		c.violated("permits", fmt.Sprintf("%d permits were taken, and %d settled or given back", taken, ended))
	}
	c.lookAround(t, srv)
}

// lookAround asks, without faults, for what was reported as created.
func (c *chaos) lookAround(t *testing.T, srv *connixtest.Server) {
	c.done(func() bool { return len(c.busy) > 0 })
	exists := map[string]bool{}
	for project, err := range srv.Client(t).Projects.All(t.Context(), nil) {
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
			c.violations["lost"] = append(c.violations["lost"], fmt.Sprintf("project %s was created and is not there", name))
		}
		delete(exists, name)
	}
	for name := range exists {
		if strings.HasPrefix(name, "made-") {
			c.violations["found"] = append(c.violations["found"], fmt.Sprintf("project %s is there and was not created", name))
		}
	}
	t.Logf("seed %d: %d calls, %d attempts with a fault, %d calls failed, %d of them with an unknown outcome", c.seed, len(c.attempts), c.faults, c.failed, c.unknown)
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
	kinds := []string{"create", "get", "update", "delete", "list", "find", "launch", "stop", "webhook", "key", "hello", "stream"}
	if chosen("stuck") {
		kinds = append(kinds, "stuck")
	}
	kind := kinds[w.random.IntN(len(kinds))]
	id := "chaos-" + kind + "-" + name
	var meta connix.Response
	opts := []connix.CallOption{connix.WithRequestID(id), connix.WithResponse(&meta)}
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
	case "stream":
		body := `{"name":"streamed-` + name + `"}`
		err = w.client.Do(ctx, "POST", "projects", io.MultiReader(strings.NewReader(body[:5]), strings.NewReader(body[5:])), nil, opts...)
	case "stuck":
		err = w.client.Do(ctx, "POST", "projects", stuckReader{strings.NewReader(`{"name":"`), w.chaos.unit}, nil, opts...)
	case "hello":
		write = false
		_, err = w.client.Hello(ctx, name, opts...)
	}
	w.chaos.judge(report{id, kind, write, unsafe, time.Since(began), deadline + w.chaos.slack(), err, meta})
}

// slack is what a busy machine may add to a deadline in real time.
func (c *chaos) slack() time.Duration {
	if c.unit < time.Second {
		return 10 * time.Second
	}
	return 100 * time.Millisecond
}

func (c *chaos) report(t *testing.T) {
	t.Helper()
	for _, kind := range slices.Sorted(maps.Keys(c.violations)) {
		all := c.violations[kind]
		t.Errorf("%s\n(one of %d)", all[0], len(all))
	}
	if t.Failed() {
		t.Logf("again: go test -run '%s' . -chaos.calls %d -chaos.seed %d", t.Name(), *chaosCalls, c.seed)
	}
}

// isChaos fails the test where too little happened, or too much.
func (c *chaos) isChaos(t *testing.T) {
	t.Helper()
	if len(c.actions) > 30 && (c.faults < len(c.attempts)/20 || c.unknown == 0 || c.failed > len(c.attempts)/2) {
		t.Errorf("%d faults in %d calls, %d failed, %d with an unknown outcome: that is no chaos", c.faults, len(c.attempts), c.failed, c.unknown)
	}
}

// In memory, in a bubble: stalls and drips take no time, and a goroutine that is
// left fails the bubble.
func TestChaos(t *testing.T) {
	for _, c := range []struct {
		name    string
		version int
		between chaosTransport
	}{
		{"HTTP/1.1", 1, nil},
		{"HTTP/2", 2, nil},
		{"HTTP/1.1 redialing", 1, redialing},
		{"HTTP/2 redialing", 2, redialing},
		{"deaf", 1, deaf},
	} {
		if c.between != nil && !chosen(strings.Fields(c.name)[len(strings.Fields(c.name))-1]) {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				run := newChaos(*chaosSeed, time.Second, c.version)
				run.inMemory(t, c.version, *chaosCalls/5, c.between)
				run.report(t)
				run.isChaos(t)
			})
		})
	}
}

// inMemory is run inside a bubble.
func (c *chaos) inMemory(t *testing.T, version, calls int, between chaosTransport) {
	srv := connixtest.NewServer(t, connixtest.WithInMemory(), connixtest.WithJournalSize(100))
	transport := srv.HTTPClient().Transport
	var opts []connix.Option
	if version == 2 {
		base, http2 := serveHTTP2(t, srv.Handler())
		http2.HTTP2 = &http.HTTP2Config{SendPingTimeout: 3 * c.unit, PingTimeout: 2 * c.unit}
		transport, opts = http2, append(opts, connix.WithBaseURL(base))
	}
	if between != nil {
		transport = between(transport, c.unit)
	}
	c.run(t, srv, transport, calls, opts...)
	time.Sleep(2 * longest * c.unit) // whoever is deaf or stuck wakes up
}

// On sockets: goroutines, file descriptors and heap return to the start.
func TestChaos_onSockets(t *testing.T) {
	start := resources()
	srv := connixtest.NewServer(t, connixtest.WithJournalSize(100))
	c := newChaos(*chaosSeed, 20*time.Millisecond, 1)
	c.run(t, srv, srv.HTTPClient().Transport, *chaosCalls/10)
	srv.Close()
	c.report(t)
	end := resources()
	for range 2000 {
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

// repeats is a planted bug: a transport that sends a lost write again, hidden from
// the client's trace.
type repeats struct{ next http.RoundTripper }

func (p repeats) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Method == http.MethodPost && r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		r = r.Clone(r.Context())
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}
	resp, err := p.next.RoundTrip(r)
	if err != nil && r.Method == http.MethodPost && r.Context().Err() == nil {
		again := r.Clone(context.Background())
		again.Body = io.NopCloser(bytes.NewReader(body))
		return p.next.RoundTrip(again)
	}
	return resp, err
}

// swallows is another: one that takes a lost response for a good one.
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
func TestChaos_noticesPlantedBugs(t *testing.T) {
	for name, between := range map[string]chaosTransport{
		"done %d times":              func(next http.RoundTripper, _ time.Duration) http.RoundTripper { return repeats{next} },
		"reported done, and was not": func(next http.RoundTripper, _ time.Duration) http.RoundTripper { return swallows{next} },
	} {
		synctest.Test(t, func(t *testing.T) {
			c := newChaos(*chaosSeed, time.Second, 1)
			c.inMemory(t, 1, 4000, between)
			if len(c.violations[name]) == 0 {
				t.Errorf("planted %q: not noticed among %d kinds of violations", name, len(c.violations))
			}
		})
	}
}
