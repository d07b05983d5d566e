package state

import (
	"slices"

	"github.com/connix-io/connix-go/internal/fake/table"
)

// CreateWebhook registers a receiver. A nil secret means none.
func (s *Store) CreateWebhook(url string, events []string, secret *string) (*Webhook, error) {
	if err := firstError(checkWebhookURL(url), checkEvents(events, true), checkSecret(secret)); err != nil {
		return nil, err
	}
	now := s.begin()
	defer s.end()
	w := &Webhook{
		Key:    table.Key{ID: s.newID("wh"), Label: url, CreatedAt: stamp(now), UpdatedAt: stamp(now)},
		Events: slices.Clone(events),
		Status: StatusActive,
	}
	if secret != nil {
		w.Secret = *secret
	}
	s.webhooks.Insert(w)
	return w, nil
}

// Webhook returns one webhook.
func (s *Store) Webhook(id ID) (*Webhook, error) {
	defer s.view()()
	return s.webhook(id)
}

func (s *Store) webhook(id ID) (*Webhook, error) {
	w, ok := s.webhooks.Get(id)
	if !ok {
		return nil, notFound("Webhook", id)
	}
	return w, nil
}

// Webhooks returns a page of webhooks and their total.
func (s *Store) Webhooks(q table.Query[*Webhook]) ([]*Webhook, int) {
	return page(s, &s.webhooks, q)
}

// WebhookChange is an update; what is nil stays. Events that are empty but not
// nil are cleared.
type WebhookChange struct {
	URL, Secret, Status *string
	Events              []string
}

// IsZero reports whether nothing changes.
func (c WebhookChange) IsZero() bool {
	return c.URL == nil && c.Secret == nil && c.Status == nil && c.Events == nil
}

// UpdateWebhook changes a webhook.
func (s *Store) UpdateWebhook(id ID, c WebhookChange) (*Webhook, error) {
	now := s.begin()
	defer s.end()
	w, err := s.webhook(id)
	if err != nil || c.IsZero() {
		return w, err
	}
	changed := *w
	changed.UpdatedAt = stamp(now)
	if c.URL != nil {
		if err := checkWebhookURL(*c.URL); err != nil {
			return nil, err
		}
		changed.Label = *c.URL
	}
	if c.Events != nil {
		if err := checkEvents(c.Events, false); err != nil {
			return nil, err
		}
		changed.Events = slices.Clone(c.Events)
	}
	if c.Secret != nil {
		if err := checkSecret(c.Secret); err != nil {
			return nil, err
		}
		changed.Secret = *c.Secret
	}
	if c.Status != nil {
		if *c.Status != StatusActive && *c.Status != StatusDisabled {
			return nil, invalid("status", "must be active or disabled")
		}
		changed.Status = *c.Status
	}
	s.webhooks.Replace(&changed)
	return &changed, nil
}

// DeleteWebhook removes a webhook.
func (s *Store) DeleteWebhook(id ID) error {
	s.begin()
	defer s.end()
	if !s.webhooks.Delete(id) {
		return notFound("Webhook", id)
	}
	return nil
}

// firstError returns the first error there is. It takes concrete errors, for a
// nil one among them must not become an interface that is not nil.
func firstError(errs ...*Error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
