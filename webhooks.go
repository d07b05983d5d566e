package connix

import (
	"context"
	"iter"
	"log/slog"
	"net/http"
	"time"
)

// EventType names what happened. The API may add types at any time: an
// unknown one is kept as it came.
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

// Webhook is one registered receiver of events. The secret it was created with
// is never sent back.
type Webhook struct {
	// ID is the webhook's id, such as "wh_5f2c".
	ID  ID     `json:"id"`
	URL string `json:"url"`
	// Events lists what is delivered.
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

// WebhooksService registers receivers of events; it is [Client.Webhooks].
type WebhooksService struct{ client *Client }

// CreateWebhookRequest is a webhook to register.
type CreateWebhookRequest struct {
	// URL receives the events, by POST.
	URL string `json:"url"`
	// Events lists what to deliver.
	Events []EventType `json:"events,omitempty"`
	// Secret signs the deliveries. It is never sent back: keep it.
	Secret Secret `json:"secret"`
}

// LogValue gives slog the request with its secret masked.
func (r CreateWebhookRequest) LogValue() slog.Value {
	return slog.GroupValue(slog.String("url", r.URL), slog.Any("events", r.Events), slog.Any("secret", r.Secret))
}

// UpdateWebhookRequest changes a webhook; a nil field stays as it is.
type UpdateWebhookRequest struct {
	URL *string
	// Events: nil leaves them, an empty slice clears them.
	Events []EventType
	Secret *Secret
	// Status is StatusActive or StatusDisabled.
	Status *Status
}

// LogValue gives slog what the request changes, with the secret masked.
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

// ListWebhooksOptions selects webhooks; nil selects all.
type ListWebhooksOptions struct{ ListOptions }

// Create calls POST /api/v1/webhooks. The API overview documents the request,
// but not the answer. After [ErrUnknownOutcome] look through
// [WebhooksService.All] before repeating.
func (s *WebhooksService) Create(ctx context.Context, webhook CreateWebhookRequest, opts ...CallOption) (*Webhook, error) {
	return send[Webhook](ctx, s.client, createWebhook.at().withJSON(webhook), opts)
}

// Get calls GET /api/v1/webhooks/{id}; [ErrNotFound] where there is none. The
// API overview does not document it.
func (s *WebhooksService) Get(ctx context.Context, id ID, opts ...CallOption) (*Webhook, error) {
	return send[Webhook](ctx, s.client, getWebhook.at(id), opts)
}

// Update calls PATCH /api/v1/webhooks/{id} and returns the webhook as it is
// then. An update that changes nothing is an [*ArgumentError]. The API overview
// does not document it.
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
	return send[Webhook](ctx, s.client, r, opts)
}

// Delete calls DELETE /api/v1/webhooks/{id}. [ErrNotFound] where there is none,
// unless an earlier attempt of this call may have deleted it. The API overview
// does not document it.
func (s *WebhooksService) Delete(ctx context.Context, id ID, opts ...CallOption) error {
	return s.client.do(ctx, deleteWebhook.at(id), &discarded{}, opts)
}

// List calls GET /api/v1/webhooks and returns one page; nil opts means the
// server's first. The API overview does not document it.
func (s *WebhooksService) List(ctx context.Context, opts *ListWebhooksOptions, callOpts ...CallOption) (*Page[Webhook], error) {
	return s.lister(opts).page(ctx, callOpts)
}

// All iterates over the webhooks that opts selects, page by page, as it is
// ranged over; the first error ends it. With Limit 0 it asks for 100 a page.
func (s *WebhooksService) All(ctx context.Context, opts *ListWebhooksOptions, callOpts ...CallOption) iter.Seq2[Webhook, error] {
	return s.lister(opts).all(ctx, callOpts)
}

// Pages iterates like All, yielding whole pages.
func (s *WebhooksService) Pages(ctx context.Context, opts *ListWebhooksOptions, callOpts ...CallOption) iter.Seq2[*Page[Webhook], error] {
	return s.lister(opts).pages(ctx, callOpts)
}

func (s *WebhooksService) lister(opts *ListWebhooksOptions) lister[Webhook] {
	if opts == nil {
		opts = &ListWebhooksOptions{}
	}
	return lister[Webhook]{client: s.client, request: listWebhooks.at(), options: opts.ListOptions, id: func(w *Webhook) ID { return w.ID }}
}
