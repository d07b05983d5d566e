package connix

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/connix-io/connix-go/internal/paging"
)

// Page is one page of a list.
type Page[T any] struct {
	// Items is empty, and may be nil, if the page has none.
	Items []T
	// Pagination is zero if the response has no paging block.
	Pagination Pagination
}

// Pagination is a page's place in its list.
type Pagination struct {
	// Page counts from 1. Limit is the largest number of items of a page.
	Page, Limit int
	// Total and Pages count the items and the pages of the whole list.
	Total, Pages int
	// HasNext and HasPrev report whether pages follow and precede this one.
	HasNext, HasPrev bool
}

// Order is the direction in which a list is sorted.
type Order string

// The directions. The server's default is Descending.
const (
	Ascending  Order = "asc"
	Descending Order = "desc"
)

// ListOptions selects and orders the items of a list. Every zero field is left
// to the server. The API overview documents the options as common to its lists.
//
// # Lists that change
//
// A list may change while an iterator reads it. All yields every item once, also
// if others are inserted before it and it moves to a later page.
//
// If items are deleted, in the loop or elsewhere, those after them move to
// earlier pages. The iterator sees that by the total that each response states:
// if it has fallen, the iterator reads as many pages again as it takes, and
// leaves out the items that it has yielded. So a loop that deletes everything
// that it is given is given everything. Pages that are read again cost calls, but
// do not count against [WithMaxPages].
//
// In a list without a total, nothing is read again, and a loop that deletes items
// misses others: collect the ids first. Nor does the total show a deletion if as
// many items were inserted between the same two responses; where the inserted
// items come after the place that the iterator has reached, as they do in
// ascending order, as many others may be missed.
type ListOptions struct {
	// Page counts from 1, which is the server's default. Iterators start there and
	// never read a page before it.
	Page int
	// Limit is the largest number of items of a page, on the server 20 by default
	// and 100 at most. Iterators ask for 100 if it is 0.
	Limit int
	// Sort names a field, "created_at" by default. Order is its direction,
	// Descending by default.
	Sort  string
	Order Order
	// Search selects by text in names and descriptions.
	Search string
	// Status selects the items of one status.
	Status Status
	// The dates are bounds. They are sent in UTC, with the fractions of a second
	// that they have; the zero time is no bound.
	CreatedAfter, CreatedBefore time.Time
	UpdatedAfter, UpdatedBefore time.Time
}

// queryTime is a time in a query. go-querystring by itself would drop the
// fractions of a second.
type queryTime time.Time

func (t queryTime) EncodeValues(key string, v *url.Values) error {
	if at := time.Time(t); !at.IsZero() {
		v.Set(key, at.UTC().Format(time.RFC3339Nano))
	}
	return nil
}

// pageQuery is the query of a list that counts pages.
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

// offsetQuery is the query of a list that counts items: of a project's agents.
type offsetQuery struct {
	Limit  int    `url:"limit,omitempty"`
	Offset int    `url:"offset,omitempty"`
	Sort   string `url:"sort,omitempty"`
	Status Status `url:"status,omitempty"`
}

// defaultLimit is the server's limit if a query names none.
const defaultLimit = 20

// paged adds the options to the request for a list that counts pages.
func (o *ListOptions) paged(r request) request {
	return o.checked(r).withQuery(pageQuery{
		Page: o.Page, Limit: o.Limit, Sort: o.Sort, Order: o.Order, Search: o.Search, Status: o.Status,
		CreatedAfter: queryTime(o.CreatedAfter), CreatedBefore: queryTime(o.CreatedBefore),
		UpdatedAfter: queryTime(o.UpdatedAfter), UpdatedBefore: queryTime(o.UpdatedBefore),
	})
}

// offset returns how many items come before the options' page.
func (o *ListOptions) offset() int {
	limit := o.Limit
	if limit == 0 {
		limit = defaultLimit
	}
	return max(o.Page-1, 0) * limit
}

// skipping adds the options to the request for a list that counts items. It
// refuses options that the list lacks: without them the request would select
// something else.
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

// checked refuses options that make no sense.
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

// pageBody reads a page in any of the API's forms.
type pageBody[T any] struct {
	page  Page[T]
	limit int // asked for: how many items to make room for
	// block is nil if the response has no paging block.
	block    *paging.Block
	response responseID
}

// wireList is a list as the API writes it: the overview's data, or the items
// under the name of what they are. A list that cannot be read must not look empty.
type wireList[T any] struct {
	Data     []T `json:"data" lenient:"required"`
	Projects []T `json:"projects" lenient:"required"`
	Agents   []T `json:"agents" lenient:"required"`
	Webhooks []T `json:"webhooks" lenient:"required"`
	APIKeys  []T `json:"api_keys" lenient:"required"`
	// Pagination counts as absent if a part of it cannot be read: a field that
	// stayed zero could end an iteration early.
	Pagination *paging.Block `json:"pagination"`
}

var errNoList = errors.New("the response holds no list")

func (b *pageBody[T]) readBody(body []byte) ([]string, error) {
	if trimmed := bytes.TrimSpace(body); len(trimmed) > 0 && trimmed[0] == '[' {
		unread, err := unmarshal(trimmed, &b.page.Items)
		return unread, cmp.Or(err, b.checkItems())
	}
	var list wireList[T]
	// Room for the expected items spares the decoder from growing the slice. An item
	// takes 64 bytes or more: a short body gets less room than was asked for.
	list.Data = make([]T, 0, min(b.limit, len(body)/64+1))
	unread, err := unmarshal(body, &list)
	if err != nil {
		return nil, err
	}
	for _, items := range [...][]T{list.Data, list.Projects, list.Agents, list.Webhooks, list.APIKeys} {
		if len(items) > 0 {
			b.page.Items = items
			break
		}
	}
	if len(b.page.Items) == 0 && !namesAList(body) {
		return nil, errNoList
	}
	if list.Pagination != nil {
		b.block = list.Pagination
		b.page.Pagination = Pagination(list.Pagination.Pagination())
	}
	return unread, b.checkItems()
}

// checkItems refuses items without an id, such as null.
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

// namesAList reports whether a body without items is an empty list.
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
