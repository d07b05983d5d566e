package fake

import (
	"time"

	"github.com/connix-io/connix-go/internal/fake/state"
)

// webhookJSON is a webhook as the API writes it: without its secret.
type webhookJSON struct {
	ID        state.ID  `json:"id"`
	URL       string    `json:"url"`
	Events    []string  `json:"events"`
	Status    string    `json:"status"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

func wireWebhook(w *state.Webhook) webhookJSON {
	events := w.Events
	if events == nil {
		events = []string{}
	}
	return webhookJSON{w.ID, w.URL(), events, w.Status, w.CreatedAt, w.UpdatedAt}
}

func createWebhook(c *call) (response, error) {
	url, err := c.object.text("url")
	if err != nil {
		return response{}, err
	}
	events, err := c.object.texts("events")
	if err != nil {
		return response{}, err
	}
	secret, err := c.object.optionalText("secret")
	if err != nil {
		return response{}, err
	}
	w, err := c.store.CreateWebhook(url, events, secret)
	if err != nil {
		return response{}, err
	}
	return created(wireWebhook(w))
}

func getWebhook(c *call) (response, error) {
	w, err := c.store.Webhook(c.id)
	if err != nil {
		return response{}, err
	}
	return ok(wireWebhook(w))
}

func updateWebhook(c *call) (response, error) {
	change := state.WebhookChange{}
	var err error
	for field, to := range map[string]**string{"url": &change.URL, "secret": &change.Secret, "status": &change.Status} {
		if *to, err = c.object.optionalText(field); err != nil {
			return response{}, err
		}
	}
	if change.Events, err = c.object.texts("events"); err != nil {
		return response{}, err
	}
	if change.IsZero() {
		return response{}, nothingToChange()
	}
	w, err := c.store.UpdateWebhook(c.id, change)
	if err != nil {
		return response{}, err
	}
	return ok(wireWebhook(w))
}

func deleteWebhook(c *call) (response, error) {
	if err := c.store.DeleteWebhook(c.id); err != nil {
		return response{}, err
	}
	return noContent()
}

func listWebhooks(c *call) (response, error) {
	q, err := readPageQuery[*state.Webhook](c.r.URL.RawQuery)
	if err != nil {
		return response{}, err
	}
	if q.search != "" || q.status != "" {
		q.Keep = func(w *state.Webhook) bool {
			return (q.status == "" || w.Status == q.status) && (q.search == "" || matchesText(q.search, w.URL()))
		}
	}
	page, total := c.store.Webhooks(q.Query)
	return ok(list{wires(page, wireWebhook), q.pagination(total)})
}
