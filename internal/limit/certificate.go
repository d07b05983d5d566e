package limit

// certificate is how many further calls the server's own words guarantee.
//
// While nobody else uses the key, budget that is not spent never shrinks by
// itself, on any kind of server: a window that turns or slides and a bucket
// that fills only add to it. So a response's Remaining, less our own calls that
// the server may not have counted when it wrote it, is a promise. It needs no
// knowledge of the kind of server, no order of responses, no clock and no Reset.
//
// Without it a limiter knows only its own ledger and waits out an hour that the
// server has long opened again ("alone": 91 % of the oracle).
type certificate struct {
	known bool
	n     int    // calls that the promise still covers
	born  uint64 // calls granted before it was made
	ahead int    // 1 if the server writes Remaining before it counts the call
}

// read takes the Remaining that the response to call shows. sent and inflight are
// the calls granted so far and those without a response. It returns by how much
// an older promise was broken: so much has somebody else spent.
func (c *certificate) read(call Call, remaining int, sent uint64, inflight int) (broken int) {
	remaining -= c.ahead
	// Perhaps not counted are the calls that were in flight when this one was
	// granted, and those granted after it. Believing a late response instead, we
	// would promise ourselves too much and take the truth for somebody else's
	// doing ("alone": a third of the oracle in the first minutes).
	sure := remaining - call.out - int(sent-call.seq)
	switch {
	case !c.known || sure > c.n:
		c.known, c.n, c.born = true, sure, sent
	case remaining < c.n && call.seq > c.born:
		// Only a call that was granted after the promise can disprove it: an
		// earlier one may have been counted in a window that has ended since
		// ("alone": others are noticed where there are none).
		broken = c.n - remaining
		c.n, c.born = remaining-inflight, sent
	}
	return broken
}

// shift moves the promise by what became of the budget itself: a call that was
// not sent returns, a lowered limit takes.
func (c *certificate) shift(by int) { c.n += by }
