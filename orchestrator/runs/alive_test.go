package runs_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/orchestrator/runs"
)

// begun makes a run with a log, as far as a kill left it.
func begun(t *testing.T, s runs.Store, id string) *runs.Run {
	t.Helper()
	r, err := s.Make(id)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(r.Path(runs.Log))
	if err != nil {
		t.Fatal(err)
	}
	log := report.NewWriter(f)
	if err := errors.Join(log.Write(report.Event{Seq: 1, Body: report.RunStarted{Run: id}}), log.Close()); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestARunLivesAsLongAsItIsHeld(t *testing.T) {
	s := runs.Of(t.TempDir())
	ended(t, s, "20260101")
	r := begun(t, s, "20260102")
	release, err := r.Hold()
	if err != nil {
		t.Fatal(err)
	}
	latest := func() string {
		t.Helper()
		found, err := s.Find("latest")
		if err != nil {
			t.Fatal(err)
		}
		return found.ID()
	}
	if !r.Alive() || latest() != "20260101" {
		t.Errorf("alive %t, latest %s", r.Alive(), latest())
	}
	if _, err := r.Hold(); err == nil {
		t.Error("it is held twice")
	}
	if cut, err := s.CutOff(); err != nil || len(cut) != 0 {
		t.Errorf("%v, %v", cut, err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(r.Dir, "alive")); err == nil || r.Alive() {
		t.Error("it lives on")
	}
}

// TestARunThatWasCutOffIsTheLatest until another one has ended.
func TestARunThatWasCutOffIsTheLatest(t *testing.T) {
	s := runs.Of(t.TempDir())
	ended(t, s, "20260101")
	r := begun(t, s, "20260102")
	if err := os.WriteFile(r.Path("alive"), nil, 0o644); err != nil { // as a kill leaves it
		t.Fatal(err)
	}
	if found, err := s.Find("latest"); err != nil || found.ID() != "20260102" {
		t.Errorf("%v, %v", found, err)
	}
	cut, err := s.CutOff()
	if err != nil || len(cut) != 1 || cut[0].ID() != "20260102" {
		t.Fatalf("%v, %v", cut, err)
	}
	for _, name := range []string{runs.Conclusion, runs.Scratch} {
		if err := os.MkdirAll(r.Path(name, "deep"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(cut[0].Settle(), s.Sweep()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{runs.Conclusion, runs.Scratch, "alive"} {
		if _, err := os.Stat(r.Path(name)); err == nil {
			t.Errorf("%s is left", name)
		}
	}
	rep, err := r.Read()
	if err != nil || rep.Exit != report.ExitInfrastructure || rep.Finished || rep.Reasons[0].Code != report.ReasonCutOff {
		t.Errorf("%+v, %v", rep, err)
	}
	if cut, err = s.CutOff(); err != nil || len(cut) != 0 {
		t.Errorf("%v, %v", cut, err)
	}
	early, err := s.Make("20251231")
	if err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(-time.Hour)
	if err := errors.Join(os.WriteFile(early.Path("alive"), nil, 0o644), os.Chtimes(early.Dir, long, long), s.Sweep()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(early.Dir); err == nil {
		t.Error("a run is left that had no log")
	}
	ended(t, s, "20260103")
	if found, err := s.Find("latest"); err != nil || found.ID() != "20260103" {
		t.Errorf("%v, %v", found, err)
	}
}
