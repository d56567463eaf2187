// Package systems runs a suite of 30,000 tests, 300 of which fail, under the variables of
// each CI system, and holds what is printed and left against what that system documents.
package systems

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/shardyard/shardyard/internal/needs"
)

// TestMain leaves these tests out unless make test-viewers asks for them.
func TestMain(m *testing.M) { needs.Target(m, "SYSTEMS", "test-viewers") }

const tests, failing = 30_000, 300

// project is the suite: units that a command runs in batches, which leave JUnit files, with
// as much text as failures of pytest have.
var project = map[string]string{
	"shardyard.yaml": `version: 1
image: host
setup: []
prepare: []
suites:
  unit: { framework: command, list: "sh list.sh", run: "sh run.sh {junit}" }
`,
	"list.sh": fmt.Sprintf(`i=0
while [ $i -lt %d ]; do echo "tests/test_$((i / 300)).py::test_adds_up[$i]"; i=$((i + 1)); done
`, tests),
	"run.sh": fmt.Sprintf(`awk '
BEGIN { print "<testsuites><testsuite name=\"unit\">" }
{
  n = $0; sub(/.*\[/, "", n)
  file = $0; sub(/::.*/, "", file)
  printf "<testcase classname=\"%%s\" name=\"%%s\" file=\"%%s\" line=\"%%d\" time=\"0.001\">", file, $0, file, 7
  if (n %% %d == 7) {
    printf "<failure message=\"AssertionError: %%d apples\">", n
    for (i = 0; i < 60; i++) printf "    line %%d of what the framework says of the failure of test %%d\n", i, n
    printf "</failure><system-out>"
    for (i = 0; i < 200; i++) printf "what the test printed\n"
    printf "</system-out>"
    bad = 1
  }
  print "</testcase>"
}
END { print "</testsuite></testsuites>"; exit bad }' "$SHARDYARD_UNITS" >"$1"
`, tests/failing),
}

// Documented limits, in bytes.
const (
	gitHubSummary = 1 << 20
	buildkiteText = 1 << 20
	gitLabLog     = 4 << 20
	gitLabJUnit   = 30_000_000
	gitLabJUnits  = 100_000_000
	gitLabObjects = 250_000
	page          = 5 << 20 // our own
)

// A tree is what one run left.
type tree struct {
	t       *testing.T
	at, dir string // where the job kept things, and the run
	log     string
}

// read returns a file of the run, or of the job.
func (r tree) read(name string) string {
	r.t.Helper()
	path := filepath.Join(r.dir, filepath.FromSlash(name))
	if filepath.Base(name) == name {
		if _, err := os.Stat(filepath.Join(r.at, name)); err == nil {
			path = filepath.Join(r.at, name)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		r.t.Fatal(err)
	}
	return string(text)
}

// within wants a file, and that it is no larger than this.
func (r tree) within(name string, limit int) string {
	r.t.Helper()
	text := r.read(name)
	if len(text) > limit || !utf8.ValidString(text) {
		r.t.Errorf("%s has %d bytes, and may have %d", name, len(text), limit)
	}
	return text
}

// lines counts the lines of the log that a pattern matches.
func (r tree) lines(pattern string) int {
	return len(regexp.MustCompile("(?m)"+pattern).FindAllString(r.log, -1))
}

// wants so many lines that a pattern matches.
func (r tree) wants(n int, pattern string) {
	r.t.Helper()
	if got := r.lines(pattern); got != n {
		r.t.Errorf("%d lines are %s, want %d", got, pattern, n)
	}
}

func TestSystems(t *testing.T) {
	bin := os.Getenv("SHARDYARD_BIN")
	dir := filepath.Join(t.TempDir(), "shop")
	for name, text := range project {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, system := range []struct {
		name string
		env  []string
		told func(r tree)
	}{
		{"github", []string{"GITHUB_ACTIONS=true"}, actions},
		{"gitea", []string{"GITHUB_ACTIONS=true", "GITEA_ACTIONS=true"}, actions},
		{"forgejo", []string{"GITHUB_ACTIONS=true", "FORGEJO_ACTIONS=true"}, actions},
		{"gitlab", []string{"GITLAB_CI=true"}, gitLab},
		{"jenkins", []string{"JENKINS_URL=https://ci.example.org/"}, jenkins},
		{"buildkite", []string{"BUILDKITE=true"}, buildkite},
		{"azure", []string{"TF_BUILD=True"}, azure},
	} {
		t.Run(system.name, func(t *testing.T) {
			at := t.TempDir()
			agent := filepath.Join(at, "buildkite-agent") // keeps what it is handed
			if err := os.WriteFile(agent, []byte("#!/bin/sh\necho \"$@\" >\"$0.said\"; cat >\"$0.read\"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), bin, "run", "-C", dir, "--engine", "process", "-w", "2")
			cmd.Env = append(os.Environ(), append(system.env, "CI=true", "GITHUB_STEP_SUMMARY="+filepath.Join(at, "step.md"), "GITHUB_WORKSPACE="+dir,
				"BUILD_SOURCESDIRECTORY="+dir, "PATH="+at+string(os.PathListSeparator)+os.Getenv("PATH"),
				"XDG_STATE_HOME="+filepath.Join(at, "state"), "XDG_CACHE_HOME="+filepath.Join(at, "cache"))...)
			var log, errs bytes.Buffer
			cmd.Stdout, cmd.Stderr = &log, &errs
			_ = cmd.Run() // an error is the status
			r := tree{t, at, filepath.Join(dir, ".shardyard", "runs", "latest"), log.String()}
			if cmd.ProcessState.ExitCode() != 1 || errs.Len() > 0 || !strings.Contains(r.log, "\nFAIL  300 of 30 000 failed ") {
				t.Fatalf("status %d\n%s\n%s", cmd.ProcessState.ExitCode(), errs.String(), r.log[max(0, len(r.log)-2000):])
			}
			summary := r.within("ci/summary.md", gitHubSummary)
			if n := strings.Count(summary, "\n- "); n != 51 || !strings.Contains(summary, "\n- ... and 250 more\n") {
				t.Errorf("the summary has %d rows", n)
			}
			r.within("report.html", page)
			r.within("ci/metrics.txt", 10_000)
			system.told(r)
			t.Logf("%d bytes of log, %d of summary, %d of JUnit", len(r.log), len(summary), len(r.read("junit.xml")))
		})
	}
}

// actions is GitHub: ten errors and ten warnings a step, 1 MiB of summary.
func actions(r tree) {
	r.wants(10, `^::error title=(tests/test_\d+\.py%3A%3Atest_adds_up\[\d+\] failed::|shardyard::291 more: )`)
	r.wants(10, `^::error `)
	r.wants(0, `^::warning `)
	r.wants(0, `^::(group|notice|debug)`)
	if n := r.lines(`^::stop-commands::`); n == 0 || n != r.lines(`^::shardyard-\w+::$`) {
		r.t.Errorf("commands are stopped %d times, and not let go as often", n)
	}
	r.within("step.md", gitHubSummary)
}

// gitLab is 4 MiB of log, and JUnit within its limits; of tests with the same class and
// name it reads the first.
func gitLab(r tree) {
	if len(r.log) > gitLabLog {
		r.t.Errorf("the log has %d bytes", len(r.log))
	}
	r.wants(1, `section_start:\d+:shardyard-[-0-9a-f]+\[collapsed=true\]\r\x1b\[0K300 failed tests$`)
	r.wants(1, `section_end:\d+:shardyard-`)
	files, err := filepath.Glob(filepath.Join(r.dir, "ci", "junit-*.xml"))
	if err != nil || len(files) < 3 {
		r.t.Fatal(files, err)
	}
	seen, failed, all := map[string]bool{}, 0, 0
	for _, file := range files {
		text := r.within("ci/"+filepath.Base(file), gitLabJUnit)
		all += len(text)
		if n := objects(r.t, text); n > gitLabObjects {
			r.t.Errorf("%s has %d objects", file, n)
		}
		var doc struct {
			Cases []struct {
				Class    string     `xml:"classname,attr"`
				Name     string     `xml:"name,attr"`
				File     string     `xml:"file,attr"`
				Failures []struct{} `xml:"failure"`
			} `xml:"testsuite>testcase"`
		}
		if err := xml.Unmarshal([]byte(text), &doc); err != nil {
			r.t.Fatal(err)
		}
		for _, c := range doc.Cases {
			failed += len(c.Failures)
			seen[c.Class+"\x00"+c.Name] = true
			if !strings.HasPrefix(c.Class, "unit.") || !strings.HasPrefix(c.File, "tests/test_") {
				r.t.Fatalf("%+v", c)
			}
		}
	}
	if len(seen) != tests || failed != failing || all > gitLabJUnits {
		r.t.Errorf("%d tests, %d failures in %d bytes", len(seen), failed, all)
	}
}

// objects counts the elements and attributes of an XML document.
func objects(t *testing.T, text string) (n int) {
	t.Helper()
	for dec := xml.NewDecoder(strings.NewReader(text)); ; {
		token, err := dec.Token()
		if token == nil {
			if n == 0 {
				t.Fatal(err)
			}
			return n
		}
		if start, ok := token.(xml.StartElement); ok {
			n += 1 + len(start.Attr)
		}
	}
}

// jenkins is told nothing in the log.
func jenkins(r tree) {
	r.wants(0, `^(::|##)`)
	r.within("junit.xml", gitLabJUnits)
}

// buildkite takes 1 MiB by its agent.
func buildkite(r tree) {
	r.wants(1, `^\+\+\+ shardyard unit$`)
	if said := r.read("buildkite-agent.said"); said != "annotate --context shardyard-unit --style error\n" {
		r.t.Errorf("the agent is told %q", said)
	}
	r.within("buildkite-agent.read", buildkiteText)
}

// azure shows ten issues of a step.
func azure(r tree) {
	r.wants(10, `^##vso\[task\.logissue type=error\]tests/test_\d+\.py::test_adds_up\[\d+%5D: AssertionError: \d+ apples$`)
	r.wants(10, `^##vso\[task\.logissue `)
	r.wants(1, `^##vso\[task\.uploadsummary\].*summary\.md$`)
}
