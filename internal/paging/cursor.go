package paging

import (
	"fmt"
	"math"
	"slices"
)

// Position is where a page begins.
type Position struct {
	Page int
	// Offset is the number of items before the page, 0 in a list that is asked for
	// by page.
	Offset int
}

// Cursor moves through a list, page by page. It ends where the server says, and
// also where the server never would. Where the list shrinks, it goes back to the
// items that have moved to pages which were read already.
type Cursor[K ~string] struct {
	at, start Position
	byOffset  bool
	limit     int
	maxPages  int // 0: no bound

	arrived  int // pages that have come
	counted  int // of them, those that count against maxPages
	empty    int // empty pages in a row
	repeated int // pages in a row that were the one before
	told     outlook
	before   []K // the ids of the last page
	seen     recent[K]

	// A list that shrinks.
	shrunk    bool
	missing   int      // how many items may have moved before at; negative: some before it were read again
	rewinding bool     // the page at at is read again, and the one before it may have to be
	holding   bool     // a page came before those before it were read again
	held      heldPage // that page
	tries     int      // to get past it, with little that was new
	furthest  Position // the last page that was accepted, in the order of the list
}

// Config is how a list is read.
type Config struct {
	Start    Position // page 0 is the first
	ByOffset bool     // positions count items, else pages
	Limit    int      // asked for, positive
	MaxPages int      // 0: no bound
}

// New returns a cursor at the start.
func New[K ~string](c Config) *Cursor[K] {
	if c.Start.Page == 0 {
		c.Start.Page = 1
	}
	return &Cursor[K]{at: c.Start, start: c.Start, byOffset: c.ByOffset, limit: max(c.Limit, 1), maxPages: c.MaxPages}
}

// maxTries is how often in a row pages are read again for few items.
const maxTries = 4

// maxRepeats is how often in a row a list that shrinks may seem to repeat a page.
const maxRepeats = 3

// outlook is what the last page told of the list.
type outlook struct {
	pages, total int // 0: not told
	step         int // the items of a whole page
}

// heldPage is a page that came before it was due.
type heldPage struct {
	at       Position
	n, total int // its items, and the list's then
}

// Step is what follows from a page that has come.
type Step struct {
	Invalid string // the pages make no list, for this reason
	Drop    bool   // the list has ended before the page
	Last    bool   // the list ends with the page
	// Back: the page is not due yet, since items may have moved to pages before
	// it. Hold asks to keep it, instead of the page that was held.
	Back, Hold bool
	// Held: items may have moved once more; the page that was held is due before
	// this one.
	Held bool
	// Again: a page at this position, or after it, was due before.
	Again bool
}

// maxStep is more than any page holds.
const maxStep = 1 << 20

// maxEmptyPages is how many empty pages in a row may be a gap in a list whose
// length the server does not tell.
const maxEmptyPages = 3

// At returns the position of the page that is due.
func (c *Cursor[K]) At() Position { return c.at }

// Arrived returns how many pages have come.
func (c *Cursor[K]) Arrived() int { return c.arrived }

// Count counts a page against the most pages.
func (c *Cursor[K]) Count() { c.counted++ }

// Full reports whether as many pages were counted as may be.
func (c *Cursor[K]) Full() bool { return c.maxPages > 0 && c.counted >= c.maxPages }

// Remember records ids, for Seen; empty ones are ignored.
func (c *Cursor[K]) Remember(ids []K) {
	for _, id := range ids {
		c.seen.add(id)
	}
}

// Seen reports whether id is among those that were remembered last.
func (c *Cursor[K]) Seen(id K) bool { return c.seen.has(id) }

// Shrunk reports whether the list was seen to shrink.
func (c *Cursor[K]) Shrunk() bool { return c.shrunk }

// Advance moves on past the page that was due, which holds items of these ids.
// A nil block means that the response had none.
func (c *Cursor[K]) Advance(ids []K, block *Block) Step {
	asked, n := c.at, len(ids)
	repeats := n > 0 && slices.Equal(ids, c.before)
	c.before = append(c.before[:0], ids...)
	c.arrived++
	if c.empty++; n > 0 {
		c.empty = 0
	}
	if block == nil || block.tellsNoEnd() && n > 0 {
		c.accept(asked, n)
		// Only an empty page, or the one before once more, tells the end: a short
		// one may be all that the server gives at a time.
		return Step{Drop: repeats || n == 0 && asked.Page > 1, Last: n == 0}
	}
	p, before := block.Pagination(), c.told
	c.told = outlook{pages: p.Pages, total: max(p.Total, 0), step: min(p.Limit, maxStep)}
	if c.told.step <= 0 {
		c.told.step = c.limit
	}
	switch {
	case block.Offset != nil && *block.Offset != asked.Offset,
		block.Offset == nil && p.Page != 0 && p.Page != asked.Page:
		return Step{Invalid: fmt.Sprintf("page %d was asked for, and page %d came", asked.Page, p.Page)}
	case c.isStuck(repeats, before.total+n):
		return Step{Invalid: fmt.Sprintf("page %d repeats the one before", asked.Page)}
	case n > 0 && p.Pages > 0 && asked.Page > p.Pages && block.Offset == nil:
		return Step{Invalid: fmt.Sprintf("page %d holds items, in a list of %d pages", asked.Page, p.Pages)}
	case n == 0 && p.Pages == 0 && p.HasNext && c.empty >= maxEmptyPages:
		return Step{Invalid: fmt.Sprintf("%d empty pages in a row say that more follow", c.empty)}
	}
	if before.total > 0 && (c.told.total > 0 || n == 0) {
		c.missing += max(before.total-c.told.total, 0)
	}
	if c.mustGoBack(asked, ids) {
		return Step{Back: true, Hold: c.goBack(asked, n)}
	}
	step := Step{Held: c.reachesHeld(asked) && c.missing > 0, Again: c.counted > 0 && !c.isAfter(asked, c.furthest)}
	if !step.Again || 2*c.unseen(ids) > n {
		c.tries = 0
	}
	c.accept(asked, n)
	page := p.Page
	if page == 0 {
		page = asked.Page
	}
	// has_next and pages may contradict each other: a list ends where neither
	// says more. Where has_next alone does, one look beyond the last page tells.
	step.Last = page >= p.Pages && (!p.HasNext || n == 0 && p.Pages != 0)
	return step
}

// isStuck reports whether a page that repeats the one before shows that the
// server goes on repeating it: in a list of grown items, as many were inserted
// before the page as it holds.
func (c *Cursor[K]) isStuck(repeats bool, grown int) bool {
	if !repeats || c.rewinding || c.told.total >= grown {
		c.repeated = 0
		return false
	}
	c.repeated++
	// Where items are deleted too, the total does not show what was inserted.
	return !c.shrunk || c.repeated > maxRepeats
}

// accept makes the page after the one that was asked for the due one.
func (c *Cursor[K]) accept(asked Position, n int) {
	if c.reachesHeld(asked) {
		c.holding = false
	}
	if c.isAfter(asked, c.furthest) {
		c.furthest = asked
	}
	c.rewinding, c.missing = false, 0
	c.at = Position{Page: asked.Page + 1}
	switch {
	case !c.byOffset:
	case n == 0:
		c.at.Offset = asked.Offset + c.limit
	default:
		c.at.Offset = asked.Offset + n
	}
}

// mustGoBack reports whether items that were not seen yet may be on pages before
// the one that was asked for: what is deleted before a page moves the items of
// the page to the one before it.
func (c *Cursor[K]) mustGoBack(asked Position, ids []K) bool {
	switch {
	case c.missing <= 0, !c.isAfter(asked, c.start), c.told.total <= c.index(c.start):
		return false
	case c.rewinding:
		// What was seen comes before what was not.
		return !slices.ContainsFunc(ids, c.Seen)
	}
	if c.tries < maxTries || !c.reachesHeld(asked) {
		return true
	}
	// A list that shrinks at every look must not be read for ever: what has moved
	// since is on the page that is held, if no more was deleted than it holds.
	whole := c.held.n < c.told.step // it ended the list
	return !whole && c.held.total-c.told.total > c.held.n
}

// goBack moves to the page before the one that was asked for, or to the last one
// that still has items, and reports whether the page that has come is to be held.
func (c *Cursor[K]) goBack(asked Position, n int) (hold bool) {
	hold = !c.rewinding
	if hold {
		c.holding, c.held = true, heldPage{asked, n, c.told.total}
		c.tries++
	}
	c.shrunk, c.rewinding = true, true
	back, from := 1, c.index(asked)
	if from >= c.told.total {
		back += (from - c.told.total) / c.told.step
	}
	c.at = Position{Page: max(asked.Page-back, c.start.Page)}
	c.missing -= back * c.told.step
	if c.byOffset {
		c.at.Offset = max(asked.Offset-back*c.told.step, c.start.Offset)
	}
	return hold
}

// unseen returns how many of ids were not remembered.
func (c *Cursor[K]) unseen(ids []K) (n int) {
	for _, id := range ids {
		if !c.Seen(id) {
			n++
		}
	}
	return n
}

// reachesHeld reports whether a page at p is the held one, or one after it.
func (c *Cursor[K]) reachesHeld(p Position) bool { return c.holding && !c.isAfter(c.held.at, p) }

func (c *Cursor[K]) isAfter(p, q Position) bool {
	if c.byOffset {
		return p.Offset > q.Offset
	}
	return p.Page > q.Page
}

// index returns the number of items before the position.
func (c *Cursor[K]) index(p Position) int {
	const most = math.MaxInt / 4 // leaves room to reckon with it
	switch {
	case c.byOffset:
		return min(p.Offset, most)
	case p.Page-1 > most/c.told.step:
		return most
	}
	return (p.Page - 1) * c.told.step
}

// Ahead returns the positions of the next pages, n at most: the one that is due,
// and after it those that exist as far as the last page told. While pages are
// read again, nothing is told of those after them.
func (c *Cursor[K]) Ahead(n int) []Position {
	positions := []Position{c.at}
	if c.maxPages > 0 {
		n = min(n, c.maxPages-c.counted)
	}
	if c.holding {
		n = 1
	}
	for at := c.at; len(positions) < n; {
		if c.byOffset {
			if c.told.step >= c.told.total-at.Offset {
				break
			}
			at.Offset += c.told.step
		} else if at.Page >= c.told.pages {
			break
		}
		at.Page++
		positions = append(positions, at)
	}
	return positions
}

// Overtaken reports whether the due page, asked for when Arrived was since, may
// have been read before the page before it, and before an insert: then the items
// that the insert pushed from the earlier page are on neither.
func (c *Cursor[K]) Overtaken(since int, block *Block) bool {
	return since < c.arrived && block != nil && block.Total < c.told.total
}
