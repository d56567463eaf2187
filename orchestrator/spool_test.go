package orchestrator

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/shardyard/shardyard/worker"
)

func TestSpoolGivesAnAttemptBackAsItCame(t *testing.T) {
	path := filepath.Join(t.TempDir(), "reports")
	s, err := newSpool(path)
	if err != nil {
		t.Fatal(err)
	}
	// A lone surrogate is valid JSON, and no valid UTF-8 once it is decoded.
	data := `{"longrepr":"\ud800 <b>&"}`
	add := func(from string, token worker.Token, rep worker.Reported, data string) {
		t.Helper()
		rep.Data = []byte(data)
		if err := s.add(from, token, rep); err != nil {
			t.Fatal(err)
		}
	}
	report := worker.Reported{Test: "t", Kind: "report"}
	add("worker-1", 0, worker.Reported{Kind: "settings"}, `{}`)
	add("worker-1", 1, report, `"first attempt"`)
	add("worker-2", 2, report, data)
	add("worker-2", 2, worker.Reported{Test: "t", Kind: "logfinish"}, `{}`)
	// A long one comes in pieces, between which others come.
	add("worker-1", 4, worker.Reported{Test: "long", Kind: "report", More: true}, `"lo`)
	add("worker-2", 0, worker.Reported{Kind: "warning", More: true}, `"war`)
	add("worker-1", 4, worker.Reported{Test: "long", Kind: "report", Offset: 3, More: true}, `n`)
	add("worker-2", 0, worker.Reported{Kind: "warning", Offset: 4}, `ning"`)
	add("worker-1", 4, worker.Reported{Test: "long", Kind: "report", Offset: 4}, `g"`)
	add("worker-1", 4, worker.Reported{Test: "long", Kind: "logfinish"}, "1,\n2")
	// What is never finished counts for nothing, whatever comes instead.
	add("worker-1", 5, worker.Reported{Test: "cut", Kind: "report", More: true}, `"`)
	add("worker-1", 5, worker.Reported{Test: "cut", Kind: "logfinish"}, `{}`)
	add("worker-1", 5, worker.Reported{Test: "cut", Kind: "report", Offset: 1}, `"`)

	all := make(chan string)
	go func() { // who follows it reads what there is, and waits for more
		text, err := io.ReadAll(s.follow())
		if err != nil {
			t.Error(err)
		}
		all <- string(text)
	}()
	if err := s.flush(); err != nil {
		t.Fatal(err)
	}
	add("worker-2", 3, worker.Reported{Test: "u", Kind: "report"}, `"late"`)
	if err := s.finish(); err != nil {
		t.Fatal(err)
	}
	text := <-all
	at := func(extents []extent) (out string) {
		for _, e := range extents {
			out += text[e.offset:e.end()]
		}
		return out
	}
	got := s.of[attempt{"t", 2}]
	if want := `{"worker":"worker-2","test":"t","kind":"report","data":{"longrepr":"\ud800 <b>&"}}` + "\n" +
		`{"worker":"worker-2","test":"t","kind":"logfinish","data":{}}` + "\n"; len(got) != 1 || at(got) != want {
		t.Errorf("at %v there is\n%s\nwant\n%s", got, at(got), want)
	}
	if got, want := at(s.of[attempt{"long", 4}]), `{"worker":"worker-1","test":"long","kind":"report","data":"long"}
{"worker":"worker-1","test":"long","kind":"logfinish","data":1, 2}
`; got != want {
		t.Errorf("the report in pieces is\n%s\nwant\n%s", got, want)
	}
	if got, want := at(s.of[attempt{"cut", 5}]), `{"worker":"worker-1","test":"cut","kind":"logfinish","data":{}}`+"\n"; got != want {
		t.Errorf("beside a report that was never finished there is\n%s\nwant\n%s", got, want)
	}
	if got := s.of[attempt{"t", 3}]; got != nil {
		t.Errorf("an attempt that never was is at %v", got)
	}
	if got := at(s.of[attempt{"u", 3}]); !strings.Contains(got, "late") {
		t.Errorf("what came late is %q", got)
	}
	if got := at(s.rest); !strings.Contains(got, "settings") || !strings.Contains(got, `"warning"}`) || strings.Contains(got, "report") {
		t.Errorf("the session's records are %q", got)
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	if kept, err := os.ReadFile(path); err != nil || string(kept) != text {
		t.Errorf("kept %q, %v", kept, err)
	}
}

func TestRunIDsSortByTime(t *testing.T) {
	now := time.Date(2026, 11, 24, 9, 59, 59, 5, time.UTC)
	for _, later := range []time.Duration{time.Millisecond, 999 * time.Millisecond, time.Second, time.Hour} {
		if a, b := NewRunID(now), NewRunID(now.Add(later)); a >= b {
			t.Errorf("%s is not before %s, %v later", a, b, later)
		}
	}
	if a, b := NewRunID(now), NewRunID(now.Add(time.Nanosecond)); a == b {
		t.Errorf("two runs in one second have the id %s", a)
	}
}
