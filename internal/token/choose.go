package token

import (
	"time"

	"golang.org/x/oauth2"
)

// candidates are the tokens to use or to refresh, the first to be preferred.
func (s *Source) candidates(stored *oauth2.Token) []*oauth2.Token {
	var list []*oauth2.Token
	best := s.best(stored)
	if best != nil {
		list = append(list, best)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// The store's token may be the leftover of a login that ended, and the given
	// one of the login after it.
	if s.given != nil && best != s.given && refreshTokenOf(best) != s.given.RefreshToken && !sameLogin(best, s.loginOf(s.given)) {
		list = append(list, s.given)
	}
	return list
}

// best chooses between the store's token and the ones in memory, and returns
// nil if there is no token at all.
func (s *Source) best(stored *oauth2.Token) *oauth2.Token {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch mine := s.unsaved; {
	case mine == nil:
	case stored == nil, stored.RefreshToken == s.unsavedOver:
		return mine
	}
	switch {
	case stored == nil && s.current != nil:
		return s.current
	case s.given != nil && s.prefersGiven(stored, time.Now()):
		return s.given
	}
	return stored
}

// prefersGiven reports whether the program's token replaces the stored one. One
// that has expired never does. If the store knows the login that both began
// with, another login does: that is the program's decision. Else the later
// expiry tells the successor, and a token without one cannot be compared.
func (s *Source) prefersGiven(stored *oauth2.Token, now time.Time) bool {
	given := s.given
	switch {
	case stored == nil:
		return true
	case expiresWithin(given, 0, now):
		return false
	case given.AccessToken == stored.AccessToken && given.RefreshToken == stored.RefreshToken:
		return false
	}
	a, b := s.loginOf(given), textOf(stored, loginExtra)
	if isLogin(a) && isLogin(b) {
		return a != b
	}
	return !given.Expiry.IsZero() && !stored.Expiry.IsZero() && !given.Expiry.Before(stored.Expiry)
}

// unknownLogin marks a token whose first ancestor is not known.
const unknownLogin = "-"

func isLogin(digest string) bool { return digest != "" && digest != unknownLogin }

// sameLogin reports whether tok is known to come of this login.
func sameLogin(tok *oauth2.Token, login string) bool {
	return tok != nil && isLogin(login) && textOf(tok, loginExtra) == login
}

// loginOf returns the digest of the token that tok's login began with.
func (s *Source) loginOf(tok *oauth2.Token) string {
	if login := textOf(tok, loginExtra); login != "" {
		return login
	}
	if own := digest(tok); own == s.login {
		return own
	}
	return unknownLogin
}

// adopt makes tok the one that calls use.
func (s *Source) adopt(tok *oauth2.Token, r *refresh) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current, s.unsaved, s.unsavedOver = tok, nil, ""
	if r.asked || tok.AccessToken != s.rejected {
		s.rejected = ""
	}
	if r.asked || s.given != nil && tok.AccessToken == s.given.AccessToken {
		s.given = nil
	}
}

// good reports whether tok spares the refresh a request.
func (s *Source) good(tok *oauth2.Token, r *refresh) bool {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.usable(tok, now) && (r.mode != early || !due(tok, now))
}

// usable reports whether calls may use tok at now. It is called with mu held.
func (s *Source) usable(tok *oauth2.Token, now time.Time) bool {
	return tok != nil && Unsendable(tok) == "" && tok.AccessToken != s.rejected && !expiresWithin(tok, earlyRefresh(tok)/6, now)
}

// due reports whether tok should be refreshed while it is still usable.
func due(tok *oauth2.Token, now time.Time) bool { return expiresWithin(tok, earlyRefresh(tok), now) }

// earlyRefresh is how long before its expiry tok is refreshed: a minute, or a
// tenth of its life if that is shorter. In the last sixth of that time it is
// not used any more, since a request takes time to arrive.
func earlyRefresh(tok *oauth2.Token) time.Duration {
	if life := time.Duration(tok.ExpiresIn) * time.Second; life > 0 {
		return min(time.Minute, life/10)
	}
	return time.Minute
}

func expiresWithin(tok *oauth2.Token, d time.Duration, now time.Time) bool {
	// Round strips the monotonic reading, which stands still while a computer sleeps.
	return !tok.Expiry.IsZero() && now.Round(0).Add(d).After(tok.Expiry.Round(0))
}

func refreshTokenOf(t *oauth2.Token) string {
	if t == nil {
		return ""
	}
	return t.RefreshToken
}
