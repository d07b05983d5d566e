package connixtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"text/tabwriter"

	"github.com/connix-io/connix-go/internal/fake/journal"
)

func (m *matcher) filter(all []journal.Entry) []journal.Entry {
	var found []journal.Entry
	for _, e := range all {
		if m.matches(e) {
			found = append(found, e)
		}
	}
	return found
}

func (m *matcher) matches(e journal.Entry) bool {
	switch {
	case m.Status != 0 && m.Status != e.Status, !m.meant.Matches(e.Method, e.Route, unescapedPath(e)):
		return false
	case m.Match.Body == nil:
		return true
	}
	body, err := decodeJSON(e.Body)
	return err == nil && reflect.DeepEqual(body, m.body)
}

func unescapedPath(e journal.Entry) string {
	path, _ := url.PathUnescape(e.Path) // the server has escaped it well
	return path
}

// decodeJSON returns a JSON value in a form that reflect.DeepEqual compares as
// JSON does: numbers by their value.
func decodeJSON(raw []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more after the value")
	}
	return canonical(v), nil
}

func canonical(v any) any {
	switch v := v.(type) {
	case json.Number:
		// A number with an absurd exponent has no short exact form.
		const longest = 40
		if r, ok := new(big.Rat).SetString(v.String()); ok && len(v) <= longest && !strings.ContainsAny(v.String(), "eE") {
			return json.Number(r.RatString())
		}
		return v
	case []any:
		for i := range v {
			v[i] = canonical(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = canonical(v[k])
		}
	}
	return v
}

// report shows the newest requests, those that match marked, for a failure.
func report(all []Request, m *matcher) string {
	const most = 20
	if len(all) == 0 {
		return "no request arrived"
	}
	var b strings.Builder
	left := max(0, len(all)-most)
	if left > 0 {
		fmt.Fprintf(&b, "(%d earlier requests are left out)\n", left)
	}
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\ttime\tmethod\troute\tstatus\trequest")
	for _, r := range all[left:] {
		mark := ""
		if m.matches(journal.Entry(r)) {
			mark = "match"
		}
		status := "no response"
		if r.Status != 0 {
			status = fmt.Sprintf("%d %s", r.Status, http.StatusText(r.Status))
		}
		if r.Fault {
			status += " (injected)"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", mark, r.Time.Format("15:04:05.000"), r.Method, r.Route, status, describe(r))
	}
	_ = w.Flush() // a strings.Builder takes everything
	return strings.TrimRight(b.String(), "\n")
}

// describe returns what else tells requests apart: where they went, who sent
// them, and what was in them.
func describe(r Request) string {
	const longest = 200
	target := r.Path
	if r.Query != "" {
		target += "?" + maskSecrets(r.Query)
	}
	for _, name := range []string{"X-API-Key", "Authorization"} {
		if v := r.Header.Get(name); v != "" {
			target += " " + name + ": " + maskCredential(v)
		}
	}
	if body := maskSecrets(string(bytes.TrimSpace(r.Body))); body != "" {
		target += " " + body[:min(len(body), longest)]
		if len(body) > longest {
			target += "…"
		}
	}
	return strings.ToValidUTF8(strings.NewReplacer("\n", " ", "\t", " ").Replace(target), "?")
}

// The secrets that requests hold, as JSON and as a form: of webhooks, and of
// OAuth2.
var (
	secretJSON = regexp.MustCompile(`("(?:secret|key)"\s*:\s*")(?:[^"\\]|\\.)+`)
	secretForm = regexp.MustCompile(`((?:^|&)(?:client_secret|code|code_verifier|access_token|refresh_token)=)[^&\s]+`)
)

func maskSecrets(s string) string {
	return secretForm.ReplaceAllString(secretJSON.ReplaceAllString(s, "$1****"), "$1****")
}

// maskCredential shows the end of a credential that is long enough to have one.
func maskCredential(v string) string {
	const shown, minLength = 4, 20
	if len(v) < minLength {
		return "****"
	}
	return "****" + v[len(v)-shown:]
}
