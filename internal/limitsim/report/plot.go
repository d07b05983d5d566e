package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/connix-io/connix-go/internal/limit"
	"github.com/connix-io/connix-go/internal/limitsim"
)

// The plot's measures, in SVG units.
const (
	panelWidth, panelHeight = 300, 260
	left, top, gap          = 60, 105, 65
	hours, most             = 10, 11_500
)

// plot draws the calls that a busy program has had served in ten hours, by each
// kind of server, under the limiter and under the oracle.
func plot() string {
	kinds := []limitsim.Kind{limitsim.Fixed, limitsim.Sliding, limitsim.Bucket}
	width := left + len(kinds)*(panelWidth+gap) - gap + 30
	height := top + panelHeight + 35
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12" role="img" aria-labelledby="t d">
<title id="t">Ten hours under the limiter, beside the oracle</title>
<desc id="d">Calls served over ten hours by servers with fixed and sliding windows and with buckets. The limiter's line and the oracle's nearly cover each other.</desc>
<rect width="%d" height="%d" fill="#fff"/>
<text x="%d" y="24" font-size="16" fill="#111">Ten hours, always busy: calls served under the limiter and under an oracle that knows all</text>
`, width, height, width, height, left)
	legend(&b)
	for i, kind := range kinds {
		panel(&b, left+i*(panelWidth+gap), kind)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func legend(b *strings.Builder) {
	fmt.Fprintf(b, `<path d="M%d 42h28" stroke="#1f6feb" stroke-width="4" opacity=".6"/><text x="%d" y="46" fill="#111">limiter</text>
<path d="M%d 42h28" stroke="#111" stroke-dasharray="5 3"/><text x="%d" y="46" fill="#111">oracle</text>
`, left, left+34, left+100, left+134)
}

func panel(b *strings.Builder, x int, kind limitsim.Kind) {
	c := limitsim.Config{
		Seed: 1, Until: hours * time.Hour, RTT: 100 * time.Millisecond, Jitter: 100 * time.Millisecond,
		Windows: []limitsim.ServerWindow{
			{Window: limit.Window{Limit: 1000, Period: time.Hour}, Kind: kind, Phase: 25 * time.Minute},
			{Window: limit.Window{Limit: 100, Period: time.Minute}, Kind: kind, Phase: 25 * time.Second},
		},
		Procs: []limitsim.Proc{{Workers: 16}},
	}
	limiter, oracle := limitsim.Run(c)[0], limitsim.Oracle(c)[0]
	fmt.Fprintf(b, `<g transform="translate(%d %d)">`+"\n", x, top)
	axes(b)
	fmt.Fprintf(b, `<path d="%s" fill="none" stroke="#1f6feb" stroke-width="4" opacity=".6"/>
<path d="%s" fill="none" stroke="#111" stroke-dasharray="5 3"/>
<text y="-26" fill="#111" font-weight="bold">%v</text>
<text y="-9" fill="#111">%d of %d calls (%.1f %%), %d refused</text>
</g>
`, line(limiter.Served), line(oracle.Served), kind, len(limiter.Served), len(oracle.Served),
		100*float64(len(limiter.Served))/float64(len(oracle.Served)), len(limiter.Refused))
}

func axes(b *strings.Builder) {
	fmt.Fprintf(b, `<path d="M0 0v%dh%d" fill="none" stroke="#555"/>`+"\n", panelHeight, panelWidth)
	for h := 0; h <= hours; h += 2 {
		fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="middle" fill="#555">%d h</text>`+"\n", h*panelWidth/hours, panelHeight+18, h)
	}
	for n := 0; n <= most; n += 2000 {
		y := panelHeight - n*panelHeight/most
		fmt.Fprintf(b, `<path d="M0 %dh%d" stroke="#ddd"/><text x="-6" y="%d" text-anchor="end" fill="#555">%d</text>`+"\n", y, panelWidth, y+4, n)
	}
}

// line is the path of a count over time, a point for every unit of width.
func line(served []time.Duration) string {
	var b strings.Builder
	n := 0
	for x := range panelWidth + 1 {
		at := time.Duration(x) * hours * time.Hour / panelWidth
		for n < len(served) && served[n] <= at {
			n++
		}
		command := "L"
		if x == 0 {
			command = "M"
		}
		fmt.Fprintf(&b, "%s%d %.1f", command, x, float64(panelHeight)-float64(n)*panelHeight/most)
	}
	return b.String()
}
