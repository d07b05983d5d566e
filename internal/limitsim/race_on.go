//go:build race

package limitsim

// Race reports that the race detector is on. It makes simulations ten times as
// slow and finds nothing in them, as they have one goroutine: tests make fewer.
const Race = true
