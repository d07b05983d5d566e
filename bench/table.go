package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"
)

// writeTable prints what was measured. Of the floor it shows the one that does
// connix-go's work; each SDK is compared with the floor of its own API.
func writeTable(out io.Writer, measured []figures, lists []listing, sizes []program) error {
	var b strings.Builder
	row := func(what, floor string, cell func(i int) string) {
		fmt.Fprintf(&b, "| %s | %s |", what, floor)
		for i := range subjects {
			fmt.Fprintf(&b, " %s |", cell(i))
		}
		b.WriteByte('\n')
	}
	times := func(v float64) string { return fmt.Sprintf("%.2f ×", v) }
	row(fmt.Sprintf("%s, %s/%s", runtime.Version(), runtime.GOOS, runtime.GOARCH), "net/http + encoding/json", title)
	b.WriteString("| --- | --- |" + strings.Repeat(" --- |", len(subjects)) + "\n")

	our := measured[0]
	row("GET one: time", "1", func(i int) string { return times(measured[i].get) })
	row("GET one: allocations", fmt.Sprintf("%.0f", our.floorGet.allocations), func(i int) string { return fmt.Sprintf("%+.0f", measured[i].getCost.allocations) })
	row("POST: time", "1", func(i int) string { return times(measured[i].post) })
	row("POST: allocations", fmt.Sprintf("%.0f", our.floorPost.allocations), func(i int) string { return fmt.Sprintf("%+.0f", measured[i].postCost.allocations) })
	row("List of 100: time", "1", func(i int) string { return times(measured[i].list) })
	row("List of 100: bytes allocated", "1", func(i int) string { return times(measured[i].listBytes) })
	row("1,000 items, 10 pages of 20 ms: time", "1", func(i int) string { return times(lists[i].ofFloor) })
	for _, l := range lists[len(subjects):] {
		row(fmt.Sprintf("… with `WithPrefetch(%d)`", l.prefetch), "–", func(i int) string {
			if i == 0 {
				return fmt.Sprintf("%.2f × (%.2f × the fastest SDK)", l.ofFloor, l.ofPeers)
			}
			return "–"
		})
	}
	row("64 goroutines × 100 GETs: throughput", "1", func(i int) string { return times(measured[i].throughput) })
	row("… connections opened, at most", fmt.Sprint(our.floorOpened), func(i int) string { return fmt.Sprint(measured[i].connections) })
	kilobytes := func(p program) string { return fmt.Sprintf("%d kB", (p.bytes+500)/1000) }
	row("Stripped hello-world binary", kilobytes(sizes[0]), func(i int) string { return kilobytes(sizes[i+1]) })
	row("… modules linked into it", fmt.Sprint(sizes[0].modules), func(i int) string { return fmt.Sprint(sizes[i+1].modules) })
	_, err := io.WriteString(out, b.String())
	return err
}

// title is a subject's name and the version that this program was built with.
func title(i int) string {
	modules := map[string]string{
		nameGitHub: "github.com/google/go-github/",
		nameGitLab: "gitlab.com/gitlab-org/api/client-go/",
		nameOpenAI: "github.com/openai/openai-go/",
	}
	s := subjects[i]
	info, ok := debug.ReadBuildInfo()
	if prefix := modules[s.name]; ok && prefix != "" {
		for _, m := range info.Deps {
			if strings.HasPrefix(m.Path, prefix) {
				return s.title + " " + m.Version
			}
		}
	}
	return s.title
}
