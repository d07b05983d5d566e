// Command report measures the rate limiter in the simulation and writes what
// docs/rate-limits.md shows: the table of requirements to the standard output,
// and with -svg a plot of ten hours under the limiter beside the oracle.
//
//	go run ./internal/limitsim/report -runs 10 -svg docs/rate-limits.svg
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/connix-io/connix-go/internal/limitsim"
)

func main() {
	runs := flag.Int("runs", 1, "repeat every simulation this many times, each with its own seed")
	svg := flag.String("svg", "", "write the plot to this file")
	flag.Parse()
	if err := report(os.Stdout, *runs, *svg); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
}

func report(w io.Writer, runs int, svg string) error {
	if svg != "" {
		if err := os.WriteFile(svg, []byte(plot()), 0o600); err != nil {
			return err
		}
	}
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
	if _, err := io.WriteString(w, b.String()); err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("%d requirements are not met", failed)
	}
	return nil
}
