package cases

import "github.com/shardyard/shardyard/worker"

// A Dialect is how a tool's readers expect its results.
type Dialect struct {
	// Suite is the name of the one testsuite in the JUnit file.
	Suite string
	// Class is the classname of a case. Nil means Case.Class, or else the unit.
	Class func(unit worker.TestID, c Case) string
}

func (d Dialect) class(unit worker.TestID, c Case) string {
	switch {
	case d.Class != nil:
		return d.Class(unit, c)
	case c.Class != "":
		return c.Class
	default:
		return string(unit)
	}
}

// counts are of cases.
type counts struct {
	all, failed, errors, skipped int
	millis                       float64
}

func (n *counts) add(c Case) {
	n.all++
	n.millis += c.Millis
	switch c.Outcome {
	case worker.Failing:
		n.failed++
	case worker.Errored:
		n.errors++
	case worker.Skipped:
		n.skipped++
	}
}
