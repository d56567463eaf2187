package ci

import (
	"fmt"
	"strings"

	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/orchestrator/report/console"
)

const (
	maxListed = 50   // tests of a verdict that a summary names
	maxQuoted = 1000 // characters of a text that tests gave
)

// summary returns what happened as Markdown, of at most room bytes.
func summary(runs []*report.Report, room int) string {
	var b strings.Builder
	for _, r := range runs {
		b.WriteString(summaryOf(r))
	}
	return cut(b.String(), room)
}

func summaryOf(r *report.Report) string {
	var b strings.Builder
	title := "shardyard"
	if r.Suite != "" {
		title += " " + code(r.Suite)
	}
	fmt.Fprintf(&b, "### %s\n%s\n\n", title, console.Verdict(r, false))
	for _, text := range others(r) {
		fmt.Fprintf(&b, "- ❗ %s\n", code(text))
	}
	list(&b, "Failed", judged(r, report.Fail))
	list(&b, "Flaky", judged(r, report.Flaky))
	if measures := console.Measures(r, false); measures != "" {
		fmt.Fprintf(&b, "\n%s\n", measures)
	}
	return b.String() + "\n"
}

// list names the first tests.
func list(b *strings.Builder, title string, tests []*report.Test) {
	if len(tests) == 0 {
		return
	}
	fmt.Fprintf(b, "\n**%s**\n", title)
	for i, t := range tests {
		if i == maxListed {
			fmt.Fprintf(b, "- ... and %s more\n", report.Number(len(tests)-i))
			break
		}
		b.WriteString("- " + code(t.Test))
		if t.File != "" && t.Line > 0 {
			b.WriteString(" at " + code(fmt.Sprintf("%s:%d", t.File, t.Line)))
		}
		if why := t.Why(); why != "" {
			b.WriteString(": " + code(why))
		}
		b.WriteByte('\n')
	}
}

// code quotes a text so that nothing in it is Markdown: as a code span whose
// fence is longer than any run of backticks in the text.
func code(text string) string {
	text = report.Clean(shortened(text))
	longest, run := 0, 0
	for _, r := range text {
		if run++; r != '`' {
			run = 0
		}
		longest = max(longest, run)
	}
	fence := strings.Repeat("`", longest+1)
	if strings.HasPrefix(text, "`") || strings.HasSuffix(text, "`") || strings.TrimSpace(text) == "" {
		text = " " + text + " "
	}
	return fence + text + fence
}

// shortened returns a text of at most maxQuoted characters.
func shortened(text string) string {
	n := 0
	for i := range text {
		if n++; n > maxQuoted {
			return text[:i] + "…"
		}
	}
	return text
}

// cut ends a text of more than room bytes at a line, and says so.
func cut(text string, room int) string {
	const note = "\n... the rest is left out, since a summary holds 1 MiB: see `shardyard report`\n"
	if len(text) <= room {
		return text
	}
	end := strings.LastIndexByte(text[:max(room-len(note), 0)], '\n')
	if end < 0 {
		return ""
	}
	return text[:end] + note
}
