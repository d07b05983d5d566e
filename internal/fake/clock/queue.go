package clock

import (
	"container/heap"
	"time"
)

// Queue holds what is due at moments, the earliest first, and of one moment what was
// added first. The zero value is empty and ready.
type Queue[T any] struct {
	items items[T]
	added int
}

// Item is a value in a [Queue].
type Item[T any] struct {
	Due   time.Time
	Value T
	order int
	index int // in the queue, -1 once the item has left it
}

// Add puts a value that is due at a moment into the queue.
func (q *Queue[T]) Add(due time.Time, value T) *Item[T] {
	q.added++
	i := &Item[T]{Due: due, Value: value, order: q.added}
	heap.Push(&q.items, i)
	return i
}

// First returns the item that is due first, nil if the queue is empty.
func (q *Queue[T]) First() *Item[T] {
	if len(q.items) == 0 {
		return nil
	}
	return q.items[0]
}

// Remove takes an item of this queue out of it, and reports whether it was still
// there.
func (q *Queue[T]) Remove(i *Item[T]) bool {
	if i.index < 0 {
		return false
	}
	heap.Remove(&q.items, i.index)
	return true
}

// items implements heap.Interface.
type items[T any] []*Item[T]

func (s items[T]) Len() int { return len(s) }

func (s items[T]) Less(i, j int) bool {
	if c := s[i].Due.Compare(s[j].Due); c != 0 {
		return c < 0
	}
	return s[i].order < s[j].order
}

func (s items[T]) Swap(i, j int) {
	s[i], s[j] = s[j], s[i]
	s[i].index, s[j].index = i, j
}

func (s *items[T]) Push(x any) {
	i := x.(*Item[T])
	i.index = len(*s)
	*s = append(*s, i)
}

func (s *items[T]) Pop() any {
	last := len(*s) - 1
	i := (*s)[last]
	(*s)[last] = nil
	*s = (*s)[:last]
	i.index = -1
	return i
}
