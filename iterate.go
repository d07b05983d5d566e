package connix

import (
	"context"
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
	var body pageBody[T]
	if err := l.client.do(ctx, l.prepare(l.start(), &body), &body, opts); err != nil {
		return nil, err
	}
	return &body.page, nil
}

// start is the place that the options name.
func (l *lister[T]) start() place {
	at := place{page: l.options.Page}
	if l.offsets {
		at.offset = l.options.offset()
	}
	return at
}

// prepare returns the request for the page that begins at the place, and
// readies body for the response.
func (l *lister[T]) prepare(at place, body *pageBody[T]) request {
	body.limit = l.options.Limit
	if body.limit <= 0 {
		body.limit = defaultLimit
	}
	options := l.options
	options.Page = at.page
	if l.offsets {
		return options.skipping(at.offset, l.request)
	}
	return options.paged(l.request)
}

// pages fetches page after page: each when the one before has been consumed, or
// ahead of that under [WithPrefetch].
func (l lister[T]) pages(ctx context.Context, opts []CallOption) iter.Seq2[*Page[T], error] {
	return func(yield func(*Page[T], error) bool) {
		l := l // an iterator may be ranged over again
		cfg, err := l.iterating(ctx, opts)
		if err != nil {
			yield(nil, err)
			return
		}
		w := l.walk(cfg)
		reader := prefetcher[T]{lister: &l, ctx: ctx, config: cfg}
		defer reader.stop()
		var before []ID // copied: the consumer may do anything to the page itself
		for {
			body, err := reader.next(w)
			if err != nil {
				yield(nil, err)
				return
			}
			same := l.repeats(body.page.Items, before)
			before = l.ids(before[:0], body.page.Items)
			verdict := w.arrived(len(before), same, body.block)
			switch {
			case verdict.invalid != "":
				yield(nil, l.invalid(verdict.invalid, body.response))
				return
			case verdict.drop:
				return
			case !verdict.last:
				reader.start(w) // while this page is consumed
			}
			if !yield(&body.page, nil) || verdict.last {
				return
			}
		}
	}
}

// ids appends the ids of items to to.
func (l *lister[T]) ids(to []ID, items []T) []ID {
	for i := range items {
		to = append(to, l.id(&items[i]))
	}
	return to
}

// repeats reports whether items are those whose ids came before.
func (l *lister[T]) repeats(items []T, before []ID) bool {
	return len(items) > 0 && slices.EqualFunc(items, before, func(item T, id ID) bool { return l.id(&item) == id })
}

// all yields the items of the pages. Items that inserts have pushed from one
// page to a later one are not yielded again.
func (l lister[T]) all(ctx context.Context, opts []CallOption) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var seen recentIDs
		for page, err := range l.pages(ctx, opts) {
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for i := range page.Items {
				if !seen.has(l.id(&page.Items[i])) && !yield(page.Items[i], nil) {
					return
				}
			}
			for i := range page.Items {
				seen.add(l.id(&page.Items[i]))
			}
		}
	}
}

// recentIDs remembers ids, the last recentItems at least and twice as many at
// most: a list of a million items must not be held to find a few shifted ones.
type recentIDs struct{ young, old map[ID]struct{} }

const recentItems = 1000

func (r *recentIDs) has(id ID) bool {
	_, young := r.young[id]
	_, old := r.old[id]
	return young || old
}

// add notes an id; "" is none and nothing's double.
func (r *recentIDs) add(id ID) {
	switch {
	case id == "":
		return
	case r.young == nil:
		r.young = make(map[ID]struct{})
	case len(r.young) == recentItems:
		r.old, r.young = r.young, make(map[ID]struct{}, recentItems)
	}
	r.young[id] = struct{}{}
}

// iterating checks what an iteration is asked for, and returns its options.
func (l *lister[T]) iterating(ctx context.Context, opts []CallOption) (*callConfig, error) {
	if ctx == nil {
		return nil, &ArgumentError{Name: "ctx", Issue: "is nil"}
	}
	var cfg callConfig
	if err := cfg.resolve(opts, takenByIterators); err != nil {
		return nil, err
	}
	if l.options.Limit == 0 {
		l.options.Limit = iteratorLimit
	}
	return &cfg, nil
}

// walk begins at the page that the options name.
func (l *lister[T]) walk(cfg *callConfig) *walk {
	at := l.start()
	if at.page == 0 {
		at.page = 1
	}
	return &walk{at: at, offsets: l.offsets, limit: l.options.Limit, maxPages: cfg.maxPages}
}

// invalid is an answer whose pages make no list.
func (l *lister[T]) invalid(issue string, response responseID) error {
	return &Error{
		StatusCode: response.status, RequestID: response.requestID,
		Method: l.request.method, Route: l.request.route, Message: issue,
		Err: ErrInvalidResponse, credential: l.client.credential.masked(),
	}
}
