package faults_test

import (
	"context"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/connix-io/connix-go/internal/fake/faults"
)

// status is an action that can be told by its status.
func status(n int) faults.Action { return faults.Respond(n, "", nil) }

// ask sends requests such as "GET /projects/7" through the set, without a
// network, and returns their statuses: 200 where none was hit.
func (s *site) ask(requests ...string) []int {
	h := s.handler()
	var got []int
	for _, request := range requests {
		method, path, _ := strings.Cut(request, " ")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), method, "/api/v1"+path, nil))
		got = append(got, w.Code)
	}
	return got
}

func TestRulesChooseRequests(t *testing.T) {
	six := slices.Repeat([]string{"GET /projects"}, 6)
	for name, row := range map[string]struct {
		rules []faults.Rule
		ask   []string
		want  []int
	}{
		"none":             {nil, six[:2], []int{200, 200}},
		"all":              {[]faults.Rule{{Action: status(418)}}, []string{"GET /projects", "DELETE /agents/a1", "GET /nowhere"}, []int{418, 418, 418}},
		"method":           {[]faults.Rule{{Method: "delete", Action: status(418)}}, []string{"GET /projects/7", "DELETE /projects/7"}, []int{200, 418}},
		"route":            {[]faults.Rule{{Route: "/projects/{id}", Action: status(418)}}, []string{"GET /projects", "GET /projects/7", "GET /agents/7"}, []int{200, 418, 200}},
		"route, in full":   {[]faults.Rule{{Route: "/api/v1/projects", Action: status(418)}}, []string{"GET /projects", "GET /projects/7"}, []int{418, 200}},
		"path":             {[]faults.Rule{{Route: "/projects/7", Action: status(418)}}, []string{"GET /projects", "GET /projects/7", "GET /projects/8"}, []int{200, 418, 200}},
		"skip":             {[]faults.Rule{{Skip: 2, Action: status(418)}}, six[:4], []int{200, 200, 418, 418}},
		"skip its own":     {[]faults.Rule{{Method: "PUT", Skip: 1, Action: status(418)}}, []string{"GET /a", "PUT /a", "GET /a", "PUT /a"}, []int{200, 200, 200, 418}},
		"times":            {[]faults.Rule{{Times: 2, Action: status(418)}}, six[:4], []int{418, 418, 200, 200}},
		"skip and times":   {[]faults.Rule{{Skip: 1, Times: 2, Action: status(418)}}, six[:5], []int{200, 418, 418, 200, 200}},
		"certain":          {[]faults.Rule{{Probability: 1, Action: status(418)}}, six[:3], []int{418, 418, 418}},
		"the first wins":   {[]faults.Rule{{Action: status(418)}, {Action: status(419)}}, six[:2], []int{418, 418}},
		"a sequence":       {[]faults.Rule{{Times: 1, Action: status(418)}, {Times: 2, Action: status(419)}, {Skip: 1, Action: status(420)}}, six, []int{418, 419, 419, 200, 420, 420}},
		"with a shortcut":  {[]faults.Rule{{Route: "/a", Times: 1, Action: status(418)}, {Action: status(419)}}, []string{"GET /a", "GET /a", "GET /b"}, []int{418, 419, 419}},
		"never so seldom":  {[]faults.Rule{{Probability: math.SmallestNonzeroFloat64, Action: status(418)}}, six, []int{200, 200, 200, 200, 200, 200}},
		"nested in others": {[]faults.Rule{{Action: faults.Delay(0, faults.AfterProcessing(status(418)))}}, six[:1], []int{418}},
	} {
		t.Run(name, func(t *testing.T) {
			s := new(site)
			for _, r := range row.rules {
				s.inject(t, r)
			}
			if got := s.ask(row.ask...); !slices.Equal(got, row.want) {
				t.Errorf("%v, want %v", got, row.want)
			}
		})
	}
}

func TestDrawsComeFromTheSeed(t *testing.T) {
	draw := func(seed uint64) []int {
		s := new(site)
		s.inject(t, faults.Rule{Probability: 0.3, Seed: seed, Action: status(418)})
		return s.ask(slices.Repeat([]string{"GET /projects"}, 1000)...)
	}
	zero, one := draw(0), draw(1)
	if !slices.Equal(zero, draw(0)) || !slices.Equal(one, draw(1)) {
		t.Error("the same seed draws differently")
	}
	if slices.Equal(zero, one) {
		t.Error("two seeds draw the same")
	}
	for _, got := range [][]int{zero, one} {
		hits := 0
		for _, code := range got {
			if code == 418 {
				hits++
			}
		}
		if hits < 250 || hits > 350 {
			t.Errorf("%d of 1000 hit, want about 300", hits)
		}
	}
}

// A request that a rule does not want costs it no draw: others do not disturb
// its sequence.
func TestDrawsAreARulesOwn(t *testing.T) {
	alone, among := new(site), new(site)
	for _, s := range []*site{alone, among} {
		s.inject(t, faults.Rule{Method: "PUT", Probability: 0.5, Action: status(418)})
	}
	var got []int
	for range 100 {
		got = append(got, among.ask("GET /a", "PUT /a", "PUT /a")[1:]...)
	}
	if want := alone.ask(slices.Repeat([]string{"PUT /a"}, 200)...); !slices.Equal(got, want) {
		t.Error("requests that do not match have changed the draws")
	}
}

func TestInjectionCountsAndGoes(t *testing.T) {
	s := new(site)
	first := s.inject(t, faults.Rule{Times: 3, Action: status(418)})
	second := s.inject(t, faults.Rule{Action: status(419)})
	s.ask("GET /a", "GET /a")
	if first.Hits() != 2 || second.Hits() != 0 {
		t.Errorf("hits %d and %d, want 2 and 0", first.Hits(), second.Hits())
	}
	first.Remove()
	first.Remove()
	if got := s.ask("GET /a"); got[0] != 419 || first.Hits() != 2 || second.Hits() != 1 {
		t.Errorf("after Remove: %v, hits %d and %d", got, first.Hits(), second.Hits())
	}
	s.Reset()
	if got := s.ask("GET /a"); got[0] != 200 || second.Hits() != 1 || s.marked.Load() != 3 {
		t.Errorf("after Reset: %v, %d hits, %d marked", got, second.Hits(), s.marked.Load())
	}
}

func TestAddRefusesWhatCannotWork(t *testing.T) {
	act := status(418)
	for name, r := range map[string]faults.Rule{
		"no action":          {},
		"negative skip":      {Skip: -1, Action: act},
		"negative times":     {Times: -1, Action: act},
		"improbable":         {Probability: -0.1, Action: act},
		"more than certain":  {Probability: 1.1, Action: act},
		"not a probability":  {Probability: math.NaN(), Action: act},
		"route with no root": {Route: "projects", Action: act},
	} {
		s := new(site)
		if in, err := s.Add(r); err == nil || in != nil {
			t.Errorf("%s: %v, %v, want an error", name, in, err)
		}
		if got := s.ask("GET /projects"); got[0] != 200 {
			t.Errorf("%s: it was added nevertheless", name)
		}
	}
}

func TestSetIsSafeForConcurrentUse(t *testing.T) {
	s := new(site)
	limited := s.inject(t, faults.Rule{Method: "PUT", Times: 100, Action: status(418)})
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			s.ask(slices.Repeat([]string{"PUT /a", "GET /a"}, 25)...)
			in, err := s.Add(faults.Rule{Action: status(419)})
			if err != nil {
				t.Error(err)
				return
			}
			in.Hits()
			in.Remove()
		})
	}
	wg.Go(func() {
		for range 50 {
			s.ask("PATCH /a")
		}
	})
	wg.Wait()
	if limited.Hits() != 100 {
		t.Errorf("%d hits, want 100", limited.Hits())
	}
	if got := s.ask("GET /a"); got[0] != http.StatusOK {
		t.Errorf("a removed rule still acts: %v", got)
	}
}
