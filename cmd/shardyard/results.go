package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/shardyard/shardyard/configs"
	"github.com/shardyard/shardyard/orchestrator"
	"github.com/shardyard/shardyard/orchestrator/history"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/orchestrator/runs"
	"github.com/shardyard/shardyard/orchestrator/source"
)

// What is kept of a project's runs: the newest keepRuns, and all of keepFor.
const (
	keepRuns = 50
	keepFor  = 14 * 24 * time.Hour
)

// expire removes old results. A failure is logged, and does not fail the run.
func expire(s runs.Store, logger hclog.Logger) {
	removed, err := s.Expire(keepRuns, time.Now().Add(-keepFor))
	if err != nil {
		logger.Warn("old results could not be removed", "error", err)
	}
	if len(removed) > 0 {
		logger.Info("old results were removed", "runs", len(removed))
	}
}

// nearestRuns returns where the runs of the project are that dir is in. A project
// goes no further up than its config or its repository.
func nearestRuns(dir string) runs.Store {
	return runs.Nearest(dir, func(dir string) bool {
		for _, name := range []string{configs.FileName, ".git"} {
			if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
				return true
			}
		}
		return false
	})
}

// findRun finds the run that the arguments name, else the latest. An unknown id is
// a usageError.
func findRun(s runs.Store, args []string) (*runs.Run, error) {
	r, err := s.Find(slices.Concat(args, []string{"latest"})[0])
	if err != nil && !errors.As(err, new(runs.UnknownError)) {
		return nil, infraError{err}
	}
	return r, err
}

// next returns the commands that help after a run.
func next(rep *report.Report) []string {
	if rep.Exit == report.ExitGreen || rep.Totals.Discovered+rep.Totals.CollectErrors == 0 {
		return nil // a report has nothing to add
	}
	if rep.Exit != report.ExitUsage && rep.Totals.Failed+rep.Totals.NotRun > 0 {
		return []string{"shardyard rerun", "shardyard report"}
	}
	return []string{"shardyard report"}
}

// learn records what runs knew that were cut off. Losing it costs balance.
func learn(ctx context.Context, store runs.Store, db *history.DB, logger hclog.Logger) {
	cut, err := store.CutOff()
	for _, r := range cut {
		lesson, known, lessonErr := orchestrator.Lessons(r.Dir)
		if lessonErr == nil && known {
			lessonErr = db.Record(ctx, lesson)
		}
		err = errors.Join(err, lessonErr, r.Settle())
	}
	if err != nil {
		logger.Warn("what runs knew that were cut off is not in the history", "error", err)
	}
}

// openHistory opens the history, and gives the project what is known of it
// under ids that it had before. Without one a run goes on, unbalanced.
func openHistory(ctx context.Context, id source.Project, logger hclog.Logger) *history.DB {
	db, err := history.Open(ctx, filepath.Join(stateDir(), "history.db"), logger.Named("history"))
	if err == nil {
		if err = db.Adopt(ctx, id.ID, id.Before...); err != nil {
			err = errors.Join(err, db.Close())
		}
	}
	if err != nil {
		logger.Warn("going on without history: no plan is balanced by time, and nothing is said of earlier runs", "error", err)
		return nil
	}
	return db
}
