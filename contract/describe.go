package contract

import (
	"errors"
	"fmt"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
)

// describe returns one line for each error of the validator: the place and the
// rule. It leaves out the value, which may be a secret, and the schema, which may be
// long.
func describe(err error) []string {
	if err == nil {
		return nil
	}
	if many, ok := level[openapi3.MultiError](err); ok {
		var lines []string
		for _, one := range many {
			lines = append(lines, describe(one)...)
		}
		return lines
	}
	if e, ok := level[*openapi3filter.RequestError](err); ok {
		switch {
		case e.Parameter != nil:
			return prefix(fmt.Sprintf("%s parameter %q", e.Parameter.In, e.Parameter.Name), e.Reason, e.Err)
		case e.RequestBody != nil:
			return prefix("body", e.Reason, e.Err)
		}
		return prefix("", e.Reason, e.Err)
	}
	if e, ok := level[*openapi3filter.ResponseError](err); ok {
		return prefix("", e.Reason, e.Err)
	}
	if e, ok := level[*openapi3filter.SecurityRequirementsError](err); ok {
		var lines []string
		for _, one := range e.Errors {
			lines = append(lines, one.Error())
		}
		return []string{"no credential: " + strings.Join(lines, ", ")}
	}
	if e, ok := level[*openapi3.SchemaError](err); ok {
		return describeSchema(e)
	}
	if e, ok := errors.AsType[*openapi3filter.ParseError](err); ok && e.Reason != "" {
		return []string{e.Reason}
	}
	return []string{err.Error()}
}

// level is errors.AsType without unwrapping. The errors are a tree, and describe
// needs each of its levels.
func level[T error](err error) (T, bool) {
	e, ok := any(err).(T)
	return e, ok
}

func describeSchema(e *openapi3.SchemaError) []string {
	place := strings.Join(e.JSONPointer(), "/")
	if place != "" {
		place = "/" + place
	}
	// The value fits none of several schemas: list the reason of each.
	if inner, ok := errors.AsType[openapi3.MultiError](e.Origin); ok && len(inner) > 0 {
		said := make([]string, len(inner))
		for i, one := range inner {
			said[i] = strings.Join(describe(one), ", ")
		}
		return []string{join(place, e.Reason) + " (" + strings.Join(said, " | ") + ")"}
	}
	reason := e.Reason
	if reason == "" {
		reason = "does not fit the schema's " + e.SchemaField
	}
	return []string{join(place, reason)}
}

func prefix(what, reason string, err error) []string {
	if err == nil {
		return []string{join(what, reason)}
	}
	if reason == err.Error() {
		reason = ""
	}
	lines := describe(err)
	for i, line := range lines {
		lines[i] = join(what, join(reason, line))
	}
	return lines
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + ": " + b
}
