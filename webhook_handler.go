package connix

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"runtime/debug"
	"sync"
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

// WithoutDigestDedup turns off the recognition of repeated bodies. By default an
// event that no signed ID identifies is remembered by a digest of its body and of
// the signed time, so that a recorded delivery cannot be replayed: of two genuine
// events with the same bytes only the first is processed then. With this option
// such an event is remembered by the unsigned ID of its delivery, which a sender
// of a recorded delivery can change, or not at all.
func WithoutDigestDedup() WebhookHandlerOption {
	return func(h *webhookHandler) { h.noDigest = true }
}

// WithWebhookErrors calls report with every error that keeps an event from being
// processed or remembered: of a delivery that is refused (event is then nil), of
// the callback, of the [Dedup], and a panic of the callback as a
// [*WebhookPanicError]. report runs in the request's goroutine, before the
// response is written, and is waited for. Without this option only panics and a handler without a
// secret or a callback are reported, to the server's ErrorLog.
func WithWebhookErrors(report func(ctx context.Context, event *Event, err error)) WebhookHandlerOption {
	return func(h *webhookHandler) { h.report = report }
}

// WebhookPanicError reports a panic of a [WebhookHandler]'s callback or [Dedup].
type WebhookPanicError struct {
	// Value is the argument of panic.
	Value any
	// Stack is the stack of the goroutine at the panic.
	Stack []byte
}

// Error returns the text of the value, without the stack.
func (e *WebhookPanicError) Error() string {
	return fmt.Sprintf("connix: panic while processing a webhook: %v", e.Value)
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
//	408  the body could not be read to its end, or not within 30 seconds
//	413  the body is larger than v.MaxBody
//	500  process failed or panicked, the Dedup or v.SecretSource failed, or
//	     v has no usable secret: see [WebhookVerifier.Check]
//	503  another delivery of the event is being processed now
//
// Senders repeat a delivery whose response is not 2xx. An event whose callback
// fails is not remembered: its next delivery is processed.
//
// process gets the request's context, which ends when the sender hangs up. It
// must return within the time that the sender waits for a response; queue work
// that takes longer in a place that survives a crash.
//
// An event is identified by Event.ID, or else by Delivery.ID if the scheme signs
// it, or else by a digest of its body: see [WithoutDigestDedup]. An ID that is not
// valid UTF-8 counts as none. The [Dedup] decides for how long a replay is
// recognized.
//
// A [Dedup] that blocks is not waited for beyond the request's context, or for
// more than 10 seconds to end a claim. The deadline for the body applies if the
// server has no ReadTimeout and its connections support deadlines.
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
	h.check = sync.OnceValue(func() error {
		if process == nil {
			return errNoWebhookCallback
		}
		return v.Check()
	})
	return h
}

type webhookHandler struct {
	verifier *WebhookVerifier
	process  func(context.Context, *Event) error
	dedup    Dedup
	noDigest bool
	report   func(context.Context, *Event, error)
	check    func() error // of the configuration, made once
}

var errNoWebhookCallback = errors.New("connix: the webhook handler has no callback")

func (h *webhookHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := h.check(); err != nil {
		h.refuse(w, r, err)
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		respond(w, http.StatusMethodNotAllowed, "deliveries must be sent by POST")
		return
	}
	endRead := limitRead(w, r)
	event, body, err := h.verifier.parse(r)
	endRead()
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	switch state, err := h.handle(r, event, h.key(event, body)); {
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

// limitRead sets a deadline for the request's body, unless the server has one. It
// returns a function that removes it, so that it does not end the callback: the
// server goes on reading to notice when the sender hangs up.
func limitRead(w http.ResponseWriter, r *http.Request) (end func()) {
	const timeout = 30 * time.Second
	if server, ok := r.Context().Value(http.ServerContextKey).(*http.Server); ok && server.ReadTimeout > 0 {
		return func() {}
	}
	control := http.NewResponseController(w)
	if control.SetReadDeadline(time.Now().Add(timeout)) != nil {
		return func() {} // not supported
	}
	return func() { _ = control.SetReadDeadline(time.Time{}) }
}

// refuse reports and responds to a delivery that is refused.
func (h *webhookHandler) refuse(w http.ResponseWriter, r *http.Request, err error) {
	h.tell(r, nil, err)
	status, text := refusal(err)
	respond(w, status, text)
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
	case errors.Is(err, errWebhookSecretSource):
		return http.StatusInternalServerError, "the receiver has no secret now"
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
func (h *webhookHandler) handle(r *http.Request, event *Event, key string) (DedupState, error) {
	if key == "" {
		return DedupNew, h.call(r.Context(), event)
	}
	claim, state, err := h.begin(r.Context(), key)
	if err != nil {
		return state, fmt.Errorf("connix: claiming the event: %w", err)
	}
	switch {
	case state == DedupNew && claim != nil:
		return state, h.claimed(r, event, claim)
	case state == DedupNew:
		return state, errors.New("connix: the Dedup returned no claim to a new event")
	case state == DedupInFlight || state == DedupDone:
		return state, nil
	}
	return state, fmt.Errorf("connix: the Dedup returned the unknown state %d", int(state))
}

// claimed processes an event that this request has claimed, and ends the claim
// however the callback ends: by returning, by a panic or by Goexit.
func (h *webhookHandler) claimed(r *http.Request, event *Event, claim DedupClaim) error {
	processed := false
	defer func() {
		// The request's context may have ended.
		const limit = 10 * time.Second
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), limit)
		defer cancel()
		if processed {
			if err := h.end(ctx, claim, DedupClaim.Commit); err != nil {
				h.tell(r, event, fmt.Errorf("connix: committing the event: %w", err))
			}
		} else if err := h.end(ctx, claim, DedupClaim.Abort); err != nil {
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
