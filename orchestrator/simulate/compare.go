package simulate

import "time"

// An Outcome is how one policy ran one suite.
type Outcome struct {
	Policy   string        `json:"policy"`
	Source   string        `json:"source"`
	Makespan time.Duration `json:"makespan_ns"`
	Bound    time.Duration `json:"lower_bound_ns"`
	Balance  float64       `json:"balance"`
	Opened   int           `json:"opened"`
}

// Compare runs the suite under each policy.
func Compare(s Suite, w World, policies []Policy) []Outcome {
	bound := Bound(s, w)
	out := make([]Outcome, len(policies))
	for i, p := range policies {
		r := p.Run(s, w)
		out[i] = Outcome{p.Name, p.Source, r.Makespan, bound, r.Balance(), r.Opened}
	}
	return out
}
