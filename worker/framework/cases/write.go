package cases

import (
	"bufio"
	"encoding/xml"
	"fmt"
	"strings"

	"github.com/shardyard/shardyard/worker"
)

// A writer writes one JUnit file. Errors stick to w.
type writer struct {
	w       *bufio.Writer
	dialect Dialect
}

func (x writer) begin(n counts) {
	total := fmt.Sprintf(`tests="%d" failures="%d" errors="%d" skipped="%d" time="%.3f"`, n.all, n.failed, n.errors, n.skipped, n.millis/1e3)
	fmt.Fprintf(x.w, "%s<testsuites %s>\n<testsuite name=%s %s>\n", xml.Header, total, quoted(x.dialect.Suite), total)
}

func (x writer) end() { fmt.Fprint(x.w, "</testsuite>\n</testsuites>\n") }

func (x writer) unit(u Unit) {
	for _, c := range u.Cases {
		fmt.Fprintf(x.w, `<testcase classname=%s name=%s`, quoted(x.dialect.class(u.ID, c)), quoted(c.Name))
		if c.File != "" {
			fmt.Fprintf(x.w, ` file=%s`, quoted(c.File))
		}
		fmt.Fprintf(x.w, ` time="%.3f">`, c.Millis/1e3)
		switch c.Outcome {
		case worker.Failing:
			fmt.Fprintf(x.w, `<failure message=%s>%s</failure>`, quoted(c.Message), escaped(c.Detail))
		case worker.Errored:
			fmt.Fprintf(x.w, `<error message=%s>%s</error>`, quoted(c.Message), escaped(c.Detail))
		case worker.Skipped:
			fmt.Fprintf(x.w, `<skipped message=%s/>`, quoted(c.Message))
		}
		if c.Output != "" {
			fmt.Fprintf(x.w, `<system-out>%s</system-out>`, escaped(c.Output))
		}
		fmt.Fprint(x.w, "</testcase>\n")
	}
}

func quoted(s string) string { return `"` + encoded(s) + `"` }

// escaped returns the text of an element.
func escaped(s string) string { return strings.ReplaceAll(encoded(s), "&#xA;", "\n") }

// encoded replaces what XML cannot hold.
func encoded(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a builder takes everything
	return b.String()
}
