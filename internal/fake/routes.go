package fake

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/connix-io/connix-go/internal/fake/state"
)

const prefix = "/api/v1"

// route is one method of one path.
type route struct {
	method, path string
	scope        string // "": none is needed
	open         bool   // no credential is needed
	body         bool   // a JSON object is read
	handle       func(*call) (response, error)
}

// routes is the whole API.
var routes = []route{
	{method: "GET", path: "/hello", handle: hello},
	{method: "GET", path: "/status", handle: status},
	{method: "GET", path: "/docs", open: true, handle: docs},

	{method: "POST", path: "/projects", scope: state.ScopeProjectsWrite, body: true, handle: createProject},
	{method: "GET", path: "/projects", scope: state.ScopeProjectsRead, handle: listProjects},
	{method: "GET", path: "/projects/{id}", scope: state.ScopeProjectsRead, handle: getProject},
	{method: "PATCH", path: "/projects/{id}", scope: state.ScopeProjectsWrite, body: true, handle: updateProject},
	{method: "DELETE", path: "/projects/{id}", scope: state.ScopeProjectsWrite, handle: deleteProject},

	{method: "POST", path: "/agents", scope: state.ScopeAgentsWrite, body: true, handle: launchAgent},
	{method: "GET", path: "/agents", scope: state.ScopeAgentsRead, handle: listAgents},
	{method: "GET", path: "/agents/{id}", scope: state.ScopeAgentsRead, handle: getAgent},
	{method: "POST", path: "/agents/{id}/stop", scope: state.ScopeAgentsWrite, handle: stopAgent},
	{method: "GET", path: "/projects/{id}/agents", scope: state.ScopeAgentsRead, handle: listProjectAgents},

	{method: "POST", path: "/webhooks", scope: state.ScopeWebhooksWrite, body: true, handle: createWebhook},
	{method: "GET", path: "/webhooks", scope: state.ScopeWebhooksRead, handle: listWebhooks},
	{method: "GET", path: "/webhooks/{id}", scope: state.ScopeWebhooksRead, handle: getWebhook},
	{method: "PATCH", path: "/webhooks/{id}", scope: state.ScopeWebhooksWrite, body: true, handle: updateWebhook},
	{method: "DELETE", path: "/webhooks/{id}", scope: state.ScopeWebhooksWrite, handle: deleteWebhook},

	{method: "POST", path: "/auth/api-keys", scope: state.ScopeAPIKeysWrite, body: true, handle: createAPIKey},
	{method: "GET", path: "/auth/api-keys", scope: state.ScopeAPIKeysRead, handle: listAPIKeys},
	{method: "GET", path: "/auth/api-keys/{id}", scope: state.ScopeAPIKeysRead, handle: getAPIKey},
	{method: "DELETE", path: "/auth/api-keys/{id}", scope: state.ScopeAPIKeysWrite, handle: revokeAPIKey},
}

// Routes returns each method and template of the API, such as "GET /projects/{id}".
func Routes() []string {
	all := make([]string, len(routes))
	for i, r := range routes {
		all[i] = r.method + " " + r.path
	}
	return all
}

// templates are the paths of the routes, split, each once.
var templates = func() (all [][]string) {
	for _, r := range routes {
		t := strings.Split(r.path[1:], "/")
		if !slices.ContainsFunc(all, func(other []string) bool { return slices.Equal(t, other) }) {
			all = append(all, t)
		}
	}
	return all
}()

// Route returns the template of a request's path without the prefix, such as
// "/projects/{id}", or the path itself where the API has none like it.
func Route(r *http.Request) string {
	template, _ := match(r)
	if template == "" {
		return strings.TrimPrefix(r.URL.Path, prefix)
	}
	return template
}

// HasRoute reports whether the API or the authorization server serves a route: a
// template such as "/projects/{id}", or an unescaped path such as "/projects/7", with
// the prefix /api/v1 or without it. "" stands for any route.
func HasRoute(route string) bool {
	if route == "" || route == oauthPrefix+"authorize" || route == oauthPrefix+"token" {
		return true
	}
	path := strings.TrimPrefix(route, prefix)
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for _, t := range templates {
		if couldMatch(t, segments) {
			return true
		}
	}
	return false
}

// couldMatch reports whether segments fit a template. An id with a slash in it is more
// than one segment, which is told from another route only where something follows.
func couldMatch(template, segments []string) bool {
	at := slices.Index(template, "{id}")
	if at < 0 {
		return slices.Equal(template, segments)
	}
	after := len(template) - at - 1
	if len(segments) < len(template) || len(segments) > len(template) && after == 0 {
		return false
	}
	return slices.Equal(template[:at], segments[:at]) && segments[at] != "" &&
		slices.Equal(template[at+1:], segments[len(segments)-after:])
}

// match returns the template of a request's path and the id in it, or "" for a
// path that the API does not have.
func match(r *http.Request) (template string, id state.ID) {
	path, ok := strings.CutPrefix(r.URL.EscapedPath(), prefix+"/")
	if !ok {
		return "", ""
	}
	// The path is split before it is unescaped: a slash within an id is a part
	// of it.
	segments := strings.Split(path, "/")
	for i, s := range segments {
		segments[i], _ = url.PathUnescape(s) // EscapedPath has escaped it well
	}
	for _, t := range templates {
		if id, ok := matches(t, segments); ok {
			return "/" + strings.Join(t, "/"), id
		}
	}
	return "", ""
}

func matches(template, segments []string) (id state.ID, ok bool) {
	if len(template) != len(segments) {
		return "", false
	}
	for i, t := range template {
		switch {
		case t == "{id}" && segments[i] != "":
			id = state.ID(segments[i])
		case t != segments[i]:
			return "", false
		}
	}
	return id, true
}

// find returns the route for a method of a template, nil for none, and the
// methods that there are. GET stands for HEAD too.
func find(method, template string) (found *route, allowed []string) {
	for i, r := range routes {
		if r.path != template {
			continue
		}
		allowed = append(allowed, r.method)
		if r.method == http.MethodGet {
			allowed = append(allowed, http.MethodHead)
		}
		if r.method == method || r.method == http.MethodGet && method == http.MethodHead {
			found = &routes[i]
		}
	}
	slices.Sort(allowed)
	return found, allowed
}
