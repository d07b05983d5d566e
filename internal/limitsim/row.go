package limitsim

import (
	"fmt"
	"math"
	"time"
)

// Row is a situation and what is required of the limiter in it.
type Row struct {
	Name      string // as the comments of package limit call it
	Situation string
	Runs      int // simulations that make a first opinion; Measure takes more or fewer
	Measure   func(runs int, limiter Factory) []Figure
}

// Figure is one measured number and its requirement.
type Figure struct {
	What     string
	Value    float64
	Unit     Unit
	Required string // "" if it is only worth knowing
	OK       bool
}

// Unit is how a figure is written.
type Unit uint8

// The units.
const (
	Count   Unit = iota
	Mean         // of counts
	Percent      // Value 1 is 100
	Seconds
)

func (f Figure) String() string { return f.What + ": " + f.Unit.format(f.Value) }

func (u Unit) format(v float64) string {
	switch u {
	case Mean:
		return fmt.Sprintf("%.2f", v)
	case Percent:
		return fmt.Sprintf("%.2f %%", 100*v)
	case Seconds:
		return fmt.Sprintf("%.3f s", v)
	}
	return fmt.Sprintf("%.0f", v)
}

func atMost(what string, v float64, u Unit, limit float64) Figure {
	return Figure{what, v, u, "at most " + u.format(limit), v <= limit}
}

func atLeast(what string, v float64, u Unit, limit float64) Figure {
	return Figure{what, v, u, "at least " + u.format(limit), v >= limit}
}

func worthKnowing(what string, v float64, u Unit) Figure { return Figure{what, v, u, "", true} }

// spread collects values of one kind.
type spread struct {
	n          int
	sum        float64
	least, top float64
}

func (s *spread) add(v float64) {
	if s.n == 0 {
		s.least, s.top = math.Inf(1), math.Inf(-1)
	}
	s.n++
	s.sum += v
	s.least, s.top = min(s.least, v), max(s.top, v)
}

func (s *spread) addTime(d time.Duration) { s.add(d.Seconds()) }

func (s *spread) mean() float64 { return s.sum / float64(max(s.n, 1)) }

// Rows are all that is required, in the order of the documentation.
func Rows() []Row {
	return []Row{
		rowAlone, rowFuzz, rowCancelled, rowWork, rowStartedAgain, rowRestarted,
		rowShared, rowFleet, rowLeft, rowUsedUp, rowChanged, rowHeaders, rowTokens, rowCounter, rowShapes, rowLag, rowStuck, rowStray, rowOutage, rowLanes,
	}
}

// RowOf returns the row of that name.
func RowOf(name string) Row {
	for _, r := range Rows() {
		if r.Name == name {
			return r
		}
	}
	panic("limitsim: no row " + name)
}
