package orchestrator

import (
	"fmt"
	"slices"

	"github.com/shardyard/shardyard/orchestrator/dispatch"
	"github.com/shardyard/shardyard/orchestrator/plan"
	"github.com/shardyard/shardyard/orchestrator/report"
)

// ordered says which tests depend on the order of their file's tests, or of their
// strand's, and has the history keep these files together.
func (l *loop) ordered(tests []dispatch.Result) {
	if len(tests) == 0 {
		return
	}
	for _, res := range tests {
		if !slices.Contains(l.together, res.Test.File) && len(l.together) < maxTogether {
			l.together = append(l.together, res.Test.File)
		}
	}
	first := tests[0]
	failed := first.Attempts[slices.IndexFunc(first.Attempts, func(a dispatch.Attempt) bool { return a.Misplaced })]
	whole, _ := first.Last()
	more := ""
	if n := len(tests) - 1; n > 0 {
		more = fmt.Sprintf(" (and so for %d more)", n)
	}
	l.note(report.Warning, "%s is order-dependent: it failed on %s, where its file did not run in order, and passed on %s, where the whole file did, which counts%s; "+
		"later runs keep the file's tests together, until shardyard cache clear --all",
		report.Clean(string(first.Test.ID)), report.WorkerName(int(failed.Worker)), report.WorkerName(int(whole.Worker)), more)
}

// maxTogether bounds the files that the history keeps together for their order.
const maxTogether = 1000

// keepTogether gives the tests of files that depend on their order a group, with
// those of their strand, unless they have one.
func (p *past) keepTogether(tests []plan.Test) {
	if len(p.together) == 0 {
		return
	}
	strands, together := plan.Strands(tests), map[string]bool{}
	for _, file := range p.together {
		together[strands[file]] = true
	}
	for i := range tests {
		if t := &tests[i]; t.Group == "" && t.File != "" && together[strands[t.File]] {
			t.Group = "order of " + strands[t.File]
		}
	}
}
