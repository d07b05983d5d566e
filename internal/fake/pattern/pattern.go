// Package pattern says which requests are meant, by method and route: of faults
// to inject, and of requests to look for.
package pattern

import (
	"fmt"
	"strings"
)

// prefix is what stands before every route in a path.
const prefix = "/api/v1"

// Pattern is a method and a route, "" for any. Make one with [New].
type Pattern struct{ method, route string }

// New returns the pattern of a method, in any case, and of a route: a template
// such as "/projects/{id}", or a path such as "/projects/7". A route that no
// request can have is an error, and so is one that exists does not know.
func New(method, route string, exists func(route string) bool) (Pattern, error) {
	if rest, ok := strings.CutPrefix(route, prefix); ok && strings.HasPrefix(rest, "/") {
		route = rest
	}
	switch {
	case route != "" && route[0] != '/':
		return Pattern{}, fmt.Errorf("the Route %q has no leading slash: want a template such as /projects/{id}", route)
	case strings.ContainsAny(strings.ReplaceAll(route, "/{id}", ""), "{}"):
		return Pattern{}, fmt.Errorf("the Route %q is no template of the API: in those, every parameter is {id}", route)
	case !exists(route):
		return Pattern{}, fmt.Errorf("the Route %q is none of the API", route)
	}
	return Pattern{strings.ToUpper(method), route}, nil
}

// Matches reports whether a request is meant, of which template is the route's
// ("" for none) and path the path, unescaped.
func (p Pattern) Matches(method, template, path string) bool {
	return (p.method == "" || p.method == method) &&
		(p.route == "" || p.route == template || p.route == strings.TrimPrefix(path, prefix))
}
