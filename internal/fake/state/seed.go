package state

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/connix-io/connix-go/internal/fake/table"
)

// The Add methods put records into the store as a test wants them: without the
// rules that requests are held to, and without events. What is zero is filled
// in. They panic where a record cannot be: an id or project's name that is
// taken, a project that does not exist.

// AddProjects adds n projects, made by f from their index, at the cost of a sort.
func (s *Store) AddProjects(n int, f func(i int) Project) []*Project {
	added := make([]*Project, n)
	for i := range added {
		p := f(i) // before the lock: f is the test's own code
		added[i] = &p
	}
	now := s.begin()
	defer s.end()
	names := make(map[string]bool, n)
	ids := make(map[ID]bool, n)
	for _, p := range added {
		if p.ID == "" {
			p.ID = s.newProjectID()
			for ids[p.ID] || has(&s.projects, p.ID) {
				p.ID = s.newProjectID()
			}
		} else {
			s.ids.noteProject(p.ID)
		}
		if p.Label == "" {
			base := "project-" + strings.TrimPrefix(string(p.ID), "proj_")
			p.Label = base
			for n := 2; names[p.Label] || len(s.projects.Labeled(p.Label)) > 0; n++ {
				p.Label = fmt.Sprintf("%s-%d", base, n)
			}
		}
		fillTimes(&p.Key, now)
		if ids[p.ID] || has(&s.projects, p.ID) {
			panic(fmt.Sprintf("connixtest: a project with the id %q exists already", p.ID))
		}
		if names[p.Label] || len(s.projects.Labeled(p.Label)) > 0 {
			panic(fmt.Sprintf("connixtest: a project named %q exists already", p.Label))
		}
		ids[p.ID], names[p.Label] = true, true
	}
	s.projects.Insert(added...)
	return added
}

// AddAgent adds an agent that has no plan. Without a project it gets one of its
// own; without a status it is running.
func (s *Store) AddAgent(a Agent) *Agent {
	if a.ProjectID == "" {
		a.ProjectID = s.AddProjects(1, func(int) Project { return Project{} })[0].ID
	}
	now := s.begin()
	defer s.end()
	if !has(&s.projects, a.ProjectID) {
		panic(fmt.Sprintf("connixtest: the agent's project %q does not exist", a.ProjectID))
	}
	fillKey(s, &s.agents, &a.Key, "agent", now)
	a.Label = cmp.Or(a.Label, string(a.ID))
	a.Status = cmp.Or(a.Status, StatusRunning)
	s.insertAgent(&a)
	return &a
}

// AddWebhook adds a webhook. Without a status it is active; without a URL it has
// one that cannot be reached. An invalid URL or secret panics.
func (s *Store) AddWebhook(w Webhook) *Webhook {
	now := s.begin()
	defer s.end()
	fillKey(s, &s.webhooks, &w.Key, "wh", now)
	w.Label = cmp.Or(w.Label, "https://receiver.invalid/"+string(w.ID))
	if err := checkWebhookURL(w.Label); err != nil {
		panic(fmt.Sprintf("connixtest: the webhook's %s %s", err.Field, err.Issue))
	}
	if w.Secret != "" {
		if err := checkSecret(&w.Secret); err != nil {
			panic(fmt.Sprintf("connixtest: the webhook's %s %s", err.Field, err.Issue))
		}
	}
	w.Status = cmp.Or(w.Status, StatusActive)
	s.webhooks.Insert(&w)
	return &w
}

// AddAPIKey adds a key. Without the key itself it gets a random one; scopes stay
// as they are, even none.
func (s *Store) AddAPIKey(k *APIKey) *APIKey {
	if strings.ContainsFunc(k.Secret, func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
		panic("connixtest: no header can carry this API key: it holds a space, a control character or a non-ASCII character")
	}
	now := s.begin()
	defer s.end()
	added := *k
	fillKey(s, &s.keys, &added.Key, "key", now)
	added.Label = cmp.Or(added.Label, string(added.ID))
	added.Secret = cmp.Or(added.Secret, NewSecret())
	if _, taken := s.keyIDs[added.Secret]; taken {
		panic("connixtest: this API key exists already")
	}
	if added.LastUsedAt != nil {
		s.using.Lock()
		defer s.using.Unlock()
		s.lastUsed[added.ID] = *added.LastUsedAt
	}
	s.keyIDs[added.Secret] = added.ID
	s.keys.Insert(&added)
	return &added
}

// fillKey fills in what is zero of a record's key.
func fillKey[R table.Record](s *Store, t *table.Table[R], k *table.Key, prefix string, now time.Time) {
	if k.ID == "" {
		k.ID = s.newID(prefix)
	}
	if has(t, k.ID) {
		panic(fmt.Sprintf("connixtest: a record with the id %q exists already", k.ID))
	}
	fillTimes(k, now)
}

// fillTimes fills in the times. What was updated and never created was created
// then.
func fillTimes(k *table.Key, now time.Time) {
	if k.CreatedAt.IsZero() {
		k.CreatedAt = stamp(now)
		if !k.UpdatedAt.IsZero() {
			k.CreatedAt = k.UpdatedAt
		}
	}
	if k.UpdatedAt.IsZero() {
		k.UpdatedAt = k.CreatedAt
	}
	k.CreatedAt, k.UpdatedAt = k.CreatedAt.UTC(), k.UpdatedAt.UTC()
}

func has[R table.Record](t *table.Table[R], id ID) bool {
	_, ok := t.Get(id)
	return ok
}
