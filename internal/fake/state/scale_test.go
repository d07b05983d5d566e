package state_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/connix-io/connix-go/internal/fake/clock"
	"github.com/connix-io/connix-go/internal/fake/state"
	"github.com/connix-io/connix-go/internal/fake/table"
)

// withAgents returns a store with two projects, of which the second has n agents and the
// first ten.
func withAgents(n int) *state.Store {
	s := state.New(state.Config{Clock: clock.System{}})
	s.AddProjects(2, func(int) state.Project { return state.Project{} })
	for range n {
		s.AddAgent(state.Agent{ProjectID: "2"})
	}
	for range 10 {
		s.AddAgent(state.Agent{ProjectID: "1"})
	}
	return s
}

func TestDeleteProject_manyAgents(t *testing.T) {
	s := withAgents(1000)
	if err := s.DeleteProject("2"); err != nil {
		t.Fatal(err)
	}
	if all, total := s.Agents(table.Query[*state.Agent]{Limit: 100}); len(all) != 10 || total != 10 {
		t.Errorf("%d agents of %d are left, want 10", len(all), total)
	}
	if page, total, err := s.AgentsOf("1", table.Query[*state.Agent]{Limit: 3}); err != nil || len(page) != 3 || total != 10 {
		t.Errorf("the other project has %d of %d agents, %v", len(page), total, err)
	}
	if _, _, err := s.AgentsOf("2", table.Query[*state.Agent]{Limit: 3}); err == nil {
		t.Error("the deleted project has agents")
	}
}

// BenchmarkDeleteProject deletes a project with n agents.
func BenchmarkDeleteProject(b *testing.B) {
	for _, n := range []int{1e3, 1e5, 1e6} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				s := withAgents(n)
				b.StartTimer()
				if err := s.DeleteProject("2"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkAgentsOf lists a project's agents beside n others.
func BenchmarkAgentsOf(b *testing.B) {
	for _, n := range []int{1e3, 1e5, 1e6} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := withAgents(n)
			for b.Loop() {
				if _, total, err := s.AgentsOf("1", table.Query[*state.Agent]{Limit: 100}); err != nil || total != 10 {
					b.Fatal(total, err)
				}
			}
		})
	}
}

// BenchmarkUseAPIKey authenticates while somebody searches n projects all the time.
func BenchmarkUseAPIKey(b *testing.B) {
	for _, n := range []int{1e3, 1e5, 1e6} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := state.New(state.Config{Clock: clock.System{}})
			s.AddProjects(n, nil)
			key := s.AddAPIKey(&state.APIKey{}).Secret
			stop, stopped := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(stopped)
				for {
					select {
					case <-stop:
						return
					default:
						s.Projects(table.Query[*state.Project]{Limit: 100, Keep: func(p *state.Project) bool { return strings.Contains(p.Label, "77") }})
					}
				}
			}()
			for b.Loop() {
				if k, _ := s.UseAPIKey(key); k == nil {
					b.Fatal("the key is not known")
				}
			}
			close(stop)
			<-stopped
		})
	}
}
