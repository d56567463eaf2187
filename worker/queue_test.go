package worker

import "testing"

// A test that the framework does not know is given back once: it must not wait
// again when the session's process ends.
func TestUnknownTestsLeaveTheQueue(t *testing.T) {
	q := newQueue(func(Event) {})
	q.lease(Lease{Token: 1, Tests: []Ref{{ID: "a"}, {ID: "gone"}}})
	for range 2 {
		if _, state := q.Next(t.Context(), false); state != Ready {
			t.Fatalf("state %v, want a test", state)
		}
	}
	q.Emit(Event{Returned: &Returned{Unknown: []TestID{"gone"}}})
	q.settle()
	first, state := q.Next(t.Context(), false)
	if state != Ready || first.ID != "a" {
		t.Errorf("got %q, %v; want a, which never started, to wait again", first.ID, state)
	}
	if next, state := q.Next(t.Context(), false); state != Empty {
		t.Errorf("got %q, %v; want an empty queue", next.ID, state)
	}
}
