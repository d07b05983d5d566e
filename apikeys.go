package connix

import "time"

// APIKey is one key of the organization.
type APIKey struct {
	// ID is the key's id, such as "key_5f2c"; it is not the key itself.
	ID          ID     `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	// Key is the key itself. The API shows it in the answer to its creation and
	// never again: everywhere else it is "".
	Key Secret `json:"key,omitempty"`
	// Scopes are what the key may do, such as "projects:read".
	Scopes    []string  `json:"scopes"`
	CreatedAt time.Time `json:"created_at,omitzero"`
	// ExpiresAt is nil for a key that does not expire.
	ExpiresAt *time.Time `json:"expires_at"`
	// LastUsedAt is nil for a key that was never used.
	LastUsedAt *time.Time `json:"last_used"`
}
