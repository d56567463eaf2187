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

	"github.com/shardyard/shardyard/cache"
	"github.com/shardyard/shardyard/orchestrator/dispatch"
	"github.com/shardyard/shardyard/orchestrator/plan"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

// A carried is what a run takes over from an earlier one of the same tree,
// environment and selection: the verdicts that hold, with the reports that they
// rest on. Nil carries nothing, and all tests run.
type carried struct {
	run   string // its id
	dir   runDir
	named Names // run, and no others; none for all that are not proven
	// order are the places of the tests that run, and no others, one behind the other; nil
	// where the order is the plan's.
	order map[worker.TestID]int
	// proven are the tests that need not run; nil when nothing can be taken over.
	proven   map[worker.TestID]report.Test
	coverage string // the earlier run's complete data; "" for none
	// taken are the tests that this run does not run, as the conclusion sees them.
	taken []dispatch.Result
	left  int // tests that this run leaves out: they have no verdict in it
}

// carry reads what the run in req.Again has proven. When nothing of it can be
// taken over, it says why, and everything runs, or all that was named.
func carry(req *Request, at *site, rec *recorder) (*carried, error) {
	if req.Again == "" {
		return nil, nil
	}
	log, _, err := report.ReadState(filepath.Join(req.Again, logFile))
	if err != nil {
		return nil, err
	}
	c := &carried{run: log.Run().Run, dir: runDir(req.Again), named: req.Named}
	if len(req.Order) > 0 {
		c.order = make(map[worker.TestID]int, len(req.Order))
		for i, id := range req.Order {
			c.order[id] = i
		}
		return c, nil
	}
	rep := log.Report()
	if why := cmp.Or(c.unlike(log, req, at), c.unproven(log, rep)); why != "" {
		return c.nothing(rec, why), nil
	}
	c.proven = map[worker.TestID]report.Test{}
	for _, t := range rep.Tests {
		if c.keeps(&t) {
			c.proven[worker.TestID(t.Test)] = t
		}
	}
	return c, nil
}

// keeps reports whether the earlier run's verdict on the test is this run's too.
// Where tests are named it is, on all others, whatever it is.
func (c *carried) keeps(t *report.Test) bool {
	switch t.Verdict {
	case report.Pass, report.Skip, report.Flaky:
		return len(t.Reports) > 0 && !c.named.Has(t.File, worker.TestID(t.Test))
	case report.Fail:
		return len(t.Reports) > 0 && c.others(t.File, worker.TestID(t.Test))
	case report.NotRun:
		return c.others(t.File, worker.TestID(t.Test))
	}
	return false
}

// others reports whether tests are named, or ordered, and this is none of them.
func (c *carried) others(file string, id worker.TestID) bool {
	if c.order != nil {
		_, ok := c.order[id]
		return !ok
	}
	return len(c.named) > 0 && !c.named.Has(file, id)
}

// nothing says that nothing is taken over, and why. It returns what is carried
// then: which tests run, if they are named.
func (c *carried) nothing(rec *recorder, why string) *carried {
	if len(c.named) == 0 {
		rec.note(report.Warning, "all tests run: %s", why)
		return nil
	}
	rec.note(report.Warning, "the verdict is on the tests that were named, and no others: %s", why)
	c.proven = nil
	return c
}

// fleet returns how many workers there are work for, of a number that was asked for.
func (c *carried) fleet(workers int, hinted []plan.Test) int {
	if c == nil || len(c.named) == 0 {
		return workers
	}
	n := 0
	for _, t := range hinted {
		if c.named.Has(t.File, t.ID) {
			n++
		}
	}
	if n == 0 {
		return workers // nobody knows
	}
	return min(workers, n)
}

// narrow settles what is taken over, once the tests are known, and what the run
// counts as discovered. Of what a run measured that did not come to its end,
// nothing is left.
func (l *loop) narrow(d report.Discovered) report.Discovered {
	c := l.carried
	if c == nil {
		return d
	}
	for _, name := range c.named.Strange(inventoryOf(l.census.Files())) {
		l.emit(report.Fault{Kind: report.Usage, Text: fmt.Sprintf("the suite has no test %s any more: shardyard rerun without a name runs all that is not proven", report.Clean(name))})
	}
	if measured := l.settings != nil && l.settings.Measured; measured && c.proven != nil && c.coverage == "" {
		c = c.nothing(l.recorder, fmt.Sprintf("the coverage of run %s is not whole", c.run))
		l.carried = c
	}
	if c == nil || c.proven != nil {
		return d
	}
	for _, t := range l.census.Tests() {
		if c.others(t.File, t.ID) {
			c.left++
		}
	}
	if gone := len(c.order) - (d.Tests - c.left); c.order != nil && gone > 0 {
		l.note(report.Warning, "the order of run %s is not whole: of its %s %s not there any more", c.run, report.Count(len(c.order), "test", "tests"), report.Count(gone, "is", "are"))
	}
	d.Tests, d.Deselected = d.Tests-c.left, d.Deselected+c.left
	return d
}

// leaves is how many tests the run leaves out.
func (c *carried) leaves() int {
	if c == nil {
		return 0
	}
	return c.left
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
		"the scopes of trust":          {fmt.Sprint(log.Run().Untrusted), fmt.Sprint(req.Scope == cache.Untrusted)},
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

// rest leaves out the tests that do not run, and takes over their verdicts and
// reports.
func (l *loop) rest(tests []plan.Test) ([]plan.Test, error) {
	c := l.carried
	if c.proven == nil {
		rest := slices.DeleteFunc(slices.Clone(tests), func(t plan.Test) bool { return c.others(t.File, t.ID) })
		for i := range rest {
			if c.order != nil { // what is one group stays on one worker, in this order
				rest[i].Group, rest[i].Index = "order", c.order[rest[i].ID]
			}
		}
		return rest, nil
	}
	from, err := os.Open(c.dir.path(reportsFile))
	if err != nil {
		return nil, fmt.Errorf("take over reports: %w", err)
	}
	defer func() { _ = from.Close() }() // it was only read
	var rest []plan.Test
	for _, t := range tests {
		proof, ok := c.proven[t.ID]
		if !ok && c.others(t.File, t.ID) {
			proof, ok = report.Test{Test: string(t.ID), File: t.File, Verdict: report.NotRun, Reason: "it was not named, and run " + c.run + " has no verdict on it"}, true
		}
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
	taken := dispatch.Result{Test: t, Verdict: dispatch.Verdict(proof.Verdict), Reason: proof.Reason, Final: true}
	var reports []report.Extent
	if proof.Verdict != report.NotRun {
		at, err := l.copyReports(from, proof)
		if err != nil {
			return err
		}
		token := worker.Token(-1 - len(c.taken)) // no lease of this run has it
		l.spool.of[attempt{t.ID, token}] = []extent{at}
		outcome := worker.Passed
		if proof.Verdict == report.Fail {
			outcome = worker.Failing
		}
		taken.Attempts = []dispatch.Attempt{{Number: 1, Token: token, Outcome: outcome}}
		reports = []report.Extent{{at.offset, at.length}}
	}
	c.taken = append(c.taken, taken)
	proof.Reports = reports
	l.emit(report.Carried{Run: c.run, Of: proof, Reports: reports})
	return nil
}

// copyReports copies the reports that a verdict rests on.
func (l *loop) copyReports(from io.ReaderAt, proof report.Test) (extent, error) {
	var data []byte
	for _, e := range proof.Reports {
		part := make([]byte, e[1])
		if _, err := from.ReadAt(part, e[0]); err != nil {
			return extent{}, err
		}
		data = append(data, part...)
	}
	return l.spool.copy(data)
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
