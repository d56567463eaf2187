package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/orchestrator/report/ci"
	"github.com/shardyard/shardyard/orchestrator/report/console"
)

// reportLists are the parts of a report that can be asked for alone.
type reportLists struct {
	failed, flaky, metrics bool
	slow                   int
}

// allSlow is how many tests --slow lists when no number is written.
const allSlow = "20"

func (l *reportLists) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&l.failed, "failed", false, "list the tests that failed")
	flags.BoolVar(&l.flaky, "flaky", false, "list the tests that failed and then passed")
	flags.IntVar(&l.slow, "slow", 0, "list the slowest tests, so many")
	flags.Lookup("slow").NoOptDefVal = allSlow
	flags.BoolVar(&l.metrics, "metrics", false, "print the run's measures as Prometheus reads them")
	cmd.MarkFlagsMutuallyExclusive("failed", "flaky", "slow", "metrics", "list")
}

// any reports whether one of them is asked for.
func (l *reportLists) any() bool { return l.failed || l.flaky || l.slow != 0 || l.metrics }

// show prints the part that is asked for; as JSON it is a list of the report's tests.
func (l *reportLists) show(rep *report.Report, asJSON bool, out io.Writer) error {
	if l.metrics {
		if asJSON {
			return printJSON(out, map[string]any{"totals": rep.Totals, "times": rep.Times, "coverage": rep.Coverage})
		}
		return infra(ci.WriteMetrics(raw(out), rep))
	}
	list := l.tests(rep)
	if asJSON {
		return printJSON(out, first(list, 0))
	}
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	for i := range list {
		t := &list[i]
		switch {
		case l.slow != 0:
			fmt.Fprintf(w, "%s\t%s\n", short(took(t)), report.Clean(t.Test))
		default:
			where := ""
			if t.File != "" && t.Line > 0 {
				where = fmt.Sprintf("  %s:%d", report.Clean(t.File), t.Line)
			}
			fmt.Fprintln(w, console.FailureLine(t)+where)
		}
	}
	return w.Flush()
}

func (l *reportLists) tests(rep *report.Report) []report.Test {
	list := slices.DeleteFunc(slices.Clone(rep.Tests), func(t report.Test) bool {
		return l.failed && t.Verdict != report.Fail || l.flaky && t.Verdict != report.Flaky || l.slow != 0 && took(&t) == 0
	})
	if l.slow == 0 {
		return list
	}
	slices.SortStableFunc(list, func(a, b report.Test) int { return cmp.Compare(took(&b), took(&a)) })
	return first(list, l.slow)
}

// took returns the time of a test's longest attempt.
func took(t *report.Test) (longest time.Duration) {
	for _, a := range t.Attempts {
		longest = max(longest, a.Total())
	}
	return longest
}
