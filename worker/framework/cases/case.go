// Package cases is for frameworks whose tools leave nothing to replay: it puts
// a run's results together itself. [Read] reads a JUnit file that a tool wrote.
// [Conclude] folds the cases that count, in the suite's order, into one JUnit
// file, the text that a terminal shows, and an exit status.
//
// It knows no tool but by the dialect of its JUnit files, and runs nothing.
package cases

import (
	"github.com/shardyard/shardyard/worker"
)

// Kind is the kind of a report whose data is a [Case].
const Kind = "case"

// A Case is one result inside an attempt at a unit: what a unit's cases are
// called may differ from run to run, so they are no ids.
type Case struct {
	Name    string         `json:"name"`
	Class   string         `json:"class,omitempty"`
	File    string         `json:"file,omitempty"`
	Outcome worker.Outcome `json:"outcome"`
	Message string         `json:"message,omitempty"` // of a failure or a skip, in a line
	Detail  string         `json:"detail,omitempty"`  // of a failure, as the tool tells it
	Output  string         `json:"output,omitempty"`  // what it printed
	Millis  float64        `json:"ms"`
}

// Report returns the event that tells of a case of the unit.
func (c Case) Report(unit worker.TestID) worker.Event {
	return worker.Event{Reported: &worker.Reported{Test: unit, Kind: Kind, Data: worker.Raw(c)}}
}

// Worst returns the outcome of a unit with these cases: of several that failed an
// error counts most; a unit is skipped only when all of it is. It is Passed
// without any.
func Worst(list []Case) worker.Outcome {
	worst := worker.Passed
	skipped := 0
	for _, c := range list {
		switch c.Outcome {
		case worker.Errored:
			return worker.Errored
		case worker.Failing:
			worst = worker.Failing
		case worker.Skipped:
			skipped++
		}
	}
	if worst == worker.Passed && skipped > 0 && skipped == len(list) {
		return worker.Skipped
	}
	return worst
}
