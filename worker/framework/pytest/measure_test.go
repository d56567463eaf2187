package pytest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/shardyard/shardyard/testsuites/venv"
	"github.com/shardyard/shardyard/worker"
)

// measured runs the project on n workers, test by test in turn, and lays a
// Conclude.Dir out as the coordinator does.
func (p *project) measured(t *testing.T, n int, options CoverageOptions, args ...string) worker.Conclude {
	t.Helper()
	c := worker.Conclude{
		Framework: "pytest", Source: p.checkout(t), Dir: t.TempDir(), Args: slices.Concat(p.args, args),
		Env: map[string]string{"PYTHONDONTWRITEBYTECODE": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
		Options: worker.Raw(struct {
			ConcludeOptions
			Seed int64 `json:"seed"`
		}{ConcludeOptions: ConcludeOptions{Python: p.python, Coverage: &options}}),
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	var head, tests []string
	var all []worker.TestID
	of := map[worker.TestID][]string{}
	var missing []string
	collected := 0
	for i := range n {
		name := fmt.Sprintf("worker-%d", i+1)
		f := newFeed()
		f.order = func(files []worker.Discovered) (queue []worker.Ref) {
			all = nil
			for _, d := range files {
				for _, item := range d.Items {
					if len(all)%n == i {
						queue = append(queue, worker.Ref{ID: item.ID, File: d.File})
					}
					all = append(all, item.ID)
				}
			}
			return queue
		}
		exit, err := New().Run(ctx, worker.Open{
			Framework: "pytest", Mode: worker.Full, Dir: p.checkout(t), Args: c.Args, Env: c.Env, Results: t.TempDir(), Options: c.Options,
		}, f)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if exit.Missing != "" {
			missing = append(missing, name+": "+exit.Missing)
		}
		for _, e := range whole(f.events) {
			switch {
			case e.Output != nil:
				t.Errorf("%s printed %s", name, e.Output.Data)
			case e.Collected != nil:
				collected = e.Collected.Tests
			case e.Reported != nil:
				line := fmt.Sprintf(`{"worker":%q,"test":%s,"kind":%q,"data":%s}`, name, worker.Raw(e.Reported.Test), e.Reported.Kind, e.Reported.Data)
				if e.Reported.Test == "" {
					head = append(head, line)
				} else {
					of[e.Reported.Test] = append(of[e.Reported.Test], line)
				}
			}
		}
		for _, file := range exit.Files {
			to := filepath.Join(c.Dir, "data", name, filepath.Base(file))
			write(t, to, read(t, file))
		}
	}
	for _, id := range all {
		tests = append(tests, of[id]...)
	}
	if len(tests) == 0 {
		t.Fatal("no test was reported")
	}
	write(t, filepath.Join(c.Dir, "reports.jsonl"), strings.Join(slices.Concat(head, tests), "\n")+"\n")
	write(t, filepath.Join(c.Dir, "run.json"), string(worker.Raw(map[string]any{"tests": collected, "missing_coverage": missing})))
	return c
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// cover runs the project plainly, with a command of its environment, and
// returns what its data file says, and where it ran.
func (p *project) cover(t *testing.T, command ...string) (covered map[string]any, dir string) {
	t.Helper()
	dir = p.checkout(t)
	cmd := exec.Command(filepath.Join(filepath.Dir(p.python), command[0]), slices.Concat(command[1:], p.args)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PYTHONHASHSEED=0", "PYTHONDONTWRITEBYTECODE=1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD=1")
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, ".coverage")); err != nil {
		p.inside(t, dir, "coverage", "combine", "-q")
	}
	covered = p.covered(t, filepath.Join(dir, ".coverage"), dir)
	if len(covered) == 0 {
		t.Fatalf("plain pytest covered nothing:\n%s", out)
	}
	return covered, dir
}

// inside runs a command of the environment, which must succeed.
func (p *project) inside(t *testing.T, dir string, command ...string) string {
	t.Helper()
	cmd := exec.Command(filepath.Join(filepath.Dir(p.python), command[0]), command[1:]...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	return string(out)
}

func (p *project) covered(t *testing.T, file, root string) (covered map[string]any) {
	t.Helper()
	script, err := filepath.Abs("testdata/covered.py")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(p.inside(t, root, "python", script, file, root)), &covered); err != nil {
		t.Fatal(err)
	}
	return covered
}

func summary(t *testing.T, done worker.Concluded) (s Summary) {
	t.Helper()
	if err := json.Unmarshal(done.Summary, &s); err != nil {
		t.Fatal(err)
	}
	if s.Coverage == nil {
		t.Fatalf("no coverage in %s", done.Summary)
	}
	return s
}

// TestCoverageEqual holds the combined coverage against an unsharded run's,
// line for line and arc for arc.
func TestCoverageEqual(t *testing.T) {
	ways := map[string]struct{ plain, args []string }{
		"coverage":   {[]string{"coverage", "run", "-m", "pytest"}, nil},
		"pytest-cov": {[]string{"pytest", "-p", "pytest_cov.plugin", "--cov"}, []string{"-p", "pytest_cov.plugin", "--cov"}},
	}
	for release := range releases {
		for name, way := range ways {
			for _, n := range []int{2, 4} {
				t.Run(fmt.Sprintf("%s/%s/%d", release, name, n), func(t *testing.T) {
					t.Parallel()
					p := load(t, "cover", release)
					want, _ := p.cover(t, way.plain...)
					c := p.measured(t, n, CoverageOptions{}, way.args...)
					done, text := conclude(t, c)
					got := p.covered(t, filepath.Join(c.Dir, "out", "coverage", ".coverage"), c.Source)
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("coverage (-plain +ours):\n%s", diff)
					}
					for _, file := range []string{"out/coverage/.coverage", "out/coverage/coverage.xml", "out/coverage/total.json", "out/junit.xml"} {
						if !slices.Contains(done.Files, file) {
							t.Errorf("files %q lack %s", done.Files, file)
						}
					}
					s := summary(t, done)
					if s.Exit != 0 || !s.Coverage.Complete || s.Coverage.FailUnder == nil || *s.Coverage.FailUnder != 60 || s.Coverage.Precision != 1 {
						t.Errorf("summary %+v %+v\n%s", s, s.Coverage, text)
					}
					if _, ok := got["shop/child.py"]; !ok {
						t.Errorf("files %q", slices.Sorted(maps.Keys(got)))
					}
				})
			}
		}
	}
}

// TestCoverageOfALockedProject has a coverage.py from before 7.10, as many
// lockfiles have it.
func TestCoverageOfALockedProject(t *testing.T) {
	for _, version := range []string{"5.5", "6.5", "7.6.1"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			p := load(t, "cover", "8")
			python, err := venv.Make("pytest==8.4.2", "coverage=="+version)
			if err != nil {
				t.Fatal(err)
			}
			p.python = python
			p.archive.Files = slices.DeleteFunc(p.archive.Files, func(f txtar.File) bool { return f.Name == ".coveragerc" })
			c := p.measured(t, 2, CoverageOptions{Sources: []string{"shop"}})
			done, text := conclude(t, c)
			s := summary(t, done)
			if s.Exit != 0 || !s.Coverage.Complete || s.Coverage.Lines.Covered == 0 {
				t.Errorf("%+v %+v\n%s", s, s.Coverage, text)
			}
		})
	}
}

// TestCoverageIncomplete has a worker's file missing, empty, cut or foreign:
// the rest is combined, and the result says that it is not complete.
func TestCoverageIncomplete(t *testing.T) {
	p := load(t, "cover", "8")
	c := p.measured(t, 2, CoverageOptions{})
	files, err := filepath.Glob(filepath.Join(c.Dir, "data", "worker-2", "*.data"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	whole := read(t, files[0])
	for _, tc := range []struct{ name, text, reason string }{
		{"empty", "", "worker-2: its coverage file is empty"},
		{"cut", whole[:len(whole)/2], "worker-2: its coverage file is damaged"},
		{"cut to its head", whole[:100], "worker-2: its coverage file is damaged"},
		{"foreign", strings.Repeat("text ", 100), "worker-2: its coverage file is not coverage data"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			write(t, files[0], tc.text)
			done, _ := conclude(t, c)
			s := summary(t, done)
			if s.Coverage.Complete || !strings.HasPrefix(s.Coverage.Reason, tc.reason) || s.Coverage.Percent <= 0 || s.Exit != 0 {
				t.Errorf("%+v", s.Coverage)
			}
		})
	}
	write(t, files[0], whole)
	write(t, filepath.Join(c.Dir, "run.json"), `{"tests": 8, "missing_coverage": ["worker-3: it was lost"]}`)
	done, _ := conclude(t, c)
	if s := summary(t, done); s.Coverage.Complete || s.Coverage.Reason != "worker-3: it was lost" {
		t.Errorf("%+v", s.Coverage)
	}
	if err := os.RemoveAll(filepath.Join(c.Dir, "data")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(c.Dir, "run.json"), `{"tests": 8}`)
	done, _ = conclude(t, c)
	if s := summary(t, done); s.Coverage.Complete || s.Coverage.Reason != "no worker wrote coverage data" {
		t.Errorf("%+v", s.Coverage)
	}
}

// TestCoverageCutAnywhere has a file of coverage data cut at each of fifty
// places, from nothing to all but the last byte: none passes for whole.
func TestCoverageCutAnywhere(t *testing.T) {
	p := load(t, "cover", "8")
	c := p.measured(t, 1, CoverageOptions{})
	files, err := filepath.Glob(filepath.Join(c.Dir, "data", "worker-1", "*.data"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	whole := read(t, files[0])
	const cuts = 50
	for i := range cuts {
		length := i * (len(whole) - 1) / (cuts - 1)
		write(t, filepath.Join(c.Dir, "data", fmt.Sprintf("worker-%d", i+2), filepath.Base(files[0])), whole[:length])
	}
	done, _ := conclude(t, c)
	s := summary(t, done)
	if s.Coverage.Complete || s.Coverage.Percent <= 0 {
		t.Errorf("%+v", s.Coverage)
	}
	for i := range cuts {
		if name := fmt.Sprintf("worker-%d: its coverage file is ", i+2); !strings.Contains(s.Coverage.Reason, name) {
			t.Errorf("the cut file of worker-%d passes for whole: %s", i+2, s.Coverage.Reason)
		}
	}
}

// TestCoverageInAddopts has pytest-cov asked for a limit and for reports by
// the project: no worker applies or writes them, the end does, once.
func TestCoverageInAddopts(t *testing.T) {
	for release := range releases {
		t.Run(release, func(t *testing.T) {
			t.Parallel()
			p := load(t, "cover", release)
			for i, f := range p.archive.Files {
				if f.Name == "pytest.ini" {
					p.archive.Files[i].Data = slices.Concat(f.Data, []byte("addopts = -p pytest_cov.plugin --cov=shop --cov-branch "+
						"--cov-report=xml --cov-report=html --cov-report=term-missing --cov-fail-under=99\n"))
				}
			}
			want, _ := p.cover(t, "pytest")
			c := p.measured(t, 2, CoverageOptions{})
			for _, name := range []string{"coverage.xml", "htmlcov", ".coverage"} {
				if _, err := os.Stat(filepath.Join(c.Source, name)); err == nil {
					t.Errorf("a worker wrote %s", name)
				}
			}
			done, text := conclude(t, c)
			got := p.covered(t, filepath.Join(c.Dir, "out", "coverage", ".coverage"), c.Source)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("coverage (-plain +ours):\n%s", diff)
			}
			s := summary(t, done)
			if s.Exit != 0 || s.Coverage.FailUnder == nil || *s.Coverage.FailUnder != 99 || !s.Coverage.Complete {
				t.Errorf("%+v, %+v", s, s.Coverage)
			}
			if strings.Count(text, "TOTAL") != 1 || !strings.Contains(text, "Missing") {
				t.Errorf("the table is not there once:\n%s", text)
			}
			for _, file := range []string{"out/coverage/coverage.xml", "out/coverage/html/index.html"} {
				if !slices.Contains(done.Files, file) {
					t.Errorf("files lack %s", file)
				}
			}
		})
	}
}

// TestCoverageOptions has the run's options decide where the project says
// nothing, and measure children.
func TestCoverageOptions(t *testing.T) {
	p := load(t, "cover", "8")
	p.archive.Files = slices.DeleteFunc(p.archive.Files, func(f txtar.File) bool { return f.Name == ".coveragerc" })
	yes, limit := true, 12.5
	c := p.measured(t, 2, CoverageOptions{Sources: []string{"shop"}, Branch: &yes, Subprocess: true, FailUnder: &limit})
	done, _ := conclude(t, c)
	s := summary(t, done)
	got := p.covered(t, filepath.Join(c.Dir, "out", "coverage", ".coverage"), c.Source)
	want := []string{"shop/__init__.py", "shop/cart.py", "shop/child.py", "shop/forked.py", "shop/unused.py"}
	if files := slices.Sorted(maps.Keys(got)); !slices.Equal(files, want) {
		t.Errorf("files %q", files)
	}
	if s.Coverage.Branches.Total == 0 || *s.Coverage.FailUnder != limit || s.Coverage.RelativeFiles || s.Coverage.Lines.Covered != 20 {
		t.Errorf("%+v", s.Coverage)
	}
}
