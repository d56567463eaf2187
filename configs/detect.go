package configs

import (
	"errors"
	"fmt"
	"strings"

	"github.com/shardyard/shardyard/worker/framework"
)

// Detect asks each framework about a project's files. It returns the answer of
// the first framework that saw tests, else of the first that knows how to install
// the project, else of the first that names what it does not support. If no
// framework recognises the project, Kind is "" and Nothing lists what was looked
// for. An error means that a file could not be read or parsed.
func Detect(dir string, frameworks []framework.Description) (*framework.Detected, error) {
	var best *framework.Detected
	var nothing, others []string
	var errs []error
	for _, f := range frameworks {
		d, err := f.Detect(dir)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if d == nil {
			continue
		}
		d.Framework = f.Name()
		switch {
		case rank(d) == 0:
			nothing = append(nothing, d.Nothing)
		case best != nil && rank(d) == rank(best):
			others = append(others, d.Framework)
		case best == nil || rank(d) > rank(best):
			best, others = d, nil
		}
	}
	switch {
	case best == nil && len(errs) > 0:
		return nil, errors.Join(errs...)
	case best == nil:
		return &framework.Detected{Nothing: strings.Join(nothing, ", "), Suggested: suggest(dir, frameworks)}, nil
	case best.Nothing != "":
		best.Suggested = suggest(dir, frameworks)
	case best.Tests && len(others) > 0:
		best.Notes = append(best.Notes, fmt.Sprintf("tests of %s were seen too: name suites in %s to run them", strings.Join(others, " and "), FileName))
	}
	return best, nil
}

// suggest asks the frameworks that detect nothing by themselves.
func suggest(dir string, frameworks []framework.Description) *framework.Unsupported {
	for _, f := range frameworks {
		if s, ok := f.(framework.Suggester); ok {
			if u := s.Suggest(dir); u != nil {
				return u
			}
		}
	}
	return nil
}

// rank returns how much was found: tests are worth more than an installation, and
// that is worth more than the name of what is not supported.
func rank(d *framework.Detected) int {
	switch {
	case d.Tests:
		return 3
	case d.Kind != "":
		return 2
	case d.Unsupported != nil:
		return 1
	}
	return 0
}
