package page

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// A card is a failure, or several that say the same.
type card struct {
	Message  string
	Tests    []tested
	Count    int
	More     int // tests that are not listed
	Files    string
	Lines    []textLine // what the first of them says
	Of       string     // whose text that is, where there are several
	Commands []Command
}

// Same says of how many tests the card is.
func (c card) Same() string { return report.Count(c.Count, "test", "tests") }

// tested is a test on a card.
type tested struct {
	Path, Name string // what the id begins with, and its last part
	Strip      []mark
	Said       string // of its past, in words
	Where      string // "worker-2 · 3 ms"
	Reason     string
}

// A mark is one run in a strip.
type mark struct {
	Class string // the verdict
	Title string
	Now   bool
}

// A textLine is a line of what a framework says; Class is "at" for where it failed,
// "error" for what failed.
type textLine struct{ Text, Class string }

func (v *view) failures(d Data, lean lean) {
	r := d.Report
	var order []string
	groups := map[string][]*report.Test{}
	var flaky []*report.Test
	for i := range r.Tests {
		t := &r.Tests[i]
		switch t.Verdict {
		case report.Fail:
			v.Failed++
			key := report.Alike(t.Why())
			if groups[key] == nil {
				order = append(order, key)
			}
			groups[key] = append(groups[key], t)
		case report.Flaky:
			flaky = append(flaky, t)
		case report.NotRun:
			if len(v.NotRun) < maxCards {
				v.NotRun = append(v.NotRun, Text{t.Test, cmp.Or(t.Reason, "it has no result")})
			} else {
				v.MoreNotRun++
			}
		case report.Pass, report.Skip:
		}
	}
	slices.SortStableFunc(order, func(a, b string) int { return len(groups[b]) - len(groups[a]) })
	for i, key := range order {
		if i == maxCards {
			for _, rest := range order[i:] {
				v.MoreCards += len(groups[rest])
			}
			break
		}
		v.Cards = append(v.Cards, d.card(groups[key], lean))
	}
	for _, t := range flaky[:min(len(flaky), maxCards)] {
		v.Flaky = append(v.Flaky, d.card([]*report.Test{t}, lean))
	}
	for _, text := range d.Uncollected[:min(len(d.Uncollected), maxCards)] {
		v.Uncollected = append(v.Uncollected, Text{text.Name, clip(text.Text, cmp.Or(lean.texts, maxText))})
	}
}

func firstLine(text string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return first
}

// card makes one of tests that failed, or were flaky, the same way.
func (d Data) card(tests []*report.Test, lean lean) card {
	first := tests[0]
	c := card{Message: why(first), Count: len(tests), More: max(0, len(tests)-maxListed)}
	var files []string
	for i, t := range tests {
		if t.File != "" && !slices.Contains(files, t.File) {
			files = append(files, t.File)
		}
		if i < maxListed {
			c.Tests = append(c.Tests, d.tested(t))
		}
	}
	c.Files = strings.Join(files[:min(len(files), 3)], ", ")
	if n := len(files) - 3; n > 0 {
		c.Files += fmt.Sprintf(" and %d more", n)
	}
	for _, t := range tests { // the first that has something to say
		if text := d.text(t); text != "" {
			c.Lines = lines(clip(text, cmp.Or(lean.texts, maxText)))
			if len(tests) > 1 {
				c.Of = t.Test
			}
			break
		}
	}
	if d.Commands != nil {
		c.Commands = d.Commands(first.Test)
	}
	return c
}

// why returns the message of a test that failed, or had failed first.
func why(t *report.Test) string {
	if text := firstLine(t.Why()); text != "" || t.Verdict == report.Fail {
		return text
	}
	for _, a := range t.Attempts {
		if report.VerdictOf(a.Outcome) == report.Fail {
			return cmp.Or(firstLine(a.Message), report.Ending(a.Cause))
		}
	}
	return ""
}

// text returns what the framework says of the test's last failure.
func (d Data) text(t *report.Test) string {
	for _, a := range slices.Backward(t.Attempts) {
		if text := d.Texts[Attempt{t.Test, a.Attempt}]; text != "" {
			return text
		}
	}
	return d.Texts[Attempt{t.Test, 0}]
}

func (d Data) tested(t *report.Test) tested {
	x := tested{Reason: t.Reason}
	x.Path, x.Name = part(t.Test)
	past := d.Past[t.Test]
	past = past[max(0, len(past)-maxMarks+1):]
	var ended []report.Verdict
	for _, m := range past {
		ended = append(ended, m.Verdict)
		x.Strip = append(x.Strip, mark{Class: string(m.Verdict), Title: string(m.Verdict) + ", " + span(m.Took)})
	}
	x.Strip = append(x.Strip, mark{Class: string(t.Verdict), Title: "this run: " + string(t.Verdict), Now: true})
	if len(d.Runs) > 0 { // else everything is new
		x.Said = report.Past(ended).String()
	}
	if last := t.Last(); last != nil {
		x.Where = report.WorkerName(last.Worker) + " · " + span(last.Total())
	}
	return x
}

// part cuts an id before its last part. It is for the eye only.
func part(id string) (path, name string) {
	head := id
	if at := strings.IndexByte(id, '['); at > 0 {
		head = id[:at]
	}
	if at := strings.LastIndex(head, "::"); at >= 0 {
		return id[:at+2], id[at+2:]
	}
	if at := strings.LastIndexByte(head, '/'); at >= 0 {
		return id[:at+1], id[at+1:]
	}
	return "", id
}

// lines marks in a framework's text the lines to look at first: those that it marks
// itself with > and E.
func lines(text string) (all []textLine) {
	for line := range strings.Lines(strings.TrimRight(text, "\n")) {
		line = strings.TrimRight(line, "\r\n")
		l := textLine{Text: line}
		switch {
		case strings.HasPrefix(line, "E "), line == "E":
			l.Class = "error"
		case strings.HasPrefix(line, "> "):
			l.Class = "at"
		}
		all = append(all, l)
	}
	return all
}
