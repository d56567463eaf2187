package orchestrator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/shardyard/shardyard/orchestrator/artifacts"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/orchestrator/report/junit"
	"github.com/shardyard/shardyard/worker/framework"
)

// keep fetches a result file of the conclusion, and copies it to where the user
// wants it. It stays below the run's directory, whatever the finisher calls it.
func (c *conclusion) keep(ctx context.Context, file framework.File) error {
	as := filepath.FromSlash(file.As)
	if !filepath.IsLocal(as) {
		return fmt.Errorf("the finisher names a result file %q: not a path below its directory", file.Name)
	}
	local := filepath.Join(c.req.Out, as)
	if err := c.room.fetch(ctx, c.finish.place, path.Join(c.finish.dir, file.Name), local); err != nil {
		return fmt.Errorf("fetch %s: %w", file.Name, err)
	}
	if file.To == "" {
		return nil
	}
	rel, inside := c.req.within(file.To)
	if !inside {
		to := file.To
		if !filepath.IsAbs(to) {
			to = filepath.Join(c.req.Project, to)
		}
		if err := copyFile(local, to); err != nil {
			return fmt.Errorf("write %s: %w", file.To, err)
		}
		return nil
	}
	sources, err := c.sources(ctx, file.To)
	if err != nil {
		return fmt.Errorf("write %s: %w", file.To, err)
	}
	if file.New {
		sources = c.unclaimed(sources, file.As)
	}
	checkout := artifacts.Checkout{Dir: c.req.Project, Tracked: sources, Own: c.req.Artifacts.Own}
	refused, err := checkout.Put(local, filepath.ToSlash(rel))
	switch {
	case err != nil:
		return fmt.Errorf("write %s: %w", file.To, err)
	case refused != "":
		c.note(report.Warning, "%s is not written to the project, it is in the run's results as %s: %s", rel, file.As, refused)
	default:
		c.delivered = append(c.delivered, rel)
	}
	return nil
}

// sources reports which files of the project no result may replace: those that
// git tracks, unless the arguments name the very file.
func (c *conclusion) sources(ctx context.Context, to string) (func(string) bool, error) {
	src := c.finish.site.src
	named := slices.ContainsFunc(c.req.Session.Args, func(a string) bool {
		return a == to || strings.HasSuffix(a, "="+to) || strings.HasSuffix(a, ":"+to)
	})
	if named || !src.Git {
		return func(string) bool { return false }, nil
	}
	return src.Tracked(ctx)
}

// unclaimed adds to the files that no result may replace those that are there
// already: but for one that an earlier run put there, and one that git ignores.
func (c *conclusion) unclaimed(sources func(string) bool, as string) func(string) bool {
	return func(name string) bool {
		if sources(name) {
			return true
		}
		there, err := os.ReadFile(filepath.Join(c.req.Project, filepath.FromSlash(name)))
		if err != nil {
			return false // it is judged by what may be written there at all
		}
		if _, tested := c.finish.site.src.Hash(name); !tested && c.req.Source.Rev == "" {
			return false
		}
		made, _ := filepath.Glob(filepath.Join(filepath.Dir(c.req.Out), "*", filepath.FromSlash(as)))
		return !slices.ContainsFunc(made, func(earlier string) bool {
			text, err := os.ReadFile(earlier)
			return err == nil && bytes.Equal(text, there)
		})
	}
}

// copyFile copies a file to where the user's arguments want it, outside the
// project.
func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o644)
}

// junitFile has the verdicts in a run's directory.
const junitFile = "junit.xml"

// keepJUnit writes a JUnit file of what is known, where tests are known and the
// framework has not made its own.
func (c *recorder) keepJUnit(dir string) (err error) {
	path, rep := filepath.Join(dir, junitFile), c.state.Report()
	if _, err := os.Stat(path); err == nil && rep.Concluded != nil || rep.Totals.Discovered == 0 {
		return nil
	}
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write JUnit file: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return junit.Write(f, rep)
}
