package contract

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
)

// closeSchemas forbids, in memory, the fields that a schema does not mention. The
// document leaves its objects open, so that clients accept new fields; a test must
// notice every field. A schema with additionalProperties stays as it is.
func closeSchemas(doc *openapi3.T) {
	seen := make(map[*openapi3.Schema]bool)
	for _, ref := range doc.Components.Schemas {
		closeSchema(ref, seen)
	}
	for _, item := range doc.Paths.Map() {
		for _, operation := range item.Operations() {
			if body := operation.RequestBody; body != nil {
				closeContent(body.Value.Content, seen)
			}
			for _, response := range operation.Responses.Map() {
				closeContent(response.Value.Content, seen)
			}
		}
	}
}

func closeContent(content openapi3.Content, seen map[*openapi3.Schema]bool) {
	for _, media := range content {
		closeSchema(media.Schema, seen)
	}
}

func closeSchema(ref *openapi3.SchemaRef, seen map[*openapi3.Schema]bool) {
	if ref == nil || ref.Value == nil || seen[ref.Value] {
		return
	}
	schema := ref.Value
	seen[schema] = true
	extra := &schema.AdditionalProperties
	if schema.Type.Is("object") && extra.Has == nil && extra.Schema == nil {
		extra.Has = new(false)
	}
	closeSchema(extra.Schema, seen)
	closeSchema(schema.Items, seen)
	closeSchema(schema.Not, seen)
	for _, part := range slices.Concat(schema.OneOf, schema.AnyOf, schema.AllOf) {
		closeSchema(part, seen)
	}
	for _, property := range schema.Properties {
		closeSchema(property, seen)
	}
}

// unrouted returns the route of requests that no operation matches. The response to
// one must be an error that some operation documents.
func unrouted(doc *openapi3.T) *routers.Route {
	responses := &openapi3.Responses{}
	for _, item := range doc.Paths.Map() {
		for _, operation := range item.Operations() {
			for code, response := range operation.Responses.Map() {
				if status, err := parseStatus(code); err == nil && status >= http.StatusBadRequest {
					responses.Set(code, response)
				}
			}
		}
	}
	return &routers.Route{Spec: doc, PathItem: &openapi3.PathItem{}, Operation: &openapi3.Operation{Responses: responses}}
}

// parseStatus returns an error for "default" and for ranges such as "4XX".
func parseStatus(code string) (int, error) { return strconv.Atoi(code) }
