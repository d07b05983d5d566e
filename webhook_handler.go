package connix

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"runtime/debug"
	"time"
)

// WebhookHandlerOption configures a [WebhookHandler]. A nil one does nothing.
type WebhookHandlerOption func(*webhookHandler)

// WithDedup makes the handler remember processed events in d, for example in a
// store that several processes share. A nil d keeps the default,
// NewMemoryDedup(0). Events are remembered by their IDs: handlers with different
// tasks need a Dedup each, or one takes the other's events.
func WithDedup(d Dedup) WebhookHandlerOption {
	return func(h *webhookHandler) {
		if d != nil {
			h.dedup = d
		}
	}
}

// WithWebhookErrors calls report with every error that keeps an event from being
// processed or remembered: of a delivery that is refused (event is then nil), of
// the callback, of the [Dedup], and a panic of the callback as a
// [*WebhookPanicError]. report runs in the request's goroutine, before the
// response is written. Without this option only panics and a handler without a
// secret or a callback are reported, to the server's ErrorLog.
func WithWebhookErrors(report func(ctx context.Context, event *Event, err error)) WebhookHandlerOption {
	return func(h *webhookHandler) { h.report = report }
}

// WebhookPanicError reports a panic of a [WebhookHandler]'s callback.
type WebhookPanicError struct {
	// Value is the argument of panic.
	Value any
	// Stack is the stack of the goroutine at the panic.
	Stack []byte
}

// Error returns the text of the value, without the stack.
func (e *WebhookPanicError) Error() string {
	return fmt.Sprintf("connix: panic in the webhook callback: %v", e.Value)
}

// Unwrap returns the value if it is an error.
func (e *WebhookPanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// WebhookHandler returns a handler that verifies deliveries with v and calls
// process with the event of each, once per event: a delivery of an event that
// was processed before is acknowledged and dropped. Its responses are:
//
//	200  process returned nil, now or for an earlier delivery of the event
//	400  the signature is missing, wrong or stale, or the body is not an event
//	405  the method is not POST
//	408  the body could not be read to its end
//	413  the body is larger than v.MaxBody
//	500  process failed or panicked, the Dedup failed, or v has no usable secret
//	503  another delivery of the event is being processed now
//
// Senders repeat a delivery whose response is not 2xx. An event whose callback
// fails is not remembered: its next delivery is processed.
//
// process gets the request's context, which ends when the sender hangs up. It
// must return within the time that the sender waits for a response; queue work
// that takes longer in a place that survives a crash. An event is identified by
// Event.ID, or else by Delivery.ID; an event with neither is processed each time.
//
// If process panics, the response is 500 and the event counts as not processed.
// The panic is reported to [WithWebhookErrors], or else with its stack to the
// server's ErrorLog, and goes no further. Only [http.ErrAbortHandler] is passed
// on: it aborts the connection without a response, as everywhere in net/http.
//
// If a processed event cannot be committed, the response is still 200: a repeated
// delivery would do more harm than a forgotten one.
func WebhookHandler(v *WebhookVerifier, process func(context.Context, *Event) error, opts ...WebhookHandlerOption) http.Handler {
	h := &webhookHandler{verifier: v, process: process}
	for _, opt := range opts {
		if opt != nil {
			opt(h)
		}
	}
	if h.dedup == nil {
		h.dedup = NewMemoryDedup(0)
	}
	return h
}

type webhookHandler struct {
	verifier *WebhookVerifier
	process  func(context.Context, *Event) error
	dedup    Dedup
	report   func(context.Context, *Event, error)
}

var errNoWebhookCallback = errors.New("connix: the webhook handler has no callback")

func (h *webhookHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		respond(w, http.StatusMethodNotAllowed, "deliveries must be sent by POST")
		return
	}
	event, err := h.verifier.Parse(r)
	if err == nil && h.process == nil {
		err = errNoWebhookCallback
	}
	if err != nil {
		h.tell(r, nil, err)
		status, text := refusal(err)
		respond(w, status, text)
		return
	}
	switch state, err := h.handle(r, event); {
	case err != nil:
		h.tell(r, event, err)
		respond(w, http.StatusInternalServerError, "the event was not processed")
	case state == DedupInFlight:
		w.Header().Set("Retry-After", "1")
		respond(w, http.StatusServiceUnavailable, "the event is being processed")
	default:
		w.WriteHeader(http.StatusOK)
	}
}

// refusal returns the response to a delivery that is refused. The text is for
// those who debug the sender; it contains no part of the request or of a secret.
func refusal(err error) (status int, text string) {
	switch {
	case errors.Is(err, ErrWebhookTooLarge):
		return http.StatusRequestEntityTooLarge, "the body is too large"
	case errors.Is(err, ErrSignatureMissing):
		return http.StatusBadRequest, "the signature is missing"
	case errors.Is(err, ErrSignatureMismatch):
		return http.StatusBadRequest, "the signature does not match"
	case errors.Is(err, ErrWebhookStale):
		return http.StatusBadRequest, "the signature's time is outside the tolerance"
	case errors.Is(err, ErrWebhookMalformed):
		return http.StatusBadRequest, "the delivery is malformed"
	case errors.Is(err, errWebhookUnread):
		return http.StatusRequestTimeout, "the body could not be read"
	case errors.Is(err, ErrNoWebhookSecret), errors.Is(err, errNoWebhookCallback):
		return http.StatusInternalServerError, "the receiver is not configured"
	}
	// An error of a caller's own scheme.
	return http.StatusBadRequest, "the delivery was refused"
}

func respond(w http.ResponseWriter, status int, text string) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	http.Error(w, text, status)
}

// handle processes an event once. If it returns no error, the event was processed
// now or before, unless the state is DedupInFlight.
func (h *webhookHandler) handle(r *http.Request, event *Event) (DedupState, error) {
	id := event.ID
	if id == "" {
		id = event.Delivery.ID
	}
	if id == "" {
		return DedupNew, h.call(r.Context(), event)
	}
	state, err := h.dedup.Begin(r.Context(), id)
	if err != nil {
		return state, fmt.Errorf("connix: claiming the event: %w", err)
	}
	switch state {
	case DedupNew:
		return state, h.claimed(r, event, id)
	case DedupInFlight, DedupDone:
		return state, nil
	}
	return state, fmt.Errorf("connix: the Dedup returned the unknown state %d", int(state))
}

// claimed processes an event that this request has claimed, and ends the claim
// however the callback ends: by returning, by a panic or by Goexit.
func (h *webhookHandler) claimed(r *http.Request, event *Event, id string) error {
	processed := false
	defer func() {
		// The request's context may have ended.
		const limit = 10 * time.Second
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), limit)
		defer cancel()
		if processed {
			if err := h.dedup.Commit(ctx, id); err != nil {
				h.tell(r, event, fmt.Errorf("connix: committing the event: %w", err))
			}
		} else if err := h.dedup.Abort(ctx, id); err != nil {
			h.tell(r, event, fmt.Errorf("connix: releasing the event: %w", err))
		}
	}()
	err := h.call(r.Context(), event)
	processed = err == nil
	return err
}

// call runs the callback and turns its panic into an error.
func (h *webhookHandler) call(ctx context.Context, event *Event) (err error) {
	defer func() {
		switch v := recover(); v {
		case nil: // it returned, or called Goexit, which continues
		case http.ErrAbortHandler:
			panic(v)
		default:
			err = &WebhookPanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	return h.process(ctx, event)
}

// tell reports an error. Without a report function it logs panics and a wrong
// configuration, which must not go unnoticed.
func (h *webhookHandler) tell(r *http.Request, event *Event, err error) {
	if h.report != nil {
		h.report(r.Context(), event, err)
		return
	}
	text := err.Error()
	switch panicked, ok := errors.AsType[*WebhookPanicError](err); {
	case ok:
		text += "\n" + string(panicked.Stack)
	case !errors.Is(err, ErrNoWebhookSecret) && !errors.Is(err, errNoWebhookCallback):
		return
	}
	printf := log.Printf
	if server, ok := r.Context().Value(http.ServerContextKey).(*http.Server); ok && server.ErrorLog != nil {
		printf = server.ErrorLog.Printf
	}
	printf("%s", text)
}
