package contract_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/connix-io/connix-go/contract"
)

func TestNew_invalidDocument(t *testing.T) {
	good := string(document(t))
	for _, tc := range []struct{ name, document, want string }{
		{"no document", "", "contract:"},
		{"broken JSON", good[:len(good)-10], "reading the document"},
		{"broken reference", strings.Replace(good, "#/components/schemas/Hello\"", "#/components/schemas/Hallo\"", 1), "reading the document"},
		{"no version", strings.Replace(good, `"openapi": "3.0.3"`, `"openapi": ""`, 1), "invalid"},
		{"example that does not fit", strings.Replace(good, `"project_id": 123`, `"project_id": true`, 1), "invalid"},
		{"operation without an id", strings.Replace(good, `"operationId": "hello",`, "", 1), "no operationId"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.document == good {
				t.Fatal("nothing was changed")
			}
			_, err := contract.New([]byte(tc.document))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error that says %q", err, tc.want)
			}
		})
	}
}

// example is a response or a request body that the document prints.
type example struct {
	operation, method, path, query string
	request, response              string
	status                         int
	sender                         string // who sends the answer, "" for the API
}

// examples reads them all; an operation has one for each of its responses.
func examples(t testing.TB) (out []example) {
	type content map[string]struct {
		Example  json.RawMessage
		Examples map[string]struct{ Value json.RawMessage }
	}
	type response struct {
		Ref     string `json:"$ref"`
		Sender  string `json:"x-connix-sender"`
		Content content
	}
	var doc struct {
		Paths      map[string]map[string]json.RawMessage
		Components struct {
			Responses  map[string]response
			Parameters map[string]struct {
				Name, In string
				Example  any
			}
		}
	}
	if err := json.Unmarshal(document(t), &doc); err != nil {
		t.Fatal(err)
	}
	bodies := func(c content) (all []string) {
		media := c["application/json"]
		if media.Example != nil {
			all = append(all, string(media.Example))
		}
		for _, one := range media.Examples {
			all = append(all, string(one.Value))
		}
		return all
	}
	for path, item := range doc.Paths {
		for method, raw := range item {
			if method == "parameters" {
				continue
			}
			var op struct {
				OperationID string
				Parameters  []struct {
					Ref string `json:"$ref"`
				}
				RequestBody struct{ Content content }
				Responses   map[string]response
			}
			if err := json.Unmarshal(raw, &op); err != nil {
				t.Fatal(err)
			}
			e := example{operation: op.OperationID, method: strings.ToUpper(method), path: strings.ReplaceAll(path, "{id}", "123")}
			if requests := bodies(op.RequestBody.Content); len(requests) > 0 {
				e.request = requests[0]
			}
			for _, ref := range op.Parameters {
				p := doc.Components.Parameters[strings.TrimPrefix(ref.Ref, "#/components/parameters/")]
				if value, err := json.Marshal(p.Example); err == nil && p.In == "query" {
					e.query += "&" + p.Name + "=" + strings.Trim(string(value), `"`)
				}
			}
			for code, a := range op.Responses {
				if name, found := strings.CutPrefix(a.Ref, "#/components/responses/"); found {
					a = doc.Components.Responses[name]
				}
				e.status, _ = strconv.Atoi(code)
				e.sender = a.Sender
				responses := bodies(a.Content)
				if len(responses) == 0 {
					responses = []string{""}
				}
				for _, e.response = range responses {
					out = append(out, e)
				}
			}
		}
	}
	return out
}

// TestChecker_documentedExamples plays every example of the document, with every query
// parameter of its operation, as one exchange: all of them keep the contract,
// and together they call every operation.
func TestChecker_documentedExamples(t *testing.T) {
	var played []contract.Exchange
	for _, one := range examples(t) {
		e := exchange(one.method, "", one.request, one.status, one.response)
		e.URL = one.path + "?" + strings.TrimPrefix(one.query, "&")
		if one.status == http.StatusBadGateway || one.status == http.StatusGatewayTimeout {
			e.ResponseHeader = nil
		}
		var failure struct {
			Error struct {
				RequestID string `json:"request_id"`
			}
		}
		if json.Unmarshal([]byte(one.response), &failure) == nil && failure.Error.RequestID != "" {
			e.RequestHeader.Set("X-Request-Id", failure.Error.RequestID)
			e.ResponseHeader.Set("X-Request-Id", failure.Error.RequestID)
		}
		if err := checker(t).CheckExchange(&e); err != nil {
			t.Errorf("%s, %d: %v", one.operation, one.status, err)
		}
		played = append(played, e)
	}
	if len(played) < 200 {
		t.Errorf("only %d examples were found", len(played))
	}
	if missing := checker(t).Missing(played); len(missing) > 0 {
		t.Errorf("no example calls %v", missing)
	}
}

func TestChecker_missing(t *testing.T) {
	all := checker(t).Operations()
	if len(all) != 22 || !slices.IsSorted(all) {
		t.Fatalf("%d operations: %v", len(all), all)
	}
	if got := checker(t).Missing(nil); !slices.Equal(got, all) {
		t.Errorf("without an exchange, got %v", got)
	}
	failed := exchange("GET", "/projects/1", "", 404, failure("RESOURCE_NOT_FOUND"))
	unknown := exchange("GET", "/nothing", "", 200, "")
	broken := exchange("GET", "/hello", "", 200, "")
	broken.URL = "::"
	got := checker(t).Missing([]contract.Exchange{list(), create(), failed, unknown, broken})
	want := slices.DeleteFunc(all, func(id string) bool { return id == "listProjects" || id == "createProject" })
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// TestChecker_concurrentUse is for the race detector.
func TestChecker_concurrentUse(t *testing.T) {
	c := checker(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				good, bad := list(), create()
				bad.ResponseBody = []byte("{}")
				if err := c.CheckExchange(&good); err != nil {
					t.Error(err)
				}
				if c.CheckExchange(&bad) == nil {
					t.Error("a violation passed")
				}
			}
		})
	}
	wg.Wait()
}
