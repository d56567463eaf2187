package census

import (
	"fmt"
	"time"

	"github.com/shardyard/shardyard/orchestrator/dispatch"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

// Ran records that a test has ended on the worker.
func (c *Census) Ran(w dispatch.WorkerID) {
	c.lazily = c.lazily || !c.session(w).full
}

// Observation returns what the run has shown of lazy collection.
func (c *Census) Observation() Observation {
	if c.seen == Unseen && c.lazily && !c.stopped {
		return Held
	}
	return c.seen
}

// distrust takes lazy collection for wrong: later runs collect everything.
func (c *Census) distrust(r *Ruling, format string, args ...any) {
	if c.seen != Refuted {
		c.seen = Refuted
		r.note(report.Warning, "%s: %s", fmt.Sprintf(format, args...), c.consequence())
	}
}

// consequence returns what the run's sight means for later ones.
func (c *Census) consequence() string {
	return fmt.Sprintf("the next %d runs of this suite collect everything on every worker", c.cfg.Trust.After(c.seen).Rest)
}

// Disproved records, at the end of the run, the tests that failed on a lazy
// worker and not on one that had collected everything.
func (c *Census) Disproved(tests []dispatch.Result) (r Ruling) {
	if len(tests) == 0 {
		return nil
	}
	text := disagreement(tests[0])
	if n := len(tests) - 1; n > 0 {
		text += fmt.Sprintf(" (and so for %d more)", n)
	}
	if c.seen == Unseen {
		c.seen = Doubted
		if c.cfg.Trust.After(Doubted).Rest > 0 {
			text += "; it is not the first run with such a test: " + c.consequence()
		}
	}
	r.note(report.Warning, "%s", text)
	return r
}

// Repeated records, at the end of the run, how long tests took that had to be repeated
// because what they came to on a lazy worker was suspect, and how long it would have
// taken those workers, in sum, to collect everything; 0 where nobody has measured that.
func (c *Census) Repeated(ran, collecting time.Duration) (r Ruling) {
	if ran <= collecting || collecting == 0 || c.stopped || c.seen != Unseen && c.seen != Doubted {
		return nil
	}
	c.seen = Costly
	r.note(report.Info, "tests on workers that collect a file when they get a test of it ran again, since what they import depends on the tests before them: "+
		"that took %.1f s, and collecting everything on those workers %.1f s, so %s", ran.Seconds(), collecting.Seconds(), c.consequence())
	return r
}

// Foreseen records, at the end of a run in which everything was collected, how long
// tests took that would have had to be repeated otherwise, and how long it took to
// collect what would have been left out. The next runs are spared the attempt.
func (c *Census) Foreseen(ran, collecting time.Duration) {
	if ran > collecting && !c.stopped && c.seen == Unseen {
		c.seen = Costly
	}
}

// disagreement returns a sentence on what the run has shown, and no more.
func disagreement(res dispatch.Result) string {
	failed := res.Attempts[0]
	for _, a := range res.Attempts {
		if a.Tentative && a.Void == "" {
			failed = a
			break
		}
	}
	lazy, full := report.WorkerName(int(failed.Worker)), "another one"
	if a, ok := res.Last(); ok {
		full = report.WorkerName(int(a.Worker))
	}
	place := "as the first test"
	if failed.Before != "" {
		place = "after " + report.Clean(string(failed.Before))
	}
	return fmt.Sprintf("%s failed on %s, %s, and not on %s, which had collected everything: it depends on the order of tests, "+
		"on their whole list, or on chance; the exact order is in workers/%s.tests", report.Clean(string(res.Test.ID)), lazy, place, full, lazy)
}

// Mode returns how sessions collect that need not collect everything.
func (c *Census) Mode() worker.Mode { return c.mode }
