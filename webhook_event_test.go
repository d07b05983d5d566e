package connix_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/connix-io/connix-go"
)

// TestParse_oddTimes reads a time as in every response.
func TestParse_oddTimes(t *testing.T) {
	want := time.Date(2024, 1, 15, 10, 30, 0, 0, time.UTC)
	for _, text := range []string{`"2024-01-15T10:30:00Z"`, `"2024-01-15 10:30:00 UTC"`, `"2024-01-15T12:30:00+02"`, `"2024-01-15T12:30:00,000 +0200"`, `"2024-01-15T10:30:00"`, "1705314600"} {
		event, err := verifierAt(webhookNow).Parse(deliver(t, nil, "msg_1", `{"id":"e","type":"t","created_at":`+text+`}`))
		if err != nil || !event.CreatedAt.Equal(want) {
			t.Errorf("%s: %+v, %v", text, event, err)
		}
	}
}

func TestParse_lenient(t *testing.T) {
	for _, c := range []struct {
		name, body string
		id         string
		typ        connix.EventType
		data       string
	}{
		{"an unknown type", `{"id":"e","type":"agent.renamed","data":{"x":[1,{"y":null}]}}`, "e", "agent.renamed", `{"x":[1,{"y":null}]}`},
		{"an unknown family", `{"id":"e","type":"billing","data":"text"}`, "e", "billing", `"text"`},
		{"a number for an id", `{"id":17,"type":"t"}`, "17", "t", ""},
		{"no id", `{"type":"t","data":null}`, "", "t", "null"},
		{"an object for an id", `{"id":{},"type":"t"}`, "", "t", ""},
		{"extra fields, other order, blanks", " {\n\t\"data\" : [ 1 , 2 ] ,\r\"v\":{\"type\":\"no\"}, \"type\":\"t\",\"id\" :\"e\"} ", "e", "t", "[ 1 , 2 ]"},
		{"escapes", `{"\u0069d":"\u00e9\"\\\ud83d\ude00","ty\u0070e":"a\/b","data":{"k\\":"\t"}}`, "é\"\\😀", "a/b", `{"k\\":"\t"}`},
		{"odd times", `{"id":"e","type":"t","created_at":"yesterday"}`, "e", "t", ""},
		{"an empty time", `{"id":"e","type":"t","created_at":""}`, "e", "t", ""},
		{"the last of two", `{"id":"e","type":"t","id":"f","data":1,"data":2}`, "f", "t", "2"},
		{"other cases", `{"ID":"E","Type":"T","type":"t","id":"e"}`, "e", "t", ""},
	} {
		event, err := verifierAt(webhookNow).Parse(deliver(t, nil, "msg_1", c.body))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if event.ID != c.id || event.Type != c.typ || string(event.Data) != c.data || !event.CreatedAt.IsZero() {
			t.Errorf("%s: %+v with %s", c.name, event, event.Data)
		}
		if agent, err := event.Agent(); event.Type != "agent.renamed" && err == nil {
			t.Errorf("%s: an agent %+v", c.name, agent)
		}
	}
}

// TestParse_refuses: the scanner has its own table; here are the kinds of body.
func TestParse_refuses(t *testing.T) {
	for _, body := range []string{
		"", " ", "null", "17", `"text"`, `[{"type":"t"}]`, "{}", `{"type":""}`, `{"type":null}`, `{"type":7}`, `{"type":{"type":"t"}}`, `{"id":"e"}`,
		`{"type":"t"`, `{"type":"t"} x`, `{"type":"t",}`, `{"type":"t","data":01}`, "\ufeff" + `{"type":"t"}`, "<html></html>", "type=t",
		`{"type":"t","data":` + strings.Repeat("[", 10001) + strings.Repeat("]", 10001) + "}",
	} {
		event, err := verifierAt(webhookNow).Parse(deliver(t, nil, "msg_1", body))
		if !errors.Is(err, connix.ErrWebhookMalformed) {
			t.Errorf("%.40q: %+v, %v", body, event, err)
		}
	}
}

// TestEvent_data: events that users build in their own tests work like those
// that came, and what cannot be read is said to be malformed.
func TestEvent_data(t *testing.T) {
	e := connix.Event{Type: connix.EventProjectCreated, Data: json.RawMessage(`{"id":123,"name":"my-ai-project","extra":true}`)}
	if project, err := e.Project(); err != nil || project.ID != "123" || project.Name != "my-ai-project" {
		t.Errorf("%+v, %v", project, err)
	}
	odd := connix.Event{Type: connix.EventAgentStopped, Data: json.RawMessage(`{"id":"agent_1","name":"n","project_id":7,"status":"dozing","created_at":"","last_activity":""}`)}
	if agent, err := odd.Agent(); err != nil || agent.ID != "agent_1" || agent.Status != "dozing" || !agent.CreatedAt.IsZero() {
		t.Errorf("empty times and an unknown status: %+v, %v", agent, err)
	}
	for _, data := range []string{"", "null", "17", `"x"`, "{", `{"name":{}}`} {
		e := connix.Event{Type: connix.EventAgentFailed, Data: json.RawMessage(data)}
		if agent, err := e.Agent(); !errors.Is(err, connix.ErrWebhookMalformed) {
			t.Errorf("%q: %+v, %v", data, agent, err)
		}
	}
	if _, err := (&connix.Event{}).Project(); err == nil || errors.Is(err, connix.ErrWebhookMalformed) {
		t.Errorf("no type: %v", err)
	}
}

// TestEvent_marshal: an Event is written in the form of the body it came from.
func TestEvent_marshal(t *testing.T) {
	in, err := verifierAt(webhookNow).Parse(deliver(t, nil, "msg_1", agentEvent))
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(in)
	if err != nil || bytes.Contains(body, []byte("msg_1")) {
		t.Fatalf("%s, %v", body, err)
	}
	out, err := verifierAt(webhookNow).Parse(deliver(t, nil, "msg_2", string(body)))
	if err != nil || out.ID != in.ID || out.Type != in.Type || !out.CreatedAt.Equal(in.CreatedAt) {
		t.Errorf("%+v, %v", out, err)
	}
}

// FuzzParse: whatever a sender that has the secret writes, Parse does not
// panic, and it accepts what encoding/json accepts and finds the same in it.
func FuzzParse(f *testing.F) {
	f.Add([]byte(agentEvent))
	f.Add([]byte(`{"\u0074ype":"t","id":-1.5e+7,"data":"\ud800\"","created_at":"2024-02-30T00:00:00Z"}`))
	f.Add([]byte(`{"type":"t","data":[[],{},"",0,-0.1E-9,true,false,null]}x`))
	f.Add([]byte("{\"type\":\"\xff\",\"data\":\"\x1f\"}"))
	v := &connix.WebhookVerifier{Secrets: []connix.Secret{webhookSecret}, Scheme: connix.SharedToken("")}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := http.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Webhook-Token", webhookSecret.Reveal())
		event, err := v.Parse(r)

		var fields map[string]json.RawMessage
		var typ, id string
		want := json.Unmarshal(body, &fields) == nil && json.Unmarshal(fields["type"], &typ) == nil && typ != ""
		if want != (err == nil) {
			t.Fatalf("%q: %v, want accepted: %v", body, err, want)
		}
		if err != nil {
			if !errors.Is(err, connix.ErrWebhookMalformed) {
				t.Errorf("%v", err)
			}
			return
		}
		if json.Unmarshal(fields["id"], &id) != nil {
			if raw := string(fields["id"]); raw != "" && strings.Contains("-0123456789", raw[:1]) {
				id = raw
			}
		}
		if event.ID != id || event.Type != connix.EventType(typ) || !bytes.Equal(event.Data, fields["data"]) {
			t.Errorf("%q: %+v, data %q", body, event, event.Data)
		}
		_, _ = event.Agent()
		_, _ = event.Project()
	})
}

// TestEvent_unmarshal: json.Unmarshal reads the same event as Parse, whatever the
// body.
func TestEvent_unmarshal(t *testing.T) {
	for _, body := range []string{
		agentEvent, `{"id":17,"type":"t"}`, `{"ID":"E","Type":"T","type":"t","id":"e"}`, `{"id":null,"type":"t","created_at":"yesterday"}`,
		`{"type":"t","created_at":1705314600,"data":{"n":9007199254740993}}`, `{"type":"t","data":null}`, `{"id":{},"type":"t","unknown":1}`,
		`{"type":""}`, `{"id":"e"}`, `{"Type":"t"}`, `[]`, `7`,
	} {
		var got connix.Event
		err := json.Unmarshal([]byte(body), &got)
		want, wantErr := verifierAt(webhookNow).Parse(deliver(t, nil, "msg_1", body))
		if wantErr != nil {
			if !errors.Is(err, connix.ErrWebhookMalformed) {
				t.Errorf("%s: %v, Parse returns %v", body, err, wantErr)
			}
			continue
		}
		want.Delivery = connix.Delivery{}
		if err != nil || !reflect.DeepEqual(&got, want) {
			t.Errorf("%s: %+v, %v; Parse reads %+v", body, got, err, want)
		}
	}
	// A used event is replaced, but for what is not in the body.
	used := connix.Event{ID: "e", Type: "t", Data: json.RawMessage("1"), Delivery: connix.Delivery{ID: "msg_1"}}
	if err := json.Unmarshal([]byte(`{"type":"u"}`), &used); err != nil || used.ID != "" || used.Type != "u" || used.Data != nil || used.Delivery.ID != "msg_1" {
		t.Errorf("%+v, %v", used, err)
	}
	var list []*connix.Event
	if err := json.Unmarshal([]byte(`[{"type":"a","data":[1]},null,{"type":"b","data":[2]}]`), &list); err != nil || len(list) != 3 || list[1] != nil || string(list[0].Data) != "[1]" {
		t.Errorf("%+v, %v", list, err)
	}
}

// TestEvent_largeNumbers: numbers above 2^53 stay as they were sent.
func TestEvent_largeNumbers(t *testing.T) {
	const body = `{"id":9007199254740993,"type":"agent.completed","data":{"id":"agent_1","project_id":9007199254740993,"metadata":{"row":9007199254740993}}}`
	event, err := verifierAt(webhookNow).Parse(deliver(t, nil, "msg_1", body))
	if err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(event)
	if err != nil || event.ID != "9007199254740993" || !strings.Contains(string(again), `{"row":9007199254740993}`) {
		t.Errorf("%s, %v", again, err)
	}
	if agent, err := event.Agent(); err != nil || agent.ProjectID != "9007199254740993" {
		t.Errorf("%+v, %v", agent, err)
	}
}
