package connix_test

import (
	"encoding/json"
	"math"
	"net/url"
	"strings"
	"testing"

	"github.com/connix-io/connix-go"
)

// Ids are read as numbers or strings, and written back as what they were.
func TestID_json(t *testing.T) {
	for _, c := range []struct {
		json string
		want connix.ID
		back string // "": as it was
	}{
		{`123`, "123", ""},
		{`0`, "0", ""},
		{`"agent_5f2c"`, "agent_5f2c", ""},
		{`"123"`, "123", `123`}, // text of digits is a number to the API
		{`"007"`, "007", ""},
		{`"00"`, "00", ""},
		{`"-1"`, "-1", ""},
		{`"1.5"`, "1.5", ""},
		{`"1e3"`, "1e3", ""},
		{`"١٢٣"`, "١٢٣", ""}, // digits, but not JSON's
		{`""`, "", `null`},
		{`null`, "", ""},
		{`123456789012345678901234567890`, "123456789012345678901234567890", ""}, // more than any integer holds
		{`-1`, "-1", `"-1"`},
		{`1.50`, "1.50", `"1.50"`},
		{`1E3`, "1E3", `"1E3"`},
		{`"\u0061\"\\\n"`, "a\"\\\n", `"a\"\\\n"`},
		{`"ünï/cödé"`, "ünï/cödé", ""},
		{"\n 7 ", "7", "7"},
	} {
		var got struct{ ID connix.ID }
		got.ID = "before"
		if err := json.Unmarshal([]byte(`{"ID":`+c.json+`}`), &got); err != nil {
			t.Errorf("%s: %v", c.json, err)
			continue
		}
		equal(t, c.json, got.ID, c.want)
		back := c.back
		if back == "" {
			back = c.json
		}
		equalJSON(t, c.json+" written", must(json.Marshal(got.ID))(t), back)
		if back[0] != '"' && string(must(json.Marshal(got.ID))(t)) != back {
			t.Errorf("%s is written as %s", c.json, must(json.Marshal(got.ID))(t))
		}
	}
	for _, bad := range []string{`true`, `{}`, `[]`, `[1]`, `{"id":1}`} {
		id := connix.ID("before")
		if err := json.Unmarshal([]byte(bad), &id); err == nil || id != "before" {
			t.Errorf("%s is read as %q, %v", bad, id, err)
		}
	}
	// Called by hand, with what the JSON package would never pass.
	for _, bad := range []string{``, ` `, `"`, `"a`, `tru`, `nul`, `-`, `01`, `1x`, `"\x"`} {
		if err := new(connix.ID).UnmarshalJSON([]byte(bad)); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}

func TestID_text(t *testing.T) {
	for n, want := range map[int64]connix.ID{0: "0", 123: "123", -1: "-1", math.MaxInt64: "9223372036854775807"} {
		equal(t, "IntID", connix.IntID(n), want)
		equal(t, "text", connix.IntID(n).String(), string(want))
	}
	values := url.Values{}
	for key, id := range map[string]connix.ID{"a": "123", "b": "", "c": "x&y"} {
		if err := id.EncodeValues(key, &values); err != nil {
			t.Error(err)
		}
	}
	equal(t, "query", values.Encode(), "a=123&c=x%26y")
}

// As keys of a map, and where a field may be left out, an ID is as convenient
// as a string.
func TestID_inStructs(t *testing.T) {
	type form struct {
		Parent connix.ID            `json:"parent,omitempty"`
		Seen   map[connix.ID]string `json:"seen,omitempty"`
		Many   []connix.ID          `json:"many,omitempty"`
	}
	equalJSON(t, "empty", must(json.Marshal(form{}))(t), `{}`)
	full := form{Parent: "1", Seen: map[connix.ID]string{"2": "two", "wh_3": "three"}, Many: []connix.ID{"4", "a", ""}}
	text := must(json.Marshal(full))(t)
	equalJSON(t, "full", text, `{"parent":1,"seen":{"2":"two","wh_3":"three"},"many":[4,"a",null]}`)
	var back form
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	equal(t, "read back", back, full)
}

// Whatever JSON an id is written as, it is read or refused; what is read is
// written as JSON that is read as the same id.
func FuzzID(f *testing.F) {
	for _, seed := range []string{`123`, `"agent_5f2c"`, `"007"`, `""`, `null`, `-0`, `1e999`, `"\ud800"`, `"\u0000"`, `{}`, `0`, ` 7`, "\"\xff\""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var id connix.ID
		if json.Unmarshal([]byte(text), &id) != nil {
			return
		}
		written, err := json.Marshal(id)
		if err != nil || !json.Valid(written) {
			t.Fatalf("%q, read from %q, is written as %q, %v", id, text, written, err)
		}
		var again connix.ID
		if err := json.Unmarshal(written, &again); err != nil || again != id && strings.ToValidUTF8(string(id), "\ufffd") != string(again) {
			t.Errorf("%q, read from %q, is read again from %s as %q, %v", id, text, written, again, err)
		}
		if trimmed := strings.TrimSpace(text); strings.Trim(trimmed, "0123456789") == "" && (trimmed == "0" || trimmed[0] != '0') && string(written) != trimmed {
			t.Errorf("the number %s is written as %s", trimmed, written)
		}
	})
}
