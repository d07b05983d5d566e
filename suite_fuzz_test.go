package connix_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/connix-io/connix-go"
)

// respondingClient returns a client, and how to have it answered from then on. It fails
// the test where an answer is asked for more than twenty times.
func respondingClient(tb testing.TB) (client *connix.Client, set func(status int, contentType, body string)) {
	tb.Helper()
	var status, asked int
	var contentType, body string
	client = must(connix.NewClient(connix.WithAPIKey("key"), connix.WithoutRateLimiter(), connix.WithRetryPolicy(connix.RetryPolicy{}),
		connix.WithHTTPClient(&http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
			if asked++; asked > 20 {
				panic("the calls do not end")
			}
			resp := response(status, body)
			resp.Header = http.Header{"Content-Type": {contentType}, "X-Request-Id": {"req_of_the_header"}}
			return resp, nil
		})})))(tb)
	return client, func(s int, c, b string) { status, contentType, body, asked = s, c, b, 0 }
}

// Whatever the body of a failure: it is an *Error with the status, it names a
// request id, and its text is one printable line of bounded length.
func FuzzErrorBody(f *testing.F) {
	f.Add(uint16(400), "application/json", overviewError)
	f.Add(uint16(401), "application/json", `{"error":{"code":"invalid_api_key","message":"no","details":"plain text","timestamp":"2024-01-15T10:30:00Z"}}`)
	f.Add(uint16(502), "text/html; charset=utf-8", "<html>\n<h1>Bad Gateway</h1>")
	f.Add(uint16(503), "", "")
	f.Add(uint16(500), "application/json", `{"error":{"code":7,"message":["a"],"details":[1,{}],"request_id":null}}`)
	f.Add(uint16(404), "a/b;c=\"", "\x00\x1b[31m\u2028\xff")
	f.Add(uint16(429), "application/json", `{"error":{"code":"`+strings.Repeat("A", 5000)+`","message":"`+strings.Repeat("ü\\n", 5000)+`"}}`)
	f.Add(uint16(200), "application/json", `{"error":{"code":"RESOURCE_NOT_FOUND","message":"gone"}}`)
	client, set := respondingClient(f)
	f.Fuzz(func(t *testing.T, status uint16, contentType, body string) {
		set(200+int(status)%400, contentType, body)
		project, err := client.Projects.Get(t.Context(), "1")
		if err == nil {
			if status := 200 + int(status)%400; status >= 300 || project == nil {
				t.Fatalf("%d: no error, %v", status, project)
			}
			return
		}
		e, ok := errors.AsType[*connix.Error](err)
		if !ok || project != nil || e.StatusCode != 200+int(status)%400 || e.RequestID == "" || e.Route != "/projects/{id}" || len(e.Attempts) != 1 {
			t.Fatalf("%v beside %T: %+v", project, err, e)
		}
		if string(e.Body) != body[:min(len(body), 64<<10)] {
			t.Errorf("the body is not the one that came: %q", e.Body)
		}
		for _, text := range []string{err.Error(), e.SupportInfo(), fmt.Sprintf("%+v", e)} {
			if text == "" || len(text) > 8<<10 || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("the text is empty, long or no line: %q", text)
			}
		}
	})
}

// Whatever the body of a list: it is read or refused, and an iteration over
// nothing but it ends.
func FuzzListBody(f *testing.F) {
	for _, seed := range []string{
		`{"data":[{"id":1,"name":"a"},{"id":"agent_1","name":"b","created_at":""}],"pagination":` + overviewPagination + `}`,
		`{"agents":[{"id":"agent_1","status":"running"}],"pagination":{"limit":1,"offset":0,"total":9,"has_next":true}}`,
		`{"projects":[{"id":1},{"id":2}]}`, `[{"id":"a"},{"id":"a"}]`, `{"data":null}`, `{"data":[]}`, `[]`, `{}`, ``, `null`, `{"data":[null,{}]}`,
		`{"data":[{}],"pagination":{"page":1,"pages":-1,"has_next":true}}`, `{"data":[],"pagination":{"has_next":true}}`,
		`{"data":[{"id":1}],"pagination":{"offset":-9223372036854775808,"limit":1,"total":9223372036854775807}}`,
		`{"data":[{"id":1}],"pagination":{"page":"1","limit":1e2,"total":"","pages":2.0}}`,
	} {
		f.Add(seed)
	}
	client, set := respondingClient(f)
	f.Fuzz(func(t *testing.T, body string) {
		for _, l := range lists {
			set(200, "application/json", body)
			page, listErr := l.list(t.Context(), client, nil)
			if listErr != nil {
				mustErrorIs(t, listErr, connix.ErrInvalidResponse)
			}
			all, err := collect(l.all(t.Context(), client, nil, connix.WithMaxPages(15)))
			if err != nil {
				mustErrorIs(t, err, connix.ErrInvalidResponse)
			}
			if listErr != nil && (err == nil || len(all) > 0) {
				t.Fatalf("%s: what List refuses as %v, All reads as %v", l.name, listErr, all)
			}
			if err == nil && len(all) < len(page.Items) {
				t.Errorf("%s: List has %v, All has %v", l.name, page.Items, all)
			}
		}
	})
}

// Whatever stands where a time should: the rest of the answer is read. What is
// a time by the standard is that time, and what is read can be written.
func FuzzDates(f *testing.F) {
	for _, seed := range []string{
		"2024-01-15T10:30:00Z", "2024-01-15T10:30:00.999999999+23:59", "2024-01-15", "2024-01-15 10:30:00", "", "never", "0000-00-00 00:00:00",
		"-0001-01-01T00:00:00Z", "9999-12-31T23:59:59-01:00", "10000-01-01T00:00:00Z", "0000-01-01T00:00:00+01:00", "1705314600", "1e400", "-1", "{}", "[]", "true", "null", "\x00",
		"2024-02-30T00:00:00Z", "2024-01-15T24:00:00Z", "2024-01-15T10:30:60Z", "Mon, 15 Jan 2024 10:30:00 GMT",
	} {
		f.Add(seed)
	}
	client, set := respondingClient(f)
	f.Fuzz(func(t *testing.T, text string) {
		values := []string{string(must(json.Marshal(text))(t))}
		if json.Valid([]byte(text)) {
			values = append(values, text)
		}
		for _, value := range values {
			set(200, "application/json", `{"id":1,"name":"n","created_at":`+value+`,"updated_at":"2024-01-15T10:30:00Z"}`)
			project, err := client.Projects.Get(t.Context(), "1")
			if err != nil || project.ID != "1" || project.Name != "n" || !project.UpdatedAt.Equal(overviewTime) {
				t.Fatalf("%s: %+v, %v", value, project, err)
			}
			if written, err := json.Marshal(project); err != nil {
				t.Errorf("%s is read as %v, which cannot be written: %s, %v", value, project.CreatedAt, written, err)
			}
			var standard time.Time
			if json.Unmarshal([]byte(value), &standard) == nil && !project.CreatedAt.Equal(standard) {
				t.Errorf("%s is read as %v, want %v", value, project.CreatedAt, standard)
			}
		}
	})
}
