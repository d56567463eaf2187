// Package ci tells a CI system of a run in its own words.
package ci

import (
	"fmt"
	"path"
	"strings"

	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/orchestrator/report/console"
)

// Annotator is where annotations go.
type Annotator string

// The annotators. GitLab has no annotations in its log; its sections fold the
// failures away, and junit.xml is what its merge request shows.
const (
	NoAnnotator Annotator = ""
	GitHub      Annotator = "github"
	GitLab      Annotator = "gitlab"
)

// DetectAnnotator says where the run is happening; env looks a variable up as
// os.Getenv does.
func DetectAnnotator(env func(string) string) Annotator {
	switch {
	case env("GITHUB_ACTIONS") == "true":
		return GitHub
	case env("GITLAB_CI") == "true":
		return GitLab
	default:
		return NoAnnotator
	}
}

// maxEach is how many annotations of each kind GitHub shows.
const maxEach = 10

// Annotations are the lines to print after a run, so that the failures stand
// beside the code.
func Annotations(a Annotator, r *report.Report) []string {
	switch a {
	case GitHub:
		return gitHub(r)
	case GitLab:
		return gitLab(r)
	default:
		return nil
	}
}

func gitHub(r *report.Report) []string {
	var errs, warnings []string
	for i := range r.Tests {
		t := &r.Tests[i]
		switch {
		case t.Verdict == report.Fail && len(errs) < maxEach:
			errs = append(errs, gitHubLine("error", r.Root, t, "failed"))
		case t.Verdict == report.Flaky && len(warnings) < maxEach:
			warnings = append(warnings, gitHubLine("warning", r.Root, t, "is flaky"))
		}
	}
	for _, f := range r.Faults {
		if len(errs) < maxEach {
			errs = append(errs, "::error title=shardyard::"+gitHubData(f.Text))
		}
	}
	return append(errs, warnings...)
}

func gitHubLine(level, root string, t *report.Test, what string) string {
	var props []string
	if t.File != "" {
		props = append(props, "file="+gitHubProperty(path.Join(root, t.File)))
		if t.Line > 0 {
			props = append(props, fmt.Sprintf("line=%d", t.Line))
		}
	}
	props = append(props, "title="+gitHubProperty(t.Test+" "+what))
	message := t.Message
	if message == "" {
		message = t.Test + " " + what
		if t.Reason != "" {
			message += ": " + t.Reason
		}
	}
	return "::" + level + " " + strings.Join(props, ",") + "::" + gitHubData(message)
}

// gitHubData and gitHubProperty escape as the actions toolkit does
// (packages/core/src/command.ts).
func gitHubData(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

func gitHubProperty(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(s)
}

// gitLab folds all failures into one section of the job's log.
func gitLab(r *report.Report) []string {
	var lines []string
	for i := range r.Tests {
		if t := &r.Tests[i]; t.Verdict == report.Fail {
			worker := 0
			if a := t.Last(); a != nil {
				worker = a.Worker
			}
			lines = append(lines, " ✗ "+console.FailureLine(t.Test, worker, t.Message, t.Reason))
		}
	}
	if len(lines) == 0 {
		return nil
	}
	at := r.StartedAt.Add(r.Times.Duration.Std()).Unix()
	head := fmt.Sprintf("\x1b[0Ksection_start:%d:shardyard_failures[collapsed=true]\r\x1b[0K%s",
		at, report.Count(len(lines), "failed test", "failed tests"))
	return append(append([]string{head}, lines...), fmt.Sprintf("\x1b[0Ksection_end:%d:shardyard_failures\r\x1b[0K", at))
}
