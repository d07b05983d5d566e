package contract_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/connix-io/connix-go/contract"
)

func TestReadExchanges(t *testing.T) {
	// As the recording's writer, in another module, spells it.
	const line = `{"method":"POST","url":"/api/v1/projects","request_header":{"X-Api-Key":["k"]},"request_body":"e30=",` +
		`"status":400,"response_header":{"X-Request-Id":["r"]},"response_body":"W10=","off_contract":"no name"}` + "\n"
	want := contract.Exchange{
		Method: "POST", URL: "/api/v1/projects",
		RequestHeader: map[string][]string{"X-Api-Key": {"k"}}, RequestBody: []byte(`{}`),
		Status:         400,
		ResponseHeader: map[string][]string{"X-Request-Id": {"r"}}, ResponseBody: []byte(`[]`),
		OffContract: "no name",
	}
	again, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got []contract.Exchange
	for e, err := range contract.ReadExchanges(strings.NewReader(line + string(again) + "\n" + line)) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e)
	}
	if !reflect.DeepEqual(got, []contract.Exchange{want, want, want}) {
		t.Errorf("got %+v", got)
	}
	for e, err := range contract.ReadExchanges(strings.NewReader(line + line)) {
		if e.Method != "POST" || err != nil {
			t.Error(e, err)
		}
		break // must end it
	}
}

func TestReadExchanges_broken(t *testing.T) {
	for name, recording := range map[string]string{
		"cut":           `{"method":"GET"}` + "\n" + `{"method":"GE`,
		"unknown field": `{"method":"GET"}` + "\n" + `{"methd":"GET"}`,
		"no base64":     `{"method":"GET"}` + "\n" + `{"request_body":"{}"}`,
	} {
		t.Run(name, func(t *testing.T) {
			good, failed := 0, 0
			for _, err := range contract.ReadExchanges(strings.NewReader(recording)) {
				if err == nil {
					good++
					continue
				}
				failed++
				if !strings.Contains(err.Error(), "exchange 2") {
					t.Errorf("the error does not say which: %v", err)
				}
			}
			if good != 1 || failed != 1 {
				t.Errorf("read %d exchanges and %d errors", good, failed)
			}
		})
	}
}

func TestCheckExchange_brokenURL(t *testing.T) {
	e := list()
	e.URL = "http://[::1"
	if err := checker(t).CheckExchange(&e); err == nil {
		t.Error("passed")
	}
}
