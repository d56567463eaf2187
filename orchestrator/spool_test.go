package orchestrator

import (
	"encoding/json"
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
	data := json.RawMessage(`{"longrepr":"\ud800 <b>&"}`)
	add := func(token worker.Token, rec record) {
		t.Helper()
		if err := s.add(token, rec); err != nil {
			t.Fatal(err)
		}
	}
	add(0, record{Worker: "worker-1", Kind: "settings", Data: json.RawMessage(`{}`)})
	add(1, record{Worker: "worker-1", Test: "t", Kind: "report", Data: json.RawMessage(`"first attempt"`)})
	add(2, record{Worker: "worker-2", Test: "t", Kind: "report", Data: data})
	add(2, record{Worker: "worker-2", Test: "t", Kind: "logfinish", Data: json.RawMessage(`{}`)})

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
	add(3, record{Worker: "worker-2", Test: "u", Kind: "report", Data: json.RawMessage(`"late"`)})
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
	if got := s.of[attempt{"t", 3}]; got != nil {
		t.Errorf("an attempt that never was is at %v", got)
	}
	if got := at(s.of[attempt{"u", 3}]); !strings.Contains(got, "late") {
		t.Errorf("what came late is %q", got)
	}
	if got := at(s.rest); !strings.Contains(got, "settings") || strings.Contains(got, "report") {
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
	if a, b := NewRunID(now), NewRunID(now.Add(time.Second)); a >= b {
		t.Errorf("%s is not before %s", a, b)
	}
	if a, b := NewRunID(now), NewRunID(now.Add(time.Nanosecond)); a == b {
		t.Errorf("two runs in one second have the id %s", a)
	}
}
