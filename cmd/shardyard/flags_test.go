package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/adrg/xdg"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/spf13/cobra"

	"github.com/shardyard/shardyard/orchestrator/report/console"
	"github.com/shardyard/shardyard/worker"
	"github.com/shardyard/shardyard/worker/framework"
	"github.com/spf13/pflag"
)

// A proof shows that a command reads a flag: with the flag it prints
// something, or makes a request, that it does not without.
type proof struct {
	cmd, flag string
	with      string // all arguments
	want      string // a pattern in what it prints; "" where the request differs
	without   string // all arguments but the flag; "" for those of without[cmd]
}

// without are arguments of each command that do little.
var without = map[string]string{
	"run": "--config absent.yaml", "plan": "--config absent.yaml", "exec": "--config absent.yaml -- true",
	"simulate": "--durations times.json -w 2", "combine": "parts --out out", "init": "--stdout",
	"history show": "x", "history import": "times.json", "cache list": "--engine process", "cache clear": "--engine process", "cache du": "--engine process", "cache verify": "--engine process", "cache prune": "--engine process --max-age 1h",
	"cache export": "out", "cache import": "file", "cache push": "repository", "doctor": "--engine process",
}

// proofs are of all flags of all commands. A flag without a proof fails the
// test, as does a proof without a flag.
var proofs = slices.Concat(
	common("run", "", "directory config log-level engine"),
	wrong("run", "pool workers target split-by schedule collection retries fail-on cov-fail-under test-timeout run-timeout"),
	requests("run", "image rev color markers keyword cov bytecode untrusted refresh full-collection artifacts artifacts-in-place"),
	common("rerun", "", "directory log-level"),
	wrong("rerun", "workers target"),
	common("plan", "", "directory config log-level engine"),
	wrong("plan", "workers target split-by"),
	requests("plan", "image rev color markers keyword cov bytecode untrusted refresh"),
	common("exec", " -- true", "directory config log-level engine"),
	requests("exec", "image rev cov untrusted refresh"),
	common("simulate", "", "directory config log-level"),
	wrong("simulate", "noise unknown failing slow-host fixture-cost per-test batch-cost start-cost stagger workers policies"),
	common("history show", " x", "directory config log-level suite"),
	common("history slowest", "", "directory config log-level suite"),
	views("runs", "trend", "flaky", "drift"),
	common("history import", " times.json", "directory config log-level suite"),
	common("history export", "", "directory config log-level suite"),
	common("cache list", " --engine=process", "directory config log-level"),
	common("cache list", "", "engine"),
	common("cache explain", "", "directory"),
	common("cache clear", " --engine=process", "directory config log-level"),
	common("cache clear", "", "engine"),
	common("cache du", " --engine=process", "directory config log-level"),
	common("cache du", "", "engine"),
	common("cache verify", " --engine=process", "directory config log-level"),
	common("cache verify", "", "engine"),
	common("cache prune", " --engine=process --max-age=1h", "directory config log-level"),
	common("cache prune", " --max-age=1h", "engine"),
	common("cache export", " file", "directory config log-level"),
	common("cache import", " file", "directory config log-level"),
	common("cache push", " repository", "directory config log-level"),
	common("doctor", "", "log-level engine"),
	common("init", "", "directory"),
	common("config verify", "", "directory config"),
	common("config show", "", "directory config"),
	common("report", "", "directory"),
	[]proof{
		{cmd: "run", flag: "progress", with: "--engine process --progress fancy", want: "fancy"},

		{cmd: "plan", flag: "tests", with: "--tests ids", want: "3 tests on"},
		{cmd: "plan", flag: "durations", with: "--tests ids --durations times.json", without: "--tests ids", want: "serial ~6.0s"},
		{cmd: "plan", flag: "splits", with: "--tests ids --splits 2", without: "--tests ids --splits 1", want: "3 tests on 2 workers"},
		{cmd: "plan", flag: "group", with: "--tests ids --splits 2 --group 1", without: "--tests ids --splits 2", want: `\A[a-c].py::test_\d\n`},
		{cmd: "plan", flag: "json", with: "--tests ids --json", without: "--tests ids", want: `"format": 1`},
		{cmd: "plan", flag: "store-durations", with: "--tests ids --store-durations no/file", without: "--tests ids", want: "open no/file"},
		{cmd: "plan", flag: "svg", with: "--tests ids --svg no/file", without: "--tests ids", want: "--svg: open no/file"},

		{cmd: "rerun", flag: "progress", with: "--progress fancy", want: "fancy"},
		{cmd: "rerun", flag: "color", with: "--color always", want: "\x1b"},
		{cmd: "run", flag: "trace", with: "--engine process --trace no/run.json", want: "no directory no"},
		{cmd: "rerun", flag: "order", with: "--order latest", want: "write RUN:N"},
		{cmd: "rerun", flag: "trace", with: "--trace no/run.json", want: "no directory no"},
		{cmd: "report", flag: "trace", with: "--trace no/run.json", want: "no directory no"},
		{cmd: "rerun", flag: "ci", with: "--ci elsewhere", want: "elsewhere"},
		{cmd: "run", flag: "ci", with: "--ci elsewhere", want: "elsewhere"},
		{cmd: "combine", flag: "ci", with: "parts --out out --ci elsewhere", want: "elsewhere"},

		{cmd: "exec", flag: "get", with: "--get ../x -- true", want: "--get ../x: write a path below"},
		{cmd: "exec", flag: "to", with: "--get x --to file -- true", want: "--to file is not a directory"},

		{cmd: "simulate", flag: "durations", with: "--durations none.json", want: "open none.json"},
		{cmd: "simulate", flag: "suite", with: "--durations times.json -s unit", want: "--suite is for the history"},
		{
			cmd: "simulate", flag: "seed", with: "--durations times.json --noise 0.5 --json --seed 2",
			without: "--durations times.json --noise 0.5 --json", want: `"seed": 2`,
		},
		{
			cmd: "simulate", flag: "slow-host-unknown", with: "--durations times.json -w 2 --slow-host 0.2 --slow-host-unknown",
			without: "--durations times.json -w 2 --slow-host 0.2", want: "makespan",
		},
		{cmd: "simulate", flag: "json", with: "--durations times.json --json", want: `"format": 1`},

		{cmd: "combine", flag: "directory", with: "parts -C elsewhere --json --out out", without: "parts --json --out out", want: `"project": ".*elsewhere"`},
		{cmd: "combine", flag: "config", with: "parts --config none.yaml", want: "none.yaml"},
		{cmd: "combine", flag: "color", with: "parts --out out --color always", want: "\x1b"},
		{cmd: "combine", flag: "plan", with: "parts --plan none.json", want: "none.json"},
		{cmd: "combine", flag: "out", with: "parts --out out", without: "parts", want: "results in out"},
		{cmd: "combine", flag: "python", with: "covered --out out --python nothing-like-it", want: "nothing-like-it"},
		{cmd: "combine", flag: "cov-fail-under", with: "parts --cov-fail-under 101", want: "--cov-fail-under 101"},
		{cmd: "combine", flag: "json", with: "parts --out out --json", want: `"format": \d`},

		{cmd: "init", flag: "force", with: "--force", without: "--force=false", want: "wrote "},
		{cmd: "init", flag: "stdout", with: "--stdout", without: "--stdout=false", want: "version: 1"},
		{cmd: "config verify", flag: "json", with: "--json", want: `"valid": true`},
		{cmd: "config schema", flag: "directory", with: "--write -C nowhere", without: "--write", want: "nowhere: no such file"},
		{cmd: "config schema", flag: "write", with: "--write", want: "wrote .*schema.json"},
		{cmd: "config show", flag: "json", with: "--json", want: `"settings": `},

		{cmd: "history show", flag: "json", with: "a.py::test_1 --json", without: "a.py::test_1", want: `"samples": `},
		{cmd: "history slowest", flag: "json", with: "--json", want: `"test": "c.py::test_3"`},
		{cmd: "history slowest", flag: "number", with: "-n 1", want: `^MEDIAN.*\n.*c.py::test_3\nexit`},
		{cmd: "history import", flag: "format", with: "times.json --format none", want: "none"},
		{cmd: "history export", flag: "format", with: "--format none", want: `--format "none"`},
		{cmd: "history export", flag: "output", with: "-o no/file", want: "no/file"},

		{cmd: "report", flag: "color", with: "--color always", want: "\x1b"},
		{cmd: "report", flag: "json", with: "--json", want: `"format": \d`},
		{cmd: "report", flag: "html", with: "--html page.html", want: `(?m)^page\.html$`},
		{cmd: "report", flag: "open", with: "--open", want: `does not show the page .*report\.html in a browser`},
		{cmd: "report", flag: "list", with: "--list", want: "past  "},
		{cmd: "report", flag: "failed", with: "--failed", want: "^exit status 0$"},
		{cmd: "report", flag: "flaky", with: "--flaky", want: "^exit status 0$"},
		{cmd: "report", flag: "slow", with: "--slow", want: "^exit status 0$"},
		{cmd: "report", flag: "metrics", with: "--metrics", want: "shardyard_run_tests"},
		{cmd: "report", flag: "exit-code", with: "--exit-code", want: "exit status 3"},

		{cmd: "cache list", flag: "json", with: "--engine process --json", want: `^\[`},
		{cmd: "cache list", flag: "all-projects", with: "--engine process --all-projects", without: "--engine process", want: `PROJECT|on this machine`},
		{cmd: "cache du", flag: "json", with: "--engine process --json", want: `^\[`},
		{cmd: "cache verify", flag: "json", with: "--engine process --json", want: `^\[`},
		{cmd: "cache verify", flag: "all-projects", with: "--engine process --all-projects", without: "--engine process", want: "on this machine"},
		{cmd: "cache prune", flag: "max-size", with: "--engine process --max-size much", want: "--max-size: \"much\""},
		{cmd: "cache prune", flag: "max-age", with: "--engine process --max-age long", want: "--max-age: \"long\""},
		{cmd: "cache prune", flag: "dry-run", with: "--engine process --max-age 1h --dry-run", without: "--engine process --max-age 1h", want: "would remove"},
		{cmd: "cache explain", flag: "json", with: "--json", want: `^\[`},
		{cmd: "cache export", flag: "run", with: "file --run other", want: "other"},
		{cmd: "cache export", flag: "packages", with: "file --packages=perhaps", want: "perhaps"},
		{cmd: "cache push", flag: "run", with: "repository --run other", want: "other"},
		{cmd: "cache clear", flag: "all", with: "--engine process --all", want: "results and history are gone too"},

		{cmd: "version", flag: "json", with: "--json", want: `"version": `},

		{cmd: "doctor", flag: "directory", with: "--engine process -C nowhere", want: "nowhere: no such file"},
		{cmd: "doctor", flag: "config", with: "--engine process --config none.yaml", want: "none.yaml"},
		{cmd: "doctor", flag: "color", with: "--engine process --color always", want: "\x1b"},
		{cmd: "doctor", flag: "image", with: "--engine process --image other:1", want: "other:1"},
		{cmd: "doctor", flag: "json", with: "--engine process --json", want: `"checks": `},
	},
)

// common are proofs of flags that many commands have. rest are arguments that
// the command wants.
func common(cmd, rest, flags string) (list []proof) {
	for _, p := range []proof{
		{flag: "directory", with: "-C nowhere", want: "nowhere: no such file"},
		{flag: "config", with: "--config none.yaml", want: "none.yaml"},
		{flag: "log-level", with: "--log-level loud", want: `--log-level "loud": write trace`},
		{flag: "engine", with: "--engine cloud", want: `--engine "cloud": write auto`},
		{flag: "suite", with: "-s none", want: "none"},
	} {
		if slices.Contains(strings.Fields(flags), p.flag) {
			p.cmd, p.with = cmd, p.with+rest
			list = append(list, p)
		}
	}
	return list
}

// views are proofs of the flags of what lists the history.
func views(names ...string) (list []proof) {
	for _, name := range names {
		cmd := "history " + name
		list = slices.Concat(list, common(cmd, "", "directory config log-level suite"), []proof{
			{cmd: cmd, flag: "json", with: "--json", want: `^\[`}, {cmd: cmd, flag: "number", with: "-n -1", want: "--number -1"},
		})
	}
	return list
}

// wrong are proofs of flags that refuse a value.
func wrong(cmd, flags string) (list []proof) {
	values := map[string]string{
		"workers": "0", "pool": "-1", "target": "-1s", "split-by": "moon", "schedule": "sometimes", "collection": "eager", "retries": "-1", "fail-on": "skipped",
		"cov-fail-under": "101", "test-timeout": "-1s", "run-timeout": "-1s", "noise": "9", "unknown": "9", "failing": "9", "slow-host": "0",
		"fixture-cost": "-1s", "per-test": "-1s", "batch-cost": "-1s", "start-cost": "-1s", "stagger": "-1s", "policies": "none",
	}
	for flag := range strings.FieldsSeq(flags) {
		with := "--" + flag + " " + values[flag]
		if cmd == "simulate" {
			with = "--durations times.json " + with
		}
		list = append(list, proof{cmd: cmd, flag: flag, with: with, want: "--" + flag})
	}
	return list
}

// requests are proofs of flags that change the request.
func requests(cmd, flags string) (list []proof) {
	values := map[string]string{
		"image": "--image other:1", "rev": "--rev HEAD~1", "color": "--color always", "markers": "-m slow", "keyword": "-k one",
		"cov": "--cov=shop", "bytecode": "--bytecode=false", "full-collection": "--full-collection",
		"untrusted": "--untrusted", "refresh": "--refresh", "artifacts": "--artifacts=shots/", "artifacts-in-place": "--artifacts-in-place",
	}
	for flag := range strings.FieldsSeq(flags) {
		list = append(list, proof{cmd: cmd, flag: flag, with: values[flag]})
	}
	return list
}

const flagProject = `
-- shardyard.yaml --
version: 1
image: host
setup: []
prepare: []
-- other/shardyard.yaml --
version: 1
setup: []
-- elsewhere/shardyard.yaml --
version: 1
-- test_a.py --
def test_one(): pass
-- file --
-- ids --
a.py::test_1
b.py::test_2
c.py::test_3
-- times.json --
{"a.py::test_1": 1, "b.py::test_2": 2, "c.py::test_3": 3}
-- parts/junit.xml --
<testsuites><testsuite><testcase classname="a" name="b" time="1"/></testsuite></testsuites>
-- covered/junit.xml --
<testsuites><testsuite><testcase classname="a" name="b" time="1"/></testsuite></testsuites>
-- covered/.coverage --
none
-- .shardyard/runs/past/events.jsonl --
{"seq":1,"at_ms":0,"type":"run_started","data":{"run":"past","invocation":["--engine=process","--image=other:1","--"]}}
{"seq":2,"at_ms":0,"type":"discovered","tests":1}
`

// TestEveryFlagIsRead runs every command with every flag that it accepts, and
// without it.
func TestEveryFlagIsRead(t *testing.T) {
	for _, name := range []string{"XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"} {
		t.Setenv(name, t.TempDir())
	}
	t.Cleanup(xdg.Reload) // after the variables are as they were
	xdg.Reload()
	t.Setenv("NO_COLOR", "")
	t.Setenv("BROWSER", "false") // which shows nothing
	t.Setenv("CI", "")
	shown := map[string]int{}
	for _, p := range proofs {
		shown[p.cmd+" --"+p.flag]++
		t.Run(p.cmd+" "+p.flag, func(t *testing.T) {
			if p.want == "" {
				showRequest(t, p)
			} else {
				showOutput(t, p)
			}
		})
	}
	for _, cmd := range leaves(newRootCommand()) {
		name := strings.TrimPrefix(cmd.CommandPath(), "shardyard ")
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if shown[name+" --"+f.Name] != 1 {
				t.Errorf("%s --%s: there are %d proofs that it is read, not one", name, f.Name, shown[name+" --"+f.Name])
			}
			delete(shown, name+" --"+f.Name)
		})
	}
	for flag := range shown {
		t.Errorf("there is no %s", flag)
	}
}

// leaves are the commands that do something, but for those of cobra and the
// agent.
func leaves(cmd *cobra.Command) (list []*cobra.Command) {
	if cmd.Name() == "help" || cmd.Name() == "completion" || cmd.Hidden {
		return nil
	}
	if !cmd.HasSubCommands() {
		return []*cobra.Command{cmd}
	}
	for _, sub := range cmd.Commands() {
		list = append(list, leaves(sub)...)
	}
	return list
}

// showOutput runs the command twice.
func showOutput(t *testing.T, p proof) {
	t.Helper()
	with := invoke(t, p.cmd+" "+p.with)
	other := invoke(t, p.cmd+" "+cmp.Or(p.without, without[p.cmd]))
	want := regexp.MustCompile(p.want)
	if !want.MatchString(with) {
		t.Errorf("%s %s: no %q in\n%s", p.cmd, p.with, p.want, with)
	}
	if with == other {
		t.Errorf("%s %s: as without the flag:\n%s", p.cmd, p.with, with)
	}
}

// invoke runs a command in a fresh project, and returns what it printed and
// how it ended.
func invoke(t *testing.T, line string) string {
	t.Helper()
	inProject(t)
	if strings.HasPrefix(line, "history ") {
		perform(t, "history import times.json")
	}
	return perform(t, line)
}

func perform(t *testing.T, line string) string {
	t.Helper()
	root := newRootCommand()
	var out bytes.Buffer
	root.SetIn(strings.NewReader(""))
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetArgs(strings.Fields(line))
	code := execute(root)
	return strings.TrimSpace(fmt.Sprintf("%sexit status %d", out.String(), code))
}

// inProject makes the project and the history of the proofs, and goes there.
func inProject(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	for _, f := range txtar.Parse([]byte(flagProject)).Files {
		path := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
}

// showRequest compares the requests that the command would make.
func showRequest(t *testing.T, p proof) {
	t.Helper()
	with, other := requested(t, p.cmd, p.with), requested(t, p.cmd, "")
	if with == other {
		t.Errorf("%s %s: the request is as without the flag: %s", p.cmd, p.with, with)
	}
	if again := requested(t, p.cmd, ""); again != other {
		t.Errorf("%s: two requests without the flag differ:\n%s\n%s", p.cmd, other, again)
	}
}

// seeds are new in every request.
var seeds = regexp.MustCompile(`"seed":\d+`)

func requested(t *testing.T, name, args string) string {
	t.Helper()
	inProject(t)
	var f runFlags
	cmd := &cobra.Command{Use: name}
	f.register(cmd)
	if name != "exec" {
		f.sessionFlags(cmd)
		f.sizeFlags(cmd)
	}
	if name == "run" {
		f.testFlags(cmd)
	}
	if err := cmd.ParseFlags(strings.Fields(args)); err != nil {
		t.Fatal(err)
	}
	p, err := loadProject(t.Context(), f.dir, f.config)
	if err != nil {
		t.Fatal(err)
	}
	req, err := f.request(t.Context(), p, "")
	if err != nil {
		t.Fatal(err)
	}
	session := seeds.ReplaceAllString(string(worker.Raw(req.Session)), "")
	req.RunID, req.Project, req.ProjectID, req.Session = "", "", "", framework.Suite{}
	req.Compiled.Dir = strings.TrimLeft(filepath.Base(req.Compiled.Dir), "0123456789abcdef")
	return fmt.Sprintf("%+v %s", req, session)
}

// TestOneFileOwnsTheTerminal looks for the process's streams elsewhere.
func TestOneFileOwnsTheTerminal(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "grep", "-lE", `os\.Std(in|out|err)|golang.org/x/term"`, "-r", ".", "--include=*.go").Output()
	if err != nil {
		t.Fatal(err)
	}
	for file := range strings.FieldsSeq(string(out)) {
		if file != "./terminal.go" && !strings.HasSuffix(file, "_test.go") {
			t.Errorf("%s uses the process's own streams: terminal.go owns them", file)
		}
	}
}

// TestCompletionsPass: scripts for shells hold nothing that is shown otherwise.
func TestCompletionsPass(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		var plain, shown bytes.Buffer
		for _, to := range []io.Writer{&plain, console.NewText(&shown, true)} {
			root := newRootCommand()
			root.SetOut(to)
			root.SetArgs([]string{"completion", shell})
			if err := root.Execute(); err != nil {
				t.Fatal(err)
			}
		}
		if plain.Len() < 1000 || plain.String() != shown.String() {
			t.Errorf("the script for %s is not the same", shell)
		}
	}
}
