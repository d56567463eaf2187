package ci

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// maxIssues is how many failures Azure Pipelines is told of: it shows ten of a step.
const maxIssues = 10

// issues are commands of Azure Pipelines that put failures into the run's page, and
// the summaries.
func (j *Job) issues(runs []*report.Report) []string {
	var lines []string
	add := func(kind, properties, text string) {
		if len(lines) < maxIssues {
			lines = append(lines, "##vso[task.logissue type="+kind+properties+"]"+azureText(text))
		}
	}
	for _, r := range runs {
		for _, text := range others(r) {
			add("error", "", suite(r, runs)+text)
		}
		for _, t := range judged(r, report.Fail) {
			where := ""
			if file := located(r, t.File, j.env("BUILD_SOURCESDIRECTORY")); file != "" {
				where = ";sourcepath=" + azureText(file)
				if t.Line > 0 {
					where += fmt.Sprintf(";linenumber=%d", t.Line)
				}
			}
			add("error", where, suite(r, runs)+report.Clean(t.Test)+": "+report.Clean(t.Why()))
		}
	}
	for _, dir := range j.written {
		if abs, err := filepath.Abs(filepath.Join(dir, summaryFile)); err == nil {
			lines = append(lines, "##vso[task.uploadsummary]"+azureText(abs))
		}
	}
	return lines
}

// azureText escapes as Azure's own toolkit does.
func azureText(s string) string {
	return strings.NewReplacer("%", "%AZP25", "\r", "%0D", "\n", "%0A", ";", "%3B", "]", "%5D").Replace(s)
}

// annotateFor is how long Buildkite's agent may take.
const annotateFor = 20 * time.Second

var contextName = regexp.MustCompile(`[^A-Za-z0-9_.-]+`)

// annotate opens the part of Buildkite's log that follows, where a run failed, and hands
// each run's summary to its agent, which shows it above the build.
func (j *Job) annotate(ctx context.Context, runs []*report.Report) error {
	for _, r := range runs {
		if r.Exit != report.ExitGreen {
			j.print("+++ shardyard " + contextName.ReplaceAllString(r.Suite, "-"))
		}
	}
	agent, err := exec.LookPath("buildkite-agent")
	if err != nil {
		return fmt.Errorf("the summary is not shown by Buildkite: %w", err)
	}
	for _, r := range runs {
		style := "success"
		if r.Exit != report.ExitGreen {
			style = "error"
		}
		name := strings.TrimSuffix("shardyard-"+contextName.ReplaceAllString(r.Suite, "-"), "-")
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), annotateFor) // of a run that was stopped too
		cmd := exec.CommandContext(limited, agent, "annotate", "--context", name, "--style", style)
		cmd.Env = os.Environ()
		cmd.Stdin = strings.NewReader(summary([]*report.Report{r}, maxSummary))
		var said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &said, &said
		err := cmd.Run()
		cancel()
		if err != nil {
			return fmt.Errorf("hand the summary to Buildkite: %w: %s", err, report.Clean(said.String()))
		}
	}
	return nil
}
