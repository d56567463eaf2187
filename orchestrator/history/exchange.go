package history

import (
	"bufio"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shardyard/shardyard/worker"
)

// Format names a file format of Import and Export.
type Format string

// The formats. Knapsack knows files only, so that it is imported, not exported.
const (
	PytestSplit Format = "pytest-split" // .test_durations: {"id": seconds}; written so, read also as [["id", seconds], ...]
	Knapsack    Format = "knapsack"     // {"file": seconds}
	CSV         Format = "csv"
	JSON        Format = "json"
)

// MaxImport bounds an imported file, in bytes.
const MaxImport = 256 << 20

// A Timing is one test's time in an exchanged file, or one file's when Test is
// empty.
type Timing struct {
	Test    worker.TestID  `json:"test,omitempty"`
	File    string         `json:"file,omitempty"`
	Outcome worker.Outcome `json:"outcome,omitempty"`
	Seconds float64        `json:"seconds"`           // of setup, call and teardown
	Setup   float64        `json:"setup_seconds"`     // 0 when the format has only a total
	Call    float64        `json:"call_seconds"`      // the total then
	Tear    float64        `json:"teardown_seconds"`  // 0 when the format has only a total
	Samples int            `json:"samples,omitempty"` // how many it rests on
}

// maxSeconds is more than a test takes.
const maxSeconds = 1e7

// Parse reads timings. A negative or infinite time, a file over MaxImport and a
// file of another format are errors.
func Parse(format Format, r io.Reader) ([]Timing, error) {
	limited := &io.LimitedReader{R: r, N: MaxImport + 1}
	var list []Timing
	var err error
	switch format {
	case PytestSplit:
		list, err = parseSplit(limited)
	case Knapsack:
		list, err = parseKnapsack(limited)
	case CSV:
		list, err = parseCSV(limited)
	case JSON:
		list, err = parseJSON(limited)
	default:
		return nil, fmt.Errorf("unknown format %q: use pytest-split, knapsack, csv or json", format)
	}
	if limited.N <= 0 {
		return nil, fmt.Errorf("read %s: the file is larger than %d MiB", format, MaxImport>>20)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", format, err)
	}
	for _, t := range list {
		for _, s := range []float64{t.Seconds, t.Setup, t.Call, t.Tear} {
			if !(s >= 0 && s <= maxSeconds) {
				return nil, fmt.Errorf("read %s: %s has a time of %g seconds", format, cmp.Or(string(t.Test), t.File), s)
			}
		}
	}
	return list, nil
}

// decodeOne reads one JSON value and nothing after it.
func decodeOne(r io.Reader, v any) error {
	dec := json.NewDecoder(r)
	if err := dec.Decode(v); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more text after the end of the JSON value")
	}
	return nil
}

// parseSplit reads what pytest-split writes now, an object, and what it wrote
// before version 0.3, a list of pairs.
func parseSplit(r io.Reader) ([]Timing, error) {
	in := bufio.NewReader(r)
	var pairs map[string]float64
	head, err := peekByte(in)
	if err != nil {
		return nil, err
	}
	if head == '[' {
		var rows []splitPair
		if err := decodeOne(in, &rows); err != nil {
			return nil, err
		}
		pairs = make(map[string]float64, len(rows))
		for _, p := range rows {
			pairs[p.id] = p.seconds
		}
	} else if err := decodeOne(in, &pairs); err != nil {
		return nil, err
	}
	var list []Timing
	for id, s := range pairs {
		list = append(list, Timing{Test: worker.TestID(id), File: fileOf(id), Seconds: s, Call: s})
	}
	slices.SortFunc(list, byTest)
	return list, nil
}

func byTest(a, b Timing) int { return cmp.Compare(a.Test, b.Test) }

// splitPair is ["id", seconds].
type splitPair struct {
	id      string
	seconds float64
}

func (p *splitPair) UnmarshalJSON(b []byte) error {
	var parts []json.RawMessage
	if err := json.Unmarshal(b, &parts); err != nil {
		return err
	}
	if len(parts) != 2 {
		return fmt.Errorf("%d values where a test and its seconds should be", len(parts))
	}
	return errors.Join(json.Unmarshal(parts[0], &p.id), json.Unmarshal(parts[1], &p.seconds))
}

// peekByte returns the first byte that is not white space.
func peekByte(in *bufio.Reader) (byte, error) {
	for {
		c, err := in.ReadByte()
		if err != nil {
			return 0, err
		}
		if !strings.ContainsRune(" \t\r\n", rune(c)) {
			return c, in.UnreadByte()
		}
	}
}

// fileOf returns the file of a pytest id.
func fileOf(id string) string {
	file, _, _ := strings.Cut(id, "::")
	return file
}

func parseKnapsack(r io.Reader) ([]Timing, error) {
	var files map[string]float64
	if err := decodeOne(r, &files); err != nil {
		return nil, err
	}
	var list []Timing
	for f, s := range files {
		list = append(list, Timing{File: path.Clean(f), Seconds: s, Call: s})
	}
	slices.SortFunc(list, func(a, b Timing) int { return cmp.Compare(a.File, b.File) })
	return list, nil
}

// columns of the CSV format.
var columns = []string{"test", "file", "outcome", "seconds", "setup_seconds", "call_seconds", "teardown_seconds", "samples"}

func parseCSV(r io.Reader) ([]Timing, error) {
	in := csv.NewReader(r)
	head, err := in.Read()
	if err != nil {
		return nil, err
	}
	if !slices.Equal(head, columns) {
		return nil, fmt.Errorf("the first line must be %s", strings.Join(columns, ","))
	}
	var list []Timing
	for {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		t := Timing{Test: worker.TestID(row[0]), File: row[1], Outcome: worker.Outcome(row[2])}
		for i, to := range []*float64{&t.Seconds, &t.Setup, &t.Call, &t.Tear} {
			if *to, err = strconv.ParseFloat(row[3+i], 64); err != nil {
				line, _ := in.FieldPos(3 + i)
				return nil, fmt.Errorf("line %d, %s: %w", line, columns[3+i], err)
			}
		}
		t.Samples, _ = strconv.Atoi(row[7]) // says nothing that is imported
		list = append(list, t)
	}
}

func parseJSON(r io.Reader) ([]Timing, error) {
	var doc struct {
		Tests []Timing `json:"tests"`
	}
	if err := decodeOne(r, &doc); err != nil {
		return nil, err
	}
	return doc.Tests, nil
}

// Import records timings (from Parse, or from JUnit files) as one more sample of
// each test, dated now. It returns the number of tests. Timings of whole
// files are spread evenly over the tests that the suite is known to have
// there; timings of unknown files are left out.
func (d *DB) Import(ctx context.Context, suite string, list []Timing) (int, error) {
	known, err := d.Samples(ctx, suite)
	if err != nil {
		return 0, err
	}
	run := Run{ID: "import-" + d.now().UTC().Format("20060102T150405.000000000"), Suite: suite, StartedAt: d.now()}
	byFile := map[string][]worker.TestID{}
	for id := range known.Tests {
		byFile[fileOf(string(id))] = append(byFile[fileOf(string(id))], id)
	}
	for _, t := range list {
		if t.Test != "" {
			run.Attempts = append(run.Attempts, t.attempt(t.Test, 1))
			continue
		}
		for _, id := range byFile[t.File] {
			run.Attempts = append(run.Attempts, t.attempt(id, len(byFile[t.File])))
		}
	}
	if len(run.Attempts) == 0 {
		return 0, nil
	}
	return len(run.Attempts), d.Record(ctx, run)
}

func (t Timing) attempt(id worker.TestID, share int) Attempt {
	part := func(seconds float64) time.Duration {
		return time.Duration(seconds / float64(share) * float64(time.Second))
	}
	call := t.Call
	if t.Setup+t.Call+t.Tear == 0 {
		call = t.Seconds
	}
	return Attempt{
		Test: id, File: cmp.Or(t.File, fileOf(string(id))), Attempt: 1, Outcome: cmp.Or(t.Outcome, worker.Passed),
		Setup: part(t.Setup), Call: part(call), Teardown: part(t.Tear),
	}
}

// Export writes the median times of a suite's tests, sorted by test. Formats
// that know only files are errors.
func (d *DB) Export(ctx context.Context, suite string, format Format, w io.Writer) error {
	known, err := d.Samples(ctx, suite)
	if err != nil {
		return err
	}
	if err := write(format, w, timings(known)); err != nil {
		return fmt.Errorf("write %s: %w", format, err)
	}
	return nil
}

// timings returns the medians.
func timings(known Samples) []Timing {
	var list []Timing
	for id, samples := range known.Tests {
		t := Timing{Test: id, File: fileOf(string(id))}
		var setup, call, tear []time.Duration
		for _, s := range samples {
			t.Samples++
			t.Outcome = s.Outcome
			setup, call, tear = append(setup, s.Setup), append(call, s.Call), append(tear, s.Teardown)
		}
		t.Setup, t.Call, t.Tear = median(setup).Seconds(), median(call).Seconds(), median(tear).Seconds()
		t.Seconds = (median(setup) + median(call) + median(tear)).Seconds()
		list = append(list, t)
	}
	slices.SortFunc(list, byTest)
	return list
}

func write(format Format, w io.Writer, list []Timing) error {
	switch format {
	case PytestSplit:
		return WriteSplit(w, list)
	case JSON:
		return writeJSON(w, struct {
			Tests []Timing `json:"tests"`
		}{list})
	case CSV:
		return writeCSV(w, list)
	default:
		return errors.New("this format is only imported; use pytest-split, csv or json")
	}
}

// WriteSplit writes pytest-split's .test_durations as pytest-split does: one
// object with sorted keys, indented by four.
func WriteSplit(w io.Writer, list []Timing) error {
	durations := make(map[string]float64, len(list))
	for _, t := range list {
		durations[string(t.Test)] = t.Seconds
	}
	return writeJSON(w, durations)
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "    ")
	return enc.Encode(v)
}

func writeCSV(w io.Writer, list []Timing) error {
	rows := [][]string{columns}
	for _, t := range list {
		row := []string{string(t.Test), t.File, string(t.Outcome)}
		for _, s := range []float64{t.Seconds, t.Setup, t.Call, t.Tear} {
			row = append(row, strconv.FormatFloat(s, 'f', -1, 64))
		}
		rows = append(rows, append(row, strconv.Itoa(t.Samples)))
	}
	return csv.NewWriter(w).WriteAll(rows)
}
