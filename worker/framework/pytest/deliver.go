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
// out. The JUnit file and what plugins wrote are copied to where the user's own
// options have them.
func (Description) Deliver(suite framework.Suite, done worker.Concluded) (framework.Delivery, error) {
	var s Summary
	if len(done.Summary) > 0 {
		if err := json.Unmarshal(done.Summary, &s); err != nil {
			return framework.Delivery{}, fmt.Errorf("read the conclusion's summary: %w", err)
		}
	}
	var d framework.Delivery
	for _, name := range done.Files {
		f := framework.File{Name: name, As: strings.TrimPrefix(name, "out/")}
		if f.As == "junit.xml" && s.JUnitXML != "" {
			f.To = junitPlace(s.JUnitXML, suite.Args)
			if f.To == "" {
				d.Warnings = append(d.Warnings, fmt.Sprintf("--junitxml %s, from the project's own options, is not a .xml file below the project: left out", s.JUnitXML))
			}
		}
		if report, ok := strings.CutPrefix(f.As, "reports/"); ok {
			f.To = reportPlace(report, suite.Args)
			if f.To == "" && !strings.HasPrefix(report, "assets/") && !strings.Contains(report, "/assets/") {
				d.Notes = append(d.Notes, report+" is in the run's results, in reports/")
			}
		}
		d.Files = append(d.Files, f)
	}
	var options suiteOptions
	if len(suite.Options) > 0 {
		if err := json.Unmarshal(suite.Options, &options); err != nil {
			return framework.Delivery{}, fmt.Errorf("read the suite's options: %w", err)
		}
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
// nowhere. The path comes from a worker, so what the user did not type must be a
// .xml file below the project.
func junitPlace(to string, args []string) string {
	typed := slices.ContainsFunc(args, func(a string) bool { return a == to || strings.HasSuffix(a, "="+to) })
	if !typed && (!filepath.IsLocal(to) || filepath.Ext(to) != ".xml") {
		return ""
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
