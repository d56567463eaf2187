package runs_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/orchestrator/runs"
	"github.com/shardyard/shardyard/worker"
)

// ended makes a run that has ended.
func ended(t *testing.T, s runs.Store, id string) *runs.Run {
	t.Helper()
	r, err := s.Make(id)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Finish(&report.Report{Format: report.Format, Run: id, Finished: true}); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestARunIsFound(t *testing.T) {
	s := runs.Of(t.TempDir())
	for _, id := range []string{"20260101-100000-aaaaa", "20260101-110000-bbbbb", "20260102-100000-ccccc"} {
		ended(t, s, id)
	}
	for _, x := range []struct{ ask, want, fail string }{
		{ask: "latest", want: "20260102-100000-ccccc"},
		{ask: "20260101-110000-bbbbb", want: "20260101-110000-bbbbb"},
		{ask: "20260102", want: "20260102-100000-ccccc"},
		{ask: "20260101", fail: `"20260101" is the beginning of 2 runs: 20260101-110000-bbbbb, 20260101-100000-aaaaa`},
		{ask: "2025", fail: `there is no run "2025" in `},
		{ask: "../runs/20260102-100000-ccccc", fail: "there is no run"},
	} {
		r, err := s.Find(x.ask)
		var unknown runs.UnknownError
		switch {
		case x.fail != "":
			if !errors.As(err, &unknown) || !strings.Contains(err.Error(), x.fail) {
				t.Errorf("Find(%q): %v, want an UnknownError with %q", x.ask, err, x.fail)
			}
		case err != nil:
			t.Errorf("Find(%q): %v", x.ask, err)
		case r.ID() != x.want || r.Dir != filepath.Join(s.Dir(), x.want):
			t.Errorf("Find(%q) is %s", x.ask, r.Dir)
		}
	}
}

func TestNoRuns(t *testing.T) {
	s := runs.Of(t.TempDir())
	if ids, err := s.List(); err != nil || len(ids) > 0 {
		t.Errorf("List: %v, %v", ids, err)
	}
	var unknown runs.UnknownError
	if _, err := s.Find("latest"); !errors.As(err, &unknown) {
		t.Errorf("Find: %v", err)
	}
	if _, err := os.Stat(s.Dir()); err == nil {
		t.Error("asking made a directory")
	}
}

// TestWhatLatestMayBe are the states of latest besides the usual one.
func TestWhatLatestMayBe(t *testing.T) {
	for name, set := range map[string]func(at string) error{
		"nothing":                    func(string) error { return nil },
		"a file, as on Windows":      func(at string) error { return os.WriteFile(at, []byte("20260101\n"), 0o644) },
		"a link to what was removed": func(at string) error { return os.Symlink("20250101", at) },
	} {
		t.Run(name, func(t *testing.T) {
			s := runs.Of(t.TempDir())
			ended(t, s, "20260101")
			at := filepath.Join(s.Dir(), "latest")
			if err := errors.Join(os.Remove(at), set(at)); err != nil {
				t.Fatal(err)
			}
			if r, err := s.Find("latest"); err != nil || r.ID() != "20260101" {
				t.Errorf("%v, %v", r, err)
			}
		})
	}
	t.Run("a path out of the store", func(t *testing.T) {
		s := runs.Of(t.TempDir())
		ended(t, s, "20260101")
		at := filepath.Join(s.Dir(), "latest")
		if err := errors.Join(os.Remove(at), os.WriteFile(at, []byte("../../elsewhere\n"), 0o644)); err != nil {
			t.Fatal(err)
		}
		if r, err := s.Find("latest"); err == nil {
			t.Errorf("found %s", r.Dir)
		}
	})
}

// TestReadersNeverFindNothing reads the latest run while runs end.
func TestReadersNeverFindNothing(t *testing.T) {
	s := runs.Of(t.TempDir())
	ended(t, s, "20260101-0000")
	done := make(chan struct{})
	var writers, readers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for i := range 50 {
				ended(t, s, "20260101-"+string(rune('a'+w))+string(rune('a'+i/26))+string(rune('a'+i%26)))
			}
		})
	}
	readers.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			r, err := s.Find("latest")
			if err != nil {
				t.Errorf("find: %v", err)
				return
			}
			if rep, err := r.Read(); err != nil || rep.Run != r.ID() || !rep.Finished {
				t.Errorf("read %s: %v, %v", r.ID(), rep, err)
				return
			}
		}
	})
	writers.Wait()
	close(done)
	readers.Wait()
}

// TestACutOffRunIsNeverGreen reads a run that has no run.json, whose log ends
// in the middle of a line.
func TestACutOffRunIsNeverGreen(t *testing.T) {
	for at, last := range map[string]report.Body{
		"in a line":                     nil,
		"before the record":             report.RunFinished{},
		"before the record of no tests": report.RunFinished{Exit: report.ExitEmpty},
	} {
		t.Run(at, func(t *testing.T) {
			r := cutOff(t, last)
			rep, err := r.Read()
			if err != nil {
				t.Fatal(err)
			}
			if rep.Totals.Passed != 1 || rep.Exit != report.ExitInfrastructure || rep.Reasons[0].Code != report.ReasonCutOff {
				t.Errorf("passed %d, exit %d %v", rep.Totals.Passed, rep.Exit, rep.Reasons)
			}
		})
	}
}

// cutOff makes a run without a record: its log ends with an event, or within one.
func cutOff(t *testing.T, last report.Body) *runs.Run {
	t.Helper()
	r, err := runs.Of(t.TempDir()).Make("20260101")
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(r.Path(runs.Log))
	if err != nil {
		t.Fatal(err)
	}
	log := report.NewWriter(f)
	bodies := []report.Body{
		report.RunStarted{Run: "20260101"},
		report.Discovered{Tests: 1},
		report.TestFinished{Worker: 1, Test: "a", Attempt: 1, Outcome: worker.Passed},
		report.Judged{Test: "a", Verdict: report.VerdictOf(worker.Passed), Attempts: 1},
	}
	if last != nil {
		bodies = append(bodies, last)
	}
	for i, body := range bodies {
		if err := log.Write(report.Event{Seq: int64(i + 1), Body: body}); err != nil {
			t.Fatal(err)
		}
	}
	err = log.Flush()
	if last == nil {
		_, writeErr := f.WriteString(`{"seq":5,"ty`)
		err = errors.Join(err, writeErr)
	}
	if err := errors.Join(err, log.Close()); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestMakeKeepsResultsOutOfGit(t *testing.T) {
	project := t.TempDir()
	s := runs.Of(project)
	if _, err := s.Make("20260101"); err != nil {
		t.Fatal(err)
	}
	ignore := filepath.Join(project, ".shardyard", ".gitignore")
	if text, err := os.ReadFile(ignore); err != nil || !strings.Contains(string(text), "\n*\n") {
		t.Errorf("%q, %v", text, err)
	}
	if err := os.WriteFile(ignore, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Make("20260102"); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(ignore); string(text) != "mine" {
		t.Errorf("the user's file became %q", text)
	}
	if _, err := s.Make("20260102"); err == nil {
		t.Error("two runs share a directory")
	}
}

func TestKeep(t *testing.T) {
	project := t.TempDir()
	for _, text := range []string{"one", "two"} {
		path, err := runs.Of(project).Keep("schema.json", []byte(text))
		if err != nil || path != ".shardyard/schema.json" {
			t.Fatalf("%s, %v", path, err)
		}
		if got, err := os.ReadFile(filepath.Join(project, path)); err != nil || string(got) != text {
			t.Errorf("%q, %v", got, err)
		}
	}
	if got := names(t, filepath.Join(project, ".shardyard")); !slices.Equal(got, []string{".gitignore", "schema.json"}) {
		t.Errorf("%v", got)
	}
}

func TestElsewhereHasNoLatest(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out", "of", "project")
	r, err := runs.Elsewhere(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Finish(&report.Report{Run: "x"}); err != nil {
		t.Fatal(err)
	}
	if names := names(t, dir); !slices.Equal(names, []string{"run.json"}) {
		t.Errorf("%v", names)
	}
	if names := names(t, filepath.Dir(dir)); !slices.Equal(names, []string{"project"}) {
		t.Errorf("%v", names)
	}
	if r.Place() != dir {
		t.Errorf("results are said to be in %s", r.Place())
	}
}

func TestNearest(t *testing.T) {
	root := t.TempDir()
	project, below := filepath.Join(root, "repo"), filepath.Join(root, "repo", "a", "b")
	if err := os.MkdirAll(below, 0o755); err != nil {
		t.Fatal(err)
	}
	ended(t, runs.Of(root), "20250101") // beyond the repository
	top := func(dir string) bool { return dir == project }
	if got := runs.Nearest(below, top); got != runs.Of(below) {
		t.Errorf("without runs: %s", got.Dir())
	}
	ended(t, runs.Of(project), "20260101")
	if got := runs.Nearest(below, top); got != runs.Of(project) {
		t.Errorf("with runs: %s", got.Dir())
	}
}

func TestExpire(t *testing.T) {
	s := runs.Of(t.TempDir())
	old, now := time.Now().Add(-48*time.Hour), time.Now()
	ids := []string{"20260101", "20260102", "20260103", "20260104", "20260105"}
	for _, id := range ids {
		age(t, ended(t, s, id), old)
	}
	if runtime.GOOS != "windows" { // the user looks at an old one
		at := filepath.Join(s.Dir(), "latest")
		if err := errors.Join(os.Remove(at), os.Symlink("20260101", at)); err != nil {
			t.Fatal(err)
		}
	}
	live, err := s.Make("20260100") // with an old id, and writing now
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(live.Path(runs.Log), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(s.Dir(), ".removed.20250101") // by one that was killed
	if err := os.MkdirAll(filepath.Join(left, "reports"), 0o755); err != nil {
		t.Fatal(err)
	}
	removed, err := s.Expire(2, now.Add(-24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"20260103", "20260102"}, removed); diff != "" {
		t.Errorf("removed (-want +got):\n%s", diff)
	}
	kept, err := s.List()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"20260105", "20260104", "20260101", "20260100"}, kept); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
	if _, err := os.Stat(left); err == nil {
		t.Error("half a run is still there")
	}
}

func TestFailures(t *testing.T) {
	s := runs.Of(t.TempDir())
	r := ended(t, s, "20260101")
	if list, err := r.Failures(); err != nil || list != nil {
		t.Errorf("without a file: %v, %v", list, err)
	}
	if err := os.WriteFile(r.Path(runs.JUnit), []byte(`<testsuites><testsuite><testcase classname="a" name="ok"/>
<testcase classname="a.B" name="bad"><failure message="m">assert 1 == 2</failure><error>teardown</error></testcase>
<testcase classname="t/x.sh" name="t/x.sh"><failure message="exit status 3"></failure><system-out>got 1
</system-out></testcase></testsuite></testsuites>`), 0o644); err != nil {
		t.Fatal(err)
	}
	list, err := r.Failures()
	if err != nil {
		t.Fatal(err)
	}
	want := []runs.Failure{{Test: "a.B::bad", Text: "assert 1 == 2"}, {Test: "a.B::bad", Text: "teardown"}, {Test: "t/x.sh", Text: "exit status 3\ngot 1"}}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := os.WriteFile(r.Path(runs.JUnit), []byte(`<testsuites><testcase`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Failures(); err == nil {
		t.Error("a file that was cut off was read")
	}
}

func TestWorkerLogs(t *testing.T) {
	r := ended(t, runs.Of(t.TempDir()), "20260101")
	logs := r.WorkerLogs()
	for _, body := range []report.Body{
		report.WorkerStarted{Worker: 2, Framework: "pytest 9.2.0", Mode: "all"},
		report.TestStarted{Worker: 2, Test: "a::one"},
		report.Output{Worker: 2, Text: "printed\n"},
		report.Output{Worker: 2, Dropped: 2500},
		report.TestStarted{Worker: 2, Test: "a::two"},
		report.WorkerLost{Worker: 2, Cause: "it was killed"},
	} {
		logs.Handle(report.Event{Body: body})
	}
	if err := logs.Close(); err != nil {
		t.Fatal(err)
	}
	tests, err := os.ReadFile(r.Path("workers", "worker-2.tests"))
	if err != nil || string(tests) != "a::one\na::two\n" {
		t.Errorf("%q, %v", tests, err)
	}
	text, err := os.ReadFile(r.Path("workers", "worker-2.log"))
	if err != nil || !bytes.Contains(text, []byte("printed\n")) || !bytes.Contains(text, []byte("2.5 kB more were printed, beyond limits.output")) ||
		!bytes.Contains(text, []byte("lost: it was killed")) {
		t.Errorf("%q, %v", text, err)
	}
}

func age(t *testing.T, r *runs.Run, when time.Time) {
	t.Helper()
	if err := os.Chtimes(r.Dir, when, when); err != nil {
		t.Fatal(err)
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}
