package connix_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
)

// trouble is what goes wrong with one event in its first attempts.
type trouble int

const (
	none            trouble = iota
	refuses                 // responds with 500 before it looks at the event, twice
	crashes                 // panics before it looks at the event
	hangs                   // does not look at the event and does not respond
	losesResponse           // processes the event and cuts the connection
	callbackFails           // the callback returns an error, twice
	callbackCrashes         // the callback panics
	callbackIsSlow          // the callback takes longer than the sender waits
	troubles
)

// troubleWith says what goes wrong with the n-th event: three in ten have
// trouble, of all kinds in turn.
func troubleWith(n int) trouble {
	if n%10 >= 3 {
		return none
	}
	return 1 + trouble(n/10*3+n%10)%(troubles-1)
}

// workplace is a receiver in trouble around a handler of this package.
type workplace struct {
	handler http.Handler

	mu        sync.Mutex
	arrivals  map[int]int   // by event: how often it was delivered
	calls     map[int]int   // by event: how often the callback was called
	processed map[int]int   // by event: how often the callback succeeded
	order     map[int][]int // by agent: its events as they were processed
	responses map[int]int   // by status of the handler
}

const stepsPerAgent = 4

// steps are the changes that each agent goes through, each a different event.
var steps = []connix.Status{connix.StatusCompleted, connix.StatusFailed, connix.StatusStopped, connix.StatusError}

// number tells which event an agent's status is.
func number(id connix.ID, status connix.Status) (agent, event int) {
	agent, err := strconv.Atoi(strings.TrimPrefix(id.String(), "agent_"))
	if err != nil {
		panic(err)
	}
	return agent, agent*stepsPerAgent + slices.Index(steps, status)
}

func count(mu *sync.Mutex, m map[int]int, key int) int {
	mu.Lock()
	defer mu.Unlock()
	m[key]++
	return m[key]
}

func newWorkplace() *workplace {
	w := &workplace{arrivals: map[int]int{}, calls: map[int]int{}, processed: map[int]int{}, order: map[int][]int{}, responses: map[int]int{}}
	v := &connix.WebhookVerifier{Secrets: []connix.Secret{"the old one", webhookSecret}}
	w.handler = connix.WebhookHandler(v, w.process, connix.WithWebhookErrors(func(context.Context, *connix.Event, error) {}))
	return w
}

func (w *workplace) process(_ context.Context, e *connix.Event) error {
	a, err := e.Agent()
	if err != nil {
		return err
	}
	agent, event := number(a.ID, a.Status)
	call := count(&w.mu, w.calls, event)
	switch t := troubleWith(event); {
	case t == callbackFails && call <= 2:
		return errors.New("the database is away")
	case t == callbackCrashes && call == 1:
		panic("out of cheese")
	case t == callbackIsSlow:
		time.Sleep(40 * time.Second)
	}
	count(&w.mu, w.processed, event)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.order[agent] = append(w.order[agent], event)
	return nil
}

func (w *workplace) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(err)
	}
	var e struct{ Data connix.Agent }
	if err := json.Unmarshal(body, &e); err != nil {
		panic(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	_, event := number(e.Data.ID, e.Data.Status)
	arrival := count(&w.mu, w.arrivals, event)
	switch t := troubleWith(event); {
	case t == refuses && arrival <= 2:
		rw.WriteHeader(http.StatusInternalServerError)
		return
	case t == crashes && arrival == 1:
		panic("out of memory")
	case t == hangs && arrival == 1:
		<-r.Context().Done()
		return
	case t == losesResponse && arrival == 1:
		w.handler.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	}
	response := httptest.NewRecorder()
	w.handler.ServeHTTP(response, r)
	count(&w.mu, w.responses, response.Code)
	rw.WriteHeader(response.Code)
}

// TestDelivery_tenThousand: three in ten deliveries meet a receiver that
// fails, crashes, hangs or is slow, and every event is processed exactly once
// and in the order of its agent. It takes hours, of the bubble's.
func TestDelivery_tenThousand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const agents = 2500
		work := newWorkplace()
		srv := connixtest.NewServer(t, connixtest.WithInMemory(), connixtest.WithReceiver("http://app.test", work))
		srv.AddWebhook(connix.Webhook{URL: "http://app.test/hooks"}, webhookSecret)
		project := srv.AddProject(connix.Project{Name: "my-ai-project"})
		for i := range agents {
			srv.AddAgent(connix.Agent{ID: connix.ID(fmt.Sprintf("agent_%d", i)), ProjectID: project.ID})
		}
		for _, status := range steps {
			for i := range agents {
				srv.SetAgentStatus(connix.ID(fmt.Sprintf("agent_%d", i)), status)
			}
		}
		all, err := srv.AwaitDeliveries(t.Context(), agents*stepsPerAgent)
		if err != nil {
			t.Fatal(err)
		}
		repeated := 0
		for _, d := range all {
			if d.State != connixtest.DeliveryDelivered {
				t.Errorf("%s: %s %s", d.ID, d.State, d.Reason)
			}
			if len(d.Attempts) > 1 {
				repeated++
			}
		}
		if len(all) != agents*stepsPerAgent || repeated != len(all)*3/10 {
			t.Errorf("%d deliveries, %d of them repeated", len(all), repeated)
		}
		for event := range agents * stepsPerAgent {
			if n := work.processed[event]; n != 1 {
				t.Errorf("event %d was processed %d times, with trouble %d", event, n, troubleWith(event))
			}
		}
		for agent := range agents {
			if got := work.order[agent]; !slices.IsSorted(got) || len(got) != stepsPerAgent {
				t.Errorf("agent %d: events in the order %v", agent, got)
			}
		}
		// The handler has met what it is there for.
		if work.responses[200] == 0 || work.responses[500] == 0 || work.responses[503] == 0 || len(work.responses) != 3 {
			t.Errorf("responses %v", work.responses)
		}
	})
}
