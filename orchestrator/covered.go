package orchestrator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/shardyard/shardyard/orchestrator/coverage"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

// covered reports the combined coverage, and makes its data file usable in the
// checkout.
func (c *conclusion) covered(ctx context.Context, done worker.Concluded) error {
	var summary struct {
		Coverage *struct {
			Percent       float64  `json:"percent"`
			FailUnder     *float64 `json:"fail_under"`
			Complete      bool     `json:"complete"`
			Reason        string   `json:"reason"`
			RelativeFiles bool     `json:"relative_files"`
		} `json:"coverage"`
	}
	if len(done.Summary) == 0 {
		return nil
	}
	if err := json.Unmarshal(done.Summary, &summary); err != nil {
		return fmt.Errorf("read the conclusion's summary: %w", err)
	}
	cov := summary.Coverage
	if cov == nil {
		return nil
	}
	ev := report.Covered{Percent: cov.Percent, Complete: cov.Complete, Reason: cov.Reason}
	if cov.FailUnder != nil {
		ev.FailUnder = *cov.FailUnder
	}
	c.emit(ev)
	if cov.RelativeFiles {
		return nil
	}
	return c.rebase(ctx)
}

// rebase keeps the data with repository-relative paths as relative.coverage,
// and makes those of .coverage absolute: without relative_files in its
// configuration, coverage.py finds nothing in the checkout under relative ones.
func (c *conclusion) rebase(ctx context.Context) error {
	dir := filepath.Join(c.req.Out, "coverage")
	data := filepath.Join(dir, ".coverage")
	if _, err := os.Stat(data); errors.Is(err, os.ErrNotExist) {
		return nil // nothing was measured
	}
	if err := copyFile(data, filepath.Join(dir, "relative.coverage")); err != nil {
		return fmt.Errorf("keep the coverage data: %w", err)
	}
	return coverage.Rebase(ctx, data, c.req.Project)
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
