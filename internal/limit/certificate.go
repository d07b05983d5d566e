package limit

// certificate is how many further calls the server's own words guarantee.
//
// While nobody else uses the key, budget that is not spent never shrinks by
// itself, on any kind of server: a window that turns or slides and a bucket
// that fills only add to it. So an answer's Remaining, less our own calls that
// the server may not have counted when it wrote it, is a promise. It needs no
// knowledge of the kind of server, no order of answers and no clock.
//
// Without it a limiter knows only its own ledger, and waits out an hour that
// the server has long opened again.
type certificate struct {
	known bool
	n     int    // calls that the promise still covers
	born  uint64 // calls granted before it was made
	ahead int    // 1 if the server writes Remaining before it counts the call
}

// read takes the Remaining that one call's answer shows. sent and inflight are
// the calls granted so far and those without an answer. It returns by how much
// an older promise was broken: so much has somebody else spent.
func (c *certificate) read(call Call, remaining int, sent uint64, inflight int) (broken int) {
	remaining -= c.ahead
	// Not counted, perhaps: what was in flight when this call was granted, and
	// what was granted after it. Without the first, a Remaining that came late
	// promises too much, and the truth then looks like somebody else's doing.
	sure := remaining - call.out - int(sent-call.seq)
	switch {
	case !c.known || sure > c.n:
		c.known, c.n, c.born = true, sure, sent
	case remaining < c.n && call.seq > c.born:
		// Only a call that was granted after the promise can disprove it: an
		// earlier one may have been counted in a window that ended since.
		broken = c.n - remaining
		c.n, c.born = remaining-inflight, sent
	}
	return broken
}
