package pytest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/shardyard/shardyard/worker"
)

// journaled is a plain run whose reports were written down in dir.
type journaled struct {
	source, dir string // the project's, and a Conclude.Dir
	args        []string
	python      string
	text, junit string
	code        int
}

// journal runs the project with pytest itself.
func (p *project) journal(t *testing.T, args ...string) journaled {
	t.Helper()
	j := journaled{source: p.checkout(t), dir: t.TempDir(), args: slices.Concat(p.args, args), python: p.python}
	testdata, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	xml := filepath.Join(t.TempDir(), "plain.xml")
	cmd := exec.Command(filepath.Join(filepath.Dir(p.python), "pytest"), slices.Concat([]string{"-p", "journal", "--junitxml", xml}, j.args)...)
	cmd.Dir = j.source
	cmd.Env = append(os.Environ(), "PYTHONHASHSEED=0", "JOURNAL="+j.dir, "PYTHONPATH="+testdata, "PYTEST_DISABLE_PLUGIN_AUTOLOAD=1")
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	j.text, j.code = string(out), cmd.ProcessState.ExitCode()
	j.junit = read(t, xml)
	return j
}

// conclude concludes what was journaled.
func (j journaled) conclude(t *testing.T, options ConcludeOptions) (done worker.Concluded, text string) {
	t.Helper()
	options.Python = j.python
	return conclude(t, worker.Conclude{
		Framework: "pytest", Source: j.source, Dir: j.dir, Args: j.args,
		Env:     map[string]string{"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
		Options: worker.Raw(options),
	})
}

// ordered has the records replayed as they come: first those of no test, then
// each stretch of records of one test.
func ordered(t *testing.T, dir string) {
	t.Helper()
	head, last, offset := [][2]int{}, "", 0
	var tests strings.Builder
	for line := range strings.Lines(read(t, filepath.Join(dir, "reports.jsonl"))) {
		var e struct{ Test string }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		at := [2]int{offset, len(line)}
		offset += len(line)
		switch {
		case e.Test == "" && tests.Len() == 0:
			head = append(head, at)
			continue
		case e.Test != last || tests.Len() == 0:
			tests.WriteString("\n")
		default:
			tests.WriteString(",")
		}
		last = e.Test
		fmt.Fprintf(&tests, "[%d,%d]", at[0], at[1])
	}
	text := string(worker.Raw(head))
	for line := range strings.Lines(strings.TrimPrefix(tests.String(), "\n")) {
		text += "\n[" + strings.TrimSuffix(line, "\n") + "]"
	}
	write(t, filepath.Join(dir, "order.jsonl"), text+"\n")
}

func conclude(t *testing.T, c worker.Conclude) (done worker.Concluded, text string) {
	t.Helper()
	ordered(t, c.Dir)
	var mu sync.Mutex
	var stdout, stderr strings.Builder
	done, err := New().Conclude(context.Background(), c, func(e worker.Event) {
		mu.Lock()
		defer mu.Unlock()
		switch e.Output.Stream {
		case "stdout":
			stdout.Write(e.Output.Data)
		case "stderr":
			stderr.Write(e.Output.Data)
		}
	})
	if err != nil || done.Error != "" {
		t.Fatalf("conclude: %v %s\n%s%s", err, done.Error, stdout.String(), stderr.String())
	}
	if stderr.Len() > 0 {
		t.Errorf("stderr of the conclusion: %s", stderr.String())
	}
	return done, stdout.String()
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var (
	suiteTime = regexp.MustCompile(`(<testsuite [^>]*?)time="[^"]*" timestamp="[^"]*" hostname="[^"]*"`)
	lastTime  = regexp.MustCompile(`in [0-9.]+s( \([0-9:]+\))?`)
	xmlLine   = regexp.MustCompile(`(?m)^-+ generated xml file: .* -+\n`)
)

// sameText holds the terminal's text against plain pytest's.
func sameText(t *testing.T, plain, replayed string) {
	t.Helper()
	clean := func(s string) string {
		s = xmlLine.ReplaceAllString(s, "")
		// The closing line is padded to the terminal's width.
		return strings.Trim(lastTime.ReplaceAllString(s, "in TIME"), "=\n ")
	}
	if diff := cmp.Diff(strings.Split(clean(plain), "\n"), strings.Split(clean(replayed), "\n")); diff != "" {
		t.Errorf("terminal (-plain +replay):\n%s", diff)
	}
}

func sameJUnit(t *testing.T, plain, replayed string) {
	t.Helper()
	clean := func(s string) []string {
		return strings.SplitAfter(suiteTime.ReplaceAllString(s, "$1"), ">")
	}
	if diff := cmp.Diff(clean(plain), clean(replayed)); diff != "" {
		t.Errorf("JUnit (-plain +replay):\n%s", diff)
	}
}

func TestReplay(t *testing.T) {
	variants := map[string][]string{
		"default":    nil,
		"verbose":    {"-vv", "--durations=0"},
		"quiet":      {"-q", "-rA", "--tb=short"},
		"xunit1":     {"-o", "junit_family=xunit1", "-o", "junit_logging=all"},
		"deselected": {"-k", "not odd", "-m", "not slow", "--tb=line"},
		"nothing":    {"-k", "nowhere"},
	}
	for release := range releases {
		for name, args := range variants {
			t.Run(fmt.Sprintf("%s/%s", release, name), func(t *testing.T) {
				t.Parallel()
				j := load(t, "replay", release).journal(t, args...)
				done, text := j.conclude(t, ConcludeOptions{})
				if done.Code != j.code {
					t.Errorf("exit status %d, plain pytest's is %d", done.Code, j.code)
				}
				sameText(t, j.text, text)
				sameJUnit(t, j.junit, read(t, filepath.Join(j.dir, "out", "junit.xml")))
				if want := []string{"out/junit.xml"}; !slices.Equal(done.Files, want) {
					t.Errorf("files %q, want %q", done.Files, want)
				}
				var s Summary
				if err := json.Unmarshal(done.Summary, &s); err != nil {
					t.Fatal(err)
				}
				if name == "default" && (s.Tests["passed"] < 5 || s.Tests["failed"] < 5 || s.Tests["error"] != 3 || s.Exit != 1) {
					t.Errorf("summary %+v", s)
				}
			})
		}
	}
}
