package state

import (
	"crypto/rand"
	"encoding/hex"
	"slices"
	"time"

	"github.com/connix-io/connix-go/internal/fake/table"
)

// NewAPIKey is what a key is made from.
type NewAPIKey struct {
	Name, Description string
	Scopes            []string   // empty for every one
	ExpiresAt         *time.Time // nil for never
}

// NewSecret returns a random key in the form of the API's keys.
func NewSecret() string {
	random := make([]byte, 16)
	_, _ = rand.Read(random)
	return "cx_" + hex.EncodeToString(random)
}

// CreateAPIKey makes a key. The record it returns has the key itself, as every
// one in the store does; the response to the creation is the only one to show it.
func (s *Store) CreateAPIKey(n NewAPIKey) (*APIKey, error) {
	now := s.begin()
	defer s.end()
	err := firstError(checkText("name", n.Name, true, 100), checkText("description", n.Description, false, 500),
		checkScopes(n.Scopes), checkExpiry(n.ExpiresAt, now))
	if err != nil {
		return nil, err
	}
	k := &APIKey{
		Key:         table.Key{ID: s.newID("key"), Label: n.Name, CreatedAt: stamp(now), UpdatedAt: stamp(now)},
		Description: n.Description,
		Secret:      NewSecret(),
		Scopes:      slices.Clone(n.Scopes),
		ExpiresAt:   n.ExpiresAt,
	}
	if len(k.Scopes) == 0 {
		k.Scopes = AllScopes()
	}
	s.keys.Insert(k)
	s.keyIDs[k.Secret] = k.ID
	return k, nil
}

// APIKey returns one key.
func (s *Store) APIKey(id ID) (*APIKey, error) {
	defer s.view()()
	k, ok := s.keys.Get(id)
	if !ok {
		return nil, notFound("API key", id)
	}
	return s.used(k), nil
}

// APIKeys returns a page of keys and their total.
func (s *Store) APIKeys(q table.Query[*APIKey]) ([]*APIKey, int) {
	keys, total := page(s, &s.keys, q)
	for i, k := range keys {
		keys[i] = s.used(k)
	}
	return keys, total
}

// used returns the key with the time it was last used. That changes with every
// request, so it is kept apart from the records.
func (s *Store) used(k *APIKey) *APIKey {
	filled := *k
	s.using.Lock()
	defer s.using.Unlock()
	if at, ok := s.lastUsed[k.ID]; ok {
		filled.LastUsedAt = &at
	}
	return &filled
}

// RevokeAPIKey removes a key: it is refused from then on.
func (s *Store) RevokeAPIKey(id ID) error {
	s.begin()
	defer s.end()
	k, ok := s.keys.Get(id)
	if !ok {
		return notFound("API key", id)
	}
	s.keys.Delete(id)
	delete(s.keyIDs, k.Secret)
	s.using.Lock()
	defer s.using.Unlock()
	delete(s.lastUsed, id)
	return nil
}

// UseAPIKey returns the record of a key that a request came with, nil where
// there is none, and notes that it was used unless it has expired.
func (s *Store) UseAPIKey(secret string) (k *APIKey, expired bool) {
	defer s.view()()
	now := s.Now()
	k, ok := s.keys.Get(s.keyIDs[secret])
	if !ok {
		return nil, false
	}
	if k.ExpiresAt != nil && !now.Before(*k.ExpiresAt) {
		return k, true
	}
	s.using.Lock()
	defer s.using.Unlock()
	s.lastUsed[k.ID] = stamp(now)
	return k, false
}
