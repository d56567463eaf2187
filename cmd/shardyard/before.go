package main

import (
	"context"

	"github.com/hashicorp/go-hclog"

	"github.com/shardyard/shardyard/orchestrator/history"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

// addBefore says of each failed test of a run how it ended in the runs before. Without
// a history, and without other runs in it, nothing is said.
func addBefore(ctx context.Context, db *history.DB, key string, rep *report.Report, logger hclog.Logger) {
	if db == nil {
		return
	}
	var failed []worker.TestID
	for _, t := range rep.Tests {
		if t.Verdict == report.Fail {
			failed = append(failed, worker.TestID(t.Test))
		}
	}
	if len(failed) == 0 {
		return
	}
	earlier, err := db.Runs(ctx, key, 2)
	var marks map[worker.TestID][]history.Mark
	if err == nil {
		marks, err = db.Outcomes(ctx, key, failed, rep.Run)
	}
	if err != nil {
		logger.Warn("how the failed tests ended in earlier runs is not said", "error", err)
		return
	}
	if len(earlier) == 0 || len(earlier) == 1 && earlier[0].ID == rep.Run {
		return
	}
	for i := range rep.Tests {
		if t := &rep.Tests[i]; t.Verdict == report.Fail {
			var ended []report.Verdict
			for _, m := range marks[worker.TestID(t.Test)] {
				ended = append(ended, endedAs(m))
			}
			t.Before = report.Past(ended)
		}
	}
}

// endedAs is the verdict of a run on a test.
func endedAs(m history.Mark) report.Verdict {
	v := report.VerdictOf(m.Outcome)
	if v == report.Pass && m.Again {
		return report.Flaky
	}
	return v
}
