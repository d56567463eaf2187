package orchestrator

import (
	"encoding/json"
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

	var out strings.Builder
	n, err := s.copy(&out, attempt{"t", 2})
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"worker":"worker-2","test":"t","kind":"report","data":{"longrepr":"\ud800 <b>&"}}` + "\n" +
		`{"worker":"worker-2","test":"t","kind":"logfinish","data":{}}` + "\n"; n != 2 || out.String() != want {
		t.Errorf("%d records:\n%s\nwant\n%s", n, out.String(), want)
	}
	if n, err := s.copy(&out, attempt{"t", 3}); n != 0 || err != nil {
		t.Errorf("an attempt that never was has %d records, error %v", n, err)
	}
	out.Reset()
	if err := s.copySession(&out); err != nil || !strings.Contains(out.String(), "settings") || strings.Contains(out.String(), "report") {
		t.Errorf("the session's records are %q, error %v", out.String(), err)
	}
	if err := s.remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the spool's file is still there: %v", err)
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
