package connix

import (
	"context"
	"fmt"
	"iter"
	"slices"
)

// iteratorLimit is how many items an iterator asks for where the caller does
// not say: a page costs one of a hundred calls a minute, whatever its size.
const iteratorLimit = 100

// lister is one list: its endpoint and what is selected of it.
type lister[T any] struct {
	client  *Client
	request request
	options ListOptions
	offsets bool // the list counts items instead of pages
	id      func(*T) ID
}

// page fetches the page that the options name.
func (l lister[T]) page(ctx context.Context, opts []CallOption) (*Page[T], error) {
	body, err := l.fetch(ctx, l.start(), opts)
	if err != nil {
		return nil, err
	}
	return &body.page, nil
}

// place is where a page begins: its number, or the items before it.
type place struct{ page, offset int }

// start is the place that the options name.
func (l *lister[T]) start() place { return place{l.options.Page, l.options.offset()} }

func (l *lister[T]) fetch(ctx context.Context, at place, opts []CallOption) (*pageBody[T], error) {
	body := &pageBody[T]{limit: l.options.Limit}
	if body.limit <= 0 {
		body.limit = defaultLimit
	}
	options := l.options
	options.Page = at.page
	r := l.request
	if l.offsets {
		r = options.skipping(at.offset, r)
	} else {
		r = options.paged(r)
	}
	if err := l.client.do(ctx, r, body, opts); err != nil {
		return nil, err
	}
	return body, nil
}

// pages fetches page after page, each when the one before has been consumed.
func (l lister[T]) pages(ctx context.Context, opts []CallOption) iter.Seq2[*Page[T], error] {
	return func(yield func(*Page[T], error) bool) {
		l := l // an iterator may be ranged over again
		w, opts, err := l.walk(opts)
		if err != nil {
			yield(nil, err)
			return
		}
		var before []T
		for {
			body, err := l.fetch(ctx, w.at, opts)
			if err != nil {
				yield(nil, err)
				return
			}
			items := body.page.Items
			same := len(items) > 0 && slices.EqualFunc(items, before, func(a, b T) bool { return l.id(&a) == l.id(&b) })
			before = items
			verdict := w.arrived(len(items), same, body.block)
			switch {
			case verdict.invalid != "":
				yield(nil, l.invalid(verdict.invalid, w.answer))
				return
			case verdict.drop, !yield(&body.page, nil), verdict.last:
				return
			}
		}
	}
}

// all yields the items of the pages. An item that an insert has pushed from one
// page to the next is not yielded again.
func (l lister[T]) all(ctx context.Context, opts []CallOption) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var before map[ID]bool
		for page, err := range l.pages(ctx, opts) {
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			seen := make(map[ID]bool, len(page.Items))
			for i := range page.Items {
				id := l.id(&page.Items[i])
				seen[id] = id != ""
				if !before[id] && !yield(page.Items[i], nil) {
					return
				}
			}
			if len(seen) > 0 {
				before = seen
			}
		}
	}
}

// walk checks the options of an iteration's calls, and returns its beginning
// and the options that its calls take.
func (l *lister[T]) walk(opts []CallOption) (*walk, []CallOption, error) {
	var cfg callConfig
	if err := cfg.apply(opts); err != nil {
		return nil, nil, err
	}
	if cfg.oneCall != "" {
		return nil, nil, &ArgumentError{Name: cfg.oneCall, Issue: "is for one call, and an iterator makes several"}
	}
	if l.options.Limit == 0 {
		l.options.Limit = iteratorLimit
	}
	w := &walk{limit: l.options.Limit, maxPages: cfg.maxPages}
	opts = append(slices.Clip(opts), func(cfg *callConfig) error {
		cfg.pagesOnly = "" // heeded here, no longer foreign to the calls below
		cfg.seen = &w.answer
		return nil
	})
	w.at = l.start()
	if w.at.page == 0 {
		w.at.page = 1
	}
	return w, opts, nil
}

// invalid is an answer whose pages make no list.
func (l *lister[T]) invalid(issue string, answer seen) error {
	return &Error{
		StatusCode: answer.status, RequestID: answer.requestID,
		Method: l.request.method, Route: l.request.route, Message: issue,
		Err: ErrInvalidResponse, credential: l.client.credential.masked(),
	}
}

// walk is the way through a list, page by page. It ends where the server says,
// and also where the server never would.
type walk struct {
	at       place
	limit    int
	maxPages int // 0: no bound
	fetched  int
	empty    int // empty pages in a row
	answer   seen
}

// arrival is what follows from a page that has come.
type arrival struct {
	last    bool   // the page ends the list
	drop    bool   // it ends the list and is not part of it
	invalid string // the pages make no list
}

// maxEmptyPages is how many empty pages in a row may be a gap in a list whose
// length the server does not tell.
const maxEmptyPages = 3

// arrived moves on past a page of n items; same says that they are those of the
// page before.
func (w *walk) arrived(n int, same bool, block *wirePagination) arrival {
	asked := w.at
	w.fetched++
	w.at.page++
	w.at.offset += n
	if n == 0 {
		w.at.offset += w.limit
	}
	if n > 0 {
		w.empty = 0
	} else {
		w.empty++
	}
	if block == nil {
		// Only an empty page, or the one before once more, tells the end: a short
		// one may be all that the server gives at a time.
		return arrival{drop: same || n == 0 && asked.page > 1, last: n == 0 || w.full()}
	}
	p := block.normal()
	switch {
	case block.Offset != nil && *block.Offset != asked.offset,
		block.Offset == nil && p.Page != 0 && p.Page != asked.page:
		return arrival{invalid: fmt.Sprintf("page %d was asked for, and page %d came", asked.page, p.Page)}
	case same:
		return arrival{invalid: fmt.Sprintf("page %d repeats the one before", asked.page)}
	case n > 0 && p.Pages > 0 && asked.page > p.Pages && block.Offset == nil:
		return arrival{invalid: fmt.Sprintf("page %d holds items, in a list of %d pages", asked.page, p.Pages)}
	case n == 0 && p.Pages == 0 && p.HasNext && w.empty >= maxEmptyPages:
		return arrival{invalid: fmt.Sprintf("%d empty pages in a row say that more follow", w.empty)}
	}
	page := p.Page
	if page == 0 {
		page = asked.page
	}
	// has_next and pages may contradict each other: a list ends where neither
	// says more. Where has_next alone does, one look beyond the last page tells.
	more := page < p.Pages || p.HasNext && (n > 0 || p.Pages == 0)
	return arrival{last: !more || w.full()}
}

func (w *walk) full() bool { return w.maxPages > 0 && w.fetched >= w.maxPages }
