// Command webhook-receiver is a small service for the webhook deliveries of the
// Connix API: it verifies each, drops those of events that it has processed, and
// prints the rest.
//
// If CONNIX_WEBHOOK_SECRET is set, it serves until it is interrupted: register
// http://…/webhooks/connix with that secret, or put a proxy with TLS before it.
// Otherwise it demonstrates itself: it starts the embedded fake of the API,
// registers itself there, makes a few things happen and ends.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
)

const path = "/webhooks/connix"

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to listen, if CONNIX_WEBHOOK_SECRET is set")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	if secret := os.Getenv("CONNIX_WEBHOOK_SECRET"); secret != "" {
		err = serve(ctx, *addr, connix.Secret(secret))
	} else {
		err = demonstrate(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "webhook-receiver:", err)
		os.Exit(1)
	}
}

// receiver prints events.
type receiver struct {
	processed atomic.Int32
}

// handler returns the receiver's handler. It verifies deliveries, drops duplicates,
// and responds so that the sender repeats what failed.
func (r *receiver) handler(verifier *connix.WebhookVerifier) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(path, connix.WebhookHandler(verifier, r.process,
		// Services of several processes give each the same, shared Dedup.
		connix.WithDedup(connix.NewMemoryDedup(10000)),
		connix.WithWebhookErrors(func(_ context.Context, _ *connix.Event, err error) {
			fmt.Fprintln(os.Stderr, "webhook-receiver: not processed:", err)
		})))
	return mux
}

// process is called once for every event. An error would have it sent again.
func (r *receiver) process(_ context.Context, event *connix.Event) error {
	what := ""
	switch event.Type {
	case connix.EventProjectCreated, connix.EventProjectUpdated, connix.EventProjectDeleted:
		project, err := event.Project()
		if err != nil {
			return err
		}
		what = project.Name
	case connix.EventAgentLaunched, connix.EventAgentCompleted, connix.EventAgentFailed, connix.EventAgentStopped:
		agent, err := event.Agent()
		if err != nil {
			return err
		}
		what = fmt.Sprintf("%s in project %s, %s", agent.Name, agent.ProjectID, agent.Status)
	default: // the API may add types at any time
		what = string(event.Data)
	}
	fmt.Printf("  %-16s  %s\n", event.Type, what)
	r.processed.Add(1)
	return nil
}

// serve receives until ctx ends, and lets what is being processed finish.
func serve(ctx context.Context, addr string, secret connix.Secret) error {
	// Several secrets let the old one be accepted during a rotation.
	verifier := &connix.WebhookVerifier{Secrets: []connix.Secret{secret}}
	if err := verifier.Check(); err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	fmt.Printf("Receiving at http://%s%s\n", listener.Addr(), path)
	return serveOn(ctx, listener, new(receiver).handler(verifier))
}

func serveOn(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute}
	shutDown := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		shutDown <- server.Shutdown(ending)
	})
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		stop()
		return err
	}
	return <-shutDown
}

// demonstrate runs the receiver against the embedded fake.
func demonstrate(ctx context.Context) error {
	fmt.Println("Running on the embedded fake (set CONNIX_WEBHOOK_SECRET to receive from the real API)")
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	const secret connix.Secret = "the secret that both ends know"
	r := new(receiver)
	serving, stop := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() {
		served <- serveOn(serving, listener, r.handler(&connix.WebhookVerifier{Secrets: []connix.Secret{secret}}))
	}()
	err = exercise(ctx, "http://"+listener.Addr().String()+path, secret, r)
	stop()
	return errors.Join(err, <-served)
}

// exercise has the fake deliver five times to the receiver at url.
func exercise(ctx context.Context, url string, secret connix.Secret, r *receiver) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	srv, err := connixtest.Start()
	if err != nil {
		return err
	}
	defer srv.Close()
	client, err := connix.NewClient(srv.Options()...)
	if err != nil {
		return err
	}
	hook, err := client.Webhooks.Create(ctx, connix.CreateWebhookRequest{
		URL: url, Secret: secret,
		Events: []connix.EventType{connix.EventProjectCreated, connix.EventProjectDeleted, connix.EventAgentLaunched, connix.EventAgentCompleted},
	})
	if err != nil {
		return err
	}
	fmt.Printf("Registered %s as webhook %s; events:\n", hook.URL, hook.ID)
	project, err := client.Projects.Create(ctx, connix.CreateProjectRequest{Name: "my-ai-project"})
	if err != nil {
		return err
	}
	if _, err := client.Agents.Launch(ctx, connix.LaunchAgentRequest{Name: "data-processor", ProjectID: project.ID}); err != nil {
		return err
	}
	// An agent of the fake completes within a second.
	if _, err := srv.AwaitDeliveries(ctx, 3); err != nil {
		return err
	}
	if err := client.Projects.Delete(ctx, project.ID); err != nil {
		return err
	}
	delivered, err := srv.AwaitDeliveries(ctx, 4)
	if err != nil {
		return err
	}

	// Senders deliver at least once, and so sometimes twice.
	if err := srv.Redeliver(delivered[0].ID); err != nil {
		return err
	}
	if delivered, err = srv.AwaitDeliveries(ctx, 5); err != nil {
		return err
	}
	again := delivered[4]
	fmt.Printf("Delivered %s a second time: %s\n", again.Event.Type, again.State)
	fmt.Printf("Processed %d events of %d deliveries\n", r.processed.Load(), len(delivered))
	if n := r.processed.Load(); n != 4 || again.State != connixtest.DeliveryDelivered {
		return fmt.Errorf("%d events were processed, want 4; the second delivery was %s", n, again.State)
	}
	return nil
}
