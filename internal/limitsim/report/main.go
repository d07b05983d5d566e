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
		if err := os.WriteFile(svg, []byte(plot()), 0o644); err != nil {
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
	fmt.Fprintln(w, "| situation | measured | required |\n|---|---|---|")
	for i, row := range rows {
		fmt.Fprintf(w, "| **%s**: %s | | |\n", row.Name, row.Situation)
		for _, f := range figures[i] {
			mark := ""
			if !f.OK {
				failed++
				mark = " **not met**"
			}
			fmt.Fprintf(w, "| | %v | %s%s |\n", f, f.Required, mark)
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d requirements are not met", failed)
	}
	return nil
}
