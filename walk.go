package connix

import "fmt"

// walk is the way through a list, page by page. It ends where the server says,
// and also where the server never would.
type walk struct {
	at       place
	offsets  bool // the list is asked for by offset, else by page
	limit    int
	maxPages int // 0: no bound
	fetched  int
	empty    int // empty pages in a row
	told     outlook
}

// outlook is what the last page told of the list.
type outlook struct {
	pages, total int // 0: nothing
	step         int // the items of a whole page
}

// place is where a page begins: its number, or the items before it.
type place struct {
	page   int
	offset int // 0 in a list asked for by page
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
	switch {
	case !w.offsets:
	case n == 0:
		w.at.offset += w.limit
	default:
		w.at.offset += n
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
	p, before := block.normal(), w.told
	w.told = outlook{pages: p.Pages, total: max(p.Total, 0), step: p.Limit}
	if w.told.step <= 0 {
		w.told.step = w.limit
	}
	switch {
	case block.Offset != nil && *block.Offset != asked.offset,
		block.Offset == nil && p.Page != 0 && p.Page != asked.page:
		return arrival{invalid: fmt.Sprintf("page %d was asked for, and page %d came", asked.page, p.Page)}
	case same && p.Total < before.total+n:
		// Else as many items were inserted before the page as it holds.
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

// ahead returns the places of the next pages, n at most: the one that is due,
// and after it those that exist as far as the last page told.
func (w *walk) ahead(n int) []place {
	places := []place{w.at}
	if w.maxPages > 0 {
		n = min(n, w.maxPages-w.fetched)
	}
	for at := w.at; len(places) < n; {
		if w.offsets {
			if w.told.step >= w.told.total-at.offset {
				break
			}
			at.offset += w.told.step
		} else if at.page >= w.told.pages {
			break
		}
		at.page++
		places = append(places, at)
	}
	return places
}

// overtaken reports whether the due page, asked for when fetched was since, may
// have been read before the page before it, and before an insert: then the items
// that the insert pushed from the earlier page are on neither.
func (w *walk) overtaken(since int, block *wirePagination) bool {
	return since < w.fetched && block != nil && block.Total < w.told.total
}
