package connix

import (
	"context"
	"runtime"
	"slices"

	"github.com/connix-io/connix-go/internal/paging"
)

// maxPrefetch is the number of calls that the API allows in a minute: more pages
// cannot be fetched at a time.
const maxPrefetch = 100

// WithPrefetch makes an iterator fetch up to pages pages ahead of the one that is
// being consumed, all at the same time, as soon as a response has stated how many
// there are. The pages still come in order, and an error comes in place of its
// page. Besides the page that is being consumed, no more than pages pages are held
// in memory, and one more while pages are read again. The default, 0, fetches each
// page when the one before has been consumed; more than 100 counts as 100; a
// negative value is an [*ArgumentError]. Only iterators take the option.
//
// Prefetched pages are speculative: if a page shows that the list has changed,
// they are canceled or fetched again, which costs their calls once more. Every
// page takes its permit from the client's rate limiter. When the loop ends, the
// calls that are under way are canceled, and the iterator waits for them to end
// before it returns. Several goroutines call hooks, and a RateLimiter or a
// transport of the caller, at the same time.
func WithPrefetch(pages int) CallOption {
	return func(cfg *callConfig) error {
		if pages < 0 {
			return &ArgumentError{Name: "WithPrefetch", Issue: "is negative"}
		}
		cfg.prefetch = min(pages, maxPrefetch)
		cfg.given |= optionPrefetch
		return nil
	}
}

// prefetcher fetches the pages that a cursor asks for, for one consumer.
// Prefetched pages are speculative. If the cursor moves elsewhere, they are
// canceled.
type prefetcher[T any] struct {
	lister *lister[T]
	ctx    context.Context
	config *callConfig // its response is written by the consumer's goroutine only
	queue  []*pageAhead[T]
}

// pageAhead is a page that is fetched before it is due. Its results may be read
// once done is closed.
type pageAhead[T any] struct {
	at       paging.Position
	since    int // the pages that had arrived when it was requested
	cancel   context.CancelFunc
	done     chan struct{}
	body     *pageBody[T]
	response Response
	err      error
	returned bool // else the call ended in a panic, or by runtime.Goexit
	panicked any
}

// next returns the due page.
func (p *prefetcher[T]) next(cursor *paging.Cursor[ID]) (*pageBody[T], error) {
	if p.config.prefetch == 0 || p.ctx.Err() != nil {
		return p.fetch(p.ctx, cursor.At(), p.config.response)
	}
	due := p.await(cursor)
	if due.err == nil && cursor.Overtaken(due.since, due.body.block) {
		p.drop(0)
		due = p.await(cursor)
	}
	p.queue = slices.Delete(p.queue, 0, 1)
	if p.config.response != nil {
		*p.config.response = due.response
	}
	return due.body, due.err
}

// await returns the due page once it has come.
func (p *prefetcher[T]) await(cursor *paging.Cursor[ID]) *pageAhead[T] {
	p.start(cursor)
	due := p.queue[0]
	<-due.done
	switch {
	case due.returned:
	case due.panicked != nil:
		// A hook or a transport panicked: the consumer can recover as it could
		// without prefetching.
		panic(due.panicked)
	default:
		runtime.Goexit()
	}
	return due
}

// start requests the due page and those after it, and cancels the requests for
// others.
func (p *prefetcher[T]) start(cursor *paging.Cursor[ID]) {
	if p.config.prefetch == 0 {
		return
	}
	positions := cursor.Ahead(p.config.prefetch)
	kept := 0
	for kept < min(len(p.queue), len(positions)) && p.queue[kept].at == positions[kept] {
		kept++
	}
	p.drop(kept)
	for _, at := range positions[kept:] {
		page := &pageAhead[T]{at: at, since: cursor.Arrived(), done: make(chan struct{})}
		var ctx context.Context
		ctx, page.cancel = context.WithCancel(p.ctx) //nolint:gosec // run calls it, and drop
		p.queue = append(p.queue, page)
		go p.run(ctx, page)
	}
}

// run fetches a page before it is due.
func (p *prefetcher[T]) run(ctx context.Context, page *pageAhead[T]) {
	defer close(page.done)
	defer page.cancel()
	defer func() {
		if !page.returned {
			page.panicked = recover()
		}
	}()
	var response *Response
	if p.config.response != nil {
		response = &page.response
	}
	page.body, page.err = p.fetch(ctx, page.at, response)
	page.returned = true
}

// fetch fetches one page, and fills response unless it is nil.
func (p *prefetcher[T]) fetch(ctx context.Context, at paging.Position, response *Response) (*pageBody[T], error) {
	cfg := *p.config
	cfg.response = response
	var err error
	body := new(pageBody[T])
	body.response, err = p.lister.client.doResolved(ctx, p.lister.prepare(at, body), body, &cfg)
	if err != nil {
		return nil, err
	}
	return body, nil
}

// drop cancels the requests after the first kept ones, and waits for them to end.
func (p *prefetcher[T]) drop(kept int) {
	canceled := p.queue[kept:]
	for _, page := range canceled {
		page.cancel()
	}
	for _, page := range canceled {
		<-page.done
	}
	clear(canceled)
	p.queue = p.queue[:kept]
}

// stop cancels all requests, and waits for them to end.
func (p *prefetcher[T]) stop() { p.drop(0) }
