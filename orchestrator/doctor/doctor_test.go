package doctor_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/shardyard/shardyard/internal/needs"
	"github.com/shardyard/shardyard/orchestrator/doctor"
	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/worker/framework"
)

func TestExamine(t *testing.T) {
	good := doctor.Func(func(context.Context) []doctor.Check { return []doctor.Check{doctor.Good("a", "1 %s", "x")} })
	warn := doctor.Func(func(context.Context) []doctor.Check { return []doctor.Check{doctor.Warn("b", "do it", "slow")} })
	fail := doctor.Func(func(context.Context) []doctor.Check { return []doctor.Check{doctor.Fail("c", "mend it", "gone")} })
	d, err := doctor.Examine(t.Context(), good, warn)
	want := doctor.Diagnosis{OK: true, Checks: []doctor.Check{
		{Name: "a", Mark: doctor.Fine, Found: "1 x"}, {Name: "b", Mark: doctor.Warning, Found: "slow", Fix: "do it"},
	}}
	if diff := cmp.Diff(want, d); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if d, _ := doctor.Examine(t.Context(), good, fail, warn); d.OK || len(d.Checks) != 3 {
		t.Errorf("with a failure: %+v", d)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("interrupted")
	stop := doctor.Func(func(context.Context) []doctor.Check { cancel(why); return nil })
	if d, err := doctor.Examine(ctx, stop, good); !errors.Is(err, why) || len(d.Checks) > 0 {
		t.Errorf("interrupted: %+v, %v", d, err)
	}
}

// yard is an engine that answers as it is told.
type yard struct {
	engine.Engine
	info    engine.Info
	base    engine.Base
	silent  error // Info's
	unfound error // Base's
	asked   [2]string
	closed  int
}

func (y *yard) Info(context.Context) (engine.Info, error) { return y.info, y.silent }
func (y *yard) Close() error                              { y.closed++; return nil }
func (y *yard) Base(_ context.Context, image string, tools framework.Toolchain, _ func(string)) (engine.Base, error) {
	y.asked = [2]string{image, tools.Version}
	return y.base, y.unfound
}

// talker is an engine with a check of its own.
type talker struct{ *yard }

func (talker) Check(_ context.Context, info engine.Info) []doctor.Check {
	return []doctor.Check{doctor.Good("agent", "for %s", info.Platform)}
}

func TestWorkers(t *testing.T) {
	info := engine.Info{Name: "yard", Version: "1", Platform: "linux/amd64", CPUs: 2, Memory: 4e9, Isolated: true}
	loose := info
	loose.Isolated = false
	base := engine.Base{Image: "img", Program: "python3", Note: "not there: img"}
	describe := func(tail string) string { return "ok engine yard 1, linux/amd64, 2 CPUs, 4.0 GB" + tail }
	for _, x := range []struct {
		name   string
		yard   yard
		talks  bool
		refuse error
		note   string
		want   []string
	}{
		{name: "cannot be opened", refuse: errors.New("no socket"), want: []string{"failed engine no socket: start it"}},
		{name: "does not answer", yard: yard{silent: errors.New("no answer")}, want: []string{"failed engine no answer: start it"}},
		{
			name: "all is fine", yard: yard{info: info, base: base}, talks: true,
			want: []string{describe(""), "ok agent for linux/amd64", "ok image img (not there: img), with python at python3", "ok tool nothing is installed: the image must have it"},
		},
		{
			name: "no isolation", yard: yard{info: loose, base: base},
			want: []string{describe("; workers are not isolated from each other"), "ok image img (not there: img), with python at python3", "ok tool nothing is installed: the image must have it"},
		},
		{
			name: "another engine was passed over", yard: yard{info: loose, base: base}, note: "no Docker",
			want: []string{"warning engine no Docker: get a better one", "ok image img (not there: img), with python at python3", "ok tool nothing is installed: the image must have it"},
		},
		{
			name: "no such image", yard: yard{info: info, unfound: errors.New("not in the registry")},
			want: []string{describe(""), "failed image img: not in the registry: write another image: to shardyard.yaml (host needs no registry), or use --engine process"},
		},
	} {
		t.Run(x.name, func(t *testing.T) {
			var e engine.Engine = &x.yard
			if x.talks {
				e = talker{&x.yard}
			}
			checks := doctor.Workers{
				Open:   func(context.Context) (engine.Engine, string, error) { return e, x.note, x.refuse },
				Advice: "start it", Better: "get a better one", Image: "img", Toolchain: framework.Toolchain{Name: "python", Version: "3.12"},
				Tools: []doctor.Tools{doctor.Package{Name: "tool"}},
			}.Examine(t.Context())
			if diff := cmp.Diff(x.want, lines(checks)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if opened := x.refuse == nil; opened != (x.yard.closed == 1) {
				t.Errorf("closed %d times", x.yard.closed)
			}
			if asked := x.yard.asked; asked != [2]string{} && asked != [2]string{"img", "3.12"} {
				t.Errorf("asked for %v", asked)
			}
		})
	}
}

// lines are checks as people read them.
func lines(checks []doctor.Check) (all []string) {
	for _, c := range checks {
		text := string(c.Mark) + " " + c.Name + " " + c.Found
		if c.Fix != "" {
			text += ": " + c.Fix
		}
		all = append(all, text)
	}
	return all
}

func TestPackage(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		needs.Lacks(t, "a shell", err)
	}
	host := engine.Base{Host: true, Program: sh}
	for _, x := range []struct {
		pkg  doctor.Package
		base engine.Base
		want string
	}{
		{doctor.Package{Name: "tool", Installs: []string{"get a", "get b"}}, host, "ok tool installed by get a, get b"},
		{doctor.Package{Name: "tool"}, engine.Base{}, "ok tool nothing is installed: the image must have it"},
		{doctor.Package{Name: "tool", Toolchain: framework.Toolchain{Query: []string{"-c", "test {package} = tool && echo 8.1"}}}, host, "ok tool 8.1 of " + sh},
		{
			doctor.Package{Name: "tool", Toolchain: framework.Toolchain{Query: []string{"-c", "exit 1"}, Advice: "{program} get {package}"}}, host,
			"failed tool nothing is installed for the tests, and " + sh + " has no tool: " + sh + " get tool, or let setup in shardyard.yaml install it",
		},
	} {
		if got := lines(x.pkg.Check(t.Context(), x.base)); len(got) != 1 || got[0] != x.want {
			t.Errorf("%q, want %q", got, x.want)
		}
	}
}

func TestGit(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		needs.Lacks(t, "git", err)
	}
	dir := t.TempDir()
	t.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(dir))
	if got := lines(doctor.Git{Dir: dir}.Examine(t.Context())); !strings.HasSuffix(got[0], "is in no repository: every file is part of the source") {
		t.Errorf("%q", got)
	}
	if out, err := exec.CommandContext(t.Context(), "git", "init", "-q", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got := lines(doctor.Git{Dir: dir}.Examine(t.Context())); !strings.Contains(got[0], "; the repository is ") {
		t.Errorf("%q", got)
	}
	t.Setenv("PATH", dir)
	if got := lines(doctor.Git{Dir: dir}.Examine(t.Context())); !strings.HasPrefix(got[0], "warning git git cannot be run") {
		t.Errorf("%q", got)
	}
}

func TestWritable(t *testing.T) {
	dir := t.TempDir()
	below := filepath.Join(dir, "not", "there", "yet")
	if got := lines(doctor.Writable{Name: "state", Dir: below}.Examine(t.Context())); got[0] != "ok state "+below+" can be written" {
		t.Errorf("%q", got)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("it left %v, %v", entries, err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	got := lines(doctor.Writable{Name: "state", Dir: filepath.Join(file, "below"), Fix: "move it"}.Examine(t.Context()))
	if !strings.HasPrefix(got[0], "failed state ") || !strings.HasSuffix(got[0], ": move it") {
		t.Errorf("%q", got)
	}
}
