package token

import (
	"bytes"
	"encoding/json"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// fields are the parts of a token endpoint's response, or of a stored token. An
// odd one costs no other.
type fields map[string]json.RawMessage

// readFields reads JSON or a form, whatever the response's type says. It
// returns nil if the body is neither.
func readFields(body []byte) fields {
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")))
	if len(body) > 0 && body[0] == '{' {
		var f fields
		if json.NewDecoder(bytes.NewReader(body)).Decode(&f) != nil { // only the first value
			return nil
		}
		return f
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil
	}
	f := fields{}
	for key := range values {
		if quoted, err := json.Marshal(values.Get(key)); err == nil {
			f[key] = quoted
		}
	}
	return f
}

// raw returns a field by its name, in the same case if possible.
func (f fields) raw(name string) json.RawMessage {
	if value, ok := f[name]; ok {
		return value
	}
	for key, value := range f {
		if strings.EqualFold(key, name) {
			return value
		}
	}
	return nil
}

// text returns a field that is a string, or the text of one that is a number.
func (f fields) text(name string) string {
	raw := f.raw(name)
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var n json.Number
	if json.Unmarshal(raw, &n) == nil {
		return n.String()
	}
	return ""
}

// grant is a token from the server. The extra fields are those that its Extra
// method shows.
type grant struct {
	token *oauth2.Token
	extra map[string]any
}

// set adds an extra field; an empty value adds none.
func (g *grant) set(key, value string) {
	if value != "" {
		g.extra[key] = value
	}
}

// grant returns the token that the fields hold, nil for none.
func (f fields) grant(now time.Time) *grant {
	tok := &oauth2.Token{AccessToken: f.text("access_token"), TokenType: f.text("token_type"), RefreshToken: f.text("refresh_token")}
	if isEmpty(tok) {
		return nil
	}
	if life := seconds(f.text("expires_in")); life > 0 {
		tok.Expiry = now.Add(time.Duration(life * float64(time.Second)))
		tok.ExpiresIn = int64(max(1, life))
	}
	extra := map[string]any{}
	for key, raw := range f {
		var value any
		if json.Unmarshal(raw, &value) == nil {
			extra[key] = value
		}
	}
	delete(extra, loginExtra) // ours
	if scope := f.scope(); scope != "" {
		extra[scopeExtra] = scope
	} else {
		delete(extra, scopeExtra)
	}
	return &grant{tok.WithExtra(extra), extra}
}

// scope returns the granted scopes, separated by blanks: "" if none are named.
func (f fields) scope() string {
	var list []string
	if json.Unmarshal(f.raw("scope"), &list) == nil {
		return strings.Join(list, " ")
	}
	return f.text("scope")
}

// seconds reads a duration as servers write it: 3600, "3600", 3599.97, 3.6e3. It
// returns 0 for what is none.
func seconds(text string) float64 {
	n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if (err != nil && !math.IsInf(n, 0)) || math.IsNaN(n) || n <= 0 {
		return 0
	}
	return min(n, math.MaxInt32) // 68 years
}

// isEmpty reports whether a token is of no use.
func isEmpty(t *oauth2.Token) bool { return t == nil || t.AccessToken == "" && t.RefreshToken == "" }
