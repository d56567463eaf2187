package cases

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shardyard/shardyard/worker"
)

func writeTo(w io.Writer, d Dialect, units []Unit) {
	x := writer{w: bufio.NewWriter(w), dialect: d}
	var n counts
	for _, u := range units {
		for _, c := range u.Cases {
			n.add(c)
		}
	}
	x.begin(n)
	for _, u := range units {
		x.unit(u)
	}
	x.end()
	x.w.Flush()
}

// A record is a line of reports.jsonl.
type record struct {
	Worker string        `json:"worker"`
	Test   worker.TestID `json:"test,omitempty"`
	Kind   string        `json:"kind"`
	Data   any           `json:"data"`
}

// laidOut makes a directory as the coordinator does: the records in the order
// in which they came, and for each test in the suite's order which are its own.
func laidOut(t *testing.T, records []record, order [][]int) string {
	t.Helper()
	dir := t.TempDir()
	var reports, lines strings.Builder
	var at [][2]int
	for _, r := range records {
		data, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		at = append(at, [2]int{reports.Len(), len(data) + 1})
		reports.Write(append(data, '\n'))
	}
	lines.WriteString("[]\n")
	for _, of := range order {
		extents := [][2]int{}
		for _, i := range of {
			extents = append(extents, at[i])
		}
		line, _ := json.Marshal(extents)
		lines.Write(append(line, '\n'))
	}
	for name, text := range map[string]string{
		"reports.jsonl": reports.String(), "order.jsonl": lines.String(), "run.json": `{"duration_seconds": 12.34}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func conclude(t *testing.T, dir string) (worker.Concluded, string, string) {
	t.Helper()
	var text strings.Builder
	done, err := Conclude(t.Context(), worker.Conclude{Dir: dir}, Dialect{Suite: "native"}, func(e worker.Event) {
		text.Write(e.Output.Data)
	})
	if err != nil {
		t.Fatal(err)
	}
	junit, err := os.ReadFile(filepath.Join(dir, done.Files[0]))
	if err != nil {
		t.Fatal(err)
	}
	return done, text.String(), string(junit)
}

func TestConclude(t *testing.T) {
	var records []record
	var order [][]int
	for i, file := range []string{"ctest", "surefire-Bad", "rspec"} {
		f, err := os.Open(filepath.Join("testdata", "read", file+".xml"))
		if err != nil {
			t.Fatal(err)
		}
		var mine []int
		for _, c := range readAll(t, f) {
			mine = append(mine, len(records))
			records = append(records, record{"worker-1", worker.TestID(file), Kind, c})
		}
		f.Close()
		order = append(order, mine)
		if i == 1 { // two that did not run, in between
			order = append(order, []int{len(records)}, []int{len(records) + 1})
			records = append(records,
				record{"worker-2", "lost", "died", map[string]string{"message": "not run: no worker is left"}},
				record{"worker-2", "odd", "logstart", nil})
		}
	}
	order[0], order[1] = order[1], order[0] // the suite's order is not that of arrival
	done, text, junit := conclude(t, laidOut(t, records, order))
	golden(t, "testdata/conclude.txt", text)
	golden(t, "testdata/conclude.xml", junit)
	var sum Summary
	if err := json.Unmarshal(done.Summary, &sum); err != nil {
		t.Fatal(err)
	}
	if want := (Summary{Units: 5, Cases: 23, Failed: 7, Errors: 6, Skipped: 4}); sum != want || done.Code != 1 {
		t.Errorf("%+v, status %d; want %+v, 1", sum, done.Code, want)
	}
}

func TestConcludeGreen(t *testing.T) {
	records := []record{{"worker-1", "a", Kind, Case{Name: "a", Outcome: worker.Passed, Millis: 2}}}
	done, text, _ := conclude(t, laidOut(t, records, [][]int{{0}}))
	if done.Code != 0 || text != "\n1 case: 1 passed in 12.34 s\n" {
		t.Errorf("status %d, %q", done.Code, text)
	}
}

func TestConcludeNothing(t *testing.T) {
	done, text, junit := conclude(t, laidOut(t, nil, nil))
	if done.Code != 0 || !strings.Contains(text, "0 cases: none") || len(readAll(t, strings.NewReader(junit))) != 0 {
		t.Errorf("status %d, %q, %s", done.Code, text, junit)
	}
}

// A forged or broken report is an error, not a verdict.
func TestConcludeBrokenReports(t *testing.T) {
	for name, data := range map[string]any{"no case": "text", "a number for a name": map[string]any{"name": 1}} {
		dir := laidOut(t, []record{{"worker-1", "a", Kind, data}}, [][]int{{0}})
		if _, err := Conclude(t.Context(), worker.Conclude{Dir: dir}, Dialect{}, func(worker.Event) {}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestWorst(t *testing.T) {
	for _, c := range []struct {
		of   []worker.Outcome
		want worker.Outcome
	}{
		{nil, worker.Passed},
		{[]worker.Outcome{worker.Skipped, worker.Skipped}, worker.Skipped},
		{[]worker.Outcome{worker.Skipped, worker.Passed}, worker.Passed},
		{[]worker.Outcome{worker.Passed, worker.Failing, worker.Skipped}, worker.Failing},
		{[]worker.Outcome{worker.Failing, worker.Errored}, worker.Errored},
	} {
		var list []Case
		for i, o := range c.of {
			list = append(list, Case{Name: fmt.Sprint(i), Outcome: o})
		}
		if got := Worst(list); got != c.want {
			t.Errorf("%v: %s, want %s", c.of, got, c.want)
		}
	}
}
