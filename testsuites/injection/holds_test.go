package injection

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

// readReport reads a record; nil when it is not there, or not whole.
func readReport(path string) *report.Report {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	rep := new(report.Report)
	if json.Unmarshal(data, rep) != nil {
		return nil
	}
	return rep
}

// whole holds a run that nothing was to spoil against plain pytest.
func (r *round) whole() {
	if rep := r.report(); r.goesOn(nil) && rep.Coverage != nil && !rep.Coverage.Complete {
		r.fail("coverage is incomplete: %s", rep.Coverage.Reason)
	}
}

// goesOn holds a run to its end that had a fault on the way: every test has one
// verdict, plain pytest's, unless spared says that the fault is its own; the exit
// status is what they make it; nothing is left. It reports false when there is no
// record.
func (r *round) goesOn(spared func(report.Test) bool) bool {
	r.nothingLeft()
	r.historyHolds()
	rep := r.report()
	if rep == nil {
		r.fail("there is no record of the run: exit %d", r.code())
		return false
	}
	r.ledger(rep, spared, false)
	if want := r.deserved(rep); r.code() != want || rep.Exit != want {
		r.fail("exit %d, in the record %d, want %d", r.code(), rep.Exit, want)
	}
	r.coverage(rep)
	r.causes(rep)
	r.artifacts(rep)
	return true
}

// artifacts holds that every test that ran has left its file, or that somebody
// says that files are missing.
func (r *round) artifacts(rep *report.Report) {
	told := slices.ContainsFunc(rep.Notes, func(n report.Note) bool { return strings.HasPrefix(n.Text, "not all artifacts are there") })
	for _, test := range rep.Tests {
		if last := test.Last(); last == nil || last.Run != "" || last.Cause != "" || last.Outcome == worker.Skipped {
			continue
		}
		name := strings.ReplaceAll(strings.ReplaceAll(test.Test, "/", "."), "::", "-") + ".txt"
		if _, err := os.Stat(filepath.Join(r.run, "artifacts", "made", name)); err != nil && !told {
			r.fail("the file of %s is lost, and nobody says so", test.Test)
		}
	}
}

// ledger holds the verdicts of the record, and of its JUnit file, against plain
// pytest's. Of a run that was stopped, tests may be without one, with a reason.
func (r *round) ledger(rep *report.Report, spared func(report.Test) bool, stopped bool) {
	seen := map[string]report.Verdict{}
	for _, test := range rep.Tests {
		id := caseOf(test.Test)
		want, known := r.truth.verdicts[id]
		switch {
		case seen[id] != "":
			r.fail("%s is in the record twice", id)
		case !known:
			r.fail("%s: plain pytest does not know it", id)
		case test.Verdict == report.NotRun && test.Reason == "":
			r.fail("%s is not run, for no reason", id)
		case test.Verdict == report.NotRun && stopped, string(test.Verdict) == want, spared != nil && spared(test):
		default:
			r.fail("%s is %q (%s %s), where plain pytest says %q", id, test.Verdict, test.Reason, test.Why(), want)
		}
		seen[id] = test.Verdict
	}
	for id := range r.truth.verdicts {
		if seen[id] == "" && (!stopped || len(rep.Tests) > 0) {
			r.fail("%s is not in the record", id)
		}
	}
	if len(rep.Tests) == 0 {
		return
	}
	junit := filepath.Join(r.run, "junit.xml")
	if _, err := os.Stat(junit); err != nil {
		r.fail("there is no JUnit file: %v", err)
		return
	}
	for id, said := range readVerdicts(r.t, junit) {
		if v := seen[id]; v != report.NotRun && string(v) != said {
			r.fail("%s is %q in the JUnit file, %q in the record", id, said, v)
		}
	}
}

// deserved is the exit status that a run deserves that nobody stopped.
func (r *round) deserved(rep *report.Report) int {
	switch t := rep.Totals; {
	case t.Failed > 0:
		return report.ExitFailed
	case t.NotRun > 0, r.cov && (rep.Coverage == nil || !rep.Coverage.Complete):
		return report.ExitInfrastructure
	}
	return report.ExitGreen
}

// coverage holds a coverage that is called complete against plain pytest's.
func (r *round) coverage(rep *report.Report) {
	if !r.cov {
		return
	}
	if rep.Coverage == nil {
		r.fail("coverage was asked for, and nothing is said of it")
		return
	}
	if !rep.Coverage.Complete {
		if rep.Coverage.Reason == "" {
			r.fail("coverage is incomplete, for no reason")
		}
		return
	}
	if got := readLines(r.t, filepath.Join(r.run, "coverage", "coverage.xml")); !maps.Equal(got, r.truth.lines) {
		r.fail("lines that ran %v, in plain pytest %v", got, r.truth.lines)
	}
}

// causes wants what went wrong named in what people read.
func (r *round) causes(rep *report.Report) {
	text := r.text()
	for _, w := range rep.Workers {
		if w.Lost != "" && !strings.Contains(text, w.Name+" lost") && r.row.piped == false {
			r.fail("%s was lost (%s), and nobody is told", w.Name, w.Lost)
		}
	}
	for _, reason := range rep.Reasons {
		if first, _, _ := strings.Cut(reason.Text, "\n"); !strings.Contains(text, first) && reason.Code != report.ReasonFailed && !r.row.piped {
			r.fail("the reason %q is not printed", first)
		}
	}
}

// grace is how long what a run left may take to end.
const grace = 30 * time.Second

// nothingRuns holds that no process and no container of the lane runs any more.
func (r *round) nothingRuns() {
	var left []string
	for until := time.Now().Add(grace); ; time.Sleep(250 * time.Millisecond) {
		left = left[:0]
		for _, p := range r.marked() {
			left = append(left, strings.Join(append([]string{p.place}, p.args...), " "))
		}
		if r.engine == "docker" {
			left = append(left, r.containers(false)...)
		}
		if len(left) == 0 || time.Now().After(until) {
			break
		}
	}
	if len(left) > 0 {
		r.fail("%s later these run: %q", grace, left)
	}
}

// nothingLeft holds that nothing of any run is left in the lane.
func (r *round) nothingLeft() {
	r.nothingRuns()
	var left []string
	for _, pattern := range []string{
		filepath.Join(r.home, "state", "shardyard", "process", "*", "runs", "*"), filepath.Join(r.home, "cache", "shardyard", "process", "*", "runs", "*"),
		filepath.Join(r.home, "tmp", "s*"),
		filepath.Join(r.dir, ".shardyard", "runs", "*", "scratch"), filepath.Join(r.dir, ".shardyard", "runs", "*", "conclusion"),
	} {
		found, _ := filepath.Glob(pattern)
		left = append(left, found...)
	}
	for _, dir := range r.runs() {
		_, unheld := os.Stat(filepath.Join(dir, "alive"))
		if _, err := os.Stat(filepath.Join(dir, "events.jsonl")); err == nil && unheld == nil {
			left = append(left, filepath.Join(dir, "alive"))
		}
	}
	if r.engine == "docker" {
		left = append(left, r.containers(true)...)
		for _, kind := range []string{"volume", "network"} {
			out, _ := r.docker(kind, "ls", "--filter", "name=shardyard-"+filepath.Base(r.home)+"-", "--format",
				`{{.Name}} {{.Label "dev.shardyard.run"}}`).Output()
			for line := range strings.Lines(string(out)) {
				if f := strings.Fields(line); len(f) == 2 { // of a run
					left = append(left, kind+" "+f[0])
				}
			}
		}
	}
	if len(left) > 0 {
		slices.Sort(left)
		r.fail("left behind: %q", left)
	}
}
