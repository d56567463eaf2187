package simulate

import (
	"container/heap"
	"time"
)

// clock holds the coming events, in order of time, then of arrival.
type clock struct {
	events []event
	seq    int
	now    time.Duration
}

type event struct {
	at  time.Duration
	seq int
	do  func()
}

func (c *clock) after(d time.Duration, do func()) {
	c.seq++
	heap.Push(c, event{c.now + d, c.seq, do})
}

// run lets time pass until no event is left.
func (c *clock) run() {
	for len(c.events) > 0 {
		e := heap.Pop(c).(event)
		c.now = e.at
		e.do()
	}
}

func (c *clock) Len() int { return len(c.events) }
func (c *clock) Less(i, j int) bool {
	a, b := &c.events[i], &c.events[j]
	return a.at < b.at || a.at == b.at && a.seq < b.seq
}
func (c *clock) Swap(i, j int) { c.events[i], c.events[j] = c.events[j], c.events[i] }
func (c *clock) Push(x any)    { c.events = append(c.events, x.(event)) }
func (c *clock) Pop() any {
	last := c.events[len(c.events)-1]
	c.events = c.events[:len(c.events)-1]
	return last
}
