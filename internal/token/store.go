package token

import (
	"context"
	"time"

	"golang.org/x/oauth2"
)

// saveTimeout bounds the wait for a token saver, and for a store that has the
// new token.
const saveTimeout = 30 * time.Second

// Store is connix.TokenStore, declared again since this package cannot import
// connix.
type Store interface {
	Load(ctx context.Context) (*oauth2.Token, error)
	Update(ctx context.Context, fn func(ctx context.Context, stored *oauth2.Token) (*oauth2.Token, error)) (*oauth2.Token, error)
}

// memoryStore is the store of a source that was given none.
type memoryStore struct {
	token *oauth2.Token
	saver func(context.Context, *oauth2.Token) error
}

func (m *memoryStore) Load(context.Context) (*oauth2.Token, error) { return m.token, nil }

func (m *memoryStore) Update(ctx context.Context, fn func(context.Context, *oauth2.Token) (*oauth2.Token, error)) (*oauth2.Token, error) {
	tok, err := fn(ctx, m.token)
	if err != nil || tok == m.token {
		return tok, err
	}
	if m.saver != nil {
		// The request may have used up the time, and a token must not be lost to that.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
		defer cancel()
		if err := m.saver(ctx, Clone(tok)); err != nil {
			return nil, err
		}
	}
	m.token = tok
	return tok, nil
}

// Clone copies t, so that nobody outside holds what is kept inside.
func Clone(t *oauth2.Token) *oauth2.Token {
	clone := *t
	return &clone
}
