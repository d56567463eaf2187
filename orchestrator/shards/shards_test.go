package shards_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/orchestrator/runs"
	"github.com/shardyard/shardyard/orchestrator/shards"
)

// cov is a framework whose data files are called x.cov. It keeps what it was
// given, and emits what it is told to.
type cov struct {
	got     *shards.Coverage
	percent float64
	err     error
}

func (c *cov) Holds(name string) bool { return strings.HasSuffix(name, ".cov") }

func (c *cov) Combine(_ context.Context, data shards.Coverage, emit func(report.Body)) error {
	c.got = &data
	if c.err != nil {
		return c.err
	}
	ev := report.Covered{Percent: c.percent, Complete: len(data.Missing) == 0, Reason: strings.Join(data.Missing, "; ")}
	if data.Limit != nil {
		ev.FailUnder, ev.Under = *data.Limit, c.percent < *data.Limit
	}
	emit(ev)
	return nil
}

// lay writes the files of an archive, and goes there.
func lay(t *testing.T, archive string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for _, f := range txtar.Parse([]byte(archive)).Files {
		if err := errors.Join(os.MkdirAll(filepath.Dir(f.Name), 0o755), os.WriteFile(f.Name, f.Data, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
}

// combine combines what is in dirs into out.
func combine(t *testing.T, s shards.Search, c *cov, limit *float64) *report.Report {
	t.Helper()
	s.Coverage = c.Holds
	found, err := shards.Find(s)
	if err != nil {
		t.Fatal(err)
	}
	out, err := runs.Elsewhere(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	rep, err := found.Combine(t.Context(), shards.Job{Started: report.RunStarted{Run: "r"}, Out: out, Limit: limit, Combiner: c})
	if err != nil {
		t.Fatal(err)
	}
	read, err := out.Read()
	if err != nil {
		t.Fatal(err)
	}
	if read.Exit != rep.Exit || read.Totals.Judged() != rep.Totals.Judged() {
		t.Errorf("run.json says exit %d, %d tests; the report %d, %d", read.Exit, read.Totals.Judged(), rep.Exit, rep.Totals.Judged())
	}
	if state, cut, err := report.ReadState(out.Path(runs.Log)); err != nil || cut || state.Report().Exit != rep.Exit {
		t.Errorf("the log differs: %v, cut %v", err, cut)
	}
	return rep
}

func suite(cases ...string) string {
	return "<testsuites><testsuite>" + strings.Join(cases, "") + "</testsuite></testsuites>\n"
}

func pass(class, name string) string {
	return fmt.Sprintf(`<testcase classname=%q name=%q time="1"/>`, class, name)
}

var (
	one  = "-- parts/1/junit.xml --\n" + suite(pass("test_a", "one"))
	two  = "-- parts/2/junit.xml --\n" + suite(pass("test_b", "two"), pass("test_b", "three"))
	plan = `-- plan.json --
{"format": 1, "tests": [{"id": "test_a.py::one"}, {"id": "test_b.py::two"}, {"id": "test_b.py::three"}]}
`
)

func TestOneVerdict(t *testing.T) {
	eighty := 80.0
	for _, x := range []struct {
		name, files string
		search      shards.Search
		cov         cov
		limit       *float64
		exit        int
		say         string // in a fault, a note or the reason of coverage
	}{
		{name: "all that was planned", files: one + two + plan, search: shards.Search{Plan: "plan.json"}},
		{name: "without a plan", files: one + two, say: "no plan"},
		{name: "a shard did not report", files: one + plan, search: shards.Search{Plan: "plan.json"}, exit: report.ExitInfrastructure},
		{name: "the plan lies with the shards", files: one + strings.Replace(plan, "-- plan", "-- parts/plan", 1), exit: report.ExitInfrastructure},
		{name: "a shard was cut off", files: one + "-- parts/2/junit.xml --\n<testsuites><testca", exit: report.ExitInfrastructure, say: "junit.xml cannot be read"},
		{name: "other XML is no shard", files: one + "-- parts/2/coverage.xml --\n<coverage/>\n", say: "no plan"},
		{name: "a failure", files: "-- parts/1/junit.xml --\n" + suite(`<testcase classname="a" name="b"><failure message="m"/></testcase>`), exit: report.ExitFailed},
		{
			name: "coverage above the limit", files: one + "-- parts/1/a.cov --\n" + two + "-- parts/2/b.cov --\n",
			cov: cov{percent: 81}, limit: &eighty,
		},
		{
			name: "coverage under the limit", files: one + "-- parts/1/a.cov --\n" + two + "-- parts/2/b.cov --\n",
			cov: cov{percent: 79}, limit: &eighty, exit: report.ExitGate,
		},
		{name: "a limit and no data", files: one, limit: &eighty, exit: report.ExitInfrastructure, say: "no coverage data in the directories"},
		{
			name: "a shard without data", files: one + "-- parts/1/a.cov --\n" + two,
			cov: cov{percent: 90}, exit: report.ExitInfrastructure, say: filepath.Join("parts", "2") + " has results and no coverage data",
		},
		{
			name: "data apart from results, too little", exit: report.ExitInfrastructure, say: "2 data files for the results of 3 shards",
			files: one + two + "-- parts/3/junit.xml --\n" + suite(pass("c", "d")) + "-- parts/data/a.cov --\n-- parts/data/b.cov --\n", cov: cov{percent: 90},
		},
		{
			name: "coverage cannot be combined", files: one + "-- parts/1/a.cov --\n", cov: cov{err: errors.New("no such tool")},
			exit: report.ExitInfrastructure, say: "no such tool",
		},
	} {
		t.Run(x.name, func(t *testing.T) {
			lay(t, x.files)
			x.search.Dirs = []string{"parts"}
			rep := combine(t, x.search, &x.cov, x.limit)
			if rep.Exit != x.exit {
				t.Errorf("exit %d %v, want %d", rep.Exit, rep.Reasons, x.exit)
			}
			if said := spoken(rep); !strings.Contains(said, x.say) {
				t.Errorf("it says %q, not %q", said, x.say)
			}
		})
	}
}

// spoken is everything that a report says in words.
func spoken(rep *report.Report) string {
	var all []string
	for _, f := range rep.Faults {
		all = append(all, f.Text)
	}
	for _, n := range rep.Notes {
		all = append(all, n.Text)
	}
	if rep.Coverage != nil {
		all = append(all, rep.Coverage.Reason)
	}
	return strings.Join(all, "\n")
}

func TestWhatTheCombinerGets(t *testing.T) {
	lay(t, one+"-- parts/1/a.cov --\n"+"-- parts/old/b.cov --\n")
	skip, err := filepath.Abs("parts/old")
	if err != nil {
		t.Fatal(err)
	}
	var c cov
	combine(t, shards.Search{Dirs: []string{"parts"}, Skip: []string{skip}}, &c, nil)
	if c.got == nil {
		t.Fatal("it was not asked")
	}
	if diff := cmp.Diff([]string{filepath.Join("parts", "1", "a.cov")}, c.got.Files); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if entries, err := os.ReadDir(c.got.Out); err != nil || len(entries) > 0 {
		t.Errorf("it starts with %v, %v", entries, err)
	}
}

func TestTheSlowestShardIsTheTime(t *testing.T) {
	lay(t, one+two)
	if rep := combine(t, shards.Search{Dirs: []string{"parts"}}, &cov{}, nil); rep.Times.Duration.Std().Seconds() != 2 {
		t.Errorf("took %s, want the two seconds of the second shard", rep.Times.Duration.Std())
	}
}

// past writes a run of shardyard's own with one test.
func past(t *testing.T, dir, test string, bodies ...report.Body) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, runs.Log))
	if err != nil {
		t.Fatal(err)
	}
	log := report.NewWriter(f)
	bodies = append([]report.Body{report.RunStarted{Run: "r"}, report.Discovered{Tests: 1}}, bodies...)
	for i, body := range bodies {
		if err := log.Write(report.Event{Seq: int64(i + 1), Body: body}); err != nil {
			t.Fatal(err)
		}
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	text := suite(pass("test_a", test))
	if err := os.WriteFile(filepath.Join(dir, runs.JUnit), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestRunsOfOurOwn(t *testing.T) {
	judged := report.Judged{Test: "test_a.py::one", Verdict: report.Pass, Attempts: 1}
	for _, x := range []struct {
		name   string
		bodies []report.Body
		broken bool
		exit   int
		say    string
	}{
		{name: "is its own plan", bodies: []report.Body{judged, report.RunFinished{}}},
		{name: "cut off", bodies: []report.Body{judged}, exit: report.ExitInfrastructure, say: "has no end: it was cut off"},
		{
			name: "stopped", bodies: []report.Body{judged, report.Stopped{Reason: "interrupted"}, report.RunFinished{}},
			exit: report.ExitInfrastructure, say: "was stopped: interrupted",
		},
		{
			name: "broke", bodies: []report.Body{judged, report.Fault{Kind: report.Infrastructure, Text: "no disk"}, report.RunFinished{}},
			exit: report.ExitInfrastructure, say: "broke: no disk",
		},
		{
			name: "said that a test was not run", bodies: []report.Body{judged, report.Judged{Test: "test_a.py::two", Verdict: report.NotRun}, report.RunFinished{}},
			exit: report.ExitInfrastructure,
		},
		{name: "cannot be read", broken: true, bodies: []report.Body{judged}, exit: report.ExitInfrastructure, say: "cannot be read"},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			dir := filepath.Join("parts", "one")
			past(t, dir, "one", x.bodies...)
			if x.broken {
				if err := os.WriteFile(filepath.Join(dir, runs.Log), []byte("none\nof\nthis\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			rep := combine(t, shards.Search{Dirs: []string{"parts"}}, &cov{}, nil)
			if rep.Exit != x.exit || !strings.Contains(spoken(rep), x.say) {
				t.Errorf("exit %d, says %q; want %d, %q", rep.Exit, spoken(rep), x.exit, x.say)
			}
			if rep.Totals.Passed != 1 {
				t.Errorf("%d passed", rep.Totals.Passed)
			}
		})
	}
}

func TestMistakes(t *testing.T) {
	lay(t, one+"-- file --\n-- notplan.json --\n{\"format\": 7}\n-- nojson.json --\nx\n-- empty/readme --\n")
	for _, x := range []struct {
		search shards.Search
		want   string
	}{
		{shards.Search{Dirs: []string{"nowhere"}}, "name the directories that"},
		{shards.Search{Dirs: []string{"file"}}, "is not a directory"},
		{shards.Search{Dirs: []string{"parts"}, Plan: "notplan.json"}, "format 7 is not known"},
		{shards.Search{Dirs: []string{"parts"}, Plan: "nojson.json"}, "shardyard plan --json"},
		{shards.Search{Dirs: []string{"parts"}, Plan: "none.json"}, "read the plan"},
		{shards.Search{Dirs: []string{"empty"}}, "there is no JUnit file (*.xml) in empty"},
	} {
		x.search.Coverage = new(cov).Holds
		_, err := shards.Find(x.search)
		if err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%v: %v, want %q", x.search, err, x.want)
		}
		if nothing := errors.Is(err, shards.ErrNothing); nothing != (x.search.Dirs[0] == "empty") {
			t.Errorf("%v: %v is ErrNothing: %v", x.search, err, nothing)
		}
	}
}
