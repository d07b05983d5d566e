package contract_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
	"github.com/connix-io/connix-go/contract"
	"github.com/getkin/kin-openapi/openapi3"
)

// mutator holds the rules of the fake against those of the document: for each value of
// each request it derives inputs from the schema, good ones and bad ones, and compares
// both decisions. The document is as it stands: open to fields that it does not name.
type mutator struct {
	t       *testing.T
	srv     *connixtest.Server
	checker *contract.Checker
	sent    int
}

// TestRules_fakeAndDocument compares the two readings of every rule.
func TestRules_fakeAndDocument(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData(document(t))
	if err != nil {
		t.Fatal(err)
	}
	open, err := contract.NewOpen(document(t))
	if err != nil {
		t.Fatal(err)
	}
	m := &mutator{t: t, srv: connixtest.NewServer(t, connixtest.WithInMemory()), checker: open}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			target := strings.ReplaceAll(path, "{id}", "1")
			if op.RequestBody != nil {
				schema := op.RequestBody.Value.Content["application/json"].Schema.Value
				m.bodies(method, target, schema)
			}
			for _, p := range slices.Concat(op.Parameters, item.Parameters) {
				m.parameter(method, target, p.Value)
			}
		}
	}
	if m.sent < 1000 {
		t.Errorf("only %d requests were derived", m.sent)
	}
}

// reset makes the world in which the good example of every operation succeeds.
func (m *mutator) reset() {
	m.srv.Reset()
	m.srv.AddProject(connix.Project{ID: "1", Name: "first"})
	m.srv.AddProject(connix.Project{ID: "123", Name: "second"})
	m.srv.AddAgent(connix.Agent{ID: "1", ProjectID: "1"})
	m.srv.AddWebhook(connix.Webhook{ID: "1"}, "")
	m.srv.AddAPIKey(connix.APIKey{ID: "1"})
}

// bodies sends mutations of an object that the schema describes.
func (m *mutator) bodies(method, target string, schema *openapi3.Schema) {
	whole := map[string]any{}
	for name, p := range schema.Properties {
		whole[name] = goodValue(p.Value)
	}
	send := func(what string, body any) { m.body(method, target, what, body) }
	send("all fields", whole)
	send("an unknown field", with(whole, "unknown", 1))
	send("an unknown field alone", map[string]any{"unknown": 1})
	for _, v := range []any{nil, "text", 1, true, []any{}, map[string]any{}} {
		send(fmt.Sprintf("%v as the body", v), v)
	}
	for name, p := range schema.Properties {
		without := maps.Clone(whole)
		delete(without, name)
		send(name+" missing", without)
		send(name+" alone", map[string]any{name: whole[name]})
		for _, v := range values(p.Value) {
			text, _ := json.Marshal(v)
			send(fmt.Sprintf("%s is %.80s", name, text), with(whole, name, v))
		}
	}
}

func (m *mutator) body(method, target, what string, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		m.t.Fatal(err)
	}
	m.compare(method, target, what, func() *http.Request {
		r := httptest.NewRequest(method, target, bytes.NewReader(text))
		r.Header.Set("Content-Type", "application/json")
		return r
	})
}

// parameter sends values of a parameter in the query or in a header.
func (m *mutator) parameter(method, target string, p *openapi3.Parameter) {
	if p.In == openapi3.ParameterInPath {
		return // every text is an id; whether there is such a record is not for the document
	}
	for _, v := range values(p.Schema.Value) {
		text, ok := v.(string)
		if !ok {
			number, _ := json.Marshal(v)
			text = string(number)
		}
		m.compare(method, target, fmt.Sprintf("%s %s is %.80q", p.In, p.Name, text), func() *http.Request {
			if p.In == openapi3.ParameterInQuery {
				return httptest.NewRequest(method, target+"?"+url.Values{p.Name: {text}}.Encode(), nil)
			}
			r := httptest.NewRequest(method, target, nil)
			r.Header.Set(p.Name, text)
			return r
		})
	}
}

// compare asks the document and the fake. A request without the body that it needs is
// refused by both.
func (m *mutator) compare(method, target, what string, request func() *http.Request) {
	m.sent++
	m.reset()
	send := func() *http.Request {
		r := request()
		r.Header.Set("X-API-Key", m.srv.APIKey)
		return r
	}
	refused := m.checker.CheckRequest(send())
	rec := httptest.NewRecorder()
	m.srv.Handler().ServeHTTP(rec, send())
	switch {
	case strings.Contains(rec.Body.String(), "must lie in the future"):
		// No schema knows the time.
	case rec.Code >= http.StatusInternalServerError:
		m.t.Errorf("%s %s with %s: %d: %s", method, target, what, rec.Code, rec.Body)
	case (refused != nil) != (rec.Code == http.StatusBadRequest):
		m.t.Errorf("%s %s with %s:\n\tthe document says %.300v\n\tthe fake %d %.300s", method, target, what, refused, rec.Code, rec.Body)
	}
}

func with(object map[string]any, name string, value any) map[string]any {
	changed := maps.Clone(object)
	changed[name] = value
	return changed
}

// example1 returns a good value.
func goodValue(s *openapi3.Schema) any {
	if s.Example != nil {
		return s.Example
	}
	if s.Type.Is("array") {
		return []any{goodValue(s.Items.Value)}
	}
	for _, one := range slices.Concat(s.OneOf, s.AnyOf) {
		return goodValue(one.Value)
	}
	return "x"
}

// values returns values for a schema, good ones and bad ones.
func values(s *openapi3.Schema) []any {
	all := []any{
		nil, true, false, "", " ", "   ", "x", 0, 1, -1, 1.5, 7.0, json.RawMessage("7.0"), json.RawMessage("7.5e1"), json.RawMessage("1e2"), json.RawMessage("-0"), json.RawMessage("9223372036854775807"),
		json.RawMessage("9223372036854775808"), json.RawMessage("1e400"), json.RawMessage("1e-400"),
		[]any{}, []any{nil}, []any{1}, []any{"x"}, map[string]any{}, map[string]any{"x": 1},
	}
	switch {
	case s.Type.Is("string"):
		all = append(all, texts(s)...)
	case s.Type.Is("integer"):
		for _, bound := range []*float64{s.Min, s.Max} {
			if bound != nil {
				all = append(all, int64(*bound)-1, int64(*bound), int64(*bound)+1)
			}
		}
		all = append(all, "01", "+1", " 1", "1 ", "0x1", "1_0", "١")
	case s.Type.Is("array"):
		item := goodValue(s.Items.Value)
		all = append(all, []any{item}, []any{item, item})
		for _, v := range values(s.Items.Value) {
			all = append(all, []any{v}, []any{item, v})
		}
	}
	return all
}

// texts returns texts around the bounds of a schema, and odd ones of each format.
func texts(s *openapi3.Schema) []any {
	all := []any{
		"abc", "-ab", "ab-", "a-b", "a_b", "a:b", "projects:read", "A:b", "naïve", "日本語です", "🙂🙂🙂", "a\x00b", "a\nb", "a\tb", "a\x7fb", "a\u00a0b", "\u00a0\u2003", "\ufffd\ufffd\ufffd",
		"whsec_", "whsec_AAAA", "whsec_AAA", "whsec_A A=", "whsec_AA==", "v1,whsec_AAAA", "v1,x", "whsk_AAAA", "whpk_AAAA", "whsec_%%%%",
		"http://a", "https://a.example/x?y=z", "HTTP://a", "ftp://a", "//a", "/a", "http:a", "http://", "http:///a", "http://a b", "http://a/ b", "http://a/%zz", "http://a/%20",
		"http://a:1", "http://a:0", "http://a:65535", "http://a:65536", "http://a:x", "http://a:", "http://:80", "http://u@a", "http://u:p@a", "http://a#f", "http://a#", "http://a/#f",
		"http://[::1]", "http://[::1]:80/x", "http://[::1", "http://[:::1]", "http://[x]", "http://[1.2.3.4]", "http://[fe80::1%25eth0]", "http://a[b]", "http://ä.example", "http://a/ä", "http://a/\"<>", "http://a\\b", "http://a/[x]", "http://a?[x]", "http://%41/", "http://a%zz/", "http://a/|", "http://a/^`{}",
		"2024-01-15", "2024-02-30", "2024-13-01", "0000-01-01", "0001-01-01T00:00:00Z", "2024-1-5", "2099-01-15T10:30:00Z", "2099-01-15T10:30:00.123456789Z", "2099-01-15T10:30:00+02:00",
		"2099-01-15T10:30:00", "2099-01-15 10:30:00Z", "2099-01-15t10:30:00z", "2099-01-15T24:00:00Z", "2099-01-15T10:30:60Z", "2099-01-15T10:30:00,5Z", "2099-02-30T10:30:00Z", "9999-12-31T23:59:59-01:00", "2099-01-15T10:30Z", "2099-01-15T10:30:00+0200", "2099-01-15T10:30:00+24:00", "12024-01-15T10:30:00Z",
	}
	for _, v := range s.Enum {
		all = append(all, v, strings.ToUpper(fmt.Sprint(v)), fmt.Sprint(v)+" ")
	}
	bounds := []int{int(s.MinLength)}
	if s.MaxLength != nil {
		bounds = append(bounds, int(*s.MaxLength))
	}
	for _, n := range bounds {
		for _, length := range []int{n - 1, n, n + 1} {
			if length > 0 {
				all = append(all, strings.Repeat("a", length), strings.Repeat("é", length), strings.Repeat("🙂", length), "https://a/"+strings.Repeat("a", max(0, length-10)))
			}
		}
	}
	return append(all, strings.Repeat("a", 5000))
}
