package junit

import (
	"bufio"
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// Write writes what a report knows as one JUnit file: for a run whose framework
// could not make its own. Of a run that was stopped it leaves out the tests that
// it did not reach, as frameworks do.
func Write(w io.Writer, r *report.Report) error {
	cases := known(r)
	out := bufio.NewWriter(w)
	var failed, missing, skipped int
	var took report.Duration
	for _, t := range cases {
		switch t.Verdict {
		case report.Fail:
			failed++
		case report.Skip:
			skipped++
		case report.Pass, report.Flaky:
		default:
			missing++
		}
		if last := t.Last(); last != nil {
			took += report.Duration(last.Total())
		}
	}
	totals := fmt.Sprintf(`tests="%d" failures="%d" errors="%d" skipped="%d" time="%.3f" timestamp="%s"`,
		len(cases), failed, missing, skipped, took.Std().Seconds(), r.StartedAt.Format("2006-01-02T15:04:05.000000-07:00"))
	fmt.Fprintf(out, "%s<testsuites><testsuite name=\"shardyard\" %s>\n", xml.Header, totals)
	for _, t := range cases {
		writeCase(out, t)
	}
	fmt.Fprint(out, "</testsuite></testsuites>\n")
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write JUnit file: %w", err)
	}
	return nil
}

// known are the tests that are told of.
func known(r *report.Report) (list []*report.Test) {
	for i := range r.Tests {
		t := &r.Tests[i]
		if reached := t.Verdict != "" && t.Verdict != report.NotRun; reached || r.Stopped == nil {
			list = append(list, t)
		}
	}
	return list
}

// writeCase writes one test. The errors of out stick to it.
func writeCase(out io.Writer, t *report.Test) {
	key := Key{Class: t.File, Name: t.Test}
	if strings.Contains(t.Test, "::") {
		key = KeysOf(t.Test)[0]
	}
	seconds := 0.0
	if last := t.Last(); last != nil {
		seconds = last.Total().Seconds()
	}
	fmt.Fprintf(out, `<testcase classname="%s" name="%s" time="%.3f">`, text(key.Class), text(key.Name), seconds)
	switch t.Verdict {
	case report.Fail:
		fmt.Fprintf(out, `<failure message="%s" />`, text(t.Why()))
	case report.Skip:
		fmt.Fprintf(out, `<skipped message="%s" />`, text(t.Reason))
	case report.Pass, report.Flaky:
	default:
		fmt.Fprintf(out, `<error message="not run: %s" />`, text(t.Reason))
	}
	fmt.Fprint(out, "</testcase>\n")
}

// text is s as the value of an attribute.
func text(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a builder takes everything
	return b.String()
}
