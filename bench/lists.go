package main

import (
	"context"

	"github.com/connix-io/connix-go"
)

// listing is a way to read the items of all pages.
type listing struct {
	title    string
	prefetch int
	ofFloor  float64 // time, of the floor's
	ofPeers  float64 // time, of the fastest other SDK's
}

// measureLists compares reading 1,000 items of 10 pages that take 20 ms each.
// The first listings are the subjects', in order; those ahead of the consumer
// follow.
func measureLists(ctx context.Context, urls map[string]listeners, passes int) ([]listing, error) {
	all := []doing{subjects[0].floor(urls[subjects[0].name].Slow, false).all}
	var lists []listing
	add := func(l listing, s subject, open func(string) (work, error)) error {
		w, err := open(urls[s.name].Slow)
		lists, all = append(lists, l), append(all, w.all)
		return err
	}
	for _, s := range subjects {
		if err := add(listing{title: s.title}, s, s.sdk); err != nil {
			return nil, err
		}
	}
	for _, n := range []int{4, 9} {
		l := listing{title: subjects[0].title, prefetch: n}
		if err := add(l, subjects[0], connixWork(connix.WithPrefetch(n))); err != nil {
			return nil, err
		}
	}
	times, err := interleaved(ctx, passes, all)
	if err != nil {
		return nil, err
	}
	floor, measured := times[0], times[1:]
	for i := range lists {
		l := &lists[i]
		l.ofFloor = medianRatio(measured[i], floor)
		for peer := 1; peer < len(subjects); peer++ {
			l.ofPeers = max(l.ofPeers, medianRatio(measured[i], measured[peer]))
		}
		progress("%s: all items, prefetch %d: %.3f x", l.title, l.prefetch, l.ofFloor)
	}
	return lists, nil
}
