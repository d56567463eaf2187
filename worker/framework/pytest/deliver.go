package pytest

import (
	"encoding/json"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/shardyard/shardyard/worker"
	"github.com/shardyard/shardyard/worker/framework"
)

// Deliver implements [framework.Description]. Result files keep their place below
// out. The JUnit file, what plugins wrote and reports of coverage are copied to
// where the user's own options have them, or the project's, as read here.
func (Description) Deliver(suite framework.Suite, done worker.Concluded) (framework.Delivery, error) {
	var s Summary
	if len(done.Summary) > 0 {
		if err := json.Unmarshal(done.Summary, &s); err != nil {
			return framework.Delivery{}, fmt.Errorf("read the conclusion's summary: %w", err)
		}
	}
	var options suiteOptions
	if len(suite.Options) > 0 {
		if err := json.Unmarshal(suite.Options, &options); err != nil {
			return framework.Delivery{}, fmt.Errorf("read the suite's options: %w", err)
		}
	}
	var d framework.Delivery
	for _, name := range done.Files {
		f := framework.File{Name: name, As: strings.TrimPrefix(name, "out/")}
		if f.As == "junit.xml" && s.JUnitXML != "" {
			f.To = junitPlace(s.JUnitXML, suite.Args, options.Project)
			if f.To == "" {
				f.To, f.New = newPlace(s.JUnitXML)
			}
			if f.To == "" {
				d.Warnings = append(d.Warnings, fmt.Sprintf("--junitxml %s is neither in the arguments nor a report below the project: left out", s.JUnitXML))
			}
		}
		if report, ok := strings.CutPrefix(f.As, "reports/"); ok {
			f.To = reportPlace(report, suite.Args)
			if own := reportPlace(report, options.Project); f.To == "" && filepath.IsLocal(own) {
				f.To = own
			}
			asset := strings.HasPrefix(report, "assets/") || strings.Contains(report, "/assets/")
			if f.To == "" && !asset {
				f.To, f.New = newPlace(report)
			}
			if f.To == "" && !asset {
				d.Notes = append(d.Notes, report+" is in the run's results, in reports/")
			}
		}
		if report, ok := strings.CutPrefix(f.As, "coverage/"); ok {
			f.To = coveragePlace(report, suite.Args, options.Project)
		}
		d.Files = append(d.Files, f)
	}
	if len(s.Partial) > 0 {
		d.Warnings = append(d.Warnings, fmt.Sprintf("hooks at the end of a session wrote %s on each worker, of the tests that ran there, and what they gathered cannot be had here: "+
			"to have each worker's, write artifacts: [%s] in shardyard.yaml", strings.Join(s.Partial, ", "), strings.Join(s.Partial, ", ")))
	}
	switch {
	case s.Coverage != nil:
		d.Coverage = s.Coverage.covered()
	case options.Coverage != nil:
		d.Coverage = &framework.Covered{Reason: "it was asked for, and nothing says what it is"}
	}
	return d, nil
}

func (c *CoverageSummary) covered() *framework.Covered {
	covered := &framework.Covered{Percent: c.Percent, Under: c.Under, Complete: c.Complete, Reason: c.Reason}
	if shown, err := strconv.ParseFloat(c.Shown, 64); err == nil {
		covered.Percent = shown
	}
	if c.FailUnder != nil {
		covered.FailUnder = *c.FailUnder
	}
	return covered
}

// junitPlace returns where the user's own --junitxml has the JUnit file; "" for
// nowhere. The path comes from a worker: it counts when the user typed it, or
// when the project's options have it, and it is a .xml file below the project.
func junitPlace(to string, args, project []string) string {
	isIt := func(a string) bool { return a == to || strings.HasSuffix(a, "="+to) }
	if slices.ContainsFunc(args, isIt) || slices.ContainsFunc(project, isIt) && filepath.IsLocal(to) && filepath.Ext(to) == ".xml" {
		return to
	}
	return ""
}

// steering are how the names of files begin that have a report's extension, and
// that tools act on.
var steering = []string{
	"package", "tsconfig", "jsconfig", "composer", "deno", "pom", "build", "cmake", "requirements", "constraints", "pyright", "renovate", "vercel",
	"firebase", "now", "bower", "lerna", "nx", "turbo", "global", "nuget",
}

// newPlace returns where a report goes that the project named as it ran: to that
// path, if it is one of a report below the project. It comes from a worker: no
// file is replaced by it but one that an earlier run made.
func newPlace(to string) (place string, isNew bool) {
	if !filepath.IsLocal(to) || !slices.Contains(reportKinds, path.Ext(to)) {
		return "", false
	}
	to = filepath.ToSlash(filepath.Clean(to))
	if strings.HasPrefix(to, ".") || strings.Contains(to, "/.") {
		return "", false
	}
	base := strings.ToLower(path.Base(to))
	if slices.ContainsFunc(steering, func(p string) bool { return strings.HasPrefix(base, p) }) {
		return "", false
	}
	return to, true
}

// coverageReports are the names of --cov-report, and what they make here.
var coverageReports = map[string]string{
	"xml": "coverage.xml", "json": "coverage.json", "lcov": "coverage.lcov", "markdown": "coverage.md", "html": "html/", "annotate": "annotated/",
}

// coveragePlace returns where --cov-report=KIND:PATH has a report of coverage, or a
// file of one; "" for nowhere. The last one counts.
func coveragePlace(report string, args, project []string) (to string) {
	typed := len(project)
	for i, a := range slices.Concat(project, args) {
		kind, place, ok := strings.Cut(strings.TrimPrefix(a, "--cov-report="), ":")
		made, known := coverageReports[kind]
		if !ok || !known || !strings.HasPrefix(a, "--cov-report=") || i < typed && !filepath.IsLocal(place) {
			continue
		}
		switch rest, within := strings.CutPrefix(report, made); {
		case report == made:
			to = place
		case within && strings.HasSuffix(made, "/") && filepath.IsLocal(rest):
			to = filepath.Join(place, rest)
		}
	}
	return to
}

// reportKinds are the files of the user's that a worker may have written anew.
var reportKinds = []string{".html", ".htm", ".xml", ".json", ".jsonl", ".csv", ".tap", ".md", ".txt", ".log"}

// reportPlace returns the value of an option in the arguments that names a
// report: its path, or one outside the project with that base name; "" when
// there is none. A path that chooses tests is no option's value, and is never
// written to.
func reportPlace(report string, args []string) string {
	if !slices.Contains(reportKinds, path.Ext(report)) {
		return ""
	}
	option := false // the argument before is one that may have a value
	for _, a := range args {
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
