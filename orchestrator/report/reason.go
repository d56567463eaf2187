package report

import "encoding/json"

// A Reason is one reason why a run is not green.
type Reason struct {
	Code ReasonCode `json:"code"`
	Exit int        `json:"exit"` // the exit code that it calls for
	Text string     `json:"text"` // one sentence for people
}

// ReasonCode names a kind of reason, for programs.
type ReasonCode string

// The kinds of reasons.
const (
	ReasonStopped        ReasonCode = "stopped"        // a person or a system asked for the end
	ReasonFailed         ReasonCode = "failed"         // tests failed
	ReasonNotCollected   ReasonCode = "not-collected"  // files could not be collected
	ReasonNotRun         ReasonCode = "not-run"        // tests were not run
	ReasonNothing        ReasonCode = "nothing"        // there is nothing to test
	ReasonUsage          ReasonCode = "usage"          // the user's input was at fault
	ReasonInfrastructure ReasonCode = "infrastructure" // machinery broke
	ReasonCoverage       ReasonCode = "coverage"       // coverage is not complete
	ReasonNotConcluded   ReasonCode = "not-concluded"  // the framework could not make its reports
	ReasonSession        ReasonCode = "session"        // a worker's session is not content, for a reason that is no test's
	ReasonFramework      ReasonCode = "framework"      // the framework is not content, for a reason of its own
	ReasonUnderLimit     ReasonCode = "under-limit"    // coverage is under its limit
	ReasonFlaky          ReasonCode = "flaky"          // tests are flaky, and must not be
	ReasonCutOff         ReasonCode = "cut-off"        // the log has no end
)

// UnmarshalJSON also reads the bare text that format 1 wrote.
func (r *Reason) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		*r = Reason{}
		return json.Unmarshal(b, &r.Text)
	}
	type plain Reason // without this method
	return json.Unmarshal(b, (*plain)(r))
}
