// Package paging moves a cursor through a list whose server may say anything, and
// which may change while it is read. It decides from values alone.
package paging

// Block is the paging block of a response, in either of the API's dialects: one
// counts pages, the other, with an Offset, items. If it cannot be read whole, it
// counts as absent: a field that stayed zero could end an iteration early.
type Block struct {
	Page    int   `json:"page" lenient:"required"`
	Limit   int   `json:"limit" lenient:"required"`
	Offset  *int  `json:"offset" lenient:"required"`
	Total   int   `json:"total" lenient:"required"`
	Pages   int   `json:"pages" lenient:"required"`
	HasNext *bool `json:"has_next" lenient:"required"`
	HasPrev bool  `json:"has_prev"`
}

// Pagination is a block that counts pages.
type Pagination struct {
	Page, Limit      int
	Total, Pages     int
	HasNext, HasPrev bool
}

// Pagination returns the block with its items counted as pages, also where only
// their total is told.
func (b *Block) Pagination() Pagination {
	p := Pagination{Page: b.Page, Limit: b.Limit, Total: b.Total, Pages: b.Pages, HasNext: b.HasNext != nil && *b.HasNext, HasPrev: b.HasPrev}
	if b.Limit > 0 && (b.Offset != nil || b.Pages == 0) {
		p.Pages = (max(b.Total, 0) + b.Limit - 1) / b.Limit
	}
	if b.Offset != nil && b.Limit > 0 {
		p.Page = max(*b.Offset, 0)/b.Limit + 1
	}
	return p
}

// tellsNoEnd reports whether the block says nothing of what follows.
func (b *Block) tellsNoEnd() bool { return b.HasNext == nil && b.Pages == 0 && b.Total == 0 }
