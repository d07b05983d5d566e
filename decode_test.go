package connix_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/connix-io/connix-go"
)

// Times come in more forms than one; what is no time is no reason to lose the
// rest of the answer.
func TestDecode_times(t *testing.T) {
	at := overviewTime
	for _, c := range []struct {
		json string
		want time.Time
	}{
		{`"2024-01-15T10:30:00Z"`, at},
		{`"2024-01-15T10:30:00.123456789Z"`, at.Add(123456789)},
		{`"2024-01-15T12:30:00+02:00"`, at},
		{`"2024-01-15T10:30:00"`, at},
		{`"2024-01-15T10:30:00.5"`, at.Add(time.Second / 2)},
		{`"2024-01-15 10:30:00"`, at},
		{`"2024-01-15 12:30:00+02:00"`, at},
		{`" 2024-01-15T10:30:00 "`, at},
		{`"2024-01-15"`, time.Date(2024, 1, 15, 0, 0, 0, 0, time.UTC)},
		{`"Mon, 15 Jan 2024 10:30:00 GMT"`, at},
		{`"2024-01-15T12:30:00+0200"`, at},
		{`"2024-01-15 12:30:00 +02"`, at},
		{`"2024-01-15T10:30:00,5"`, at.Add(time.Second / 2)},
		{`"2024-01-15 10:30:00 UTC"`, at},
		{`1705314600`, at},
		{`1705314600.5`, at.Add(time.Second / 2)},
		{`""`, time.Time{}},
		{`null`, time.Time{}},
		{`"never"`, time.Time{}},
		{`"0000-00-00 00:00:00"`, time.Time{}},
		{`0`, time.Time{}},
		{`-1`, time.Time{}},
		{`1e300`, time.Time{}},
		{`1705314600000`, time.Time{}}, // milliseconds: no year of ours
		{`{}`, time.Time{}},
		{`[1]`, time.Time{}},
		{`true`, time.Time{}},
	} {
		client := serve(t, responding(200, `{"id":1,"name":"p","created_at":`+c.json+`,"updated_at":"2024-01-15T10:30:00Z"}`))
		got, err := client.Projects.Get(t.Context(), "1")
		if err != nil {
			t.Errorf("%s: %v", c.json, err)
			continue
		}
		if !got.CreatedAt.Equal(c.want) || got.CreatedAt.IsZero() != c.want.IsZero() {
			t.Errorf("%s is read as %v, want %v", c.json, got.CreatedAt, c.want)
		}
		equal(t, "the rest beside "+c.json, []any{got.ID, got.Name, got.UpdatedAt}, []any{connix.ID("1"), "p", at})
		// In a list, and where the field may be missing.
		page, err := serve(t, responding(200, `{"data":[{"id":"k","name":"p","scopes":[],"expires_at":`+c.json+`}]}`)).APIKeys.List(t.Context(), nil)
		if err != nil {
			t.Errorf("%s in a list: %v", c.json, err)
		} else if expires := page.Items[0].ExpiresAt; (expires == nil) != c.want.IsZero() || expires != nil && !expires.Equal(c.want) {
			t.Errorf("%s in a list is read as %v, want %v", c.json, expires, c.want)
		}
	}
}

// Numbers in strings, text in numbers, whole numbers with a fraction of zero.
func TestDecode_numbers(t *testing.T) {
	agent := func(fields string) *connix.Agent {
		t.Helper()
		return must(serve(t, responding(200, `{"id":"a","name":"n","status":"running",`+fields+`}`)).Agents.Get(t.Context(), "a"))(t)
	}
	for _, c := range []struct {
		json string
		want *int
	}{
		{`1000`, new(1000)}, {`"1000"`, new(1000)}, {`1000.0`, new(1000)}, {`1e3`, new(1000)}, {`" 1000 "`, new(1000)}, {`0`, new(0)},
		{`""`, nil}, {`null`, nil},
	} {
		equal(t, "max_tokens "+c.json, agent(`"config":{"max_tokens":`+c.json+`}`).Config.MaxTokens, c.want)
	}
	for _, c := range []struct {
		json string
		want *float64
	}{
		{`0.7`, new(0.7)}, {`"0.7"`, new(0.7)}, {`1`, new(1.0)}, {`"1e-1"`, new(0.1)}, {`0`, new(0.0)}, {`""`, nil}, {`null`, nil},
	} {
		equal(t, "temperature "+c.json, agent(`"config":{"temperature":`+c.json+`}`).Config.Temperature, c.want)
	}
	got := agent(`"description":42,"project_id":"proj_9","config":{"model":4.5,"tools":[1,"two"]},"metadata":{"big":12345678901234567890}`)
	equal(t, "texts", []any{got.Description, got.ProjectID, got.Config.Model, got.Config.Tools}, []any{"42", connix.ID("proj_9"), "4.5", []string{"1", "two"}})

	for pagination, want := range map[string]connix.Pagination{
		`{"page":"2","limit":20.0,"total":"100","pages":5e0,"has_next":true}`: {Page: 2, Limit: 20, Total: 100, Pages: 5, HasNext: true},
		`{"page":null,"total":null}`:                                          {},
	} {
		page := must(serve(t, responding(200, `{"data":[{"id":1}],"pagination":`+pagination+`}`)).Projects.List(t.Context(), nil))(t)
		equal(t, pagination, page.Pagination, want)
		equal(t, "items", page.Items, []connix.Project{{ID: "1"}})
	}
}

// What the API adds later fails nothing, and what this package does not know
// survives being read and written.
func TestDecode_unknownFieldsAndValues(t *testing.T) {
	const body = `{"id":99999999999999999999,"name":"n","description":"","project_id":7,"status":"hibernating","config":{"model":"m","voice":{"pitch":1}},
		"metadata":{"a":[1,{"b":null}]},"created_at":"2024-01-15T10:30:00Z","updated_at":"2024-01-15T10:30:00Z","last_activity":null,"owner":{"id":1},"labels":["x"]}`
	agent := must(serve(t, responding(200, body)).Agents.Get(t.Context(), "a"))(t)
	equal(t, "agent", *agent, connix.Agent{
		ID: "99999999999999999999", Name: "n", ProjectID: "7", Status: "hibernating", Config: &connix.AgentConfig{Model: "m"},
		Metadata: map[string]any{"a": []any{json.Number("1"), map[string]any{"b": nil}}}, CreatedAt: overviewTime, UpdatedAt: overviewTime,
	})
	equalJSON(t, "agent written", must(json.Marshal(agent))(t), `{"id":99999999999999999999,"name":"n","project_id":7,"status":"hibernating","config":{"model":"m"},
		"metadata":{"a":[1,{"b":null}]},"created_at":"2024-01-15T10:30:00Z","updated_at":"2024-01-15T10:30:00Z","last_activity":null}`)

	webhook := must(serve(t, responding(200, `{"id":"wh_1","url":"u","events":["agent.cloned","agent.failed"],"status":"paused","retries":3}`)).Webhooks.Get(t.Context(), "wh_1"))(t)
	equal(t, "webhook", *webhook, connix.Webhook{ID: "wh_1", URL: "u", Events: []connix.EventType{"agent.cloned", "agent.failed"}, Status: "paused"})
	key := must(serve(t, responding(200, `{"id":"key_1","name":"n","scopes":["everything:do"],"last_used":"2024-01-15T10:30:00Z","kind":"robot"}`)).APIKeys.Get(t.Context(), "key_1"))(t)
	equal(t, "key", *key, connix.APIKey{ID: "key_1", Name: "n", Scopes: []string{"everything:do"}, LastUsedAt: new(overviewTime)})
	project := must(serve(t, responding(200, `{"id":"proj_1","name":"n","status":"archived"}`)).Projects.Get(t.Context(), "proj_1"))(t)
	equalJSON(t, "project written", must(json.Marshal(project))(t), `{"id":"proj_1","name":"n"}`)
}

// Answers that are read whole only if their encoding is.
func TestDecode_compressed(t *testing.T) {
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write([]byte(`{"id":1,"name":"` + strings.Repeat("packed", 100) + `"}`))
	_ = z.Close()
	for _, c := range []struct {
		name, encoding, body string
		err                  error
	}{
		{"gzip", "gzip", zipped.String(), nil},
		{"gzip, cut", "gzip", zipped.String()[:zipped.Len()-12], connix.ErrInvalidResponse},
		{"gzip, cut in its header", "gzip", zipped.String()[:5], connix.ErrInvalidResponse},
		{"gzip, corrupt", "gzip", zipped.String()[:20] + "corrupt" + zipped.String()[27:], connix.ErrInvalidResponse},
		{"not gzip, whatever it says", "gzip", `{"id":1,"name":"plain"}`, connix.ErrInvalidResponse},
		{"gzip of nothing", "gzip", "", connix.ErrInvalidResponse},
		{"an encoding that nobody asked for", "br", "\x1b\x03", connix.ErrInvalidResponse},
	} {
		client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", c.encoding)
			writeJSON(w, 200, c.body)
		})
		project, err := client.Projects.Get(t.Context(), "1")
		if c.err == nil {
			if err != nil || len(project.Name) != 600 {
				t.Errorf("%s: %v, %v", c.name, project, err)
			}
			continue
		}
		e := mustError(t, err, c.err)
		equal(t, c.name, []any{e.StatusCode, e.RequestID, project == nil}, []any{200, "req_of_the_response", true})
		_, err = client.Projects.Create(t.Context(), connix.CreateProjectRequest{Name: "name"})
		mustErrorIs(t, err, c.err, connix.ErrUnknownOutcome)
	}
}

// JSON that is deep, long or odd is read or refused; nothing panics.
func TestDecode_anything(t *testing.T) {
	deep := strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000)
	for _, body := range []string{
		deep, `{"data":` + deep + `}`, `{"id":` + deep + `}`, `{"metadata":` + deep + `}`, `{"error":` + deep + `}`,
		`{"error":null}`, `{"error":"text"}`, `{"error":{}}`, `{"error":[{}]}`, "\x00", "\xff\xfe", "{}{}", `{"data":[null]}`, `[null]`,
		`{"data":[{"id":null}],"pagination":[]}`, `{"data":[{"id":1}],"data":[{"id":2}]}`, `{"DATA":[{"Id":1}]}`,
	} {
		for _, status := range []int{200, 400, 500} {
			client := serve(t, responding(status, body))
			for _, e := range endpoints {
				err := e.call(t.Context(), client, everywhere("1"))
				if err == nil {
					if status != 200 {
						t.Errorf("%d with %.40s: no error", status, body)
					}
					continue
				}
				failure, ok := errors.AsType[*connix.Error](err)
				if !ok || failure.StatusCode != status || failure.RequestID != "req_of_the_response" {
					t.Errorf("%d with %.40s: %v", status, body, err)
				}
			}
		}
	}
}

// A success that carries an error is of that error's class, in either dialect
// of the codes.
func TestDecode_errorInSuccess(t *testing.T) {
	for code, class := range map[string]error{
		"INVALID_REQUEST": connix.ErrInvalidRequest, "validation_error": connix.ErrInvalidRequest,
		"UNAUTHORIZED": connix.ErrUnauthorized, "invalid_api_key": connix.ErrUnauthorized,
		"FORBIDDEN": connix.ErrForbidden, "forbidden": connix.ErrForbidden,
		"RESOURCE_NOT_FOUND": connix.ErrNotFound, "resource_not_found": connix.ErrNotFound, "not_found": connix.ErrNotFound,
		"CONFLICT": connix.ErrConflict, "conflict": connix.ErrConflict,
		"RATE_LIMIT_EXCEEDED": connix.ErrRateLimited, "rate_limit_exceeded": connix.ErrRateLimited,
		"INTERNAL_ERROR": connix.ErrServer, "internal_error": connix.ErrServer,
		"SOMETHING_NEW": nil, "": nil,
	} {
		body := `{"error":{"code":"` + code + `","message":"what it says","details":"why"}}`
		_, err := serve(t, responding(200, body)).Projects.Get(t.Context(), "1")
		e := mustError(t, err, connix.ErrInvalidResponse)
		equal(t, code, []any{e.StatusCode, e.Code, e.Message, e.Details.Issue}, []any{200, code, "what it says", "why"})
		for _, each := range []error{
			connix.ErrInvalidRequest, connix.ErrUnauthorized, connix.ErrForbidden, connix.ErrNotFound, connix.ErrConflict, connix.ErrRateLimited, connix.ErrServer,
		} {
			if errors.Is(err, each) != errors.Is(each, class) {
				t.Errorf("%q matches %v: %v", code, each, errors.Is(err, each))
			}
		}
	}
}

// JSON of any kind can be read into a struct: a 2xx without what was asked for is
// no success, and of a write the outcome is unknown.
func TestDecode_somethingElse(t *testing.T) {
	ctx := t.Context()
	for _, c := range []struct {
		body  string
		calls string // whose answer it cannot be
	}{
		{`{}`, "project key webhook agent hello launch list"},
		{`{"id":null,"message":null,"data":null}`, "project key webhook agent hello launch"},
		{`{"success":false,"id":""}`, "project key webhook agent hello launch list"},
		{`{"data":{"id":"1","key":"cx_1","message":"x"}}`, "project key webhook agent hello launch list"},
		{`{"error":"nope"}`, "project key webhook agent hello launch list delete"},
		{`{"error":"nope","error_description":"not now"}`, "delete"},
		{`{"id":"key_1","message":"no key"}`, "key list"},
		{`{"data":[null]}`, "list"},
		{`{"data":[{"id":"1"},{}]}`, "list"},
		{`[{}]`, "list"},
		{`[{}]`, "project key webhook agent hello launch"},
	} {
		client := serve(t, responding(200, c.body))
		calls := map[string]func() (any, error){
			"project": func() (any, error) { return client.Projects.Create(ctx, connix.CreateProjectRequest{Name: "x"}) },
			"key":     func() (any, error) { return client.APIKeys.Create(ctx, connix.CreateAPIKeyRequest{Name: "x"}) },
			"webhook": func() (any, error) {
				return client.Webhooks.Create(ctx, connix.CreateWebhookRequest{URL: "https://x.test"})
			},
			"agent": func() (any, error) { return client.Agents.Stop(ctx, "1") },
			"launch": func() (any, error) {
				return client.Agents.Launch(ctx, connix.LaunchAgentRequest{Name: "x", ProjectID: "1"})
			},
			"delete": func() (any, error) { return nil, client.Projects.Delete(ctx, "1") },
			"hello":  func() (any, error) { return client.Hello(ctx, "") },
			"list":   func() (any, error) { return client.Projects.List(ctx, nil) },
		}
		for name := range strings.FieldsSeq(c.calls) {
			_, err := calls[name]()
			if read := name == "hello" || name == "list"; !errors.Is(err, connix.ErrInvalidResponse) || errors.Is(err, connix.ErrUnknownOutcome) == read {
				t.Errorf("%s answered %s: %v", name, c.body, err)
			}
			if strings.Contains(c.body, "nope") && !strings.Contains(err.Error(), "nope") {
				t.Errorf("%s answered %s: the text does not say so: %v", name, c.body, err)
			}
			if strings.Contains(err.Error(), "Go ") {
				t.Errorf("the text speaks of our own types: %v", err)
			}
		}
	}
	// What has a field "error" beside what was asked for is what was asked for, and
	// of a raw call the caller alone knows.
	loose := serve(t, responding(200, `{"status":"degraded","version":"1","error":"slow"}`))
	if status, err := loose.Status(ctx); err != nil || status.Status != "degraded" {
		t.Errorf("%v, %v", status, err)
	}
	var job struct {
		connix.Project
		Status, Error string
	}
	if err := loose.Do(ctx, "GET", "jobs", nil, &job); err != nil || job.Status != "degraded" || job.Error != "slow" {
		t.Errorf("%+v, %v", job, err)
	}
	// A resource may have a field "error".
	if agent, err := serve(t, responding(200, `{"id":"agent_1","error":"out of memory"}`)).Agents.Get(ctx, "agent_1"); err != nil || agent.ID != "agent_1" {
		t.Errorf("%v, %v", agent, err)
	}
	// What such an answer says is kept where it is an error anyway.
	_, err := serve(t, responding(400, `{"error":"invalid_client","error_description":"it is unknown"}`)).Hello(ctx, "")
	if e := mustError(t, err, connix.ErrInvalidRequest); e.Message != "invalid_client: it is unknown" {
		t.Errorf("%v", err)
	}
}

// An optional field that cannot be read stays zero. It costs neither its item nor
// the list, and a debug line names it.
func TestDecode_oddOptionalField(t *testing.T) {
	fine := connix.Agent{ID: "a", Name: "n", Status: "running", Config: &connix.AgentConfig{Model: "m"}}
	for _, c := range []struct {
		fields string
		want   func(*connix.Agent)
		path   string
	}{
		{`"metadata":[]`, func(*connix.Agent) {}, "metadata"},
		{`"metadata":"none"`, func(*connix.Agent) {}, "metadata"},
		{`"description":[]`, func(*connix.Agent) {}, "description"},
		{`"description":{"text":"x"}`, func(*connix.Agent) {}, "description"},
		{`"config":""`, func(a *connix.Agent) { a.Config = nil }, "config"},
		{`"config":[]`, func(a *connix.Agent) { a.Config = nil }, "config"},
		{`"config":{"model":"m","tools":{}}`, func(*connix.Agent) {}, "config.tools"},
		{`"config":{"model":"m","max_tokens":1.5}`, func(*connix.Agent) {}, "config.max_tokens"},
		{`"config":{"model":"m","max_tokens":"many"}`, func(*connix.Agent) {}, "config.max_tokens"},
		{`"config":{"model":"m","max_tokens":1e30}`, func(*connix.Agent) {}, "config.max_tokens"},
		{`"config":{"model":"m","max_tokens":{}}`, func(*connix.Agent) {}, "config.max_tokens"},
		{`"config":{"model":"m","temperature":"warm"}`, func(*connix.Agent) {}, "config.temperature"},
		{`"status":{"phase":"x"}`, func(a *connix.Agent) { a.Status = "" }, "status"},
		{`"name":[]`, func(a *connix.Agent) { a.Name = "" }, "name"},
		{`"project_id":[7]`, func(*connix.Agent) {}, "project_id"},
		{`"created_at":"never"`, func(*connix.Agent) {}, "created_at"},
		{`"last_activity":"yesterday"`, func(*connix.Agent) {}, "last_activity"},
	} {
		// Of two values of a field, the later one counts.
		body := `{"id":"a","name":"n","status":"running","config":{"model":"m"},` + c.fields + `}`
		want := fine
		c.want(&want)
		var logs bytes.Buffer
		logger := connix.WithLogger(slog.New(slog.NewTextHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug})))
		got, err := serve(t, responding(200, body), logger).Agents.Get(t.Context(), "a")
		if err != nil {
			t.Errorf("%s: %v", c.fields, err)
			continue
		}
		equal(t, c.fields, *got, want)
		if n := strings.Count(logs.String(), "cannot be read"); n != 1 || !strings.Contains(logs.String(), "paths="+c.path+" ") {
			t.Errorf("%s: %d lines of what cannot be read:\n%s", c.fields, n, &logs)
		}
		page, err := serve(t, responding(200, `{"data":[{"id":"before"},`+body+`,{"id":"after"}],"pagination":{"total":3}}`)).Agents.List(t.Context(), nil)
		if err != nil {
			t.Errorf("%s in a list: %v", c.fields, err)
			continue
		}
		equal(t, c.fields+" in a list", page.Items, []connix.Agent{{ID: "before"}, want, {ID: "after"}})
	}
	webhook := must(serve(t, responding(200, `{"id":"wh_1","url":"u","events":{}}`)).Webhooks.Get(t.Context(), "wh_1"))(t)
	equal(t, "events", *webhook, connix.Webhook{ID: "wh_1", URL: "u"})
	key := must(serve(t, responding(201, `{"id":"key_1","key":"cx_1","scopes":"all","expires_at":{}}`)).APIKeys.Create(t.Context(), connix.CreateAPIKeyRequest{Name: "n"}))(t)
	equal(t, "a key shown once", *key, connix.APIKey{ID: "key_1", Key: "cx_1"})
}

// A field that a result is useless without is needed, and so is a list itself.
func TestDecode_oddNeededField(t *testing.T) {
	for _, body := range []string{
		`{"id":{},"name":"n"}`, `{"id":[1]}`, `{"id":true}`, `[]`, `[{"id":"a"}]`, `"a"`, `7`, `true`,
	} {
		e := mustError(t, second(serve(t, responding(200, body)).Agents.Get(t.Context(), "a")), connix.ErrInvalidResponse)
		equal(t, body, []any{e.StatusCode, e.RequestID}, []any{200, "req_of_the_response"})
	}
	for _, body := range []string{
		`{"data":{}}`, `{"data":""}`, `{"data":{"id":"a"}}`, `{"data":[1]}`, `{"data":["a"]}`, `{"data":[[]]}`, `{"agents":3}`,
		`{"data":[{"id":"a"},{"id":[]}]}`, `7`, `"a"`,
	} {
		mustErrorIs(t, second(serve(t, responding(200, body)).Agents.List(t.Context(), nil)), connix.ErrInvalidResponse)
	}
	// A paging block that cannot be read whole counts as absent: the iteration goes on.
	for _, pagination := range []string{`[]`, `"none"`, `{"page":1,"total":"many"}`, `{"has_next":{},"total":2}`} {
		page := must(serve(t, responding(200, `{"data":[{"id":"a"}],"pagination":`+pagination+`}`)).Agents.List(t.Context(), nil))(t)
		equal(t, pagination, *page, connix.Page[connix.Agent]{Items: []connix.Agent{{ID: "a"}}})
	}
}

// Numbers in free-form JSON keep their digits, also when they are written again.
func TestDecode_largeNumbers(t *testing.T) {
	const metadata = `{"n":9007199254740993,"deep":[{"x":-12345678901234567890}],"f":0.1000000000000000055511151231257827,"e":1E400}`
	agent := must(serve(t, responding(200, `{"id":"a","name":"n","metadata":`+metadata+`}`)).Agents.Get(t.Context(), "a"))(t)
	equal(t, "n", agent.Metadata["n"], any(json.Number("9007199254740993")))
	written := must(json.Marshal(agent.Metadata))(t)
	equal(t, "written", string(written), `{"deep":[{"x":-12345678901234567890}],"e":1E400,"f":0.1000000000000000055511151231257827,"n":9007199254740993}`)
	// In the lenient pass, in a list, in an event and in what Do decodes too.
	page := must(serve(t, responding(200, `{"data":[{"id":"a","created_at":"2024-01-15","metadata":`+metadata+`}]}`)).Agents.List(t.Context(), nil))(t)
	equal(t, "listed", page.Items[0].Metadata, agent.Metadata)
	event := connix.Event{Type: connix.EventAgentLaunched, Data: json.RawMessage(`{"id":"a","metadata":` + metadata + `}`)}
	equal(t, "event", must(event.Agent())(t).Metadata, agent.Metadata)
	var anything any
	var object struct{ Metadata map[string]any }
	client := serve(t, responding(200, `{"metadata":`+metadata+`}`))
	if err := errors.Join(client.Do(t.Context(), "GET", "things", nil, &anything), client.Do(t.Context(), "GET", "things", nil, &object)); err != nil {
		t.Fatal(err)
	}
	equal(t, "any", anything, any(map[string]any{"metadata": agent.Metadata}))
	equal(t, "object", object.Metadata, agent.Metadata)
}

// In a 2xx an error is one only if the result itself is missing.
func TestDecode_resultWithAnError(t *testing.T) {
	const failed = `"error":{"code":"OUT_OF_MEMORY","message":"the agent ran out of memory"}`
	ctx := t.Context()
	client := serve(t, responding(200, `{"id":"agent_1","status":"failed",`+failed+`}`))
	agent := must(client.Agents.Get(ctx, "agent_1"))(t)
	equal(t, "status", agent.Status, connix.StatusFailed)
	if got, err := client.Agents.WaitFor(ctx, "agent_1"); err != nil || got.ID != "agent_1" {
		t.Errorf("WaitFor: %v, %v", got, err)
	}
	if err := client.Projects.Delete(ctx, "1"); err != nil {
		t.Errorf("a delete that returns what it deleted: %v", err)
	}
	var job struct {
		ID    string
		Error struct{ Code, Message string }
	}
	var anything any
	var raw json.RawMessage
	if err := errors.Join(client.Do(ctx, "GET", "jobs/1", nil, &job), client.Do(ctx, "GET", "jobs/1", nil, nil),
		client.Do(ctx, "GET", "jobs/1", nil, &anything), client.Do(ctx, "GET", "jobs/1", nil, &raw)); err != nil {
		t.Fatal(err)
	}
	equal(t, "job", []string{job.ID, job.Error.Code}, []string{"agent_1", "OUT_OF_MEMORY"})
	page := must(serve(t, responding(200, `{"data":[{"id":"agent_1"}],`+failed+`}`)).Agents.List(ctx, nil))(t)
	equal(t, "items", len(page.Items), 1)

	for _, body := range []string{
		`{` + failed + `}`, `{"data":null,` + failed + `}`, `{"success":false,` + failed + `,"request_id":"r"}`, `{"data":[],"pagination":{"page":1},` + failed + `}`,
	} {
		client := serve(t, responding(200, body))
		for name, err := range map[string]error{
			"get": second(client.Agents.Get(ctx, "agent_1")), "list": second(client.Agents.List(ctx, nil)), "delete": client.Projects.Delete(ctx, "1"),
			"docs": second(client.OpenAPI(ctx)), "status": second(client.Status(ctx)), "nothing": client.Do(ctx, "GET", "jobs/1", nil, nil),
			"job": client.Do(ctx, "GET", "jobs/1", nil, &job), "anything": client.Do(ctx, "GET", "jobs/1", nil, &anything),
		} {
			if e, ok := errors.AsType[*connix.Error](err); !ok || !errors.Is(err, connix.ErrInvalidResponse) || e.Code != "OUT_OF_MEMORY" {
				t.Errorf("%s of %s: %v", name, body, err)
			}
		}
	}
}

// A byte order mark means nothing, before a result, an error or a list.
func TestDecode_byteOrderMark(t *testing.T) {
	const mark = "\ufeff"
	if project, err := serve(t, responding(200, mark+`{"id":1}`)).Projects.Get(t.Context(), "1"); err != nil || project.ID != "1" {
		t.Errorf("%v, %v", project, err)
	}
	if page, err := serve(t, responding(200, mark+`[{"id":1}]`)).Projects.List(t.Context(), nil); err != nil || len(page.Items) != 1 {
		t.Errorf("%v, %v", page, err)
	}
	_, err := serve(t, responding(404, mark+`{"error":{"code":"RESOURCE_NOT_FOUND","message":"gone"}}`)).Projects.Get(t.Context(), "1")
	equal(t, "code", mustError(t, err, connix.ErrNotFound).Code, "RESOURCE_NOT_FOUND")
}
