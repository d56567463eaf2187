package cases

import (
	"fmt"
	"strings"
	"time"

	"github.com/shardyard/shardyard/worker"
)

// failure returns what a terminal shows of a case that failed.
func failure(u Unit, c Case) string {
	var b strings.Builder
	word := "FAILED"
	if c.Outcome == worker.Errored {
		word = "ERROR"
	}
	fmt.Fprintf(&b, "\n%s %s", word, Plain(string(u.ID)))
	if name := c.title(); name != string(u.ID) {
		fmt.Fprintf(&b, ": %s", Plain(name))
	}
	if c.Millis > 0 {
		fmt.Fprintf(&b, " (%s)", seconds(c.Millis))
	}
	b.WriteByte('\n')
	if c.Message != "" && !strings.Contains(c.Detail, c.Message) {
		b.WriteString(indented(c.Message, "  "))
	}
	b.WriteString(indented(c.Detail, "  "))
	if strings.TrimSpace(c.Output) != "" {
		b.WriteString("  output:\n" + indented(c.Output, "    "))
	}
	return b.String()
}

// title returns a case's name with its class, unless that says it again.
func (c Case) title() string {
	if c.Class == "" || c.Class == c.Name {
		return c.Name
	}
	return c.Class + " " + c.Name
}

func indented(text, by string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.Trim(Plain(text), "\n")) {
		if line = strings.TrimRight(line, " \t\n"); line != "" {
			line = by + line
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

// closing returns the last line: how many cases ended how.
func closing(units int, n counts, took time.Duration) string {
	var parts []string
	for _, p := range []struct {
		n    int
		word string
	}{
		{n.all - n.failed - n.errors - n.skipped, "passed"}, {n.failed, "failed"}, {n.errors, "with an error"}, {n.skipped, "skipped"},
	} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.word))
		}
	}
	if len(parts) == 0 {
		parts = []string{"none"}
	}
	of := count(n.all, "case")
	if units != n.all {
		of = count(units, "unit") + ", " + of
	}
	line := fmt.Sprintf("\n%s: %s", of, strings.Join(parts, ", "))
	if took > 0 {
		line += " in " + seconds(float64(took.Milliseconds()))
	}
	return line + "\n"
}

func count(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

func seconds(ms float64) string {
	return fmt.Sprintf("%.2f s", ms/1e3)
}
