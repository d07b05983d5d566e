package wavelet_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/connix-io/connix-go/internal/fake/wavelet"
)

func TestAgainstSorting(t *testing.T) {
	for _, n := range []int{1, 2, 3, 63, 64, 65, 90} {
		random := rand.New(rand.NewPCG(1, uint64(n)))
		values := make([]uint32, n)
		for i, v := range random.Perm(n) {
			values[i] = uint32(v)
		}
		if n == 90 { // and with numbers that repeat
			for i := range values {
				values[i] /= 7
			}
		}
		m := wavelet.New(slices.Clone(values))
		if m.Len() != n {
			t.Errorf("Len = %d, want %d", m.Len(), n)
		}
		for from := range n + 1 {
			for to := from; to <= n; to++ {
				sorted := slices.Sorted(slices.Values(values[from:to]))
				for k, want := range sorted {
					if got := m.Kth(from, to, k); got != int(want) {
						t.Fatalf("n=%d: Kth(%d, %d, %d) = %d, want %d", n, from, to, k, got, want)
					}
				}
				for _, value := range []int{0, 1, n / 2, n - 1, n} {
					want, _ := slices.BinarySearch(sorted, uint32(value))
					if got := m.Below(from, to, value); got != want {
						t.Fatalf("n=%d: Below(%d, %d, %d) = %d, want %d", n, from, to, value, got, want)
					}
				}
			}
		}
	}
}

func TestEmpty(t *testing.T) {
	if got := wavelet.New(nil).Below(0, 0, 0); got != 0 {
		t.Errorf("Below of nothing = %d", got)
	}
}
