package oauth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// tokenResponse is RFC 6749's 5.1 and 5.2 in one.
type tokenResponse struct {
	AccessToken  string `json:"access_token,omitempty"`
	TokenType    string `json:"token_type,omitempty"`
	ExpiresIn    int64  `json:"expires_in,omitempty"`
	RefreshToken string `json:"refresh_token,omitempty"`
	Scope        string `json:"scope,omitempty"`
	Error        string `json:"error,omitempty"`
	Description  string `json:"error_description,omitempty"`
}

func (s *Server) serveToken(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodPost {
		h.Set("Allow", "POST")
		writeFailure(w, &failure{code: "invalid_request", description: "the token endpoint takes POST", status: http.StatusMethodNotAllowed})
		return
	}
	t, refused := s.token(w, r)
	if refused != nil {
		if _, _, basic := r.BasicAuth(); basic && refused.code == "invalid_client" {
			h.Set("WWW-Authenticate", `Basic realm="connix"`)
		}
		writeFailure(w, refused)
		return
	}
	writeJSON(w, http.StatusOK, tokenResponse{
		AccessToken: t.Access, TokenType: "Bearer", ExpiresIn: int64(t.Life.Seconds()),
		RefreshToken: t.Refresh, Scope: strings.Join(t.Scopes, " "),
	})
}

// token serves one token request.
func (s *Server) token(w http.ResponseWriter, r *http.Request) (Token, *failure) {
	form, refused := tokenForm(w, r)
	if refused != nil {
		return Token{}, refused
	}
	if planned := s.failure(TokenPath); planned != "" {
		return Token{}, plannedFailure(planned)
	}
	c, refused := s.authenticate(r, form)
	if refused != nil {
		return Token{}, refused
	}
	grant := form.Get("grant_type")
	switch {
	case grant == "":
		return Token{}, invalidRequest("grant_type is missing")
	case grant != "authorization_code" && grant != "refresh_token":
		return Token{}, &failure{code: "unsupported_grant_type", description: "authorization_code and refresh_token are supported"}
	case !c.mayUse(grant):
		return Token{}, &failure{code: "unauthorized_client", description: "the client may not use this grant type"}
	case grant == "authorization_code":
		verifier := form.Get("code_verifier")
		switch {
		case form.Get("code") == "":
			return Token{}, invalidRequest("code is missing")
		case verifier == "":
			return Token{}, invalidRequest("code_verifier is missing")
		case !validVerifier(verifier):
			return Token{}, invalidRequest("code_verifier is not 43 to 128 unreserved characters")
		}
		return s.redeem(form.Get("code"), c, form.Get("redirect_uri"), form.Has("redirect_uri"), verifier)
	}
	if form.Get("refresh_token") == "" {
		return Token{}, invalidRequest("refresh_token is missing")
	}
	var scopes []string
	if form.Get("scope") != "" {
		if scopes, refused = c.scopesOf(form.Get("scope")); refused != nil {
			return Token{}, refused
		}
	}
	return s.renew(form.Get("refresh_token"), c, scopes)
}

// tokenForm reads the parameters, which must come once each and in the body.
func tokenForm(w http.ResponseWriter, r *http.Request) (url.Values, *failure) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, invalidRequest("the body must be application/x-www-form-urlencoded")
	}
	if r.URL.RawQuery != "" {
		return nil, invalidRequest("parameters go into the body, not into the address")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
	if err != nil {
		return nil, invalidRequest("the body cannot be read or is too large")
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, invalidRequest("the body is malformed")
	}
	for name, values := range form {
		if len(values) > 1 {
			return nil, invalidRequest("%s is given twice", asciiOnly(name))
		}
	}
	return form, nil
}

// authenticate finds the client that asks, by Basic or by form.
func (s *Server) authenticate(r *http.Request, form url.Values) (Client, *failure) {
	id, secret := form.Get("client_id"), form.Get("client_secret")
	if user, password, ok := r.BasicAuth(); ok {
		if secret != "" {
			return Client{}, invalidRequest("two methods of client authentication")
		}
		basicID, errID := url.QueryUnescape(user)
		basicSecret, errSecret := url.QueryUnescape(password)
		if errID != nil || errSecret != nil || id != "" && id != basicID {
			return Client{}, invalidRequest("the Authorization header is malformed or does not fit client_id")
		}
		id, secret = basicID, basicSecret
	}
	if id == "" {
		return Client{}, invalidClient("client_id is missing")
	}
	c, ok := s.client(id)
	if !ok {
		return Client{}, invalidClient("unknown client")
	}
	if subtle.ConstantTimeCompare([]byte(secret), []byte(c.Secret)) != 1 {
		return Client{}, invalidClient("wrong client secret")
	}
	return c, nil
}

func invalidClient(description string) *failure {
	return &failure{code: "invalid_client", description: description, status: http.StatusUnauthorized}
}

// plannedFailure is a failure with the status that its code goes with.
func plannedFailure(code string) *failure {
	status := http.StatusBadRequest
	switch code {
	case "invalid_client":
		status = http.StatusUnauthorized
	case "server_error":
		status = http.StatusInternalServerError
	case "temporarily_unavailable":
		status = http.StatusServiceUnavailable
	case "slow_down":
		status = http.StatusTooManyRequests
	}
	return &failure{code: code, description: "planned by the test", status: status}
}

func writeFailure(w http.ResponseWriter, f *failure) {
	status := f.status
	if status == 0 {
		status = http.StatusBadRequest
	}
	writeJSON(w, status, tokenResponse{Error: f.code, Description: f.description})
}

func writeJSON(w http.ResponseWriter, status int, response tokenResponse) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(response) // a client that went away reads nothing
}

// challengeOf is RFC 7636's S256.
func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func validVerifier(text string) bool {
	return len(text) >= 43 && len(text) <= 128 && !strings.ContainsFunc(text, func(r rune) bool { return !unreserved(r) })
}

func validChallenge(text string) bool {
	sum, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return err == nil && len(sum) == sha256.Size && !strings.ContainsAny(text, "\r\n")
}

func unreserved(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._~", r)
}
