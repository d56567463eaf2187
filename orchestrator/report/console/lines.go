package console

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// header returns the first lines of a run: what runs, where and with what. It leaves
// out facts that are not known.
func header(s *report.State) []string {
	r, src, base := s.Run(), s.Source(), s.Base()
	first := "shardyard"
	if r.Version != "" {
		first += " " + r.Version
	}
	first = join("  ", first, base.Engine, withNote(base.Image, base.ImageNote))
	if n := s.Staff(); n > 0 {
		first = join("  ", first, report.Count(n, "worker", "workers"))
	}
	return slices.DeleteFunc([]string{
		first,
		join("  ", label("suite", r.Suite), withArgs(r.Args), r.Framework),
		join("  ", label("tree", short(src.Tree)), label("commit", commit(src))),
	}, func(l string) bool { return l == "" })
}

// headIsOver reports whether an event is one that the header must stand above.
//
// What comes before it waits for it, so that it is the first that is seen. Notes wait
// no longer than patience: an image that is pulled takes its time.
func headIsOver(b report.Body) bool {
	switch b := b.(type) {
	case report.StepStarted:
		return b.Name != "snapshot" // the first long step: silence would read as a hang
	case report.WorkerStarted, report.Discovered, report.Planned, report.TestStarted, report.TestFinished, report.Judged, report.Stopped, report.RunFinished:
		return true
	default:
		return false
	}
}

// patience is how long the first notes of a run may wait for its header.
const patience = time.Second

// A top is the part of a run's output up to the header, in the order in which people
// read it: the header comes first.
type top struct {
	headed bool
	waits  []string
}

// lines returns what to print of an event whose own lines are given.
func (t *top) lines(s *report.State, e report.Event, own []string) []string {
	switch {
	case t.headed:
		return own
	case headIsOver(e.Body):
		t.headed = true
		own = slices.Concat(header(s), t.waits, own)
		t.waits = nil
		return own
	}
	t.waits = append(t.waits, own...)
	if _, said := e.Body.(report.Note); !said || e.At < patience {
		return nil
	}
	own, t.waits = t.waits, nil
	return own
}

func withNote(image, note string) string {
	if image == "" {
		return report.Clean(note)
	}
	if note == "" {
		return "image " + image
	}
	return "image " + image + " (" + report.Clean(note) + ")"
}

func withArgs(args []string) string {
	quoted := make([]string, len(args))
	for i, a := range args {
		if quoted[i] = report.Clean(a); a == "" || strings.ContainsAny(a, " \t\"'") {
			quoted[i] = fmt.Sprintf("%q", a)
		}
	}
	return strings.Join(quoted, " ")
}

func commit(s report.Sourced) string {
	if s.Commit != "" && s.Dirty {
		return short(s.Commit) + " with changes"
	}
	return short(s.Commit)
}

func short(hash string) string {
	if _, after, ok := strings.Cut(hash, ":"); ok {
		hash = after
	}
	return hash[:min(len(hash), 12)]
}

func label(name, value string) string {
	if value == "" {
		return ""
	}
	return name + " " + value
}

// join joins the parts that are not empty.
func join(sep string, parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), sep)
}

// eventLines returns the lines that plain and tty print for good.
func eventLines(s *report.State, e report.Event, p paint) []string {
	switch b := e.Body.(type) {
	case report.Note:
		return noteLines(b, p)
	case report.StepFinished:
		return []string{stepLine(b, p)}
	case report.Staffed:
		if b.Waited > 0 {
			return []string{fmt.Sprintf("pool %d of %d: these workers have been waiting", b.Waited, b.Workers)}
		}
	case report.WorkerStarted:
		if what := join(", ", b.Framework, b.Runtime); len(s.Workers()) == 1 && what != "" {
			return []string{report.WorkerName(b.Worker) + " is ready: " + report.Clean(what)}
		}
	case report.WorkerLost:
		return append(droppedLines(s.Dropped(b.Worker), b.Worker, p), p.yellow(lostLine(b)))
	case report.WorkerClosed:
		return droppedLines(s.Dropped(b.Worker), b.Worker, p)
	case report.Died:
		return []string{p.yellow("warning: ") + diedLine(b)}
	case report.Discovered:
		return []string{discoveredLine(b)}
	case report.Planned:
		return list(plannedLine(b))
	case report.TestFinished:
		if !b.Tentative && report.VerdictOf(b.Outcome) == report.Fail {
			return []string{p.red(" ✗ ") + failureLine(b.Test, b.Worker, cmp.Or(b.Message, report.Ending(b.Cause)))}
		}
	case report.Stopped:
		return []string{p.yellow(stopLine(b))}
	case report.Fault:
		return faultLines(b, p)
	case report.RunFinished: // the conclusion may excuse them
		var lines []string
		for _, w := range s.Unexplained() {
			lines = append(lines, closingLines(w, p)...)
		}
		return lines
	}
	return nil
}

// maxClosing is how many lines are shown of what a session said at its end; its
// log has all.
const maxClosing = 20

// closingLines returns the last words of a session that ended with a status which
// no test explains.
func closingLines(w *report.Worker, p paint) []string {
	text := fmt.Sprintf("the session of %s ended with status %d, which no test explains", report.WorkerName(w.Worker), w.Code)
	if said := strings.Split(strings.TrimSpace(w.Closing), "\n"); said[0] != "" {
		text += "; at its end it said:\n  " + strings.Join(said[:min(len(said), maxClosing)], "\n  ")
	}
	return noteLines(report.Note{Level: report.Warning, Text: text}, p)
}

func noteLines(n report.Note, p paint) []string {
	var lines []string
	for l := range strings.SplitSeq(strings.TrimRight(n.Text, "\n"), "\n") {
		if l = report.Clean(l); n.Level == report.Warning && len(lines) == 0 {
			l = p.yellow("warning: ") + l
		}
		lines = append(lines, l)
	}
	return lines
}

// faultLines keep the lines of what a command printed.
func faultLines(f report.Fault, p paint) []string {
	var lines []string
	for l := range strings.SplitSeq(strings.TrimRight(f.Text, "\r\n"), "\n") {
		if l = report.Clean(l); len(lines) == 0 {
			l = p.red("error: " + l)
		} else {
			l = "  " + l
		}
		lines = append(lines, l)
	}
	return lines
}

func stepLine(b report.StepFinished, p paint) string {
	line := fmt.Sprintf("  %-12s %6s", b.Name, report.Clock(b.Duration.Std()))
	switch {
	case b.Error != "": // what it was is said once, when the run ends of it
		return p.red(line + "  failed")
	case b.Cached:
		line += "  cached"
	}
	if b.Detail != "" {
		line += "  " + report.Clean(b.Detail)
	}
	return line
}

func lostLine(b report.WorkerLost) string {
	line := report.WorkerName(b.Worker) + " lost"
	if b.Test != "" {
		line += " while running " + report.Clean(b.Test)
	}
	cause, _, _ := strings.Cut(b.Cause, "\n")
	return line + ": " + report.Clean(cause)
}

func stopLine(b report.Stopped) string {
	var parts []string
	if b.Signal == "" {
		parts = append(parts, report.Clean(b.Reason))
	}
	if b.Grace > 0 {
		parts = append(parts, "running tests get "+report.Span(b.Grace.Std()))
		if b.Signal == "interrupt" { // else there is nothing to wait for
			parts = append(parts, "Ctrl-C again ends at once")
		}
	}
	if len(parts) == 0 {
		parts = append(parts, report.Clean(b.Reason))
	}
	return "stopping: " + strings.Join(parts, "; ")
}

func diedLine(b report.Died) string {
	line := fmt.Sprintf("%s: the test process ended before its time (%s, exit status %d)", report.WorkerName(b.Worker), report.Clean(b.Cause), b.Code)
	if b.Again {
		line += "; another one goes on"
	}
	return line
}

// droppedLines returns the warning that a worker printed more than is kept; nil if
// it did not.
func droppedLines(bytes int64, worker int, p paint) []string {
	if bytes == 0 {
		return nil
	}
	return []string{p.yellow("warning: ") + report.WorkerName(worker) + " printed more than limits.output keeps: " +
		report.Bytes(bytes) + " are left out of its log"}
}

func discoveredLine(b report.Discovered) string {
	line := "found " + report.Count(b.Tests, "test", "tests")
	if b.Duration > 0 {
		line += " in " + report.Clock(b.Duration.Std())
	}
	if b.Deselected > 0 {
		line += fmt.Sprintf(", %s deselected", report.Number(b.Deselected))
	}
	if b.Errors > 0 {
		line += fmt.Sprintf(", %s could not be collected", report.Count(b.Errors, "file", "files"))
	}
	return line
}

func plannedLine(b report.Planned) string {
	var parts []string
	if b.Predicted > 0 {
		parts = append(parts, "predicted "+report.Clock(b.Predicted.Std()))
	} else if b.Makespan > 0 {
		parts = append(parts, "predicted "+report.Clock(b.Makespan.Std())+" of tests")
	}
	if b.Serial > 0 {
		parts = append(parts, "serial "+approx(b.SerialMeasured)+report.Clock(b.Serial.Std()))
	}
	if b.Unknown > 0 {
		parts = append(parts, report.Count(b.Unknown, "test", "tests")+" without history")
	}
	if len(parts) == 0 {
		return ""
	}
	return "plan: " + strings.Join(parts, ", ")
}

func approx(measured bool) string {
	if measured {
		return ""
	}
	return "~"
}

// FailureLine returns the line of a failed test, with its worker and the reason:
// "test  worker-3   message".
func FailureLine(t *report.Test) string {
	worker := 0
	if a := t.Last(); a != nil {
		worker = a.Worker
	}
	return failureLine(t.Test, worker, t.Why())
}

func failureLine(test string, worker int, message string) string {
	line := shortened(report.Clean(test))
	if worker > 0 {
		line += "  " + report.WorkerName(worker)
	}
	if message != "" {
		line += "   " + report.Clean(message)
	}
	return line
}

// longestID is how many characters of an id a line has.
const longestID = 400

// shortened returns an id; of a longer one, its beginning and its end.
func shortened(id string) string {
	if runes := []rune(id); len(runes) > longestID {
		return string(runes[:longestID-100]) + "…" + string(runes[len(runes)-99:])
	}
	return id
}

func list(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}
