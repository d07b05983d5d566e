// Package wavelet tells the order of the numbers in a part of
// a sequence, in the logarithm of its length: a wavelet matrix.
package wavelet

import "math/bits"

// Matrix is a sequence of numbers below its length. It does not change.
type Matrix struct {
	n      int
	levels []level // of the highest bit first
}

// level is one bit of every number. The numbers of a level are those of the one
// above, the ones with a 0 there moved before the ones with a 1.
type level struct {
	words []uint64
	ones  []uint32 // in the words before each
	zeros int
}

// New returns the matrix of a sequence, which it uses as scratch space. Every
// value must be below len(values).
func New(values []uint32) *Matrix {
	m := &Matrix{n: len(values)}
	next := make([]uint32, len(values))
	for bit := bits.Len(uint(len(values))) - 1; bit >= 0; bit-- {
		l := level{words: make([]uint64, len(values)/64+1), ones: make([]uint32, len(values)/64+1)}
		for i, v := range values {
			l.words[i/64] |= uint64(v>>bit&1) << (i % 64)
		}
		total := 0
		for i, w := range l.words {
			l.ones[i] = uint32(total)
			total += bits.OnesCount64(w)
		}
		l.zeros = len(values) - total
		zero, one := 0, l.zeros
		for _, v := range values {
			if v>>bit&1 == 0 {
				next[zero] = v
				zero++
			} else {
				next[one] = v
				one++
			}
		}
		values, next = next, values
		m.levels = append(m.levels, l)
	}
	return m
}

// Len returns the length of the sequence.
func (m *Matrix) Len() int { return m.n }

// rank returns how many of the first i bits are set.
func (l *level) rank(i int) int {
	return int(l.ones[i/64]) + bits.OnesCount64(l.words[i/64]&(1<<(i%64)-1))
}

// Kth returns the number that would be the k-th, from 0, if those from position
// from until to were sorted. k must be below to-from.
func (m *Matrix) Kth(from, to, k int) int {
	value := 0
	for i := range m.levels {
		l := &m.levels[i]
		onesFrom, onesTo := l.rank(from), l.rank(to)
		value <<= 1
		if zeros := (to - from) - (onesTo - onesFrom); k < zeros {
			from, to = from-onesFrom, to-onesTo
		} else {
			k -= zeros
			value |= 1
			from, to = l.zeros+onesFrom, l.zeros+onesTo
		}
	}
	return value
}

// Below returns how many of the numbers from position from until to are less
// than value, which is at most the length of the sequence.
func (m *Matrix) Below(from, to, value int) int {
	below := 0
	for i := range m.levels {
		l := &m.levels[i]
		onesFrom, onesTo := l.rank(from), l.rank(to)
		if value>>(len(m.levels)-1-i)&1 == 0 {
			from, to = from-onesFrom, to-onesTo
		} else {
			below += (to - from) - (onesTo - onesFrom)
			from, to = l.zeros+onesFrom, l.zeros+onesTo
		}
	}
	return below
}
