package paging

import "testing"

func TestBlock_pagination(t *testing.T) {
	at := func(n int) *int { return &n }
	for name, c := range map[string]struct {
		block Block
		want  Pagination
	}{
		"pages":           {Block{Page: 2, Limit: 20, Total: 100, Pages: 5, HasNext: new(true), HasPrev: true}, Pagination{2, 20, 100, 5, true, true}},
		"pages not told":  {Block{Page: 1, Limit: 2, Total: 5}, Pagination{Page: 1, Limit: 2, Total: 5, Pages: 3}},
		"nothing":         {Block{}, Pagination{}},
		"items":           {Block{Offset: at(40), Limit: 20, Total: 41, HasPrev: true}, Pagination{3, 20, 41, 3, false, true}},
		"the first items": {Block{Offset: at(0), Limit: 20, Total: 40, HasNext: new(true)}, Pagination{1, 20, 40, 2, true, false}},
		"no items":        {Block{Offset: at(0), Limit: 20}, Pagination{Page: 1, Limit: 20}},
		"an odd offset":   {Block{Offset: at(25), Limit: 20, Total: 45}, Pagination{2, 20, 45, 3, false, false}},
		"absurd items":    {Block{Offset: at(-7), Limit: 20, Total: -3}, Pagination{1, 20, -3, 0, false, false}},
		"no limit":        {Block{Offset: at(40), Total: 41}, Pagination{Total: 41}},
	} {
		if got := c.block.Pagination(); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
