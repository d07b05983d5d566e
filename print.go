package connix

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
)

// maxText is the number of bytes of a server's text that an error or a log line
// quotes.
const maxText = 500

// printable makes foreign text fit for one line of a log: it replaces characters
// that are not printable by spaces and cuts the text at limit bytes.
func printable(text string, limit int) string {
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + "…"
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
}

// formatText writes text for any verb: quoted for %q, in hexadecimal for %x and
// %X, unchanged for all others.
func formatText(f fmt.State, verb rune, text string) {
	switch {
	case verb == 'q':
		text = strconv.Quote(text)
	case verb == 'x' || verb == 'X':
		text = fmt.Sprintf(fmt.FormatString(f, verb), text)
	}
	_, _ = io.WriteString(f, text)
}
