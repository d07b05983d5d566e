package connix

import (
	"context"
	"iter"
	"log/slog"
	"net/http"
	"slices"
	"time"
)

// EventType names a kind of event. The API may add types at any time; a type
// that this package does not know is kept as it came.
type EventType string

// The events that the API overview documents.
const (
	EventProjectCreated EventType = "project.created"
	EventProjectUpdated EventType = "project.updated"
	EventProjectDeleted EventType = "project.deleted"
	EventAgentLaunched  EventType = "agent.launched"
	EventAgentCompleted EventType = "agent.completed"
	EventAgentFailed    EventType = "agent.failed"
	EventAgentStopped   EventType = "agent.stopped"
)

// Webhook is a registered receiver of events. The API never sends its secret
// back.
type Webhook struct {
	// ID is the webhook's id, such as "wh_5f2c".
	ID  ID     `json:"id"`
	URL string `json:"url"`
	// Events lists the types that are delivered.
	Events []EventType `json:"events"`
	// Status is StatusActive or StatusDisabled.
	Status    Status    `json:"status"`
	CreatedAt time.Time `json:"created_at,omitzero"`
	UpdatedAt time.Time `json:"updated_at,omitzero"`
}

func (w *Webhook) missing() string { return noID(w.ID) }

var (
	createWebhook = endpoint{http.MethodPost, "/webhooks"}
	listWebhooks  = endpoint{http.MethodGet, "/webhooks"}
	getWebhook    = endpoint{http.MethodGet, "/webhooks/{id}"}
	updateWebhook = endpoint{http.MethodPatch, "/webhooks/{id}"}
	deleteWebhook = endpoint{http.MethodDelete, "/webhooks/{id}"}
)

// WebhooksService registers receivers of events. It is the type of
// [Client.Webhooks].
type WebhooksService struct{ client *Client }

// CreateWebhookRequest describes a webhook to register.
type CreateWebhookRequest struct {
	// URL receives the events, by POST.
	URL string `json:"url"`
	// Events lists the types to deliver. It is always sent; the API refuses an empty
	// list.
	Events []EventType `json:"events"`
	// Secret signs the deliveries. The API never sends it back: keep it. An empty one is
	// not sent, and deliveries are then not signed.
	Secret Secret `json:"secret,omitempty"`
}

// LogValue returns the request with its secret masked.
func (r CreateWebhookRequest) LogValue() slog.Value {
	return slog.GroupValue(slog.String("url", r.URL), slog.Any("events", r.Events), slog.Any("secret", r.Secret))
}

// UpdateWebhookRequest changes a webhook. A nil field leaves the value as it is.
type UpdateWebhookRequest struct {
	URL *string
	// Events lists the types to deliver. Nil leaves them, an empty slice clears them.
	Events []EventType
	Secret *Secret
	// Status is StatusActive or StatusDisabled.
	Status *Status
}

// LogValue returns the fields that the request changes, with the secret masked.
func (r UpdateWebhookRequest) LogValue() slog.Value {
	var attrs []slog.Attr
	if r.URL != nil {
		attrs = append(attrs, slog.String("url", *r.URL))
	}
	if r.Events != nil {
		attrs = append(attrs, slog.Any("events", r.Events))
	}
	if r.Secret != nil {
		attrs = append(attrs, slog.Any("secret", *r.Secret))
	}
	if r.Status != nil {
		attrs = append(attrs, slog.String("status", string(*r.Status)))
	}
	return slog.GroupValue(attrs...)
}

// ListWebhooksOptions selects webhooks. Nil selects all.
type ListWebhooksOptions struct{ ListOptions }

// Create calls POST /api/v1/webhooks and returns the new webhook. After
// [ErrUnknownOutcome], [WebhooksService.All] tells whether it exists. The API
// overview documents the request, but not the response.
func (s *WebhooksService) Create(ctx context.Context, webhook CreateWebhookRequest, opts ...CallOption) (*Webhook, error) {
	if webhook.Events == nil {
		webhook.Events = []EventType{}
	}
	return send[Webhook](ctx, s.client, createWebhook.at().withJSON(webhook), opts)
}

// Get calls GET /api/v1/webhooks/{id} and returns the webhook. The error matches
// [ErrNotFound] if it does not exist. The API overview does not document the
// endpoint.
func (s *WebhooksService) Get(ctx context.Context, id ID, opts ...CallOption) (*Webhook, error) {
	return send[Webhook](ctx, s.client, getWebhook.at(id), opts)
}

// Update calls PATCH /api/v1/webhooks/{id} and returns the changed webhook. An
// update that changes nothing is an [*ArgumentError]. If the response has no body,
// the webhook that is returned has nothing but its ID and the fields that were
// sent. The API overview does not document the endpoint.
func (s *WebhooksService) Update(ctx context.Context, id ID, update UpdateWebhookRequest, opts ...CallOption) (*Webhook, error) {
	fields := map[string]any{}
	if update.URL != nil {
		fields["url"] = *update.URL
	}
	if update.Events != nil {
		fields["events"] = update.Events
	}
	if update.Secret != nil {
		fields["secret"] = *update.Secret
	}
	if update.Status != nil {
		fields["status"] = *update.Status
	}
	r := updateWebhook.at(id).withJSON(fields)
	if len(fields) == 0 {
		r = r.refuse("update", "changes nothing")
	}
	r.bodyOptional = true
	webhook, err := send[Webhook](ctx, s.client, r, opts)
	if err == nil && webhook.ID == "" {
		*webhook = update.sent(id)
	}
	return webhook, err
}

// sent returns what is known of a webhook after the update, if the response does
// not say.
func (r UpdateWebhookRequest) sent(id ID) Webhook {
	w := Webhook{ID: id, Events: slices.Clone(r.Events)}
	if r.URL != nil {
		w.URL = *r.URL
	}
	if r.Status != nil {
		w.Status = *r.Status
	}
	return w
}

// Delete calls DELETE /api/v1/webhooks/{id}. The error matches [ErrNotFound] if
// the webhook does not exist; if an earlier attempt of the same call may have
// deleted it, Delete succeeds. It may be called in a loop over
// [WebhooksService.All], which still sees every webhook. The API overview does
// not document the endpoint.
func (s *WebhooksService) Delete(ctx context.Context, id ID, opts ...CallOption) error {
	return s.client.do(ctx, deleteWebhook.at(id), &discarded{}, opts)
}

// List calls GET /api/v1/webhooks and returns one page, the first with the
// server's defaults if opts is nil. The API overview does not document the
// endpoint.
func (s *WebhooksService) List(ctx context.Context, opts *ListWebhooksOptions, callOpts ...CallOption) (*Page[Webhook], error) {
	return s.lister(opts).page(ctx, callOpts)
}

// All iterates over the webhooks that opts selects, page by page, as it is ranged
// over; the first error ends it. If Limit is 0, it asks for 100 a page. A loop
// that deletes what it is given, or a deletion elsewhere, makes it miss nothing;
// see [ListOptions] for what that needs.
func (s *WebhooksService) All(ctx context.Context, opts *ListWebhooksOptions, callOpts ...CallOption) iter.Seq2[Webhook, error] {
	return s.lister(opts).all(ctx, callOpts)
}

// Pages iterates like All, yielding whole pages. If pages are read again because
// items were deleted, it yields what is new on them.
func (s *WebhooksService) Pages(ctx context.Context, opts *ListWebhooksOptions, callOpts ...CallOption) iter.Seq2[*Page[Webhook], error] {
	return s.lister(opts).pages(ctx, callOpts)
}

func (s *WebhooksService) lister(opts *ListWebhooksOptions) lister[Webhook] {
	if opts == nil {
		opts = &ListWebhooksOptions{}
	}
	return lister[Webhook]{client: s.client, request: listWebhooks.at(), options: opts.ListOptions, id: func(w *Webhook) ID { return w.ID }}
}
