package connix

import (
	"context"
	"iter"

	"github.com/connix-io/connix-go/internal/paging"
)

// iteratorLimit is how many items an iterator asks for if the options do not say:
// a page costs one of a hundred calls a minute, whatever its size.
const iteratorLimit = 100

// lister is a list: its endpoint and the options that select from it.
type lister[T any] struct {
	client  *Client
	request request
	options ListOptions
	offsets bool // the list counts items, else pages
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

// start returns the position that the options name.
func (l *lister[T]) start() paging.Position {
	at := paging.Position{Page: l.options.Page}
	if l.offsets {
		at.Offset = l.options.offset()
	}
	return at
}

// prepare returns the request for the page that begins at the position, and
// readies body for the response.
func (l *lister[T]) prepare(at paging.Position, body *pageBody[T]) request {
	body.limit = l.options.Limit
	if body.limit <= 0 {
		body.limit = defaultLimit
	}
	options := l.options
	options.Page = at.Page
	if l.offsets {
		return options.skipping(at.Offset, l.request)
	}
	return options.paged(l.request)
}

// all yields the items of the pages. Items that have moved from one page to
// another are not yielded again.
func (l lister[T]) all(ctx context.Context, opts []CallOption) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for page, err := range l.iterate(ctx, opts, true) {
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for i := range page.Items {
				if !yield(page.Items[i], nil) {
					return
				}
			}
		}
	}
}

// pages yields page after page.
func (l lister[T]) pages(ctx context.Context, opts []CallOption) iter.Seq2[*Page[T], error] {
	return l.iterate(ctx, opts, false)
}

// iterate fetches page after page: each when the one before has been consumed,
// or ahead of that under [WithPrefetch]. Items that were yielded before are left
// out of pages that are read again, and of all pages if once is set.
func (l lister[T]) iterate(ctx context.Context, opts []CallOption, once bool) iter.Seq2[*Page[T], error] {
	return func(yield func(*Page[T], error) bool) {
		l := l // an iterator may be ranged over again
		cfg, err := l.iterating(ctx, opts)
		if err != nil {
			yield(nil, err)
			return
		}
		cursor := paging.New[ID](paging.Config{Start: l.start(), ByOffset: l.offsets, Limit: l.options.Limit, MaxPages: cfg.maxPages})
		i := iteration[T]{
			lister: &l, cursor: cursor, once: once, yield: yield,
			reader: prefetcher[T]{lister: &l, ctx: ctx, config: cfg},
		}
		defer i.reader.stop()
		for i.advance() {
		}
	}
}

// iteration is one loop over the pages of a list.
type iteration[T any] struct {
	lister *lister[T]
	cursor *paging.Cursor[ID]
	reader prefetcher[T]
	once   bool
	yield  func(*Page[T], error) bool
	held   *pageBody[T] // came before pages that are read again
	ids    []ID         // copied: the consumer may do anything to the page itself
}

// advance fetches the page that is due and yields it, or the one that is due
// instead. It reports whether there is more to do.
func (i *iteration[T]) advance() bool {
	body, err := i.reader.next(i.cursor)
	if err != nil {
		i.yield(nil, err)
		return false
	}
	i.ids = i.lister.ids(i.ids[:0], body.page.Items)
	step := i.cursor.Advance(i.ids, body.block)
	switch {
	case step.Invalid != "":
		i.yield(nil, i.lister.invalid(step.Invalid, body.response))
		return false
	case step.Drop:
		return false
	case step.Back:
		if step.Hold {
			i.held = body
		}
		return true
	case step.Held && !i.deliver(i.held, paging.Step{Again: step.Again}):
		return false
	}
	return i.deliver(body, step) && !step.Last
}

// deliver yields a page, and reports whether another may follow.
func (i *iteration[T]) deliver(body *pageBody[T], step paging.Step) bool {
	items := len(body.page.Items)
	if i.once || i.cursor.Shrunk() {
		body.page.Items = i.unseen(body.page.Items)
	}
	nothingNew := len(body.page.Items) == 0 && (items > 0 || i.cursor.Shrunk())
	if nothingNew && step.Again {
		return true
	}
	i.cursor.Count()
	if !step.Last && !i.cursor.Full() {
		i.reader.start(i.cursor) // while this page is consumed
	}
	i.ids = i.lister.ids(i.ids[:0], body.page.Items)
	if !nothingNew && !i.yield(&body.page, nil) {
		return false
	}
	i.cursor.Remember(i.ids)
	return !i.cursor.Full()
}

// unseen returns those of items that were not yielded yet, in place.
func (i *iteration[T]) unseen(items []T) []T {
	kept := 0
	for k := range items {
		if i.cursor.Seen(i.lister.id(&items[k])) {
			continue
		}
		if kept < k {
			items[kept] = items[k]
		}
		kept++
	}
	clear(items[kept:])
	return items[:kept]
}

// ids appends the ids of items to to.
func (l *lister[T]) ids(to []ID, items []T) []ID {
	for i := range items {
		to = append(to, l.id(&items[i]))
	}
	return to
}

// iterating resolves the options of an iteration.
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

// invalid returns the error of a response whose page makes no list with those
// before it.
func (l *lister[T]) invalid(issue string, response responseID) error {
	return &Error{
		StatusCode: response.status, RequestID: response.requestID,
		Method: l.request.method, Route: l.request.route, Message: issue,
		Err: ErrInvalidResponse, credential: l.client.credential.masked(),
	}
}
