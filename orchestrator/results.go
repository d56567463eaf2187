package orchestrator

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// copyJUnit honours the user's own --junitxml: workers wrote elsewhere. The
// path comes from a worker, so what the user did not type must be a local .xml.
func (c *conclusion) copyJUnit() error {
	if c.out.settings == nil || c.out.settings.JUnit == "" {
		return nil
	}
	to := c.out.settings.JUnit
	typed := slices.ContainsFunc(c.req.Args, func(a string) bool { return a == to || strings.HasSuffix(a, "="+to) })
	if !typed && (!filepath.IsLocal(to) || filepath.Ext(to) != ".xml") {
		c.note(report.Warning, "--junitxml %s, from the project's own options, is not a .xml file below the project: left out", to)
		return nil
	}
	if err := c.copyResult("junit.xml", to); err != nil {
		return fmt.Errorf("write --junitxml %s: %w", c.out.settings.JUnit, err)
	}
	return nil
}

// reportsDir is where the finisher leaves what plugins wrote.
const reportsDir = "out/reports"

// reportKinds are the files of the user's that a worker may have written anew.
var reportKinds = []string{".html", ".htm", ".xml", ".json", ".jsonl", ".csv", ".tap", ".md", ".txt", ".log"}

// copyReports puts what plugins wrote where the arguments have it. Everything
// else stays in the run's directory: its path comes from a worker.
func (c *conclusion) copyReports(files []string) error {
	for _, name := range files {
		rel, ok := cutDir(name, reportsDir)
		if !ok {
			continue
		}
		to := c.asked(rel)
		if to == "" {
			if !strings.HasPrefix(rel, "assets/") && !strings.Contains(rel, "/assets/") {
				c.note(report.Info, "%s is in the run's results, in reports/", rel)
			}
			continue
		}
		if err := c.copyResult(path.Join("reports", rel), to); err != nil {
			return fmt.Errorf("write %s: %w", to, err)
		}
	}
	return nil
}

// asked is the value of an option in the arguments that names a report: its
// path, or one outside the project with that base name; "" when there is none.
// A path that chooses tests is no option's value, and is never written to.
func (c *conclusion) asked(report string) string {
	if !slices.Contains(reportKinds, path.Ext(report)) {
		return ""
	}
	option := false // the argument before is one that may have a value
	for _, a := range c.req.Args {
		value, ok := a, option
		option = strings.HasPrefix(a, "--") && !strings.Contains(a, "=")
		if strings.HasPrefix(a, "-") {
			_, value, ok = strings.Cut(a, "=")
		}
		if ok && (filepath.Clean(value) == filepath.FromSlash(report) || !filepath.IsLocal(value) && filepath.Base(value) == report) {
			return value
		}
	}
	return ""
}

// copyResult copies a file of the run's directory to where the user wants it.
func (c *conclusion) copyResult(name, to string) error {
	if !filepath.IsAbs(to) {
		to = filepath.Join(c.req.Project, to)
	}
	data, err := os.ReadFile(filepath.Join(c.req.Out, filepath.FromSlash(name)))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o644)
}

// resultPath is where a result file goes: below the run's directory, whatever
// the finisher calls it.
func (c *conclusion) resultPath(name string) (string, error) {
	rel := filepath.FromSlash(name)
	if trimmed, ok := cutDir(name, "out"); ok {
		rel = filepath.FromSlash(trimmed)
	}
	if !filepath.IsLocal(rel) {
		return "", fmt.Errorf("the finisher names a result file %q: not a path below its directory", name)
	}
	return filepath.Join(c.req.Out, rel), nil
}

func cutDir(name, dir string) (string, bool) {
	rel, err := filepath.Rel(dir, filepath.FromSlash(name))
	return filepath.ToSlash(rel), err == nil && filepath.IsLocal(rel)
}
