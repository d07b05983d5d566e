package fake

import (
	"maps"

	"github.com/connix-io/connix-go/internal/fake/state"
)

// users are the worlds of the users who have logged in, where the fake separates them.
// The default user's world, which the key of the fake and the seeds belong to, is
// [Fake.Store]. The worlds share one sequence of ids: an id of one user is not found by
// another, rather than being another record.
type users struct {
	ids      *state.IDs
	onLaunch func(state.Launch) []state.Step
	stores   map[string]*state.Store // by user, without the default one
}

// newStore returns an empty world.
func (f *Fake) newStore(user string) *state.Store {
	return state.New(state.Config{
		Clock: f.clock, Skew: f.config.Skew, StringIDs: f.config.Dialect == Reference, IDs: f.users.ids,
		Observe: func(e state.Event) { f.observe(user, e) },
	})
}

// storeOf returns the world of a user.
func (f *Fake) storeOf(user string) *state.Store {
	if user == "" || !f.config.Users {
		return f.store
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.users.stores[user]
	if s == nil {
		s = f.newStore(user)
		s.OnLaunch(f.users.onLaunch)
		f.users.stores[user] = s
	}
	return s
}

// worlds returns the user of every world and the world.
func (f *Fake) worlds() map[string]*state.Store {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := map[string]*state.Store{"": f.store}
	maps.Copy(all, f.users.stores)
	return all
}

// OnLaunch sets what makes the plans of agents, whoever launches them.
func (f *Fake) OnLaunch(plan func(state.Launch) []state.Step) {
	f.mu.Lock()
	f.users.onLaunch = plan
	f.mu.Unlock()
	for _, s := range f.worlds() {
		s.OnLaunch(plan)
	}
}

// SetAgentStatus puts any user's agent into a state, and reports whether there is one.
func (f *Fake) SetAgentStatus(id state.ID, status string) bool {
	for _, s := range f.worlds() {
		if s.SetAgentStatus(id, status) {
			return true
		}
	}
	return false
}

// forgetUsers drops the worlds of all users but the default one.
func (f *Fake) forgetUsers() {
	f.mu.Lock()
	gone := f.users.stores
	f.users.stores = map[string]*state.Store{}
	f.mu.Unlock()
	for _, s := range gone {
		s.Close()
	}
}
