package injection

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"slices"

	_ "modernc.org/sqlite" // the history's driver

	"github.com/shardyard/shardyard/orchestrator/report"
)

// isFinished holds a run that was cut off: nothing of it runs on, what it knew is
// shown, and rerun comes to plain pytest's verdicts without losing one that
// the log has.
func isFinished(r *round) {
	r.nothingRuns()
	r.historyHolds()
	cut := r.run
	if _, err := os.Stat(filepath.Join(cut, "events.jsonl")); err != nil {
		return // it had not begun
	}
	state := r.log(cut)
	if state == nil {
		r.fail("its log cannot be read")
		return
	}
	known := state.Report()
	r.shown(cut, known)
	if state.Run().Run == "" {
		return // nothing was said yet: there is nothing to run again
	}
	args := []string{"rerun", "--progress", "plain", filepath.Base(cut)}
	before := r.runs()
	p, err := r.start(false, args...)
	if err != nil {
		r.t.Fatal(err)
	}
	r.process = p
	if err := p.wait(limit); err != nil {
		r.fail("rerun: %v", err)
	}
	r.run = r.since(before)
	r.whole()
	if again := r.report(); again != nil && !r.cov && state.Inventoried() && !known.Finished {
		r.kept(known, again)
	}
}

// kept holds the rerun to the verdicts that the run had given: they are taken over,
// and not come to anew.
func (r *round) kept(known, again *report.Report) {
	for _, test := range known.Tests {
		if !slices.Contains([]report.Verdict{report.Pass, report.Skip, report.Flaky}, test.Verdict) || len(test.Reports) == 0 {
			continue
		}
		at := slices.IndexFunc(again.Tests, func(t report.Test) bool { return t.Test == test.Test })
		if at < 0 || len(again.Tests[at].Attempts) == 0 || again.Tests[at].Attempts[0].Run == "" {
			r.fail("%s had the verdict %s, and ran again", test.Test, test.Verdict)
			continue
		}
		r.proven++
	}
}

// shown holds the report command to the record, or to what the log knows.
func (r *round) shown(cut string, known *report.Report) {
	if rep := readReport(filepath.Join(cut, "run.json")); rep != nil {
		known = rep
	}
	code, text := r.command(context.Background(), "report", filepath.Base(cut), "--exit-code")
	switch {
	case known.Finished && code == known.Exit:
	case code == report.ExitGreen:
		r.fail("report says that a run was green that was cut off:\n%s", text)
	case code != known.Exit && code != report.ExitInfrastructure:
		r.fail("report ended with %d:\n%s", code, text)
	}
}

// historyHolds holds that the history is sound, and can be read.
func (r *round) historyHolds() {
	if err := sound(filepath.Join(r.home, "state", "shardyard", "history.db")); err != nil {
		r.fail("the history: %v", err)
	}
	if aside := brokenHistories(r.lane); len(aside) > 0 && !r.row.aside {
		r.fail("a history was set aside as broken: %q", aside)
	}
}

// brokenHistories are the files of histories that were set aside.
func brokenHistories(l *lane) []string {
	found, _ := filepath.Glob(filepath.Join(l.home, "state", "shardyard", "history.db*broken*"))
	return found
}

func sound(path string) error {
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro&_pragma=busy_timeout(10000)")
	if err != nil {
		return err
	}
	var said string
	err = db.QueryRow("PRAGMA integrity_check").Scan(&said) //nolint:noctx // ends at once
	if err == nil && said != "ok" {
		err = errors.New(said)
	}
	return errors.Join(err, db.Close())
}
