package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// Data is what a page is made of. All but Report may be empty.
type Data struct {
	Report *report.Report
	// Name is the project's, as people call it.
	Name string
	// Texts are what the framework says of failures.
	Texts map[Attempt]string
	// Uncollected is what the framework says of files that could not be collected.
	Uncollected []Text
	// Past is how tests ended in earlier runs, oldest first.
	Past map[string][]Mark
	// Runs are earlier runs of the suite, oldest first.
	Runs []Run
	// Coverage is what was measured, by file; in any order.
	Coverage []File
	// Commands returns commands that run a test again; nil for none.
	Commands func(test string) []Command
	// Results are files of the run beside the page, by their paths relative to it.
	Results []string
}

// An Attempt names one execution of a test.
type Attempt struct {
	Test   string
	Number int
}

// A Text is something said about a file or a test.
type Text struct{ Name, Text string }

// A Mark is how a test ended in one run, and how long it took.
type Mark struct {
	Verdict report.Verdict
	Took    time.Duration
}

// A Run is an earlier run.
type Run struct {
	ID        string
	At        time.Time
	Duration  time.Duration
	Predicted time.Duration // 0 is unknown
	Workers   int
	Exit      int
	Failed    int
	Commit    string
	Coverage  *float64 // per cent
}

// A File is a measured file: how many lines can run, and which did not. Source is its
// text; "" when that is not known.
type File struct {
	Path    string
	Lines   int
	Missing []int
	Source  string
}

// A Command is something to type, and what it is for.
type Command struct{ For, Line string }

// Limits of a page.
const (
	maxCards    = 50      // failures, grouped
	maxListed   = 20      // tests of a card
	maxText     = 64000   // characters of a text: the first 16,000 and the last 48,000
	maxSources  = 4 << 20 // bytes of all sources
	maxFiles    = 500     // rows of coverage
	maxPage     = 5 << 20 // bytes of a page; sources go first, then texts
	maxMarks    = 20      // runs in a strip
	maxRuns     = 60      // in the trend
	maxSlow     = 15      // rows of what is slow
	maxSaid     = 100     // notes
	maxFindings = 4       // sentences above the timeline
)

//go:embed page.html page.css page.js
var assets embed.FS

var shape = template.Must(template.New("page.html").Funcs(template.FuncMap{
	"number": report.Number, "count": report.Count, "span": span, "clean": report.Clean, "plain": plain, "percent": percent,
}).ParseFS(assets, "page.html"))

// Write writes the page. It leaves sources out, and then texts, until it is no longer
// than a page may be.
func Write(w io.Writer, d Data) error {
	var out bytes.Buffer
	for _, lean := range []lean{{}, {sources: true}, {sources: true, texts: 4000}} {
		out.Reset()
		v, err := look(d, lean)
		if err == nil {
			err = shape.Execute(&out, v)
		}
		if err != nil {
			return fmt.Errorf("make the page of run %s: %w", d.Report.Run, err)
		}
		if out.Len() <= maxPage {
			break
		}
	}
	if _, err := w.Write(out.Bytes()); err != nil {
		return fmt.Errorf("write the page of run %s: %w", d.Report.Run, err)
	}
	return nil
}

// lean is what is left out for want of room.
type lean struct {
	sources bool
	texts   int // characters that are kept of each; 0 is maxText
}

// asset returns an embedded file.
func asset(name string) (string, error) {
	text, err := assets.ReadFile(name)
	return strings.TrimSpace(string(text)), err
}

// head returns the policy, the style and the script of a page: nothing else may run.
func head() (policy string, style, script template.HTML, err error) {
	css, err := asset("page.css")
	if err != nil {
		return "", "", "", err
	}
	js, err := asset("page.js")
	if err != nil {
		return "", "", "", err
	}
	js = "\n" + js + "\n"
	sum := sha256.Sum256([]byte(js))
	policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	// Both are this package's own.
	return policy, template.HTML("<style>\n" + css + "\n</style>"), template.HTML("<script>" + js + "</script>"), nil //nolint:gosec // see above
}
