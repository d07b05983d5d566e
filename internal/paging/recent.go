package paging

// recentItems is how many ids a set remembers at least.
const recentItems = 1000

// recent is a set of ids that remembers the last recentItems at least and twice
// as many at most: a list of a million items must not be held to find a few that
// moved.
type recent[K ~string] struct{ young, old map[K]struct{} }

func (r *recent[K]) has(id K) bool {
	_, young := r.young[id]
	_, old := r.old[id]
	return young || old
}

// add records id; an empty ID is ignored.
func (r *recent[K]) add(id K) {
	switch {
	case id == "":
		return
	case r.young == nil:
		r.young = make(map[K]struct{})
	case len(r.young) == recentItems:
		r.old, r.young = r.young, make(map[K]struct{}, recentItems)
	}
	r.young[id] = struct{}{}
}
