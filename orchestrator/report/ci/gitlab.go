package ci

import (
	"fmt"
	"regexp"

	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/orchestrator/report/console"
)

// maxFolded is how many failed tests GitLab's section names: its log is cut
// after 4 MiB.
const maxFolded = 1000

// sectionName is what GitLab takes for the name of a section.
var sectionName = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)

// section folds the failed tests of all runs away, in a section of GitLab's job
// log that a click opens: the closing lines name only the first of them.
func section(runs []*report.Report) []string {
	var lines []string
	failed := 0
	for _, r := range runs {
		for _, t := range judged(r, report.Fail) {
			if failed++; failed <= maxFolded {
				lines = append(lines, " ✗ "+suite(r, runs)+console.FailureLine(t))
			}
		}
	}
	if failed == 0 {
		return nil
	}
	if more := failed - len(lines); more > 0 {
		lines = append(lines, fmt.Sprintf("   ... and %s more", report.Number(more)))
	}
	last := runs[len(runs)-1]
	at, name := last.StartedAt.Add(last.Times.Duration.Std()).Unix(), "shardyard"
	if sectionName.MatchString(last.Run) { // a job may run several commands
		name += "-" + last.Run
	}
	head := fmt.Sprintf("\x1b[0Ksection_start:%d:%s[collapsed=true]\r\x1b[0K%s", at, name, report.Count(failed, "failed test", "failed tests"))
	return append(append([]string{head}, lines...), fmt.Sprintf("\x1b[0Ksection_end:%d:%s\r\x1b[0K", at, name))
}
