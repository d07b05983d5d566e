package state

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
)

// IDs gives out ids. Stores that share it have no id in common. The zero value is ready.
type IDs struct {
	mu       sync.Mutex
	made     int   // ids given out, of all kinds but projects
	projects int64 // the highest number that a project has had
}

// next returns an id with the prefix. The first half counts, so that ids sort in the
// order they were made; the second is random, so that they cannot be guessed.
func (s *IDs) next(prefix string) ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.made++
	random := make([]byte, 4)
	_, _ = rand.Read(random)
	return ID(fmt.Sprintf("%s_%08x%s", prefix, s.made, hex.EncodeToString(random)))
}

func (s *IDs) nextProject() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.projects++
	return s.projects
}

// noteProject has later ids be higher than the given one, if it is a number that leaves
// room for them.
func (s *IDs) noteProject(id ID) {
	n, err := strconv.ParseInt(strings.TrimPrefix(string(id), "proj_"), 10, 64)
	if err != nil || n >= math.MaxInt64/2 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.projects = max(s.projects, n)
}

func (s *IDs) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.made, s.projects = 0, 0
}
