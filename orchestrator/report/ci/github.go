package ci

import (
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// maxEach is how many errors, and how many warnings, GitHub shows of a step.
const maxEach = 10

// annotations returns the commands that put failures and flaky tests beside the
// code. workspace is the checkout that GitHub's paths are relative to; "" is
// not known.
func annotations(runs []*report.Report, workspace string) []string {
	errs, warnings := annotated{level: "error"}, annotated{level: "warning"}
	for _, r := range runs {
		for _, text := range others(r) {
			errs.add("title="+property("shardyard"), suite(r, runs)+text)
		}
	}
	for _, r := range runs {
		for _, t := range judged(r, report.Fail) {
			errs.test(r, t, suite(r, runs), "failed", workspace)
		}
		for _, t := range judged(r, report.Flaky) {
			warnings.test(r, t, suite(r, runs), "is flaky", workspace)
		}
	}
	return append(errs.all(), warnings.all()...)
}

// annotated are the annotations of one level. Only so many are kept.
type annotated struct {
	level string
	lines []string
	more  int // that were not kept
}

func (a *annotated) test(r *report.Report, t *report.Test, suite, what, workspace string) {
	var where string
	if file := located(r, t.File, workspace); file != "" {
		where = "file=" + property(file) + ","
		if t.Line > 0 {
			where += fmt.Sprintf("line=%d,", t.Line)
		}
	}
	title := suite + report.Clean(t.Test) + " " + what
	text := report.Clean(t.Why())
	if text == "" {
		text = title
	}
	a.add(where+"title="+property(title), text)
}

func (a *annotated) add(properties, text string) {
	if len(a.lines) == maxEach {
		a.more++
		return
	}
	a.lines = append(a.lines, "::"+a.level+" "+properties+"::"+data(text))
}

// all returns the annotations, of which the last says how many there would be
// more.
func (a *annotated) all() []string {
	if a.more == 0 {
		return a.lines
	}
	last := fmt.Sprintf("::%s title=shardyard::%d more: see the summary of this step, or `shardyard report`", a.level, a.more+1)
	return append(a.lines[:maxEach-1], last)
}

// located returns a file's path in the workspace, or else in the repository; ""
// for a file that lies in neither.
func located(r *report.Report, file, workspace string) string {
	if !filepath.IsLocal(file) {
		return ""
	}
	if workspace != "" && r.Project != "" {
		rel, err := filepath.Rel(workspace, filepath.Join(r.Project, file))
		if err == nil && filepath.IsLocal(rel) {
			return filepath.ToSlash(rel)
		}
	}
	return path.Join(r.Root, filepath.ToSlash(file))
}

// data and property escape as GitHub's own toolkit does, so that no text of a
// test's ends a command or begins one.
func data(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

func property(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(s)
}
