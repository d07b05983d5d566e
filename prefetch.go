package connix

import (
	"context"
	"runtime"
	"slices"

	"github.com/connix-io/connix-go/internal/paging"
)

// maxPrefetch is a minute's calls: more pages cannot be fetched at a time.
const maxPrefetch = 100

// WithPrefetch lets an iterator fetch up to pages pages ahead of the one that is
// being consumed, all at the same time, as soon as an answer has told how many
// there are. The pages still come in order, and a page that fails fails when its
// turn comes. No more than pages pages are held in memory besides the one that
// is being consumed. More than 100 counts as 100; 0, the default, fetches each
// page when the one before has been consumed; negative values are refused. Only
// iterators take it.
//
// Every page takes its permit from the client's rate limiter, as any call does.
// When the loop ends, for whatever reason, the calls still under way are
// cancelled, and the iterator waits for them to end before it returns. Hooks and
// a custom RateLimiter or transport are called by several goroutines at a time.
//
// Pages fetched at the same time may reach the server in any order. Where the
// list's total shows that one may have missed what was inserted meanwhile, it
// and those after it are fetched again, which costs their calls once more.
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

// prefetcher reads the pages of one walk for one consumer. The pages ahead are
// guesses: the walk decides, page by page, where it goes, and a guess that is not
// on its way is given up.
type prefetcher[T any] struct {
	lister *lister[T]
	ctx    context.Context
	config *callConfig // its response is written by the consumer's goroutine only
	queue  []*pageAhead[T]
}

// pageAhead is a page that was asked for before its turn. Its results are there
// once done is closed.
type pageAhead[T any] struct {
	at       paging.Position
	since    int // the pages that had arrived when it was asked for
	cancel   context.CancelFunc
	done     chan struct{}
	body     *pageBody[T]
	response Response
	err      error
	returned bool // else the call ended in a panic, or by runtime.Goexit
	panicked any
}

// next returns the page that is due.
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

// await returns the due page when it has come.
func (p *prefetcher[T]) await(cursor *paging.Cursor[ID]) *pageAhead[T] {
	p.start(cursor)
	due := p.queue[0]
	<-due.done
	switch {
	case due.returned:
	case due.panicked != nil:
		// A hook's or a transport's: the consumer can recover from it as from one
		// in a call of its own.
		panic(due.panicked)
	default:
		runtime.Goexit()
	}
	return due
}

// start asks for the due page and for those after it, and gives up what was
// asked for elsewhere.
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

// run fetches a page ahead of its turn.
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

// fetch fetches one page; what WithResponse asked for goes to response.
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

// drop gives up what was asked for beyond the first kept pages, and waits until
// nothing is left of it.
func (p *prefetcher[T]) drop(kept int) {
	given := p.queue[kept:]
	for _, page := range given {
		page.cancel()
	}
	for _, page := range given {
		<-page.done
	}
	clear(given)
	p.queue = p.queue[:kept]
}

// stop leaves nothing behind.
func (p *prefetcher[T]) stop() { p.drop(0) }
