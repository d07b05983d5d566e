// Package openapi holds the OpenAPI document of the Connix API. openapi.yaml is
// written by hand, openapi.json is made from it and is what the program embeds.
package openapi

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
)

//go:generate go -C ../../contract run ./cmd/openapijson ../internal/openapi/openapi.yaml ../internal/openapi/openapi.json

//go:embed openapi.json
var document string

// JSON returns the document: OpenAPI 3.0.3, indented, in the order of the YAML.
// Each call returns a copy that the caller may change.
func JSON() []byte { return []byte(document) }

// At returns the document as a server serves it, of which origin is scheme, host and
// port: the server comes first, before the API's own, and its authorization endpoints
// take the place of the API's if it has an authorization server. So what is made from
// the document talks to this server.
func At(origin string, authorizes bool) ([]byte, error) {
	const servers, console = `"servers": [`, "https://console.connix.io/oauth2/"
	server, err := json.Marshal(map[string]string{"url": origin, "description": "The server that sent this document."})
	if err != nil {
		return nil, err
	}
	text := strings.Replace(document, servers, servers+string(server)+",", 1)
	if authorizes {
		quoted, err := json.Marshal(origin)
		if err != nil {
			return nil, err
		}
		text = strings.ReplaceAll(text, console, string(quoted[1:len(quoted)-1])+"/oauth2/")
	}
	var out bytes.Buffer
	if err := json.Indent(&out, []byte(text), "", "  "); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// Operation is one method of one path of the document.
type Operation struct {
	// ID is the operationId, such as "createProject".
	ID string
	// Method is in upper case.
	Method string
	// Path is the template as the document writes it, prefix included, such as
	// "/api/v1/projects/{id}". net/http.ServeMux patterns are written the same.
	Path string
	// Status is the documented success, such as 201.
	Status int
	// Assumed reports whether the API overview leaves the operation out.
	Assumed bool
}

// Operations returns every operation of the document, sorted by path and then
// by method. Each call returns a new slice.
func Operations() []Operation { return slices.Clone(operations()) }

var operations = sync.OnceValue(func() []Operation {
	var doc struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal([]byte(document), &doc); err != nil {
		panic(fmt.Sprintf("openapi: the embedded document: %v", err)) // a test reads it
	}
	var all []Operation
	for path, item := range doc.Paths {
		for method, raw := range item {
			if method == "parameters" {
				continue
			}
			all = append(all, readOperation(method, path, raw))
		}
	}
	slices.SortFunc(all, func(a, b Operation) int {
		if c := strings.Compare(a.Path, b.Path); c != 0 {
			return c
		}
		return strings.Compare(a.Method, b.Method)
	})
	return all
})

func readOperation(method, path string, raw json.RawMessage) Operation {
	var op struct {
		ID        string                  `json:"operationId"`
		Assumed   any                     `json:"x-connix-assumed"`
		Responses map[int]json.RawMessage `json:"responses"`
	}
	if err := json.Unmarshal(raw, &op); err != nil {
		panic(fmt.Sprintf("openapi: %s %s of the embedded document: %v", method, path, err))
	}
	// A mark that is an object covers parts of the operation only.
	_, partly := op.Assumed.(map[string]any)
	out := Operation{ID: op.ID, Method: strings.ToUpper(method), Path: path, Assumed: op.Assumed != nil && !partly}
	for status := range op.Responses {
		if status/100 == 2 {
			out.Status = status
		}
	}
	return out
}
