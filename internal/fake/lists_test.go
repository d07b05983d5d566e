package fake_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/connix-io/connix-go/internal/fake/state"
	"github.com/connix-io/connix-go/internal/fake/table"
)

// listed is any list, in any dialect.
type listed struct {
	Data, Projects, Agents []struct {
		ID   json.RawMessage
		Name string
		URL  string
	}
	Pagination *struct {
		Page, Limit, Offset, Total, Pages int
		HasNext                           bool `json:"has_next"`
		HasPrev                           bool `json:"has_prev"`
	}
}

func (w *world) list(path string) listed {
	w.t.Helper()
	rec := w.do("GET", path, "")
	var l listed
	if err := json.Unmarshal(rec.Body.Bytes(), &l); rec.Code != 200 || err != nil {
		w.t.Fatalf("GET %s: status %d, %v: %s", path, rec.Code, err, rec.Body)
	}
	return l
}

// names returns the names of a list's items in one string.
func (l listed) names() string {
	var names []string
	for _, item := range slices.Concat(l.Data, l.Projects, l.Agents) {
		names = append(names, item.Name)
	}
	return strings.Join(names, " ")
}

// day returns the first moment of a day of January 2024.
func day(n int) time.Time { return time.Date(2024, 1, n, 0, 0, 0, 0, time.UTC) }

// seedProjects adds the projects that the tests of lists are about. Created on
// the days 1 to 5, but for dee and eve, which are of one moment.
func seedProjects(w *world) {
	for _, p := range []struct {
		id               state.ID
		name             string
		created, updated int
	}{
		{"1", "bob", 1, 20}, {"2", "Ann", 2, 12}, {"3", "cid", 3, 11}, {"10", "eve", 4, 11}, {"9", "dee", 4, 30},
	} {
		w.Store().AddProjects(1, func(int) state.Project {
			return state.Project{Key: table.Key{ID: p.id, Label: p.name, CreatedAt: day(p.created), UpdatedAt: day(p.updated)}}
		})
	}
}

func TestProjectLists(t *testing.T) {
	w := newWorld(t)
	seedProjects(w)
	tests := []struct{ query, want string }{
		{"", "eve dee cid Ann bob"},
		{"order=desc", "eve dee cid Ann bob"},
		{"order=asc", "bob Ann cid dee eve"},
		{"sort=created_at&order=asc", "bob Ann cid dee eve"},
		{"sort=updated_at", "dee bob Ann eve cid"},
		{"sort=updated_at&order=asc", "cid eve Ann bob dee"},
		{"sort=name&order=asc", "Ann bob cid dee eve"},
		{"sort=name", "eve dee cid bob Ann"},
		{"sort=id&order=asc", "bob Ann cid dee eve"},
		{"sort=id", "eve dee cid Ann bob"},

		{"limit=2", "eve dee"},
		{"limit=2&page=2", "cid Ann"},
		{"limit=2&page=3", "bob"},
		{"limit=2&page=4", ""},
		{"limit=100&page=9223372036854775807", ""},

		{"search=e", "eve dee"},
		{"search=E", "eve dee"},
		{"search=NN", "Ann"},
		{"search=x", ""},
		{"search=", "eve dee cid Ann bob"},
		{"status=active", "eve dee cid Ann bob"},
		{"status=disabled", ""},
		{"status=", "eve dee cid Ann bob"},

		// Bounds are exclusive, and a date is its first moment in UTC.
		{"created_after=2024-01-03", "eve dee"},
		{"created_after=2024-01-02T23:59:59.999Z", "eve dee cid"},
		{"created_after=2024-01-03T01:00:00%2B01:00", "eve dee"},
		{"created_before=2024-01-03", "Ann bob"},
		{"created_before=2024-01-03T00:00:00.000000001Z", "cid Ann bob"},
		{"created_after=2024-01-01&created_before=2024-01-04", "cid Ann"},
		{"created_after=2024-01-04&created_before=2024-01-01", ""},
		{"updated_after=2024-01-11", "dee Ann bob"},
		{"updated_before=2024-01-12", "eve cid"},
		{"updated_after=2024-01-11&sort=updated_at&order=asc", "Ann bob dee"},
		{"updated_after=2024-01-11&sort=name&order=asc", "Ann bob dee"},
		{"updated_after=2024-01-11&sort=id&order=asc&limit=1&page=2", "Ann"},
		{"created_after=2024-01-01&updated_before=2024-01-12", "eve cid"},
		{"created_after=2024-01-03&search=v", "eve"},

		{"unknown=1&name=x", "eve dee cid Ann bob"},
	}
	for _, tt := range tests {
		if got := w.list("/projects?" + tt.query).names(); got != tt.want {
			t.Errorf("?%s: %q, want %q", tt.query, got, tt.want)
		}
	}
}

func TestThePagingBlock(t *testing.T) {
	w := newWorld(t)
	check := func(query, want string) {
		t.Helper()
		p := w.list("/projects?" + query).Pagination
		if got := fmt.Sprintf("%d/%d %d of %d, next %v, prev %v", p.Page, p.Pages, p.Limit, p.Total, p.HasNext, p.HasPrev); got != want {
			t.Errorf("?%s: %s, want %s", query, got, want)
		}
	}
	check("", "1/0 20 of 0, next false, prev false")
	check("page=3", "3/0 20 of 0, next false, prev true")
	w.Store().AddProjects(41, func(int) state.Project { return state.Project{} })
	check("", "1/3 20 of 41, next true, prev false")
	check("page=2", "2/3 20 of 41, next true, prev true")
	check("page=3", "3/3 20 of 41, next false, prev true")
	check("page=4", "4/3 20 of 41, next false, prev true")
	check("limit=41", "1/1 41 of 41, next false, prev false")
	check("limit=1&page=41", "41/41 1 of 41, next false, prev true")
	check("search=project-4", "1/1 20 of 3, next false, prev false")
}

func TestAnEmptyListIsNoNull(t *testing.T) {
	w := newWorld(t)
	w.Store().AddProjects(1, func(int) state.Project { return state.Project{} })
	block := `"pagination":{"page":1,"limit":20,"total":0,"pages":0,"has_next":false,"has_prev":false}}`
	w.want("GET", "/agents", "", 200, `{"data":[],`+block)
	w.want("GET", "/webhooks", "", 200, `{"data":[],`+block)
	w.want("GET", "/projects?status=none", "", 200, `{"data":[],`+block)
	w.want("GET", "/projects/1/agents", "", 200, `{"agents":[],"pagination":{"limit":20,"offset":0,"total":0,"has_next":false,"has_prev":false}}`)
}

func TestParametersThatAreRefused(t *testing.T) {
	w := newWorld(t)
	w.Store().AddProjects(1, func(int) state.Project { return state.Project{} })
	const date = "must be a date such as 2024-01-15 or a time such as 2024-01-15T10:30:00Z"
	lists := []string{"/projects", "/agents", "/webhooks", "/auth/api-keys"}
	tests := []struct{ query, field, issue string }{
		{"page=0", "page", "must be at least 1"},
		{"page=-1", "page", "must be at least 1"},
		{"page=x", "page", "must be a whole number"},
		{"page=", "page", "must be a whole number"},
		{"page=1.5", "page", "must be a whole number"},
		{"page=%2B1", "page", "must be a whole number"},
		{"page=99999999999999999999", "page", "must be a whole number"},
		{"page=1&page=2", "page", "is given more than once"},
		{"limit=0", "limit", "must be between 1 and 100"},
		{"limit=101", "limit", "must be between 1 and 100"},
		{"sort=color", "sort", "must be created_at, updated_at, name or id"},
		{"sort=-created_at", "sort", "must be created_at, updated_at, name or id"},
		{"sort=", "sort", "must be created_at, updated_at, name or id"},
		{"order=down", "order", "must be asc or desc"},
		{"order=", "order", "must be asc or desc"},
		{"order=ASC", "order", "must be asc or desc"},
		{"created_after=yesterday", "created_after", date},
		{"created_after=", "created_after", date},
		{"created_before=2024-1-5", "created_before", date},
		{"created_before=1705314600", "created_before", date},
		{"updated_after=2024-01-15T10:30:00", "updated_after", date},
		{"updated_after=2024-01-15T10:30:00+02:00", "updated_after", date + "; a plus sign must be escaped as %2B"},
		{"updated_before=2024-02-30", "updated_before", "is no date that exists"},
		{"updated_before=2024-01-15T25:00:00Z", "updated_before", "is no date that exists"},
		{"search=%zz", "query", "is not properly escaped"},
		{"limit=0&page=0", "page", "must be at least 1"},
	}
	for _, list := range lists {
		for _, tt := range tests {
			w.want("GET", list+"?"+tt.query, "", 400, invalidJSON(tt.field, tt.issue))
		}
	}
	for _, tt := range []struct{ query, field, issue string }{
		{"limit=0", "limit", "must be between 1 and 100"},
		{"limit=101", "limit", "must be between 1 and 100"},
		{"offset=-1", "offset", "must be at least 0"},
		{"offset=x", "offset", "must be a whole number"},
		{"sort=%2Bname", "sort", "must be created_at, updated_at, name or id"},
		{"sort=--name", "sort", "must be created_at, updated_at, name or id"},
	} {
		w.want("GET", "/projects/1/agents?"+tt.query, "", 400, invalidJSON(tt.field, tt.issue))
	}
}

func TestOtherLists(t *testing.T) {
	w := newWorld(t)
	w.Store().AddProjects(2, func(int) state.Project { return state.Project{} })
	for i, a := range []state.Agent{
		{Key: table.Key{Label: "one"}, ProjectID: "1", Status: "running", Description: "reads Mail"},
		{Key: table.Key{Label: "two"}, ProjectID: "1", Status: "paused"},
		{Key: table.Key{Label: "three"}, ProjectID: "2", Status: "running", Description: "mail"},
	} {
		a.CreatedAt = day(i + 1)
		w.Store().AddAgent(a)
	}
	for i, status := range []string{"active", "disabled"} {
		w.Store().AddWebhook(state.Webhook{Key: table.Key{Label: "https://" + status + ".example/hook", CreatedAt: day(i + 1)}, Status: status})
	}
	w.Store().AddAPIKey(&state.APIKey{Key: table.Key{Label: "ci", CreatedAt: day(1)}, Description: "the builds"})
	w.Store().AddAPIKey(&state.APIKey{Key: table.Key{Label: "me", CreatedAt: day(2)}})
	tests := []struct{ path, want string }{
		{"/agents", "three two one"},
		{"/agents?sort=name&order=asc", "one three two"},
		{"/agents?status=running", "three one"},
		{"/agents?status=none", ""},
		{"/agents?search=MAIL", "three one"},
		{"/agents?search=mail&status=running&created_after=2024-01-02", "three"},
		{"/projects/1/agents", "two one"},
		{"/projects/1/agents?sort=created_at", "one two"},
		{"/projects/1/agents?sort=-name", "two one"},
		{"/projects/1/agents?sort=name&limit=1&offset=1", "two"},
		{"/projects/1/agents?offset=2", ""},
		{"/projects/1/agents?offset=9223372036854775807", ""},
		{"/projects/1/agents?status=paused", "two"},
		{"/projects/2/agents", "three"},
		{"/auth/api-keys?created_before=2024-01-10", "me ci"},
		{"/auth/api-keys?search=BUILD", "ci"},
		{"/auth/api-keys?created_before=2024-01-10&status=active", "me ci"},
		{"/auth/api-keys?status=revoked", ""},
	}
	for _, tt := range tests {
		if got := w.list(tt.path).names(); got != tt.want {
			t.Errorf("GET %s: %q, want %q", tt.path, got, tt.want)
		}
	}
	for _, tt := range []struct{ query, want string }{
		{"", "disabled active"}, {"status=active", "active"}, {"search=DISABLED.EX", "disabled"}, {"sort=name&order=asc", "active disabled"},
	} {
		var hosts []string
		for _, item := range w.list("/webhooks?" + tt.query).Data {
			u, _ := url.Parse(item.URL)
			hosts = append(hosts, strings.TrimSuffix(u.Host, ".example"))
		}
		if got := strings.Join(hosts, " "); got != tt.want {
			t.Errorf("GET /webhooks?%s: %q, want %q", tt.query, got, tt.want)
		}
	}
	p := w.list("/projects/1/agents?limit=1").Pagination
	if p.Limit != 1 || p.Offset != 0 || p.Total != 2 || !p.HasNext || p.HasPrev {
		t.Errorf("paging by offset: %+v", p)
	}
	p = w.list("/projects/1/agents?limit=1&offset=1").Pagination
	if p.Limit != 1 || p.Offset != 1 || p.Total != 2 || p.HasNext || !p.HasPrev {
		t.Errorf("paging by offset: %+v", p)
	}
	w.want("GET", "/projects/3/agents", "", 404, errorJSON("RESOURCE_NOT_FOUND", `Project \"3\" does not exist`))
}
