package oauth

import (
	"crypto/rand"
	"slices"
	"time"
)

// family is all that grew out of one decision of a user: the tokens of one code
// and of the refreshes after it. They are revoked together.
type family struct {
	client  string
	subject string // the user who decided, "" for the default one
	scopes  []string
	revoked bool
}

type code struct {
	authorization
	expires time.Time
	family  *family
	used    bool
}

type accessToken struct {
	family  *family
	scopes  []string
	expires time.Time
}

type refreshToken struct {
	family  *family
	expires time.Time
	spent   bool
}

// Token is what the token endpoint hands out.
type Token struct {
	Access, Refresh string
	Scopes          []string
	Life            time.Duration
}

// Issue returns tokens as if a user had allowed the client these scopes; none
// given means read and write. The client need not be known.
func (s *Server) Issue(clientID string, scopes ...string) Token {
	return s.IssueTo("", clientID, scopes...)
}

// IssueTo is Issue for a user.
func (s *Server) IssueTo(subject, clientID string, scopes ...string) Token {
	if len(scopes) == 0 {
		scopes = []string{ScopeRead, ScopeWrite}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.issue(&family{client: clientID, subject: subject, scopes: slices.Clone(scopes)}, scopes)
}

// issue makes the tokens of a family, with mu held.
func (s *Server) issue(f *family, scopes []string) Token {
	t := Token{Access: "cxat_" + rand.Text(), Refresh: "cxrt_" + rand.Text(), Scopes: slices.Clone(scopes), Life: s.cfg.AccessLife}
	now := s.now()
	s.access[t.Access] = &accessToken{family: f, scopes: t.Scopes, expires: now.Add(s.cfg.AccessLife)}
	s.refresh[t.Refresh] = &refreshToken{family: f, expires: now.Add(s.cfg.RefreshLife)}
	return t
}

// Lookup returns the scopes of an access token, and false for one that is
// unknown, expired or revoked.
func (s *Server) Lookup(token string) (scopes []string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.access[token]
	if !ok || t.family.revoked || !s.now().Before(t.expires) {
		return nil, false
	}
	return slices.Clone(t.scopes), true
}

// Subject returns the user of an access token, "" for the default one, and for a token
// that is not known.
func (s *Server) Subject(token string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t, ok := s.access[token]; ok {
		return t.family.subject
	}
	return ""
}

// Revoke ends the login that an access or a refresh token belongs to, as its
// user might. It does nothing for an unknown token.
func (s *Server) Revoke(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t, ok := s.access[token]; ok {
		t.family.revoked = true
	}
	if t, ok := s.refresh[token]; ok {
		t.family.revoked = true
	}
}

// redeem turns a code into tokens.
func (s *Server) redeem(text string, c Client, redirectURI string, redirectSent bool, verifier string) (Token, *failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.codes[text]
	if !ok || k.client != c.ID {
		return Token{}, invalidGrant("unknown code")
	}
	if k.used {
		// One of the two users of the code is a thief, so both lose their tokens.
		k.family.revoked = true
		return Token{}, invalidGrant("the code was used before")
	}
	k.used = true // also by a failed attempt
	switch {
	case !s.now().Before(k.expires):
		return Token{}, invalidGrant("the code has expired")
	case redirectURI != k.redirectURI && (redirectSent || k.redirectSent):
		return Token{}, invalidGrant("redirect_uri is not the one of the authorization request")
	case challengeOf(verifier) != k.challenge:
		return Token{}, invalidGrant("code_verifier does not fit the code_challenge")
	}
	return s.issue(k.family, k.scopes), nil
}

// renew turns a refresh token into new tokens and spends it. scopes narrow the
// access token; nil leaves what the user has allowed.
func (s *Server) renew(text string, c Client, scopes []string) (Token, *failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.refresh[text]
	if !ok || t.family.client != c.ID {
		return Token{}, invalidGrant("unknown refresh token")
	}
	if t.spent {
		t.family.revoked = true
		return Token{}, invalidGrant("the refresh token was used before; all tokens of this login are revoked")
	}
	switch {
	case t.family.revoked:
		return Token{}, invalidGrant("the login was revoked")
	case !s.now().Before(t.expires):
		return Token{}, invalidGrant("the refresh token has expired")
	}
	for _, scope := range scopes {
		if !slices.Contains(t.family.scopes, scope) {
			return Token{}, &failure{code: "invalid_scope", description: "beyond what the user has allowed"}
		}
	}
	if scopes == nil {
		scopes = t.family.scopes
	}
	t.spent = true
	return s.issue(t.family, scopes), nil
}
