// Command report measures the rate limiter in the simulation and writes what
// docs/rate-limits.md shows: the table of requirements, or with -plot an SVG of
// ten hours under the limiter beside the oracle.
//
//	go run ./internal/limitsim/report -runs 5
//	go run ./internal/limitsim/report -plot > docs/rate-limits.svg
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/connix-io/connix-go/internal/limitsim"
)

func main() {
	runs := flag.Int("runs", 1, "repeat every simulation this many times, each with its own seed")
	drawn := flag.Bool("plot", false, "write the plot, not the table")
	flag.Parse()
	var text string
	var err error
	if *drawn {
		text = plot()
	} else {
		text, err = table(*runs)
	}
	if _, writeErr := os.Stdout.WriteString(text); err == nil {
		err = writeErr
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
}

// table is what is required of the limiter, and what was measured. It is there
// with an error, too: that a requirement is not met.
func table(runs int) (string, error) {
	rows := limitsim.Rows()
	figures := make([][]limitsim.Figure, len(rows))
	var wg sync.WaitGroup
	for i, row := range rows {
		wg.Go(func() { figures[i] = row.Measure(row.Runs*runs, nil) })
	}
	wg.Wait()
	failed := 0
	var b strings.Builder
	b.WriteString("| situation | measured | required |\n|---|---|---|\n")
	for i, row := range rows {
		b.WriteString("| **" + row.Name + "**: " + row.Situation + " | | |\n")
		for _, f := range figures[i] {
			mark := ""
			if !f.OK {
				failed++
				mark = " **not met**"
			}
			b.WriteString("| | " + f.String() + " | " + f.Required + mark + " |\n")
		}
	}
	if failed > 0 {
		return b.String(), fmt.Errorf("%d requirements are not met", failed)
	}
	return b.String(), nil
}
