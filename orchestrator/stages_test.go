package orchestrator

import (
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shardyard/shardyard/cache"
	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/orchestrator/history"
	"github.com/shardyard/shardyard/orchestrator/plan"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
	"github.com/shardyard/shardyard/worker/framework"
	"github.com/shardyard/shardyard/worker/framework/python"
)

// interpreter is a stand-in for an interpreter: it makes environments that have an
// interpreter like it, and no packages.
const interpreter = `#!/bin/sh
case "$1 $2" in
"-m venv") for dir; do :; done; mkdir -p "$dir/bin" && cp "$0" "$dir/bin/python" ;;
"-m ensurepip" | "-I -c") ;;
"-m pip") printf '#!/bin/sh\necho "uv $*"\n' > "$(dirname "$0")/uv" && chmod +x "$(dirname "$0")/uv" ;;
*) exit 1 ;;
esac
`

func (x *trial) withPython(t *testing.T) {
	t.Helper()
	x.engine.python = filepath.Join(x.engine.dir, "python")
	if err := os.WriteFile(x.engine.python, []byte(interpreter), 0o755); err != nil {
		t.Fatal(err)
	}
	x.req.Session.Toolchain = python.Toolchain("")
	x.req.Session.Toolchain.Make[0].Unless, x.req.Session.Toolchain.Make[0].Bring = "", nil // a uv of this machine would want a real interpreter
	x.req.Builder = BuilderSettings{
		Set: map[string]string{"INDEX": "an index"},
		Why: []string{"INDEX of the config"},
	}
}

func TestLayersAreBuiltOnce(t *testing.T) {
	// The resolver makes its channels when it is first used, which must not be in a bubble.
	if at, err := net.LookupHost("host.invalid"); err == nil {
		t.Fatalf("this machine's resolver gives a name that cannot exist the addresses %v", at)
	}
	progress := func(x *trial) string {
		var b strings.Builder
		for _, s := range x.steps {
			b.WriteString(s + "\n")
		}
		return b.String()
	}
	layers := map[string]engine.Layer{}
	kept := t.TempDir()
	setup := func(x *trial) {
		x.withPython(t)
		x.req.Project = projectOf(t, kept)
		x.engine.layers = layers
		x.req.Setup = Step{Commands: []string{"cat a.py; echo from $INDEX"}, Key: []string{"a.py"}, Ensure: []string{"pytest"}}
		x.req.Remotes = []framework.Remote{{Host: "host.invalid", Port: "443", Web: true, File: "requirements.txt", Line: 3}}
		x.req.Prepare = Step{Commands: []string{"echo installs the project", `echo "the extra is left out" >>"$SHARDYARD_NOTES"`}}
	}
	x := try(t, two(), setup)
	x.ends(t, report.ExitGreen, green)
	told := progress(x)
	for _, want := range []string{"builders get INDEX of the config", "$ cat a.py; echo from $INDEX", "pass", "from an index", "uv pip install pytest", "installs the project"} {
		if !strings.Contains(told, want+"\n") {
			t.Errorf("nothing says %q:\n%s", want, told)
		}
	}
	if n := strings.Count(strings.Join(x.story, "\n"), "requirements.txt:3 installs from host.invalid, which does not answer here (its name is not known)"); n != 1 {
		t.Errorf("an unknown host was named %d times", n)
	}
	x.wants(t, "info: pytest is not among the project's dependencies: added to the environment", "warning: the extra is left out", "discovered 4")
	for _, s := range x.engine.specs {
		if s.Role == engine.Worker && s.Layer != "layer-preparer" {
			t.Errorf("%s starts from %q", s.Name, s.Layer)
		}
	}

	x = try(t, two(), setup)
	x.ends(t, report.ExitGreen, green)
	if told := progress(x); told != "" {
		t.Errorf("the second time says\n%s", told)
	}
	for _, s := range x.rep.Steps {
		if (s.Name == "environment" || s.Name == "prepare") && !s.Cached {
			t.Errorf("%s is built again", s.Name)
		}
	}
}

// An environment that uv syncs begins with the one that a trusted run used last, and with
// no other.
func TestASyncedEnvironmentBeginsWithTheOneBefore(t *testing.T) {
	layers, abouts, facts := map[string]engine.Layer{}, map[engine.Layer]cache.About{}, map[string]string{}
	for _, turn := range []struct {
		scope   cache.Scope
		version string
		anew    bool
		want    engine.Layer // that the builder begins with
	}{
		{version: "1"},
		{version: "2", want: "layer-builder"},
		{version: "3", scope: cache.Untrusted, want: "layer-builder+"},
		{version: "4", scope: cache.Untrusted, want: "layer-builder+"},
		{version: "5", want: "layer-builder+"},
		{version: "5", anew: true},
	} {
		x := try(t, two(), func(x *trial) {
			x.withPython(t)
			x.engine.layers, x.engine.abouts, x.deps.History = layers, abouts, &fakeHistory{facts: facts}
			lock := "version = 1\n\n[[package]]\nname = \"a\"\nversion = \"" + turn.version + "\"\nsource = { registry = \"https://x\" }\n"
			if err := os.WriteFile(filepath.Join(x.req.Project, "uv.lock"), []byte(lock), 0o600); err != nil {
				t.Fatal(err)
			}
			x.req.Scope, x.req.Refresh.Anew = turn.scope, turn.anew
			x.req.Setup = Step{Commands: []string{"uv sync --frozen"}, Key: []string{"uv.lock"}}
		})
		x.ends(t, report.ExitGreen, green)
		if got := x.engine.specs[0]; got.Role != engine.Builder || got.Layer != turn.want {
			t.Errorf("%+v: a %s begins with %q", turn, got.Role, got.Layer)
		}
		why := x.rep.Steps[slices.IndexFunc(x.rep.Steps, func(s report.Step) bool { return s.Name == "environment" })].Detail
		if begun := strings.HasSuffix(why, "; begun with the one before, of which 1 package differs"); begun != (turn.want != "") {
			t.Errorf("%+v: it says %q", turn, why)
		}
	}
}

// A program that this machine has is copied into builders, and not installed there; one
// that does not run there is.
func TestAProgramOfThisMachineIsBrought(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "linux" {
		t.Skip("SKIPPED, needs Linux: its programs are what is brought to builders")
	}
	for unless, want := range map[string]string{`test -x "$(command -v ` + filepath.Base(self) + `)"`: "is there", "false": "installs it"} {
		x := try(t, two(), func(x *trial) {
			x.req.Session.Toolchain = framework.Toolchain{Name: "a", Make: []framework.Command{{Unless: unless, Bring: []string{self}, Run: "echo installs it"}}}
			x.req.Setup = Step{Commands: []string{"command -v " + filepath.Base(self) + " >/dev/null && echo is there || true"}}
		})
		x.ends(t, report.ExitGreen, green)
		if told := strings.Join(x.steps, "\n"); !strings.Contains(told, want) || strings.Contains(told, "installs it") != (want == "installs it") {
			t.Errorf("unless %s: the builder says\n%s", unless, told)
		}
	}
}

func TestACommandThatFailsEndsTheRun(t *testing.T) {
	x := try(t, two(), func(x *trial) {
		x.withPython(t)
		x.req.Setup = Step{Commands: []string{"echo no such package; exit 3"}}
	})
	x.ends(t, report.ExitInfrastructure, "")
	fault := x.rep.Faults[0].Text
	if !strings.Contains(fault, "environment failed, nothing of it is kept: `echo no such package; exit 3` ended with exit status 3 after") ||
		!strings.HasSuffix(fault, ":\n  no such package") {
		t.Errorf("the fault says %q", fault)
	}
	if len(x.engine.layers) > 0 {
		t.Errorf("kept %v", x.engine.layers)
	}
}

// Commands take real time.
func TestAnInterruptWhileTheSiteIsMade(t *testing.T) {
	x := newTrial(t, two())
	x.run(t, func(x *trial) {
		x.withPython(t)
		x.req.Setup = Step{Commands: []string{"echo waits; sleep 60"}}
		x.during = func(e report.Event) {
			if p, ok := e.Body.(report.StepProgress); ok && p.Text == "waits" {
				x.cancel(Signal{"terminated"})
			}
		}
	})
	x.ends(t, report.ExitTerminated, "")
	x.leftNothing(t)
	if x.took > 30*time.Second {
		t.Errorf("it took %s", x.took)
	}
}

func TestExecRunsInAPlaceLikeAWorkers(t *testing.T) {
	x := newTrial(t, two())
	x.req.Env = map[string]string{"OF_TESTS": "yes"}
	var out, errs bytes.Buffer
	to := t.TempDir()
	code, err := Exec(t.Context(), x.req, Command{
		Argv: []string{"sh", "-c", `echo "$OF_TESTS $MORE"; echo oops >&2; echo made > made.txt; exit 5`},
		Env:  map[string]string{"MORE": "more"}, Get: []string{"made.txt"}, To: to, Stdout: &out, Stderr: &errs,
	}, x.deps)
	if err != nil || code != 5 || out.String() != "yes more\n" || errs.String() != "oops\n" {
		t.Errorf("exit status %d, %v, said %q and %q", code, err, &out, &errs)
	}
	if text, err := os.ReadFile(filepath.Join(to, "made.txt")); err != nil || string(text) != "made\n" {
		t.Errorf("fetched %q, %v", text, err)
	}
	x.leftNothing(t)

	for _, c := range []struct {
		cmd  Command
		want string
	}{
		{Command{Argv: []string{"/no/such/program"}}, "/no/such/program"},
		{Command{Argv: []string{"true"}, Get: []string{"../secret"}}, "--get ../secret"},
		{Command{Argv: []string{"true"}, Get: []string{"missing"}, To: to}, "fetch missing"},
	} {
		if _, err := Exec(t.Context(), newTrial(t, two()).in(x), c.cmd, x.deps); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v", c.cmd.Argv, err)
		}
	}
	x.engine.refuse = func(string) error { return errors.New("no space left") }
	if _, err := Exec(t.Context(), newTrial(t, two()).in(x), Command{Argv: []string{"true"}}, x.deps); err == nil {
		t.Error("a place that cannot be started is no error")
	}
}

// in is a request like the trial's, for another trial's engine.
func (x *trial) in(other *trial) Request {
	req := other.req
	req.Out = x.req.Out
	return req
}

func TestWhatWasCompiledIsBroughtToLaterRuns(t *testing.T) {
	kept := t.TempDir()
	s := two()
	var brought []string
	s.began = func(o worker.Open) { brought = append(brought, o.Compiled) }
	s.closing = func(name string) worker.Exit {
		if name != "worker-1" {
			return worker.Exit{}
		}
		return worker.Exit{Compiled: archive(t, map[string]string{"a.py": "pass\n"})}
	}
	run := func() *trial {
		return try(t, s, func(x *trial) { x.req.Compiled = Compiled{Dir: kept}; x.req.Project = projectOf(t, kept) })
	}
	run().ends(t, report.ExitGreen, green)
	for _, b := range brought {
		if b != "" {
			t.Errorf("the first run is brought %s", b)
		}
	}
	brought = nil
	run().ends(t, report.ExitGreen, green)
	if len(brought) != 2 || brought[0] == "" || brought[1] == "" {
		t.Errorf("the second run is brought %q", brought)
	}
}

// projectOf is the same project for every run that keeps something there.
func projectOf(t *testing.T, kept string) string {
	t.Helper()
	dir := filepath.Join(kept, "..", "project")
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "a.py"), []byte("pass\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// known is what is known of a test that takes so long.
func known(took time.Duration) []history.Sample {
	return []history.Sample{{Run: 1, Worker: 1, Attempt: 1, Outcome: worker.Passed, Call: took}, {Run: 2, Call: time.Hour, Tentative: true}}
}

func TestAPlanIsForecast(t *testing.T) {
	h := &fakeHistory{
		inventory: hint("a.py a1 a2", "b.py b1 b2"),
		facts:     map[string]string{factOverhead: "3000", factStart: "2000"},
		samples: history.Samples{
			PerTest: 10 * time.Millisecond,
			Tests:   map[worker.TestID][]history.Sample{"a1": known(4e9), "a2": known(1e9), "b1": known(1e9), "b2": known(1e9)},
			Files:   map[string]history.Fixture{"a.py": {First: 2e9, FirstN: 1, Other: 1e9, OtherN: 1}},
			Hosts:   map[string]float64{},
		},
	}
	measured := func(took time.Duration, ids ...worker.TestID) {
		var tests []plan.Test
		for _, id := range ids {
			tests = append(tests, plan.Test{ID: id})
		}
		if err := (facts{h, ""}).setSerial(t.Context(), selection(nil), took, tests); err != nil {
			t.Fatal(err)
		}
	}
	measured(9*time.Second, "b1", "b2", "a1", "a2")
	var planned report.Planned
	var first report.TestFinished
	x := try(t, two(), func(x *trial) {
		x.deps.History = h
		x.during = func(e report.Event) {
			switch b := e.Body.(type) {
			case report.Planned:
				planned = b
			case report.TestFinished:
				if b.Test == "a1" {
					first = b
				}
			}
		}
	})
	x.ends(t, report.ExitGreen, green)
	if planned.Makespan == 0 || planned.Predicted != planned.Makespan+report.Duration(3*time.Second) || planned.Start != report.Duration(2*time.Second) ||
		!planned.SerialMeasured || planned.Serial != report.Duration(9*time.Second) || len(planned.Shards) != 2 || planned.PerTest != report.Duration(10*time.Millisecond) {
		t.Errorf("planned %+v", planned)
	}
	tests := 0
	for _, s := range planned.Shards {
		tests += s.Tests
	}
	if tests != 4 {
		t.Errorf("%d tests are planned", tests)
	}
	if first.Estimate != report.Duration(4*time.Second) || first.FixturesEstimate != report.Duration(time.Second) {
		t.Errorf("a1 was expected to take %+v", first.Expected)
	}
	measured(time.Second, "a1") // of another suite
	try(t, two(), func(x *trial) {
		x.deps.History, x.during = h, func(e report.Event) {
			if b, ok := e.Body.(report.Planned); ok {
				planned = b
			}
		}
	})
	if planned.SerialMeasured || planned.Serial < planned.Makespan {
		t.Errorf("planned %+v after a run of other tests", planned)
	}
}

func TestCoverageThatIsMissingIsSaidToTheFinisher(t *testing.T) {
	s := two()
	s.on("a2", fate{ends: "signal"})
	var told struct {
		Missing []string `json:"missing_coverage"`
	}
	var data []string
	s.conclude = func(c worker.Conclude, _ func(worker.Event)) (worker.Concluded, error) {
		text, err := os.ReadFile(filepath.Join(c.Dir, "run.json"))
		if err == nil {
			err = json.Unmarshal(text, &told)
		}
		data, _ = filepath.Glob(filepath.Join(c.Dir, "data", "*", "*"))
		return worker.Concluded{}, err
	}
	x := try(t, s, nil)
	x.ends(t, report.ExitFailed, "a1 passed, a2 failed, b1 passed, b2 passed")
	if len(told.Missing) != 1 || told.Missing[0] != "worker-2: a process of its session ended before its time" {
		t.Errorf("missing %q", told.Missing)
	}
	if len(data) != 2 {
		t.Errorf("the finisher has %q", data)
	}
}

func TestAFileThatCannotBeFetchedIsMissing(t *testing.T) {
	s := two()
	s.closing = func(name string) worker.Exit {
		return worker.Exit{Files: []string{"/no/such/file"}, Missing: map[string]string{"worker-1": "no data was written"}[name]}
	}
	var told string
	s.conclude = func(c worker.Conclude, _ func(worker.Event)) (worker.Concluded, error) {
		text, err := os.ReadFile(filepath.Join(c.Dir, "run.json"))
		told = string(text)
		return worker.Concluded{}, err
	}
	try(t, s, nil)
	if !strings.Contains(told, "worker-1: no data was written") || !strings.Contains(told, "worker-2: file could not be fetched") {
		t.Errorf("the finisher is told %s", told)
	}
}

func TestALostWorkersCoverageIsMissing(t *testing.T) {
	s := two()
	s.killed("a2", 1, engine.Exit{Code: 137})
	var told string
	s.conclude = func(c worker.Conclude, _ func(worker.Event)) (worker.Concluded, error) {
		text, err := os.ReadFile(filepath.Join(c.Dir, "run.json"))
		told = string(text)
		return worker.Concluded{}, err
	}
	try(t, s, nil)
	if !strings.Contains(told, "worker-2: it was lost: it was killed from outside (exit status 137)") {
		t.Errorf("the finisher is told %s", told)
	}
}
