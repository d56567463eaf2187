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
		for _, e := range f.events {
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
