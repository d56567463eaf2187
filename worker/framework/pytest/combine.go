package pytest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/shardyard/shardyard/worker"
)

// ErrNoCoverage says that the interpreter has no coverage.py.
var ErrNoCoverage = errors.New("coverage.py is not installed")

// A Combination is coverage data that sessions elsewhere have measured.
type Combination struct {
	Python string // the project's interpreter: absolute, or a name on the PATH
	Source string // the project's directory, absolute: paths become relative to it
	Out    string // where the results go: an existing directory
	// Files are data files of coverage.py, absolute, and Names what people
	// call them.
	Files, Names []string
	Missing      []string // reasons why data is missing
	FailUnder    *float64 // takes the place of the limit that the project sets
}

// noCoverage is the exit status of relocate.py when there is no coverage.py.
const noCoverage = 3

// Combine makes one coverage of all: Out/.coverage, with paths relative to
// Source wherever the data was measured, coverage.xml and total.json. Data that
// is missing or broken is no error: the summary says so. What coverage.py
// prints goes to say. An interpreter without coverage.py is an ErrNoCoverage.
func Combine(ctx context.Context, c Combination, say func([]byte)) (_ *CoverageSummary, err error) {
	dir, err := os.MkdirTemp("", "shardyard-")
	if err != nil {
		return nil, fmt.Errorf("make a directory for coverage data: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	py, err := unpack(dir)
	if err != nil {
		return nil, err
	}
	f := finish{
		Conclude: worker.Conclude{Source: c.Source, Dir: dir}, py: py,
		options: ConcludeOptions{Python: c.Python, Coverage: &CoverageOptions{FailUnder: c.FailUnder}},
		emit:    func(e worker.Event) { say(e.Output.Data) },
	}
	request := map[string]any{"dir": dir, "files": c.Files, "names": c.Names, "missing": c.Missing}
	how, err := f.python(ctx, "relocate.py", request, writer(say))
	switch {
	case err != nil:
		return nil, fmt.Errorf("combine coverage: %w", err)
	case ctx.Err() != nil:
		return nil, fmt.Errorf("combine coverage: %w", context.Cause(ctx))
	case how == ended{code: noCoverage}:
		return nil, ErrNoCoverage
	case how != ended{}:
		return nil, fmt.Errorf("combine coverage: %s ended %s", c.Python, how)
	}
	summary, table, err := f.combine(ctx)
	if err != nil {
		return nil, err
	}
	say(table)
	return summary, os.CopyFS(c.Out, os.DirFS(filepath.Join(dir, "out", "coverage")))
}
