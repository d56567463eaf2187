package page

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"math"
	"strings"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// A book is what the page's script reads: columns, since they pack well. Times are
// tenths of milliseconds, but for At, which is the time since the end of the attempt
// before on the same worker.
type book struct {
	Files []string `json:"files"`
	// Of each test: its id less the name of its file, which stands for a leading
	// \u0001, the number of that file, its verdict by its number in Verdicts, and its
	// last attempt, -1 for none.
	ID       []string         `json:"id"`
	File     []int            `json:"file"`
	Verdict  []int            `json:"verdict"`
	Last     []int            `json:"last"`
	Verdicts []report.Verdict `json:"verdicts"`
	// Of each attempt, by worker and time.
	Test     []int `json:"test"`
	Row      []int `json:"row"`
	At       []int `json:"at"`
	Setup    []int `json:"setup"`
	Call     []int `json:"call"`
	Teardown []int `json:"teardown"`
	Estimate []int `json:"estimate"` // with the file's fixtures; 0 is unknown
	Fixtures []int `json:"fixtures"`
	Kind     []int `json:"kind"`

	Rows      []bookRow    `json:"rows"`
	Steps     []bookStep   `json:"steps"`
	End       float64      `json:"end"`
	Ended     float64      `json:"ended"` // the last test
	Predicted float64      `json:"predicted"`
	Sources   []bookSource `json:"sources"`
}

type bookRow struct {
	Worker   int          `json:"worker"`
	Asked    float64      `json:"asked"`
	Session  float64      `json:"session"`
	Ready    float64      `json:"ready"`
	Collects [][2]float64 `json:"collects"`
	Lost     float64      `json:"lost"` // 0 is no
}

type bookStep struct {
	Name string  `json:"name"`
	At   float64 `json:"at"`
	Took float64 `json:"took"`
}

type bookSource struct {
	Text    string `json:"text"`
	Missing []int  `json:"missing"`
}

var verdicts = []report.Verdict{"", report.Pass, report.Fail, report.Skip, report.Flaky, report.NotRun}

func tenths(ms float64) int { return int(math.Round(ms * 10)) }

// payload packs the book into text.
func payload(r *report.Report, s *run, kept []File) (string, error) {
	b := book{Verdicts: verdicts, End: s.end, Ended: s.last, Predicted: s.predicted, Rows: []bookRow{}, Steps: []bookStep{}, Sources: []bookSource{}, Files: []string{}}
	b.tests(r)
	for i, l := range s.rows {
		b.row(r, i, l)
	}
	for _, st := range r.Steps {
		b.Steps = append(b.Steps, bookStep{st.Name, millis(st.Started), millis(st.Duration)})
	}
	for _, f := range kept {
		b.Sources = append(b.Sources, bookSource{strings.ToValidUTF8(f.Source, "\uFFFD"), f.Missing})
	}
	var out bytes.Buffer
	encoded := base64.NewEncoder(base64.StdEncoding, &out)
	packed := gzip.NewWriter(encoded)
	if err := json.NewEncoder(packed).Encode(b); err != nil {
		return "", err
	}
	if err := packed.Close(); err != nil {
		return "", err
	}
	err := encoded.Close()
	return out.String(), err
}

func (b *book) tests(r *report.Report) {
	at := map[string]int{}
	code := map[report.Verdict]int{}
	for i, v := range verdicts {
		code[v] = i
	}
	n := len(r.Tests)
	b.ID, b.File, b.Verdict, b.Last = make([]string, n), make([]int, n), make([]int, n), make([]int, n)
	for i := range r.Tests {
		t := &r.Tests[i]
		k, ok := at[t.File]
		if !ok {
			k = len(b.Files)
			at[t.File] = k
			b.Files = append(b.Files, t.File)
		}
		b.ID[i], b.File[i], b.Verdict[i], b.Last[i] = t.Test, k, code[t.Verdict], -1
		if rest, ok := strings.CutPrefix(t.Test, t.File); ok && t.File != "" {
			b.ID[i] = "\u0001" + rest
		}
	}
}

func (b *book) row(r *report.Report, i int, l *lane) {
	w := l.worker
	row := bookRow{Worker: w.Worker, Asked: millis(w.Asked), Session: l.session, Ready: l.ready, Collects: [][2]float64{}}
	for _, c := range w.Collects {
		row.Collects = append(row.Collects, [2]float64{millis(c.At), millis(c.Duration)})
	}
	if w.Lost != "" {
		row.Lost = max(millis(w.Ended), 0.1)
	}
	b.Rows = append(b.Rows, row)
	before := 0
	for _, x := range l.blocks {
		a := x.attempt
		if b.Last[x.test] < 0 || r.Tests[x.test].Last() == a {
			b.Last[x.test] = len(b.Test)
		}
		setup, call, teardown := tenths(millis(a.Setup)), tenths(millis(a.Call)), tenths(millis(a.Teardown))
		at := tenths(x.at)
		b.Test, b.Row, b.At = append(b.Test, x.test), append(b.Row, i), append(b.At, at-before)
		b.Setup, b.Call, b.Teardown = append(b.Setup, setup), append(b.Call, call), append(b.Teardown, teardown)
		b.Estimate = append(b.Estimate, tenths(millis(a.Estimate+a.FixturesEstimate)))
		b.Fixtures, b.Kind = append(b.Fixtures, tenths(millis(a.Fixtures))), append(b.Kind, int(x.kind))
		before = at + setup + call + teardown
	}
}
