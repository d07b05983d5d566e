package connix_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/connix-io/connix-go"
	"github.com/connix-io/connix-go/connixtest"
)

// remove deletes an item of the list, which must have a way to.
func (l list) remove(ctx context.Context, c *connix.Client, id connix.ID) error {
	switch l.envelope {
	case "projects":
		return c.Projects.Delete(ctx, id)
	case "webhooks":
		return c.Webhooks.Delete(ctx, id)
	case "api_keys":
		return c.APIKeys.Revoke(ctx, id)
	default:
		return fmt.Errorf("%s cannot be deleted", l.name)
	}
}

// deletable are the lists whose items can be deleted.
var deletable = []list{lists[0], lists[2], lists[3]}

// The natural loop that deletes everything is given everything, once and in
// order, by All and by Pages, with pages ahead and without.
func TestIterate_deleteEverything(t *testing.T) {
	for _, l := range deletable {
		for _, n := range []int{100, 101, 250, 1000} {
			for prefetch := range 3 {
				if n == 1000 && l.envelope != "webhooks" {
					continue // for each list it would take long
				}
				t.Run(fmt.Sprint(l.name, "/", n, "/prefetch ", prefetch), func(t *testing.T) {
					srv := l.fill(t, n)
					client, ctx, want := srv.Client(t), t.Context(), srv.ids
					if l.envelope == "api_keys" {
						want = slices.DeleteFunc(slices.Clone(want), func(id connix.ID) bool { return id == srv.ids[0] })
					}
					var got []connix.ID
					for id, err := range l.all(ctx, client, nil, connix.WithPrefetch(prefetch)) {
						if err != nil {
							t.Fatal(err)
						}
						if l.envelope == "api_keys" && id == srv.ids[0] {
							continue // the client's own
						}
						got = append(got, id)
						if err := l.remove(ctx, client, id); err != nil {
							t.Fatal(err)
						}
					}
					if !slices.Equal(got, want) {
						t.Errorf("got %d, want %d: %v", len(got), len(want), got)
					}
					if calls, most := len(srv.queries())-len(got), 3*(n+99)/100+1; prefetch == 0 && calls > most {
						t.Errorf("%d calls for pages, at most %d wanted", calls, most)
					}
				})
			}
		}
		t.Run(l.name+"/by pages", func(t *testing.T) {
			srv := l.fill(t, 250)
			client, ctx := srv.Client(t), t.Context()
			var got []connix.ID
			for page, err := range l.pages(ctx, client, nil) {
				if err != nil {
					t.Fatal(err)
				}
				if len(page.Items) == 0 {
					t.Error("a page with nothing new on it")
				}
				for _, id := range page.Items {
					got = append(got, id)
					if l.envelope == "api_keys" && id == srv.ids[0] {
						continue
					}
					if err := l.remove(ctx, client, id); err != nil {
						t.Fatal(err)
					}
				}
			}
			equal(t, "items", got, srv.ids)
		})
	}
}

// WithMaxPages counts the pages that are given, not those that are read again.
func TestIterate_deletesWithMaxPages(t *testing.T) {
	l := lists[2]
	srv := l.fill(t, 50)
	client, ctx := srv.Client(t), t.Context()
	var got []connix.ID
	for id, err := range l.all(ctx, client, &connix.ListOptions{Limit: 10}, connix.WithMaxPages(3)) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, id)
		if err := l.remove(ctx, client, id); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, "items", got, srv.ids[:30])
}

// The iterator starts at the page that was asked for, and what slides before it
// is not its own.
func TestIterate_deletesFromALaterPage(t *testing.T) {
	l := lists[2]
	srv := l.fill(t, 50)
	client, ctx := srv.Client(t), t.Context()
	var got []connix.ID
	for id, err := range l.all(ctx, client, &connix.ListOptions{Limit: 10, Page: 3}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, id)
		if err := l.remove(ctx, client, id); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, "items", got, srv.ids[20:])
}

// What others delete is no error, and costs nothing of what stays.
func TestIterate_deletionsByOthers(t *testing.T) {
	for _, l := range deletable[:2] {
		for prefetch := range 3 {
			srv := l.fill(t, 500)
			client, ctx := srv.Client(t), t.Context()
			gone := map[connix.ID]bool{}
			var got []connix.ID
			for page, err := range l.pages(ctx, client, nil, connix.WithPrefetch(prefetch)) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, page.Items...)
				if len(gone) > 100 {
					continue
				}
				for i := len(gone); i < 200; i += 7 { // some were given, some were not
					gone[srv.ids[i]] = true
					if err := l.remove(ctx, client, srv.ids[i]); err != nil && !connixNotFound(err) {
						t.Fatal(err)
					}
				}
			}
			stayed := slices.DeleteFunc(slices.Clone(srv.ids), func(id connix.ID) bool { return gone[id] })
			got = slices.DeleteFunc(got, func(id connix.ID) bool { return gone[id] })
			if !slices.Equal(got, stayed) {
				t.Errorf("%s, prefetch %d: got %d, want %d", l.name, prefetch, len(got), len(stayed))
			}
		}
	}
}

func connixNotFound(err error) bool { return errors.Is(err, connix.ErrNotFound) }

// While others delete and create, all that stays is given once.
func TestIterate_race(t *testing.T) {
	for _, l := range deletable[:2] {
		for prefetch := range 3 {
			t.Run(fmt.Sprint(l.name, "/prefetch ", prefetch), func(t *testing.T) {
				srv := l.fill(t, 600)
				client, ctx := srv.Client(t), t.Context()
				var others sync.WaitGroup
				for worker := range 3 {
					others.Go(func() {
						for i := worker; i < len(srv.ids); i += 9 {
							if err := l.remove(ctx, client, srv.ids[i]); err != nil {
								t.Error(err)
							}
						}
					})
				}
				others.Go(func() {
					for i := range 30 {
						l.add(srv.Server, seed{name: "new-" + strconv.Itoa(i)})
					}
				})
				counts := map[connix.ID]int{}
				for id, err := range l.all(ctx, client, &connix.ListOptions{Limit: 20}, connix.WithPrefetch(prefetch)) {
					if err != nil {
						t.Error(err)
						break
					}
					counts[id]++
				}
				others.Wait()
				for i, id := range srv.ids {
					if n := counts[id]; n > 1 || n == 0 && i%9 > 2 {
						t.Errorf("item %d came %d times", i, n)
					}
				}
			})
		}
	}
}

// The list that counts items instead of pages goes back too. Its items cannot be
// deleted one by one: they leave it as their status changes.
func TestIterate_itemsLeaveByOffset(t *testing.T) {
	l := lists[4]
	for prefetch := range 3 {
		srv := l.fill(t, 0)
		var want []connix.ID
		for i := range 250 {
			want = append(want, l.add(srv.Server, seed{
				name: "agent-" + strconv.Itoa(i), status: connix.StatusRunning, created: overviewTime.Add(-time.Duration(i) * time.Minute),
			}))
		}
		client, ctx := srv.Client(t), t.Context()
		var got []connix.ID
		for id, err := range l.all(ctx, client, &connix.ListOptions{Status: connix.StatusRunning}, connix.WithPrefetch(prefetch)) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, id)
			must(client.Agents.Stop(ctx, id))(t)
		}
		equal(t, "stopped", got, want)
	}
}

// A list without a total shows no deletion: nothing is read again, and the loop
// ends.
func TestIterate_deletesWithoutTotal(t *testing.T) {
	l := lists[0]
	srv := l.fill(t, 250, connixtest.WithDialect(connixtest.ReferenceDialect))
	client, ctx := srv.Client(t), t.Context()
	var got []connix.ID
	for id, err := range l.all(ctx, client, nil) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, id)
		if err := l.remove(ctx, client, id); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, "items", got, append(slices.Clone(srv.ids[:100]), srv.ids[200:]...))
}
