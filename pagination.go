package connix

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/connix-io/connix-go/internal/paging"
)

// Page is one page of a list.
type Page[T any] struct {
	Items []T
	// Pagination is zero where the answer has no such block.
	Pagination Pagination
}

// Pagination is a page's place in its list.
type Pagination struct {
	// Page counts from 1, Limit is the most items of a page.
	Page, Limit int
	// Total counts the items, Pages the pages of the whole list.
	Total, Pages     int
	HasNext, HasPrev bool
}

// Order is the direction of a list.
type Order string

// The directions. The server's default is Descending.
const (
	Ascending  Order = "asc"
	Descending Order = "desc"
)

// ListOptions selects and orders the items of a list; every zero field is left
// to the server. The API overview documents them as common to its lists.
type ListOptions struct {
	// Page counts from 1 (the server's default); iterators start there.
	Page int
	// Limit is the most items of a page: 20 by default and 100 at most on the
	// server. Iterators ask for 100 where it is 0.
	Limit int
	// Sort names a field, "created_at" by default; Order its direction,
	// Descending by default.
	Sort  string
	Order Order
	// Search looks for text in names and descriptions.
	Search string
	// Status keeps the items of one status.
	Status Status
	// The dates are bounds; they are sent in UTC, with the fractions of a second
	// that they have.
	CreatedAfter, CreatedBefore time.Time
	UpdatedAfter, UpdatedBefore time.Time
}

// queryTime is a time as the API's filters want it: go-querystring itself would
// drop the fractions of a second.
type queryTime time.Time

func (t queryTime) EncodeValues(key string, v *url.Values) error {
	if at := time.Time(t); !at.IsZero() {
		v.Set(key, at.UTC().Format(time.RFC3339Nano))
	}
	return nil
}

// pageQuery is the overview's dialect of a list's query.
type pageQuery struct {
	Page          int       `url:"page,omitempty"`
	Limit         int       `url:"limit,omitempty"`
	Sort          string    `url:"sort,omitempty"`
	Order         Order     `url:"order,omitempty"`
	Search        string    `url:"search,omitempty"`
	Status        Status    `url:"status,omitempty"`
	CreatedAfter  queryTime `url:"created_after"`
	CreatedBefore queryTime `url:"created_before"`
	UpdatedAfter  queryTime `url:"updated_after"`
	UpdatedBefore queryTime `url:"updated_before"`
}

// offsetQuery is the dialect of a project's agents.
type offsetQuery struct {
	Limit  int    `url:"limit,omitempty"`
	Offset int    `url:"offset,omitempty"`
	Sort   string `url:"sort,omitempty"`
	Status Status `url:"status,omitempty"`
}

// defaultLimit is the server's, where a query names none.
const defaultLimit = 20

// paged adds the options to a list's request.
func (o *ListOptions) paged(r request) request {
	return o.checked(r).withQuery(pageQuery{
		Page: o.Page, Limit: o.Limit, Sort: o.Sort, Order: o.Order, Search: o.Search, Status: o.Status,
		CreatedAfter: queryTime(o.CreatedAfter), CreatedBefore: queryTime(o.CreatedBefore),
		UpdatedAfter: queryTime(o.UpdatedAfter), UpdatedBefore: queryTime(o.UpdatedBefore),
	})
}

// offset is how many items come before the options' page.
func (o *ListOptions) offset() int {
	limit := o.Limit
	if limit == 0 {
		limit = defaultLimit
	}
	return max(o.Page-1, 0) * limit
}

// skipping adds the options where the list counts items instead of pages. What
// its dialect cannot say is refused: left out, it would select something else.
func (o *ListOptions) skipping(offset int, r request) request {
	if o.Search != "" {
		r = r.refuse("opts.Search", "a project's agents cannot be searched; leave out ProjectID to search all")
	}
	if !o.CreatedAfter.IsZero() || !o.CreatedBefore.IsZero() || !o.UpdatedAfter.IsZero() || !o.UpdatedBefore.IsZero() {
		r = r.refuse("opts", "a project's agents cannot be filtered by date; leave out ProjectID to filter all")
	}
	q := offsetQuery{Limit: o.Limit, Offset: offset, Sort: o.Sort, Status: o.Status}
	if q.Sort == "" && o.Order != "" {
		q.Sort = "created_at"
	}
	if q.Sort != "" && o.Order != Ascending {
		q.Sort = "-" + q.Sort
	}
	return o.checked(r).withQuery(q)
}

func (o *ListOptions) checked(r request) request {
	switch {
	case o.Page < 0:
		return r.refuse("opts.Page", "is negative; pages count from 1")
	case o.Limit < 0:
		return r.refuse("opts.Limit", "is negative")
	case o.Order != "" && o.Order != Ascending && o.Order != Descending:
		return r.refuse("opts.Order", "must be Ascending or Descending")
	}
	return r
}

// pageBody reads one page in any of the API's forms.
type pageBody[T any] struct {
	page  Page[T]
	limit int // asked for: how many items to make room for
	// block is the answer's paging block, nil where it had none.
	block    *paging.Block
	response responseID
}

// wireList is a list as the API writes it: the overview's data, or the items
// under the name of what they are.
type wireList[T any] struct {
	Data       []T           `json:"data"`
	Projects   []T           `json:"projects"`
	Agents     []T           `json:"agents"`
	Webhooks   []T           `json:"webhooks"`
	APIKeys    []T           `json:"api_keys"`
	Pagination *paging.Block `json:"pagination"`
}

var errNoList = errors.New("the answer holds no list")

func (b *pageBody[T]) readBody(body []byte) error {
	if trimmed := bytes.TrimSpace(body); len(trimmed) > 0 && trimmed[0] == '[' {
		if err := unmarshal(trimmed, &b.page.Items); err != nil {
			return err
		}
		return b.checkItems()
	}
	var list wireList[T]
	// Room for what is likely to come spares the decoder's growing. An item is 64
	// bytes at least; a body that promises more than it holds must not cost.
	list.Data = make([]T, 0, min(b.limit, len(body)/64+1))
	if err := unmarshal(body, &list); err != nil {
		return err
	}
	for _, items := range [...][]T{list.Data, list.Projects, list.Agents, list.Webhooks, list.APIKeys} {
		if len(items) > 0 {
			b.page.Items = items
			break
		}
	}
	if len(b.page.Items) == 0 && !namesAList(body) {
		return errNoList
	}
	if list.Pagination != nil {
		b.block = list.Pagination
		b.page.Pagination = Pagination(list.Pagination.Pagination())
	}
	return b.checkItems()
}

// checkItems refuses items that are none, such as null.
func (b *pageBody[T]) checkItems() error {
	for i := range b.page.Items {
		if item, ok := any(&b.page.Items[i]).(named); ok {
			if err := incomplete(item); err != nil {
				return fmt.Errorf("item %d of the list: %w", i, err)
			}
		}
	}
	return nil
}

// namesAList tells an empty list from an answer that is none.
func namesAList(body []byte) bool {
	var keys map[string]json.RawMessage
	if json.Unmarshal(body, &keys) != nil {
		return false
	}
	for _, name := range [...]string{"data", "projects", "agents", "webhooks", "api_keys"} {
		if _, ok := keys[name]; ok {
			return true
		}
	}
	return false
}
