package testsuites

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A suite is a source archive of the package index.
type suite struct {
	name    string // of the package
	version string
	cov     string // what coverage measures
	git     bool   // as a repository, with a tag and a dirty tree
	workers []int
	ci      bool     // part of every test run
	args    []string // of pytest
	config  string   // shardyard.yaml, where detection cannot know
}

var suites = []suite{
	{name: "click", version: "8.1.8", cov: "click", workers: []int{1, 2, 4, 8}, ci: true},
	{name: "flask", version: "3.1.0", cov: "flask", workers: []int{4}, git: true, ci: true},
	{name: "attrs", version: "25.1.0", cov: "attr", workers: []int{4}, git: true},
	{name: "werkzeug", version: "3.1.3", cov: "werkzeug", workers: []int{1, 2, 4, 8}},
	{name: "requests", version: "2.32.3", cov: "requests", workers: []int{4}},
	{name: "networkx", version: "3.4.2", cov: "networkx", workers: []int{4}},
}

// TestSuites needs a package index. SHARDYARD_SUITES chooses: "ci" (default)
// for those of every run, "all", or a list with commas, of their names or of
// any package as NAME==VERSION:WHAT, where WHAT is what coverage measures.
func TestSuites(t *testing.T) {
	chosen := strings.Split(cmp.Or(os.Getenv("SHARDYARD_SUITES"), "ci"), ",")
	bin := build(t)
	run := others(t, chosen)
	for _, s := range suites {
		if slices.Contains(chosen, "all") || s.ci && slices.Contains(chosen, "ci") || slices.Contains(chosen, s.name) {
			run = append(run, s)
		}
	}
	for _, s := range run {
		t.Run(s.name, func(t *testing.T) { s.test(t, bin) })
	}
}

// others are the suites that are chosen and not in the list.
func others(t *testing.T, chosen []string) (more []suite) {
	for _, c := range chosen {
		name, rest, ok := strings.Cut(c, "==")
		if version, cov, both := strings.Cut(rest, ":"); both {
			more = append(more, suite{name: name, version: version, cov: cov, workers: []int{4}})
		} else if ok {
			t.Fatalf("SHARDYARD_SUITES: %s: must be NAME==VERSION:WHAT", c)
		}
	}
	return more
}

func (s suite) test(t *testing.T, bin string) {
	dir := s.fetch(t)
	y := yard{t: t, bin: bin, dir: dir, suite: s, state: t.TempDir()}
	defer y.clear()
	first, second := y.plain(), y.plain()
	changing := first.outcomes.differences(second.outcomes)
	if n, all := len(changing), len(first.outcomes); all == 0 || n*100 > all {
		t.Fatalf("plain pytest itself changes %d of %d tests between two runs: %v", n, all, changing)
	} else if n > 0 {
		t.Logf("left out, since plain pytest itself changes them: %v", changing)
	}
	for _, n := range s.workers {
		t.Run(fmt.Sprintf("N=%d", n), func(t *testing.T) {
			got := y.sharded(t, n)
			outcomes := slices.DeleteFunc(first.outcomes.differences(got.outcomes), func(id string) bool { return slices.Contains(changing, id) })
			got.differs(t, first, outcomes, y.uncovered(got, first, second))
		})
	}
}

// uncovered are the lines whose coverage is another one than plain pytest's.
// Lines that plain pytest itself changes do not count. Where two runs do not
// show it, tests may hang on the order: one run is made in the workers' own. Or
// they draw numbers of a generator that they did not seed, but another test, or
// a file on import: then the runs that follow seed it otherwise.
func (y *yard) uncovered(got result, plain ...result) []string {
	const most = 8
	for {
		var lines []string
		for _, line := range plain[0].coverage.differences(got.coverage) {
			stable := true
			for _, p := range plain {
				stable = stable && p.coverage[line] == plain[0].coverage[line]
			}
			if stable {
				lines = append(lines, line)
			}
		}
		switch n := len(lines); {
		case n == 0 || n*100 > len(got.coverage) || len(plain) == most:
			return lines
		case len(plain) == 2:
			plain = append(plain, y.inOrder())
		default:
			y.t.Logf("coverage of %v: plain pytest is asked whether it hangs on chance", lines)
			plain = append(plain, y.seeded(len(plain)))
		}
	}
}

// fetch unpacks the source archive.
func (s suite) fetch(t *testing.T) string {
	t.Helper()
	work := t.TempDir()
	command(t, work, nil, "python3", "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", s.name+"=="+s.version)
	archives, err := filepath.Glob(filepath.Join(work, "*.tar.gz"))
	if err != nil || len(archives) != 1 {
		t.Fatalf("the archive of %s: %v %v", s.name, archives, err)
	}
	dir := filepath.Join(work, s.name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	command(t, work, nil, "tar", "-xzf", archives[0], "-C", dir, "--strip-components=1")
	if s.config != "" {
		write(t, filepath.Join(dir, "shardyard.yaml"), s.config)
	}
	if s.git {
		for _, args := range [][]string{
			{"init", "--quiet"},
			{"add", "--all", "--force"},
			{"-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "--quiet", "--message", "import"},
			{"tag", s.version},
		} {
			command(t, dir, nil, "git", args...)
		}
		write(t, filepath.Join(dir, "not-committed.txt"), "a dirty tree\n")
	}
	return dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func command(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// build makes the binary that the tests run: static, since it is sent into
// containers. SHARDYARD_BIN names one that is there already.
func build(t *testing.T) string {
	t.Helper()
	if bin := os.Getenv("SHARDYARD_BIN"); bin != "" {
		return bin
	}
	bin := filepath.Join(t.TempDir(), "shardyard")
	command(t, ".", []string{"CGO_ENABLED=0"}, "go", "build", "-o", bin, "github.com/shardyard/shardyard/cmd/shardyard")
	return bin
}
