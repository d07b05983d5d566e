package connix

import (
	"context"
	"iter"
	"log/slog"
	"net/http"
	"time"
)

// APIKey is a key of the organization.
type APIKey struct {
	// ID is the key's id, such as "key_5f2c"; it is not the key itself.
	ID          ID     `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	// Key is the key itself. The API sends it in the response to the key's creation
	// and never again: everywhere else it is "".
	Key Secret `json:"key,omitempty"`
	// Scopes lists what the key may do, such as "projects:read".
	Scopes    []string  `json:"scopes"`
	CreatedAt time.Time `json:"created_at,omitzero"`
	// ExpiresAt is nil for a key that does not expire.
	ExpiresAt *time.Time `json:"expires_at"`
	// LastUsedAt is nil for a key that was never used.
	LastUsedAt *time.Time `json:"last_used"`
}

// LogValue returns the key's id, name and scopes, with the key itself masked.
func (k APIKey) LogValue() slog.Value {
	return slog.GroupValue(slog.String("id", string(k.ID)), slog.String("name", k.Name), slog.Any("key", k.Key), slog.Any("scopes", k.Scopes))
}

func (k *APIKey) missing() string { return noID(k.ID) }

// createdAPIKey is the response to a creation. Without the key itself, nobody
// could ever use it.
type createdAPIKey struct{ APIKey }

func (k *createdAPIKey) missing() string {
	if k.Key == "" {
		return "key"
	}
	return noID(k.ID)
}

var (
	createAPIKey = endpoint{http.MethodPost, "/auth/api-keys"}
	listAPIKeys  = endpoint{http.MethodGet, "/auth/api-keys"}
	getAPIKey    = endpoint{http.MethodGet, "/auth/api-keys/{id}"}
	revokeAPIKey = endpoint{http.MethodDelete, "/auth/api-keys/{id}"}
)

// APIKeysService creates and revokes API keys. It is the type of
// [Client.APIKeys]. The API overview documents none of its endpoints.
type APIKeysService struct{ client *Client }

// CreateAPIKeyRequest describes a key to create.
type CreateAPIKeyRequest struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	// Scopes lists what the key may do, such as "projects:read". Nil and empty
	// leave it to the API; its overview does not say whether that means everything.
	Scopes []string `json:"scopes,omitempty"`
	// ExpiresAt is when the key stops working. Zero means never.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}

// ListAPIKeysOptions selects keys. Nil selects all.
type ListAPIKeysOptions struct{ ListOptions }

// Create calls POST /api/v1/auth/api-keys and returns the new key. Its Key is
// sent this once: save it. After [ErrUnknownOutcome] a key may exist that nobody
// knows; [APIKeysService.All] finds it, so that it can be revoked.
func (s *APIKeysService) Create(ctx context.Context, key CreateAPIKeyRequest, opts ...CallOption) (*APIKey, error) {
	created, err := send[createdAPIKey](ctx, s.client, createAPIKey.at().withJSON(key), opts)
	if err != nil {
		return nil, err
	}
	return &created.APIKey, nil
}

// Get calls GET /api/v1/auth/api-keys/{id} and returns the key without its Key.
// The error matches [ErrNotFound] if it does not exist.
func (s *APIKeysService) Get(ctx context.Context, id ID, opts ...CallOption) (*APIKey, error) {
	return send[APIKey](ctx, s.client, getAPIKey.at(id), opts)
}

// Revoke calls DELETE /api/v1/auth/api-keys/{id}; the key stops working at once.
// The error matches [ErrNotFound] if the key does not exist; if an earlier attempt
// of the same call may have revoked it, Revoke succeeds. It may be called in a
// loop over [APIKeysService.All], which still sees every key.
func (s *APIKeysService) Revoke(ctx context.Context, id ID, opts ...CallOption) error {
	return s.client.do(ctx, revokeAPIKey.at(id), &discarded{}, opts)
}

// List calls GET /api/v1/auth/api-keys and returns one page, the first with the
// server's defaults if opts is nil.
func (s *APIKeysService) List(ctx context.Context, opts *ListAPIKeysOptions, callOpts ...CallOption) (*Page[APIKey], error) {
	return s.lister(opts).page(ctx, callOpts)
}

// All iterates over the keys that opts selects, page by page, as it is ranged
// over; the first error ends it. If Limit is 0, it asks for 100 a page. A loop
// that deletes what it is given, or a deletion elsewhere, makes it miss nothing;
// see [ListOptions] for what that needs.
func (s *APIKeysService) All(ctx context.Context, opts *ListAPIKeysOptions, callOpts ...CallOption) iter.Seq2[APIKey, error] {
	return s.lister(opts).all(ctx, callOpts)
}

// Pages iterates like All, yielding whole pages. If pages are read again because
// items were deleted, it yields what is new on them.
func (s *APIKeysService) Pages(ctx context.Context, opts *ListAPIKeysOptions, callOpts ...CallOption) iter.Seq2[*Page[APIKey], error] {
	return s.lister(opts).pages(ctx, callOpts)
}

func (s *APIKeysService) lister(opts *ListAPIKeysOptions) lister[APIKey] {
	if opts == nil {
		opts = &ListAPIKeysOptions{}
	}
	return lister[APIKey]{client: s.client, request: listAPIKeys.at(), options: opts.ListOptions, id: func(k *APIKey) ID { return k.ID }}
}
