// Package faults makes a server misbehave on purpose: a [Set] of rules says
// which requests are hit, and an [Action] says what happens to them.
package faults

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"

	"github.com/connix-io/connix-go/internal/fake/pattern"
)

// Rule says which requests a fault hits, how many of them, and what happens.
type Rule struct {
	Method, Route string // as [pattern.New] takes them

	Skip        int     // matching requests that are let through first
	Times       int     // requests that are hit after that; 0: without end
	Probability float64 // of each request that is not skipped to be hit; 0: always
	Seed        uint64  // of the draws; 0 is a seed like any other

	Action Action
}

// check says why the rule could never work.
func (r Rule) check() error {
	switch {
	case r.Action == nil:
		return errors.New("fault without an Action")
	case r.Skip < 0 || r.Times < 0:
		return fmt.Errorf("fault with Skip %d, Times %d: neither can be negative", r.Skip, r.Times)
	case !(r.Probability >= 0 && r.Probability <= 1): // also NaN
		return fmt.Errorf("fault with Probability %v: want 0 to 1", r.Probability)
	}
	return nil
}

// Set is an ordered set of rules. A request is hit by the first rule that
// takes it and is not seen by the rules after that one, so two rules of one
// hit each are a sequence. The zero value is empty and ready; a Set is safe
// for concurrent use.
type Set struct {
	// Exists reports whether there is a route; nil: every route exists. Set it before
	// the first use.
	Exists func(route string) bool

	mu      sync.Mutex
	rules   []*Injection
	running map[*context.CancelFunc]struct{}
}

// Injection is a rule in a [Set].
type Injection struct {
	set   *Set
	rule  Rule
	meant pattern.Pattern

	// Guarded by set.mu.
	seen, hits int
	rand       *rand.Rand
}

// Add puts a rule behind those that are there.
func (s *Set) Add(r Rule) (*Injection, error) {
	exists := s.Exists
	if exists == nil {
		exists = func(string) bool { return true }
	}
	meant, err := pattern.New(r.Method, r.Route, exists)
	if err = errors.Join(err, r.check()); err != nil {
		return nil, err
	}
	in := &Injection{set: s, rule: r, meant: meant, rand: rand.New(rand.NewPCG(r.Seed, 0))}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = append(s.rules, in)
	return in, nil
}

// Hits returns how many requests the rule has hit.
func (i *Injection) Hits() int {
	i.set.mu.Lock()
	defer i.set.mu.Unlock()
	return i.hits
}

// Missed returns the rules of a certain number of hits that have hit nothing.
func (s *Set) Missed() (missed []Rule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, in := range s.rules {
		if in.rule.Times > 0 && in.hits == 0 {
			missed = append(missed, in.rule)
		}
	}
	return missed
}

// Remove takes the rule out of its set. Requests that it has hit run on to
// their end. A second call does nothing.
func (i *Injection) Remove() {
	i.set.mu.Lock()
	defer i.set.mu.Unlock()
	i.set.rules = slices.DeleteFunc(i.set.rules, func(o *Injection) bool { return o == i })
}

// Reset removes all rules and hangs up on the requests that are waiting in one.
func (s *Set) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = nil
	for cancel := range s.running {
		(*cancel)()
	}
}

// Wrap returns a handler that lets the rules act before next.
//
// route names the template of a request, such as "/projects/{id}", and "" for
// a request that has none; it is asked only while there are rules. mark, where
// it is not nil, is told of each request that is hit, before the action runs.
//
// The caller of the handler has read the whole body from the connection: before that,
// net/http does not notice that a client has disconnected, and a fault that waits would
// wait in vain.
func (s *Set) Wrap(route func(*http.Request) string, mark func(*http.Request), next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in := s.pick(r, route)
		if in == nil {
			next.ServeHTTP(w, r)
			return
		}
		if mark != nil {
			mark(r)
		}
		ctx, end := s.begin(r.Context())
		defer end()
		in.rule.Action(w, r.WithContext(ctx), next)
	})
}

// pick returns the rule that hits r, and counts the hit.
func (s *Set) pick(r *http.Request, route func(*http.Request) string) *Injection {
	s.mu.Lock()
	idle := len(s.rules) == 0
	s.mu.Unlock()
	if idle {
		return nil
	}
	template := route(r)

	s.mu.Lock()
	defer s.mu.Unlock()
	for _, in := range s.rules {
		if in.takes(r.Method, template, r.URL.Path) {
			return in
		}
	}
	return nil
}

func (i *Injection) takes(method, template, path string) bool {
	r := i.rule
	switch {
	case !i.meant.Matches(method, template, path):
		return false
	case r.Times > 0 && i.hits == r.Times:
		return false
	case i.seen < r.Skip:
		i.seen++
		return false
	case r.Probability > 0 && i.rand.Float64() >= r.Probability:
		return false
	}
	i.hits++
	return true
}

// begin returns a context that Reset ends, too.
func (s *Set) begin(parent context.Context) (ctx context.Context, end func()) {
	ctx, cancel := context.WithCancel(parent)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running == nil {
		s.running = make(map[*context.CancelFunc]struct{})
	}
	s.running[&cancel] = struct{}{}
	return ctx, func() {
		s.mu.Lock()
		delete(s.running, &cancel)
		s.mu.Unlock()
		cancel()
	}
}
