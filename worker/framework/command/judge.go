package command

import (
	"fmt"
	"strings"
	"time"

	"github.com/shardyard/shardyard/worker"
	"github.com/shardyard/shardyard/worker/framework/cases"
)

// A result holds what one process left behind.
type result struct {
	ending
	limit  time.Duration // that it was given
	cased  bool          // cases were to be read
	cases  []cases.Case
	broken string // why a JUnit file could not be read; "" when all could
	output string // what it printed: its two ends
}

// A verdict is the outcome of a unit in one process.
type verdict struct {
	unit    worker.TestID
	outcome worker.Outcome
	cases   []cases.Case // at least one
	cause   string       // "timeout", "signal" or "exited" when no case says why
}

// A judgement is the outcome of a batch in one process.
type judgement struct {
	verdicts []verdict
	again    []worker.TestID // to be run alone
	extra    []cases.Case    // of no unit of the batch
}

// judge returns the outcome of a batch's units, by the rules in the package's
// comment. It is pure.
func judge(batch []worker.TestID, of owner, r result) (j judgement) {
	if !r.cased {
		for _, u := range batch {
			j.verdicts = append(j.verdicts, r.byStatus(u))
		}
		return j
	}
	own := map[worker.TestID][]cases.Case{}
	for _, u := range batch {
		own[u] = nil
	}
	explained := r.code == 0
	for _, c := range r.cases {
		u, known := of.of(c)
		explained = explained || known && c.Outcome.Fails()
		if _, mine := own[u]; known && mine {
			own[u] = append(own[u], c)
		} else {
			j.extra = append(j.extra, c)
		}
	}
	for _, u := range batch {
		switch list := own[u]; {
		case len(batch) == 1:
			j.verdicts = append(j.verdicts, r.alone(u, list, explained))
		case len(list) == 0 || r.crashed() || !explained:
			j.again = append(j.again, u)
		default:
			j.verdicts = append(j.verdicts, verdict{unit: u, outcome: cases.Worst(list), cases: list})
		}
	}
	return j
}

// alone returns the verdict on a unit that had a process for itself.
func (r result) alone(u worker.TestID, list []cases.Case, explained bool) verdict {
	own := cases.Case{Name: string(u), Output: r.output, Message: r.reason()}
	switch {
	case len(list) == 0:
		own.Outcome, own.Millis = worker.Failing, r.millis()
		if !r.late {
			own.Message += " and left no result"
		}
	case r.crashed():
		own.Outcome = worker.Failing
	case !explained:
		own.Outcome = worker.Errored
		own.Message += ", and no case of it failed"
	case r.broken != "":
		own.Outcome = worker.Errored
	default:
		return verdict{unit: u, outcome: cases.Worst(list), cases: list}
	}
	if r.broken != "" {
		own.Message += ": " + r.broken
	}
	return verdict{unit: u, outcome: own.Outcome, cases: append(list, own), cause: r.cause()}
}

// byStatus returns the verdict on a unit of which nothing but the status is
// known.
func (r result) byStatus(u worker.TestID) verdict {
	c := cases.Case{Name: string(u), Outcome: worker.Passed, Output: r.output, Millis: r.millis()}
	v := verdict{unit: u, outcome: worker.Passed}
	if r.code != 0 {
		c.Message, c.Outcome, v.outcome = r.reason(), worker.Failing, worker.Failing
	}
	if r.crashed() {
		v.cause = r.cause()
	}
	v.cases = []cases.Case{c}
	return v
}

func (r result) millis() float64 { return float64(r.took.Microseconds()) / 1e3 }

// reason returns how the process ended, in words.
func (r result) reason() string {
	if r.late {
		return "timed out after " + r.limit.String()
	}
	return "ended " + r.String()
}

func (r result) cause() string {
	switch {
	case r.late:
		return "timeout"
	case r.crashed():
		return "signal"
	default:
		return "exited"
	}
}

// unowned is the user's mistake when there are cases that no unit of the batch
// owns; nil when there are none.
func (o owner) unowned(extra []cases.Case) error {
	if len(extra) == 0 {
		return nil
	}
	const shown = 3
	var names []string
	for i, c := range extra {
		if i == shown {
			names = append(names, fmt.Sprintf("and %d more", len(extra)-shown))
			break
		}
		names = append(names, fmt.Sprintf("name=%q classname=%q file=%q", c.Name, c.Class, c.File))
	}
	return usageError(fmt.Sprintf("run gave results that no unit of its own has by `case: %s`: %s%s", o.attribute, strings.Join(names, "; "), o.advice(extra)))
}

// advice returns the lines of config that give the cases their units.
func (o owner) advice(extra []cases.Case) string {
	for _, attribute := range []string{byName, byClass, byFile} {
		other := owner{attribute, o.units}
		fits := 0
		for _, c := range extra {
			if _, ok := other.of(c); ok {
				fits++
			}
		}
		if attribute != o.attribute && fits == len(extra) {
			return fmt.Sprintf("\n`case: %s` fits them", attribute)
		}
	}
	if _, known := o.of(extra[0]); known {
		return "\nrun must run no other units than it is given; what comes along with them, as fixtures of ctest do, is passed over with `extra: ignore`"
	}
	return "\nlist must print them, or `extra: ignore` passes them over"
}
