package limitsim

import "time"

type eventKind uint8

const (
	wants     eventKind = iota // a worker wants its next call
	arrives                    // a call is at the server
	responded                  // its response is at the worker
	givenUp                    // the worker waits no longer
	wakes                      // a limiter said so
	opens                      // the oracle's door
	changes                    // a limit
)

// event is what happens at a time, to the worker, process or change of that
// number.
type event struct {
	at   time.Duration
	n    uint64 // events of one time keep their order
	kind eventKind
	id   int32
}

func (e event) before(f event) bool { return e.at < f.at || e.at == f.at && e.n < f.n }

// events is a binary heap. That of container/heap would allocate for each.
type events struct {
	heap []event
	n    uint64
}

func (q *events) push(at time.Duration, kind eventKind, id int32) {
	q.n++
	e := event{at, q.n, kind, id}
	q.heap = append(q.heap, e)
	i := len(q.heap) - 1
	for i > 0 {
		up := (i - 1) / 2
		if !e.before(q.heap[up]) {
			break
		}
		q.heap[i] = q.heap[up]
		i = up
	}
	q.heap[i] = e
}

// pop takes the earliest event out; there is one.
func (q *events) pop() event {
	top, last := q.heap[0], len(q.heap)-1
	e := q.heap[last]
	q.heap = q.heap[:last]
	if last == 0 {
		return top
	}
	i := 0
	for {
		down := 2*i + 1
		if down >= last {
			break
		}
		if down+1 < last && q.heap[down+1].before(q.heap[down]) {
			down++
		}
		if !q.heap[down].before(e) {
			break
		}
		q.heap[i] = q.heap[down]
		i = down
	}
	q.heap[i] = e
	return top
}
