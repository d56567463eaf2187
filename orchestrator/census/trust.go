package census

// A Trust is what earlier runs have shown of lazy collection of a suite. A test that
// fails on a lazy worker and not on one that collected everything may look at
// the whole list of tests, or depend on their order: one run cannot tell.
// Either way its verdict is the latter's, so a first such run costs nothing
// but that test's second attempt. Only when the next one shows it again, as it
// does where laziness is the cause, are later runs collected in full, for a
// while.
type Trust struct {
	Doubts int `json:"doubts"` // lazy runs in a row in which laziness did not hold
	Rest   int `json:"rest"`   // for so many more runs every worker collects everything
}

// A Observation is what a run shows of lazy collection.
type Observation string

// The observations.
const (
	Unseen  Observation = ""        // nothing: no lazy worker ran a test, or the run was stopped
	Rested  Observation = "rested"  // nothing: everything was collected, for want of trust
	Held    Observation = "held"    // what was tried lazily was the same
	Doubted Observation = "doubted" // a failure was not confirmed
	Refuted Observation = "refuted" // a list was another one, or lazy collection broke
	Costly  Observation = "costly"  // what had to run again took longer than it saved, or would have
)

const (
	enough    = 2  // doubts for a rest
	firstRest = 10 // runs; it doubles each time
	maxDoubts = 6  // at most 160 runs
)

// After returns the trust after one more run.
func (t Trust) After(s Observation) Trust {
	switch s {
	case Unseen:
		return t
	case Rested:
		t.Rest = max(0, t.Rest-1)
		return t
	case Held:
		return Trust{}
	case Doubted:
		t.Doubts++
	case Refuted, Costly:
		t.Doubts = max(t.Doubts+1, enough)
	}
	t.Doubts = min(t.Doubts, maxDoubts)
	if t.Doubts >= enough {
		t.Rest = firstRest << (t.Doubts - enough)
	}
	return t
}
