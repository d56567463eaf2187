package pytest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/shardyard/shardyard/worker"
)

// partly is a project whose tests run 111 of 131 statements: 84.73 %.
func partly(t *testing.T, release string) *project {
	t.Helper()
	module := strings.Repeat("x = 1\n", 110) + "def never():\n" + strings.Repeat("    x = 1\n", 20)
	return &project{python: interpreter(t, release), archive: &txtar.Archive{Files: []txtar.File{
		{Name: "part.py", Data: []byte(module)}, {Name: "test_part.py", Data: []byte("import part\ndef test_1(): pass\ndef test_2(): pass\n")},
		{Name: ".coveragerc", Data: []byte("[run]\nsource = .\nomit = test_*\n")},
	}}}
}

// TestCoverageLimit holds a limit against coverage.py's own command, on the data
// that was combined.
func TestCoverageLimit(t *testing.T) {
	p := partly(t, "8")
	c := p.measured(t, 2, CoverageOptions{})
	c.Project = c.Source // where `coverage report` is run
	for _, test := range []struct {
		limit     float64
		precision int
	}{{85, 0}, {84, 0}, {84.8, 0}, {85, 1}, {84.7, 1}, {84.8, 1}, {84.73, 2}, {84.74, 2}, {100, 0}} {
		t.Run(fmt.Sprintf("%g of %d decimals", test.limit, test.precision), func(t *testing.T) {
			write(t, filepath.Join(c.Source, ".coveragerc"), fmt.Sprintf("[run]\nsource = .\nomit = test_*\n[report]\nprecision = %d\n", test.precision))
			c.Options = worker.Raw(ConcludeOptions{Python: p.python, Coverage: &CoverageOptions{FailUnder: &test.limit}})
			done, text := conclude(t, c)
			s := summary(t, done)
			shown, under := p.judged(t, c, test.limit)
			if s.Coverage.Shown != shown || s.Coverage.Under != under {
				t.Errorf("%s %%, under %t; coverage.py says %s %%, %t\n%s", s.Coverage.Shown, s.Coverage.Under, shown, under, text)
			}
		})
	}
}

// judged asks `coverage report`.
func (p *project) judged(t *testing.T, c worker.Conclude, limit float64) (shown string, under bool) {
	t.Helper()
	cmd := exec.Command(filepath.Join(filepath.Dir(p.python), "coverage"), "report", fmt.Sprintf("--fail-under=%g", limit))
	cmd.Dir = c.Source
	cmd.Env = append(os.Environ(), "COVERAGE_FILE="+filepath.Join(c.Dir, "out", "coverage", ".coverage"))
	out, err := cmd.CombinedOutput()
	var failed *exec.ExitError
	if err != nil && (!errors.As(err, &failed) || failed.ExitCode() != 2) {
		t.Fatalf("coverage report: %v\n%s", err, out)
	}
	total := regexp.MustCompile(`TOTAL .* ([0-9.]+)%`).FindSubmatch(out)
	if total == nil {
		t.Fatalf("coverage report has no total:\n%s", out)
	}
	return string(total[1]), err != nil
}

// TestPluginsCoverageLimit: where pytest-cov measures, its own verdict counts.
// Some releases round, and some do not.
func TestPluginsCoverageLimit(t *testing.T) {
	for release := range releases {
		t.Run(release, func(t *testing.T) {
			args := []string{"-p", "pytest_cov.plugin", "--cov", "--cov-fail-under=85"}
			p := partly(t, release)
			c := p.measured(t, 2, CoverageOptions{}, args...)
			done, text := conclude(t, c)
			plain := exec.Command(filepath.Join(filepath.Dir(p.python), "pytest"), args...)
			plain.Dir = p.checkout(t)
			plain.Env = append(os.Environ(), "PYTEST_DISABLE_PLUGIN_AUTOLOAD=1")
			out, err := plain.CombinedOutput()
			if s := summary(t, done); s.Coverage.Under != (err != nil) || s.Coverage.Shown != "85" {
				t.Errorf("%+v, and plain pytest ends with %v\n%s\n%s", s.Coverage, err, out, text)
			}
		})
	}
}

// TestCoverageOfTheCheckout: the data is of use where the user's own sources are,
// and is kept as it was too.
func TestCoverageOfTheCheckout(t *testing.T) {
	p := partly(t, "8")
	c := p.measured(t, 2, CoverageOptions{})
	c.Project = p.checkout(t)
	done, text := conclude(t, c)
	if s := summary(t, done); !s.Coverage.Complete {
		t.Fatalf("%+v\n%s", s.Coverage, text)
	}
	for name, want := range map[string]string{".coverage": filepath.Join(c.Project, "part.py"), "relative.coverage": "part.py"} {
		script := "import coverage, sys; d = coverage.CoverageData(sys.argv[1]); d.read(); print(*d.measured_files())"
		got := p.inside(t, c.Project, "python", "-c", script, filepath.Join(c.Dir, "out", "coverage", name))
		if strings.TrimSpace(got) != want {
			t.Errorf("%s is of %s, want %s", name, got, want)
		}
	}
}
