package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// The exit codes of a run. They are part of the interface.
const (
	ExitGreen          = 0
	ExitFailed         = 1   // tests failed
	ExitUsage          = 2   // usage or config
	ExitInfrastructure = 3   // machinery broke, a test was not run, coverage is not complete
	ExitEmpty          = 4   // nothing to test
	ExitGate           = 5   // coverage under its limit, flaky when asked
	ExitInterrupted    = 130 // Ctrl-C
	ExitTerminated     = 143 // asked to end
)

// precedence is which code wins when several hold.
var precedence = []int{ExitTerminated, ExitInterrupted, ExitUsage, ExitFailed, ExitInfrastructure, ExitGate, ExitEmpty}

// ExitCode returns the exit code of a run, and every reason that it is not green,
// those of the winning code first. It looks at what happened only, never at
// the Exit and Reasons that the report may already hold.
func ExitCode(r *Report) (code int, reasons []Reason) {
	var found findings
	found.stops(r)
	found.tests(r)
	found.sessions(r)
	found.machinery(r)
	found.gates(r)
	for _, c := range precedence {
		for _, reason := range found {
			if reason.Exit == c {
				reasons = append(reasons, reason)
			}
		}
	}
	if len(reasons) > 0 {
		code = reasons[0].Exit
	}
	return code, reasons
}

// Worst returns the exit code that weighs most, of several runs.
func Worst(runs ...*Report) int {
	for _, c := range precedence {
		if slices.ContainsFunc(runs, func(r *Report) bool { return r.Exit == c }) {
			return c
		}
	}
	return ExitGreen
}

// Exit is ExitCode of the run as known now.
func (s *State) Exit() (code int, reasons []Reason) { return ExitCode(s.Report()) }

// findings are reasons in the order in which they are found.
type findings []Reason

func (f *findings) add(exit int, code ReasonCode, format string, args ...any) {
	*f = append(*f, Reason{Code: code, Exit: exit, Text: fmt.Sprintf(format, args...)})
}

func (f *findings) stops(r *Report) {
	if r.Stopped == nil {
		return
	}
	switch r.Stopped.Signal {
	case "":
	case "terminated":
		f.add(ExitTerminated, ReasonStopped, "terminated")
	default:
		f.add(ExitInterrupted, ReasonStopped, "interrupted")
	}
}

func (f *findings) tests(r *Report) {
	t := r.Totals
	forgiven := r.Forgiven()
	if t.Failed > 0 && !forgiven {
		f.add(ExitFailed, ReasonFailed, "%s failed", Count(t.Failed, "test", "tests"))
	}
	if t.CollectErrors > 0 {
		f.add(ExitFailed, ReasonNotCollected, "%s", Uncollected(t.CollectErrors, t.Uncollected))
	}
	missing := t.NotRun
	if !t.CollectStop { // else no test was to run
		missing = max(t.Discovered-t.Judged()+t.NotRun, t.NotRun)
	}
	if missing > 0 {
		why := ""
		if r.Stopped != nil && r.Stopped.Reason != "" {
			why = ": " + r.Stopped.Reason
		}
		f.add(ExitInfrastructure, ReasonNotRun, "%s not run%s", Count(missing, "test", "tests"), why)
	}
	if s := r.Stopped; s != nil && s.Signal == "" && t.Discovered == 0 && t.CollectErrors == 0 && len(r.Faults) == 0 {
		f.add(ExitInfrastructure, ReasonNotRun, "no test was discovered: %s", s.Reason)
	}
	switch {
	case forgiven || !r.nothing():
	case t.Deselected > 0:
		f.add(ExitEmpty, ReasonNothing, "nothing to test: %s found, and the selection leaves all out: look at it, on the command line and in the project's configuration",
			Count(t.Deselected, "test was", "tests were"))
	default:
		f.add(ExitEmpty, ReasonNothing, "nothing to test: no test was found where the arguments and the project's configuration say to look")
	}
}

// Forgiven reports whether the project itself says of its failed tests, or of
// having none, that this is no failure: hooks at the end of a session set its
// status to 0, with all reports and in each worker that a failed test ran on. A
// test that ended its process would have ended the framework's with it.
func (r *Report) Forgiven() bool {
	c := r.Concluded
	if c == nil || c.Code != 0 || c.Error != "" || !c.Forgiven || r.Stopped != nil {
		return false
	}
	content := map[int]bool{}
	for _, w := range r.Workers {
		content[w.Worker] = w.Code == 0 && w.Lost == "" && len(w.Died) == 0
	}
	for i := range r.Tests {
		t := &r.Tests[i]
		if t.Verdict != Fail {
			continue
		}
		if last := t.Last(); last == nil || last.Cause != "" || last.Run != "" || !content[last.Worker] {
			return false
		}
	}
	return true
}

// maxUncollected is how many files that could not be collected a sentence names.
const maxUncollected = 3

// Uncollected says, in words, that so many files could not be collected, and names
// the first of them.
func Uncollected(n int, files []string) string {
	text := Count(n, "file", "files") + " could not be collected"
	if named := files[:min(len(files), maxUncollected)]; len(named) > 0 {
		text += ": " + strings.Join(named, ", ")
		if rest := n - len(named); rest > 0 {
			text += " and " + Number(rest) + " more"
		}
	}
	return text
}

// sessions are those that ended otherwise than their tests explain: what a
// plugin or the project finds at the end is found in a worker only. Those that
// say the same are named once. Where the framework ended the run before its
// time, that says it all. Those that ended so because they saw a share only are
// excused by a conclusion in which the framework is content.
func (f *findings) sessions(r *Report) {
	if r.Stopped != nil && r.Stopped.Signal == "" && len(*f) > 0 {
		return
	}
	type end struct {
		code    int
		closing string
	}
	var ends []end
	names := map[end][]string{}
	for _, w := range r.Workers {
		if e := (end{w.Code, firstLine(w.Closing)}); w.Unexplained && !r.Concluded.excuses(w.Worker) {
			if names[e] == nil {
				ends = append(ends, e)
			}
			names[e] = append(names[e], WorkerName(w.Worker))
		}
	}
	for _, e := range ends {
		whose := "the session of "
		if len(names[e]) > 1 {
			whose = "the sessions of "
		}
		f.add(ExitFailed, ReasonSession, "%s%s ended with status %d, which no test explains: %s",
			whose, strings.Join(names[e], ", "), e.code, cmp.Or(e.closing, "look for a plugin's or a conftest's end of the session"))
	}
}

// excuses reports whether the conclusion, in which the framework is content, excuses
// how the worker's session ended.
func (c *Concluded) excuses(worker int) bool {
	return c != nil && c.Code == 0 && c.Error == "" && slices.Contains(c.Excused, WorkerName(worker))
}

// firstLine returns the first line of a text that is more than a rule, without the
// rule around a heading.
func firstLine(text string) string {
	for line := range strings.Lines(text) {
		if line = strings.Trim(line, "=-_ \t\r\n"); line != "" {
			return line
		}
	}
	return ""
}

// nothing reports whether discovery went well and found no test.
func (r *Report) nothing() bool {
	t := r.Totals
	return t.Discovered == 0 && t.CollectErrors == 0 && len(r.Faults) == 0 && r.Stopped == nil
}

func (f *findings) machinery(r *Report) {
	for _, x := range r.Faults {
		if x.Kind == Usage {
			f.add(ExitUsage, ReasonUsage, "%s", x.Text)
		} else {
			f.add(ExitInfrastructure, ReasonInfrastructure, "%s", x.Text)
		}
	}
	if c := r.Coverage; c != nil && !c.Complete {
		reason := "coverage is incomplete"
		if c.Reason != "" {
			reason += ": " + c.Reason
		}
		f.add(ExitInfrastructure, ReasonCoverage, "%s", reason)
	}
	c := r.Concluded
	switch {
	case c == nil:
	case c.Error != "":
		f.add(ExitInfrastructure, ReasonNotConcluded, "the run could not be concluded: %s", c.Error)
	case c.Code != 0 && len(*f) == 0:
		// The framework saw every report and is not content, for a reason of
		// its own (a failed subtest, a plugin's gate).
		f.add(ExitFailed, ReasonFramework, "%s itself ended with status %d: what it printed says why", cmp.Or(r.Framework, "the framework"), c.Code)
	}
}

func (f *findings) gates(r *Report) {
	if r.Coverage.Below() {
		f.add(ExitGate, ReasonUnderLimit, "coverage %s is under the limit of %s", Percent(r.Coverage.Percent), Percent(r.Coverage.FailUnder))
	}
	if n := r.Totals.Flaky; n > 0 && slices.Contains(r.FailOn, "flaky") {
		f.add(ExitGate, ReasonFlaky, "%s flaky, and --fail-on flaky is set", Count(n, "test is", "tests are"))
	}
}

// Unwritten adds to a report that its results could not be written.
func (r *Report) Unwritten(err error) {
	r.Faults = append(r.Faults, Fault{Kind: Infrastructure, Text: err.Error()})
	r.Exit, r.Reasons = ExitCode(r)
}
