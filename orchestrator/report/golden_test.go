package report

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write golden files")

// golden compares got with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", name, diff)
	}
}

// events reads a recorded run.
func events(t *testing.T, name string) []Event {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}()
	var all []Event
	cut, err := ReadLog(f, func(e Event) error {
		all = append(all, e)
		return nil
	})
	if err != nil || cut {
		t.Fatal(cut, err)
	}
	return all
}

func fold(all []Event) *State {
	s := NewState()
	for _, e := range all {
		s.Apply(e)
	}
	return s
}

var runs = []string{"failing", "green", "interrupted", "unbuilt", "predicted", "measured"}

// TestScripts keeps the recorded streams what the scripts say. It stands before
// the tests that read them, so that one -update writes both.
func TestScripts(t *testing.T) {
	for name, s := range map[string]*script{"failing": failing(), "green": green(), "interrupted": interrupted(), "unbuilt": unbuilt(), "predicted": predicted(), "measured": measured()} {
		var b bytes.Buffer
		w := NewWriter(nopCloser{&b})
		for _, e := range s.events {
			if err := w.Write(e); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		golden(t, name+".jsonl", b.String())
	}
}

func TestRunJSON(t *testing.T) {
	for _, run := range runs {
		var b bytes.Buffer
		if err := fold(events(t, run+".jsonl")).Report().WriteJSON(&b); err != nil {
			t.Fatal(err)
		}
		golden(t, run+".run.json", b.String())
	}
}

// TestExitOfTheRecord: the code and the reasons that a run recorded are those
// that its events come to.
func TestExitOfTheRecord(t *testing.T) {
	for _, run := range runs {
		s := fold(events(t, run+".jsonl"))
		r := s.Report()
		code, reasons := s.Exit()
		if diff := cmp.Diff(r.Reasons, reasons); code != r.Exit || diff != "" {
			t.Errorf("%s: recorded %d, computed %d\n%s", run, r.Exit, code, diff)
		}
	}
}
