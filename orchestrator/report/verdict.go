package report

import "github.com/shardyard/shardyard/worker"

// Verdict is the final word on a test.
type Verdict string

// The verdicts. Every discovered test gets exactly one.
const (
	Pass   Verdict = "passed"
	Fail   Verdict = "failed"
	Skip   Verdict = "skipped"
	Flaky  Verdict = "flaky"
	NotRun Verdict = "not-run"
)

// VerdictOf returns the verdict of a test whose only attempt ended so. An
// expected failure is a skip, as in JUnit files; an unexpected pass is a pass
// (a strict one arrives as failed). An outcome that is none of the known ones
// is a failure.
func VerdictOf(o worker.Outcome) Verdict {
	switch o {
	case worker.Passed, worker.XPassed:
		return Pass
	case worker.Skipped, worker.XFailed:
		return Skip
	default:
		return Fail
	}
}
