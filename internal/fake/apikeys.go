package fake

import (
	"time"

	"github.com/connix-io/connix-go/internal/fake/state"
)

// apiKeyJSON is an API key as the API writes it. The key itself is there only in
// the response to its creation.
type apiKeyJSON struct {
	ID          state.ID   `json:"id"`
	Name        string     `json:"name"`
	Description string     `json:"description"`
	Key         string     `json:"key,omitempty"`
	Scopes      []string   `json:"scopes"`
	CreatedAt   time.Time  `json:"created_at"`
	ExpiresAt   *time.Time `json:"expires_at"`
	LastUsed    *time.Time `json:"last_used"`
}

func wireAPIKey(k *state.APIKey) apiKeyJSON {
	scopes := k.Scopes
	if scopes == nil {
		scopes = []string{}
	}
	return apiKeyJSON{
		ID: k.ID, Name: k.Label, Description: k.Description, Scopes: scopes, CreatedAt: k.CreatedAt,
		ExpiresAt: k.ExpiresAt, LastUsed: k.LastUsedAt,
	}
}

func createAPIKey(c *call) (response, error) {
	var n state.NewAPIKey
	var err error
	if n.Name, err = c.object.text("name"); err != nil {
		return response{}, err
	}
	if n.Description, err = c.object.text("description"); err != nil {
		return response{}, err
	}
	if n.Scopes, err = c.object.texts("scopes"); err != nil {
		return response{}, err
	}
	if n.ExpiresAt, err = c.object.time("expires_at"); err != nil {
		return response{}, err
	}
	k, err := c.store.CreateAPIKey(n)
	if err != nil {
		return response{}, err
	}
	body := wireAPIKey(k)
	body.Key = k.Secret
	return created(body)
}

func getAPIKey(c *call) (response, error) {
	k, err := c.store.APIKey(c.id)
	if err != nil {
		return response{}, err
	}
	return ok(wireAPIKey(k))
}

func revokeAPIKey(c *call) (response, error) {
	if err := c.store.RevokeAPIKey(c.id); err != nil {
		return response{}, err
	}
	return noContent()
}

func listAPIKeys(c *call) (response, error) {
	q, err := readPageQuery[*state.APIKey](c.r.URL.RawQuery)
	if err != nil {
		return response{}, err
	}
	if q.search != "" || q.status != "" {
		// A key that is there is active; a revoked one is gone.
		q.Keep = func(k *state.APIKey) bool {
			return (q.status == "" || q.status == state.StatusActive) && (q.search == "" || matchesText(q.search, k.Label, k.Description))
		}
	}
	page, total := c.store.APIKeys(q.Query)
	return ok(list{wires(page, wireAPIKey), q.pagination(total)})
}
