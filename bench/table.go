package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"
)

// table is one in the making.
type table struct{ strings.Builder }

func (t *table) row(what, floor string, cell func(i int) string) {
	fmt.Fprintf(t, "| %s | %s |", what, floor)
	for i := range subjects {
		fmt.Fprintf(t, " %s |", cell(i))
	}
	_ = t.WriteByte('\n')
}

func (t *table) head(what string) {
	t.row(what+", "+runtime.Version()+", "+runtime.GOOS+"/"+runtime.GOARCH, "net/http + encoding/json", title)
	_, _ = t.WriteString("| --- | --- |" + strings.Repeat(" --- |", len(subjects)) + "\n")
}

func (t *table) writeTo(out io.Writer) error {
	_, err := io.WriteString(out, t.String()+"\n")
	return err
}

func times(v float64) string { return fmt.Sprintf("%.2f ×", v) }

// writeTable prints the figures of one protocol. Of the floor it shows the one that
// does connix-go's work; each SDK is compared with the floor of its own API.
func writeTable(out io.Writer, protocol string, measured []figures, lists []listing) error {
	var t table
	t.head(protocol)
	our := measured[0]
	compared := func(what string, of func(*figures) ratio) {
		t.row(what, "1", func(i int) string { return times(of(&measured[i]).bare) })
		t.row("… beside a floor that sends request ids, too", "1", only(func() string { return times(of(&our).ids) }))
	}
	compared("GET one: time", func(f *figures) ratio { return f.get })
	t.row("GET one: allocations", fmt.Sprintf("%.0f", our.floorGet.allocations), func(i int) string { return fmt.Sprintf("%+.0f", measured[i].getCost.allocations) })
	t.row("GET one: bytes sent", fmt.Sprintf("%.0f", our.floorSent), func(i int) string {
		return fmt.Sprintf("%.0f (%+.0f)", measured[i].sent, measured[i].sent-measured[i].floorSent)
	})
	compared("POST: time", func(f *figures) ratio { return f.post })
	t.row("POST: allocations", fmt.Sprintf("%.0f", our.floorPost.allocations), func(i int) string { return fmt.Sprintf("%+.0f", measured[i].postCost.allocations) })
	compared("List of 100: time", func(f *figures) ratio { return f.list })
	t.row("List of 100: bytes allocated", "1", func(i int) string { return times(measured[i].listBytes) })
	t.row("1,000 items, 10 pages of 20 ms: time", "1", func(i int) string { return times(lists[i].ofFloor) })
	for _, l := range lists[len(subjects):] {
		t.row(fmt.Sprintf("… with `WithPrefetch(%d)`", l.prefetch), "–", only(func() string {
			return fmt.Sprintf("%.2f × (%.2f × the fastest SDK)", l.ofFloor, l.ofPeers)
		}))
	}
	compared("64 goroutines × 100 GETs: throughput", func(f *figures) ratio { return f.throughput })
	t.row("… connections opened, at most", fmt.Sprint(our.floorOpened), func(i int) string { return fmt.Sprint(measured[i].connections) })
	return t.writeTo(out)
}

// only returns the cells of a row that connix-go alone has.
func only(cell func() string) func(i int) string {
	return func(i int) string {
		if i > 0 {
			return "–"
		}
		return cell()
	}
}

// writePrograms prints the figures of the programs, the floor's first.
func writePrograms(out io.Writer, programs []program) error {
	var t table
	t.head("Programs that make one call")
	kilobytes := func(p program) string { return fmt.Sprintf("%d kB", (p.bytes+500)/1000) }
	t.row("Stripped binary", kilobytes(programs[0]), func(i int) string { return kilobytes(programs[i+1]) })
	t.row("… modules linked into it", fmt.Sprint(programs[0].modules), func(i int) string { return fmt.Sprint(programs[i+1].modules) })
	t.row("Cold start: one run, over TLS", "1", only(func() string { return times(programs[1].cold) }))
	return t.writeTo(out)
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
