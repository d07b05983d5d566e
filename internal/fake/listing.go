package fake

import (
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/connix-io/connix-go/internal/fake/table"
)

// The bounds of a page's size, and the size where none is asked for.
const (
	maxLimit     = 100
	defaultLimit = 20
)

// sortFields are the fields that every list can be sorted by.
var sortFields = map[string]table.Field{
	"created_at": table.ByCreatedAt,
	"updated_at": table.ByUpdatedAt,
	"name":       table.ByLabel,
	"id":         table.ByID,
}

// query reads the parameters of a list. The first that is wrong is remembered.
type query struct {
	values url.Values
	err    error
}

func newQuery(raw string) *query {
	values, err := url.ParseQuery(raw)
	q := &query{values: values}
	if err != nil {
		q.refuse("query", "is not properly escaped")
	}
	return q
}

func (q *query) refuse(field, issue string) {
	if q.err == nil {
		q.err = badRequest(field, issue)
	}
}

// get returns a parameter. One that is given twice could be meant either way.
func (q *query) get(name string) (string, bool) {
	all := q.values[name]
	if len(all) > 1 {
		q.refuse(name, "is given more than once")
	}
	if len(all) == 0 {
		return "", false
	}
	return all[0], true
}

// text returns a parameter for which empty means absent.
func (q *query) text(name string) string {
	s, _ := q.get(name)
	return s
}

// wholeNumber is an integer as JSON writes it.
var wholeNumber = regexp.MustCompile(`^(0|-?[1-9][0-9]*)$`)

// number returns a whole number within bounds.
func (q *query) number(name string, fallback, least, most int) int {
	s, ok := q.get(name)
	if !ok {
		return fallback
	}
	n, err := strconv.Atoi(s)
	switch {
	case err != nil || !wholeNumber.MatchString(s):
		q.refuse(name, "must be a whole number")
	case n < least || n > most:
		if most == maxInt {
			q.refuse(name, fmt.Sprintf("must be at least %d", least))
		} else {
			q.refuse(name, fmt.Sprintf("must be between %d and %d", least, most))
		}
	}
	return n
}

const maxInt = int(^uint(0) >> 1)

// field returns the field to sort by.
func (q *query) field(name, s string) table.Field {
	field, ok := sortFields[s]
	if !ok {
		q.refuse(name, "must be created_at, updated_at, name or id")
	}
	return field
}

// descending returns whether to sort in descending order.
func (q *query) descending() bool {
	s, ok := q.get("order")
	if ok && s != "asc" && s != "desc" {
		q.refuse("order", "must be asc or desc")
	}
	return s != "asc"
}

var timePattern = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2}))?$`)

// moment returns a parameter that is a date, which stands for its first moment
// in UTC, or a time; nil if it is absent.
func (q *query) moment(name string) *time.Time {
	s, ok := q.get(name)
	if !ok {
		return nil
	}
	if !timePattern.MatchString(s) {
		issue := "must be a date such as 2024-01-15 or a time such as 2024-01-15T10:30:00Z"
		if strings.Contains(s, " ") {
			issue += "; a plus sign must be escaped as %2B"
		}
		q.refuse(name, issue)
		return nil
	}
	layout := time.RFC3339
	if len(s) == len(time.DateOnly) {
		layout = time.DateOnly
	}
	t, err := time.Parse(layout, s)
	if err != nil {
		q.refuse(name, "is no date that exists")
	}
	return &t
}

// pageQuery is what a list in the dialect of the overview asks for.
type pageQuery[R table.Record] struct {
	table.Query[R]
	page           int
	search, status string
}

func readPageQuery[R table.Record](raw string) (pageQuery[R], error) {
	q := newQuery(raw)
	var p pageQuery[R]
	p.page = q.number("page", 1, 1, maxInt)
	p.Limit = q.number("limit", defaultLimit, 1, maxLimit)
	sort, ok := q.get("sort")
	if !ok {
		sort = "created_at"
	}
	p.Sort = q.field("sort", sort)
	p.Descending = q.descending()
	p.search, p.status = strings.ToLower(q.text("search")), q.text("status")
	p.Created = table.Range{After: q.moment("created_after"), Before: q.moment("created_before")}
	p.Updated = table.Range{After: q.moment("updated_after"), Before: q.moment("updated_before")}
	if q.err != nil {
		return p, q.err
	}
	// A page so far out that its offset has no number is past the end as well.
	p.Offset = maxInt
	if p.page-1 <= maxInt/p.Limit {
		p.Offset = (p.page - 1) * p.Limit
	}
	return p, nil
}

// pagination is the paging block of the overview.
type pagination struct {
	Page    int  `json:"page"`
	Limit   int  `json:"limit"`
	Total   int  `json:"total"`
	Pages   int  `json:"pages"`
	HasNext bool `json:"has_next"`
	HasPrev bool `json:"has_prev"`
}

func (p pageQuery[R]) pagination(total int) *pagination {
	pages := (total + p.Limit - 1) / p.Limit
	return &pagination{Page: p.page, Limit: p.Limit, Total: total, Pages: pages, HasNext: p.page < pages, HasPrev: p.page > 1}
}

// offsetQuery is what a list in the dialect of the reference asks for.
type offsetQuery[R table.Record] struct {
	table.Query[R]
	status string
}

func readOffsetQuery[R table.Record](raw string) (offsetQuery[R], error) {
	q := newQuery(raw)
	var o offsetQuery[R]
	o.Limit = q.number("limit", defaultLimit, 1, maxLimit)
	o.Offset = q.number("offset", 0, 0, maxInt)
	sort, ok := q.get("sort")
	if !ok {
		sort = "-created_at"
	}
	sort, o.Descending = strings.CutPrefix(sort, "-")
	o.Sort = q.field("sort", sort)
	o.status = q.text("status")
	return o, q.err
}

// offsetPagination is the paging block of the reference.
type offsetPagination struct {
	Limit   int  `json:"limit"`
	Offset  int  `json:"offset"`
	Total   int  `json:"total"`
	HasNext bool `json:"has_next"`
	HasPrev bool `json:"has_prev"`
}

func (o offsetQuery[R]) pagination(total int) *offsetPagination {
	return &offsetPagination{Limit: o.Limit, Offset: o.Offset, Total: total,
		HasNext: o.Offset < total-o.Limit, HasPrev: o.Offset > 0}
}

// list is the response of a list, under its overview name.
type list struct {
	Data       any `json:"data"`
	Pagination any `json:"pagination,omitempty"`
}

// matchesText reports whether any of the texts holds what is searched for, which
// is in lower case, whatever their own case is.
func matchesText(search string, texts ...string) bool {
	for _, t := range texts {
		if strings.Contains(strings.ToLower(t), search) {
			return true
		}
	}
	return false
}

// wires turns records into what is written of them. An empty list is [], not
// null.
func wires[R, W any](records []R, wire func(R) W) []W {
	all := make([]W, len(records))
	for i, r := range records {
		all[i] = wire(r)
	}
	return all
}
