package connix_test

import (
	"context"
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
)

// seed is an object to put on a server, of whatever kind a list has.
type seed struct {
	name, description string
	status            connix.Status
	created, updated  time.Time
}

// list is one list of the API without the type of its items, of which only the
// ids matter here.
type list struct {
	name, path, envelope string
	offsets              bool // it pages by offset
	described            bool // its items have a description
	add                  func(*connixtest.Server, seed) connix.ID
	list                 func(context.Context, *connix.Client, *connix.ListOptions, ...connix.CallOption) (connix.Page[connix.ID], error)
	all                  func(context.Context, *connix.Client, *connix.ListOptions, ...connix.CallOption) iter.Seq2[connix.ID, error]
	pages                func(context.Context, *connix.Client, *connix.ListOptions, ...connix.CallOption) iter.Seq2[connix.Page[connix.ID], error]
}

// lists are all of the API's. The project of the last has the id 1.
var lists = []list{
	listOf(list{
		name: "projects", path: "/api/v1/projects", envelope: "projects",
		add: func(srv *connixtest.Server, s seed) connix.ID {
			return srv.AddProject(connix.Project{Name: s.name, CreatedAt: s.created, UpdatedAt: s.updated}).ID
		},
	}, func(c *connix.Client) service[connix.Project, connix.ListProjectsOptions] { return c.Projects },
		func(o connix.ListOptions) connix.ListProjectsOptions {
			return connix.ListProjectsOptions{ListOptions: o}
		},
		func(p connix.Project) connix.ID { return p.ID }),

	listOf(list{name: "agents", path: "/api/v1/agents", envelope: "agents", described: true, add: addAgent},
		func(c *connix.Client) service[connix.Agent, connix.ListAgentsOptions] { return c.Agents },
		func(o connix.ListOptions) connix.ListAgentsOptions { return connix.ListAgentsOptions{ListOptions: o} },
		func(a connix.Agent) connix.ID { return a.ID }),

	listOf(list{
		name: "webhooks", path: "/api/v1/webhooks", envelope: "webhooks",
		add: func(srv *connixtest.Server, s seed) connix.ID {
			return srv.AddWebhook(connix.Webhook{
				URL: "https://example.com/" + s.name, Status: s.status, CreatedAt: s.created, UpdatedAt: s.updated,
				Events: []connix.EventType{connix.EventAgentFailed},
			}, "a-secret").ID
		},
	}, func(c *connix.Client) service[connix.Webhook, connix.ListWebhooksOptions] { return c.Webhooks },
		func(o connix.ListOptions) connix.ListWebhooksOptions {
			return connix.ListWebhooksOptions{ListOptions: o}
		},
		func(w connix.Webhook) connix.ID { return w.ID }),

	listOf(list{
		name: "API keys", path: "/api/v1/auth/api-keys", envelope: "api_keys", described: true,
		add: func(srv *connixtest.Server, s seed) connix.ID {
			return srv.AddAPIKey(connix.APIKey{Name: s.name, Description: s.description, CreatedAt: s.created}).ID
		},
	}, func(c *connix.Client) service[connix.APIKey, connix.ListAPIKeysOptions] { return c.APIKeys },
		func(o connix.ListOptions) connix.ListAPIKeysOptions {
			return connix.ListAPIKeysOptions{ListOptions: o}
		},
		func(k connix.APIKey) connix.ID { return k.ID }),

	listOf(list{name: "agents of a project", path: "/api/v1/projects/1/agents", envelope: "agents", offsets: true, described: true, add: addAgent},
		func(c *connix.Client) service[connix.Agent, connix.ListAgentsOptions] { return ofProject{c.Agents} },
		func(o connix.ListOptions) connix.ListAgentsOptions { return connix.ListAgentsOptions{ListOptions: o} },
		func(a connix.Agent) connix.ID { return a.ID }),
}

// addAgent adds agents to the project that fill has made.
func addAgent(srv *connixtest.Server, s seed) connix.ID {
	return srv.AddAgent(connix.Agent{
		Name: s.name, Description: s.description, ProjectID: "1", Status: s.status, CreatedAt: s.created, UpdatedAt: s.updated,
	}).ID
}

// ofProject is the agents of the project 1.
type ofProject struct{ *connix.AgentsService }

func (ofProject) in(o *connix.ListAgentsOptions) *connix.ListAgentsOptions {
	if o == nil {
		return &connix.ListAgentsOptions{ProjectID: "1"}
	}
	return &connix.ListAgentsOptions{ProjectID: "1", ListOptions: o.ListOptions}
}

func (s ofProject) List(ctx context.Context, o *connix.ListAgentsOptions, opts ...connix.CallOption) (*connix.Page[connix.Agent], error) {
	return s.AgentsService.List(ctx, s.in(o), opts...)
}

func (s ofProject) All(ctx context.Context, o *connix.ListAgentsOptions, opts ...connix.CallOption) iter.Seq2[connix.Agent, error] {
	return s.AgentsService.All(ctx, s.in(o), opts...)
}

func (s ofProject) Pages(ctx context.Context, o *connix.ListAgentsOptions, opts ...connix.CallOption) iter.Seq2[*connix.Page[connix.Agent], error] {
	return s.AgentsService.Pages(ctx, s.in(o), opts...)
}

// service is what every service has, with the type of its items and options.
type service[T, O any] interface {
	List(context.Context, *O, ...connix.CallOption) (*connix.Page[T], error)
	All(context.Context, *O, ...connix.CallOption) iter.Seq2[T, error]
	Pages(context.Context, *O, ...connix.CallOption) iter.Seq2[*connix.Page[T], error]
}

// listOf adds to l the methods of a service.
func listOf[T, O any](l list, of func(*connix.Client) service[T, O], wrap func(connix.ListOptions) O, id func(T) connix.ID) list {
	options := func(o *connix.ListOptions) *O {
		if o == nil {
			return nil
		}
		return new(wrap(*o))
	}
	ids := func(page *connix.Page[T]) (out connix.Page[connix.ID]) {
		if page == nil {
			return out
		}
		out.Pagination = page.Pagination
		for _, item := range page.Items {
			out.Items = append(out.Items, id(item))
		}
		return out
	}
	l.list = func(ctx context.Context, c *connix.Client, o *connix.ListOptions, opts ...connix.CallOption) (connix.Page[connix.ID], error) {
		page, err := of(c).List(ctx, options(o), opts...)
		return ids(page), err
	}
	l.all = func(ctx context.Context, c *connix.Client, o *connix.ListOptions, opts ...connix.CallOption) iter.Seq2[connix.ID, error] {
		items := of(c).All(ctx, options(o), opts...)
		return func(yield func(connix.ID, error) bool) {
			for item, err := range items {
				if !yield(id(item), err) {
					return
				}
			}
		}
	}
	l.pages = func(ctx context.Context, c *connix.Client, o *connix.ListOptions, opts ...connix.CallOption) iter.Seq2[connix.Page[connix.ID], error] {
		pages := of(c).Pages(ctx, options(o), opts...)
		return func(yield func(connix.Page[connix.ID], error) bool) {
			for page, err := range pages {
				if !yield(ids(page), err) {
					return
				}
			}
		}
	}
	return l
}

// filled is a server whose list holds some items.
type filled struct {
	*connixtest.Server
	ids  []connix.ID // newest first
	sent int         // requests that filling it took
}

// fill starts a server whose list holds n items, each a minute older than the
// one before it. The server's own key is one of the API keys.
func (l list) fill(t testing.TB, n int, opts ...any) *filled {
	t.Helper()
	srv := newServer(t, opts...)
	if l.envelope == "agents" {
		srv.AddProject(connix.Project{ID: "1"})
	}
	f := &filled{Server: srv}
	if l.envelope == "api_keys" {
		page := must(l.list(t.Context(), srv.Client(t), nil))(t)
		f.ids, f.sent = page.Items, 1
		n = max(n-1, 0)
	}
	for i := range n {
		f.ids = append(f.ids, l.add(srv, seed{name: fmt.Sprintf("item-%d", i), created: overviewTime.Add(-time.Duration(i) * time.Minute)}))
	}
	return f
}

// queries returns the queries of the requests since the server was filled.
func (f *filled) queries() []string {
	var out []string
	for _, r := range f.Requests()[f.sent:] {
		out = append(out, r.Query)
	}
	return out
}
