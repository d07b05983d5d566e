package connix

import "math/rand/v2"

const headerRequestID = "X-Request-Id"

// newRequestID returns 128 random bits. They name a call and guard nothing, so
// that a system call for each would be waste.
func newRequestID() string {
	const digits = "0123456789abcdefghijklmnopqrstuv" // of five bits
	var id [26]byte
	high, low := rand.Uint64(), rand.Uint64()
	for i := range id {
		id[i] = digits[low&31]
		low = low>>5 | high<<59
		high >>= 5
	}
	return string(id[:])
}
