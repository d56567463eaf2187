package orchestrator

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/shardyard/shardyard/orchestrator/dispatch"
	"github.com/shardyard/shardyard/orchestrator/plan"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

// A carried is what a run takes over from an earlier one of the same tree,
// environment and selection: the verdicts that hold, with the reports that they
// rest on. Nil carries nothing.
type carried struct {
	run      string // its id
	dir      runDir
	proven   map[worker.TestID]report.Test
	finished bool
	coverage string // the earlier run's complete data; "" for none
	// taken are the tests that this run does not run, as the conclusion sees them.
	taken []dispatch.Result
}

// carry reads what the run in req.Again has proven. When nothing of it can be
// taken over, it says why, and everything runs.
func carry(req *Request, at *site, rec *recorder) (*carried, error) {
	if req.Again == "" {
		return nil, nil
	}
	log, _, err := report.ReadState(filepath.Join(req.Again, logFile))
	if err != nil {
		return nil, err
	}
	c := &carried{run: log.Run().Run, dir: runDir(req.Again), proven: map[worker.TestID]report.Test{}}
	rep := log.Report()
	c.finished = rep.Finished
	if why := cmp.Or(c.unlike(log, req, at), c.unproven(log, rep)); why != "" {
		rec.note(report.Warning, "all tests run: %s", why)
		return nil, nil
	}
	for _, t := range rep.Tests {
		if holds := t.Verdict == report.Pass || t.Verdict == report.Skip || t.Verdict == report.Flaky; holds && len(t.Reports) > 0 {
			c.proven[worker.TestID(t.Test)] = t
		}
	}
	return c, nil
}

// unlike says what is not as in the earlier run.
func (c *carried) unlike(log *report.State, req *Request, at *site) string {
	var differ []string
	for name, values := range map[string][2]string{
		"the sources":                  {log.Source().Tree, at.src.ID},
		"the project's directory":      {log.Source().Root, at.src.Sub},
		"the environment":              {log.Installed().Environment, at.envKey},
		"the image":                    {log.Base().Image, at.base.Image},
		"the selection of tests":       {log.Run().Selection, selection(req.Session.Args)},
		"the variables that tests see": {log.Run().Variables, variables(req)},
		"the suite":                    {log.Run().Suite, req.Suite},
		"the framework":                {log.Run().Framework, req.Session.Framework},
		"the version of shardyard":     {log.Run().Version, req.Version},
	} {
		if values[0] != values[1] {
			differ = append(differ, name)
		}
	}
	if len(differ) == 0 {
		return ""
	}
	slices.Sort(differ)
	return fmt.Sprintf("%s differ from those of run %s", strings.Join(differ, " and "), c.run)
}

// variables names the variables that tests see, with their values.
func variables(req *Request) string {
	sum := sha256.New()
	for _, vars := range []map[string]string{req.Session.Env, req.Env} {
		for _, name := range slices.Sorted(maps.Keys(vars)) {
			fmt.Fprintf(sum, "%s=%s\x00", name, vars[name])
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}

// unproven says why no verdict of the earlier run holds.
func (c *carried) unproven(log *report.State, rep *report.Report) string {
	if !log.Inventoried() {
		return fmt.Sprintf("run %s had not found its tests", c.run)
	}
	if !rep.Finished {
		return ""
	}
	for _, r := range rep.Reasons {
		switch r.Code {
		case report.ReasonFailed, report.ReasonNotRun, report.ReasonStopped, report.ReasonNotConcluded, report.ReasonInfrastructure,
			report.ReasonUnderLimit, report.ReasonFlaky, report.ReasonCutOff:
		default: // of the whole run, and not of one of its tests
			return fmt.Sprintf("run %s was not green for a reason that is no test's: %s", c.run, r.Text)
		}
	}
	if rep.Coverage != nil {
		for _, name := range []string{"relative.coverage", ".coverage"} {
			path := c.dir.path("coverage", name)
			if _, err := os.Stat(path); err == nil && rep.Coverage.Complete && c.coverage == "" {
				c.coverage = path
			}
		}
		if c.coverage == "" {
			return fmt.Sprintf("run %s has no complete coverage", c.run)
		}
	}
	return ""
}

// rest leaves out the tests that need not run, and takes over their verdicts
// and reports. Measured says that this run measures coverage: of what a run
// measured that did not come to its end, nothing is left.
func (l *loop) rest(tests []plan.Test, measured bool) ([]plan.Test, error) {
	c := l.carried
	if measured && c.coverage == "" {
		l.note(report.Warning, "all tests run: the coverage of run %s is not whole", c.run)
		return tests, nil
	}
	from, err := os.Open(c.dir.path(reportsFile))
	if err != nil {
		return nil, fmt.Errorf("take over reports: %w", err)
	}
	defer func() { _ = from.Close() }() // it was only read
	var rest []plan.Test
	for _, t := range tests {
		proof, ok := c.proven[t.ID]
		if !ok {
			rest = append(rest, t)
			continue
		}
		if err := l.takeOver(c, from, t, proof); err != nil {
			return nil, fmt.Errorf("take over the reports of %s: %w", t.ID, err)
		}
	}
	l.note(report.Info, "%s of run %s: %s still to run", report.Count(len(c.taken), "verdict holds", "verdicts hold"), c.run,
		report.Count(len(rest), "test is", "tests are"))
	return rest, c.bring(l.dir)
}

// takeOver takes over one verdict.
func (l *loop) takeOver(c *carried, from io.ReaderAt, t plan.Test, proof report.Test) error {
	token := worker.Token(-1 - len(c.taken)) // no lease of this run has it
	var data []byte
	for _, e := range proof.Reports {
		part := make([]byte, e[1])
		if _, err := from.ReadAt(part, e[0]); err != nil {
			return err
		}
		data = append(data, part...)
	}
	at, err := l.spool.copy(data)
	if err != nil {
		return err
	}
	l.spool.of[attempt{t.ID, token}] = []extent{at}
	c.taken = append(c.taken, dispatch.Result{
		Test: t, Verdict: dispatch.Verdict(proof.Verdict), Reason: proof.Reason, Final: true,
		Attempts: []dispatch.Attempt{{Number: 1, Token: token, Outcome: worker.Passed}},
	})
	proof.Reports = []report.Extent{{at.offset, at.length}}
	l.emit(report.Carried{Run: c.run, Of: proof, Reports: proof.Reports})
	return nil
}

// bring puts the earlier run's coverage beside that of the workers.
func (c *carried) bring(dir runDir) error {
	if c.coverage == "" {
		return nil
	}
	to := filepath.Join(dir.data(), "earlier", "coverage")
	if err := copyFile(c.coverage, to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("take over the coverage of run %s: %w", c.run, err)
	}
	return nil
}

// together are the results of the tests that ran, and of those that did not need
// to, in the suite's order.
func (c *carried) together(ran []dispatch.Result) []dispatch.Result {
	if c == nil || len(c.taken) == 0 {
		return ran
	}
	all := append(slices.Clone(ran), c.taken...)
	slices.SortStableFunc(all, func(a, b dispatch.Result) int { return cmp.Compare(a.Test.Index, b.Test.Index) })
	return all
}
