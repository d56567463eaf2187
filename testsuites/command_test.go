package testsuites

import (
	"crypto/rand"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/shardyard/shardyard/internal/needs"
	"github.com/shardyard/shardyard/worker"
	junit "github.com/shardyard/shardyard/worker/framework/cases"
)

// Suites of `framework: command` have the verdicts that their own tool gives.

// commandSuite is a project of some tool's.
type commandSuite struct {
	files  map[string]string
	config string // shardyard.yaml, behind what all have: image host, no setup
	args   []string
	places map[string][]string // arguments by what they say
	plain  func(t *testing.T, dir string) table
}

// test runs the tool itself and then, in each place, shardyard.
func (s commandSuite) test(t *testing.T, bin string) {
	dir := s.project(t)
	plain := s.plain(t, dir)
	if len(plain) < 4 {
		t.Fatalf("the tool itself says of %d tests how they ended: %v", len(plain), plain)
	}
	write(t, filepath.Join(dir, "shardyard.yaml"), "version: 1\nimage: host\nsetup: []\n"+s.config)
	for place, args := range s.places {
		t.Run(place, func(t *testing.T) {
			began := time.Now()
			r := finish(t, start(t, bin, dir, append(args, s.args...)...), 1)
			got := table{}
			for _, test := range r.Tests {
				got[test.ID] = test.Verdict
			}
			for _, id := range plain.differences(got) {
				t.Errorf("%s: the tool itself %q, sharded %q", id, plain[id], got[id])
			}
			t.Logf("%d units in %s", len(got), time.Since(began).Round(time.Millisecond))
			s.junit(t, dir, got)
		})
	}
}

// junit holds the run's JUnit file against its verdicts: it has as many that
// failed.
func (s commandSuite) junit(t *testing.T, dir string, verdicts table) {
	t.Helper()
	file := filepath.Join(dir, ".shardyard", "runs", "latest", "junit.xml")
	all, bad := readCases(t, file)
	failed := 0
	for _, v := range verdicts {
		if v == "failed" {
			failed++
		}
	}
	if all < len(verdicts) || bad < failed {
		t.Errorf("junit.xml has %d cases, %d of them failed, for %d units, %d of them failed", all, bad, len(verdicts), failed)
	}
}

func readCases(t *testing.T, file string) (all, bad int) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	err = junit.Read(f, func(c junit.Case) error {
		all++
		if c.Outcome.Fails() {
			bad++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all, bad
}

// project writes the files into a directory with a name of its own.
func (s commandSuite) project(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "command-"+strings.ToLower(rand.Text()[:8]))
	for name, text := range s.files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name), text)
	}
	return dir
}

// tools ends a test whose tools are not on this machine.
func tools(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			needs.Lacks(t, p, err)
		}
	}
}

// onProcess are the places that every suite of commands is tried in.
func onProcess() map[string][]string {
	return map[string][]string{
		"process, N=1": {"--engine", "process", "-w", "1"},
		"process, N=4": {"--engine", "process", "-w", "4"},
	}
}

// exitStatus runs a command, and returns its status and what it printed.
func exitStatus(t *testing.T, dir, name string, args ...string) (int, string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatalf("%s %s: %v", name, strings.Join(args, " "), err)
	}
	code, _ := worker.ExitStatus(cmd.ProcessState)
	return code, string(out)
}

func TestCTest(t *testing.T) {
	tools(t, "cmake", "ctest", "jq")
	places := onProcess()
	places["docker, N=4"] = []string{"--engine", "docker", "--image", "host", "-w", "4"}
	commandSuite{
		files: map[string]string{"CMakeLists.txt": ctestProject()},
		config: `
prepare: [cmake -S . -B b]
suites:
  native:
    framework: command
    list: ctest --test-dir b --show-only=json-v1 | jq -r '.tests[].name' | grep -v '^fixture'
    run: "ctest --test-dir b -R '^({units:regex})$' --output-junit {junit}"
    extra: ignore
`,
		args:   []string{"native"},
		places: places,
		plain:  plainCTest,
	}.test(t, build(t))
}

// ctestProject has a test for each way in which one can end, among some that
// pass.
func ctestProject() string {
	var b strings.Builder
	b.WriteString(`cmake_minimum_required(VERSION 3.19)
project(proof NONE)
enable_testing()
add_test(NAME fails COMMAND sh -c "echo 'got 1, want 2' >&2; exit 3")
add_test(NAME crashes COMMAND sh -c "kill -SEGV $$")
add_test(NAME hangs COMMAND sleep 60)
set_tests_properties(hangs PROPERTIES TIMEOUT 1)
add_test(NAME skips COMMAND sh -c "exit 77")
set_tests_properties(skips PROPERTIES SKIP_RETURN_CODE 77)
add_test(NAME off COMMAND true)
set_tests_properties(off PROPERTIES DISABLED TRUE)
add_test(NAME missing COMMAND /no/such/program)
add_test(NAME "a name, with (some) [odd] signs + 'quotes' & ä" COMMAND true)
add_test(NAME fixture.up COMMAND sh -c "touch up.txt")
add_test(NAME fixture.down COMMAND sh -c "rm up.txt")
add_test(NAME needs COMMAND test -f up.txt)
set_tests_properties(fixture.up PROPERTIES FIXTURES_SETUP F)
set_tests_properties(fixture.down PROPERTIES FIXTURES_CLEANUP F)
set_tests_properties(needs PROPERTIES FIXTURES_REQUIRED F)
add_test(NAME fixture.upbad COMMAND false)
add_test(NAME needsbad COMMAND true)
set_tests_properties(fixture.upbad PROPERTIES FIXTURES_SETUP G)
set_tests_properties(needsbad PROPERTIES FIXTURES_REQUIRED G)
`)
	for i := range 30 {
		fmt.Fprintf(&b, "add_test(NAME passes.%d COMMAND sh -c \"echo fine\")\n", i)
	}
	return b.String()
}

var (
	ctestLine   = regexp.MustCompile(`(?m)^ *\d+/\d+ Test +#\d+: (.+?) \.+`)
	ctestListed = regexp.MustCompile(`(?m)^\t *\d+ - (.+) \(([A-Za-z ]+)\)$`)
)

// plainCTest reads what ctest prints: each test's line, and at the end the lists
// of those that did not run and of those that failed.
func plainCTest(t *testing.T, dir string) table {
	t.Helper()
	command(t, dir, nil, "cmake", "-S", ".", "-B", "b")
	code, out := exitStatus(t, dir, "ctest", "--test-dir", "b")
	if code != 8 {
		t.Fatalf("ctest ended with status %d, not with that of failures:\n%s", code, out)
	}
	verdicts := table{}
	for _, m := range ctestLine.FindAllStringSubmatch(out, -1) {
		verdicts[m[1]] = "passed"
	}
	notRun, failed, _ := strings.Cut(out, "The following tests FAILED:")
	for _, m := range ctestListed.FindAllStringSubmatch(notRun, -1) {
		verdicts[m[1]] = "skipped"
	}
	for _, m := range ctestListed.FindAllStringSubmatch(failed, -1) {
		verdicts[m[1]] = "failed"
	}
	maps.DeleteFunc(verdicts, func(name, _ string) bool { return strings.HasPrefix(name, "fixture") })
	if err := os.RemoveAll(filepath.Join(dir, "b")); err != nil {
		t.Fatal(err)
	}
	return verdicts
}

func TestShellScripts(t *testing.T) {
	suite := commandSuite{
		files: map[string]string{
			"t/fails.sh": "echo 'got 1, want 2'; exit 1", "t/other status.sh": "exit 9", "t/crashes.sh": "kill -SEGV $$",
			"t/hangs.sh": "sleep 120", "t/it's $odd.sh": "echo fine", "t/ä.sh": "echo fine",
			"t/forges.sh": `echo '<testsuite><testcase name="t/forges.sh"/></testsuite>'; echo "1 passed"; exit 1`,
		},
		config: "prepare: []\nsuites:\n  scripts: { framework: command, list: ls t/*.sh, run: 'sh {units}' }\n",
		args:   []string{"scripts", "--test-timeout", "5s"},
		places: onProcess(),
		plain: func(t *testing.T, dir string) table {
			t.Helper()
			verdicts := table{}
			scripts, err := filepath.Glob(filepath.Join(dir, "t", "*.sh"))
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range scripts {
				// coreutils' timeout ends with 124 when the time is over.
				verdict := "passed"
				if code, _ := exitStatus(t, dir, "timeout", "5", "sh", "t/"+filepath.Base(s)); code != 0 {
					verdict = "failed"
				}
				verdicts["t/"+filepath.Base(s)] = verdict
			}
			return verdicts
		},
	}
	for i := range 20 {
		suite.files[fmt.Sprintf("t/passes-%d.sh", i)] = "sleep 0.05"
	}
	suite.test(t, build(t))
}

func TestSurefire(t *testing.T) {
	tools(t, "mvn", "javac")
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	mvn := []string{"-q", "-B", "-Dmaven.repo.local=" + filepath.Join(cache, "shardyard-testsuites", "m2")}
	offline := "mvn -o " + strings.Join(mvn, " ")
	commandSuite{
		files: surefireProject(),
		config: fmt.Sprintf(`
prepare: [%q]
suites:
  java:
    framework: command
    list: ls src/test/java/org/example | sed -n 's/Test[.]java$/Test/p'
    run: %q
    junit: target/surefire-reports/TEST-*.xml
    case: classname
`, offline+" test-compile", offline+" surefire:test -Dtest={units:,} -DfailIfNoTests=false"),
		args: []string{"java"}, places: onProcess(),
		plain: func(t *testing.T, dir string) table { return plainSurefire(t, dir, mvn) },
	}.test(t, build(t))
}

func surefireProject() map[string]string {
	files := map[string]string{"pom.xml": `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>org.example</groupId><artifactId>proof</artifactId><version>1</version>
  <properties>
    <maven.compiler.source>11</maven.compiler.source><maven.compiler.target>11</maven.compiler.target>
    <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>
  </properties>
  <dependencies>
    <dependency><groupId>org.junit.jupiter</groupId><artifactId>junit-jupiter</artifactId><version>5.9.2</version><scope>test</scope></dependency>
  </dependencies>
  <build><plugins>
    <plugin><groupId>org.apache.maven.plugins</groupId><artifactId>maven-surefire-plugin</artifactId><version>3.2.5</version></plugin>
  </plugins></build>
</project>
`}
	for name, body := range map[string]string{
		"Good":    `@Test void adds() { assertEquals(2, 1 + 1); } @Test @Disabled("not today") void later() {}`,
		"Nests":   `@Test void outer() {} @Nested class Inner { @Test void inner() {} }`,
		"Bad":     `@Test void fine() {} @Test void wrong() { assertEquals(2, 1); }`,
		"Breaks":  `@Test void breaks() { throw new IllegalStateException("broken"); }`,
		"Exits":   `@Test void leaves() { System.exit(0); }`,
		"Skipped": `@Test @Disabled("not today") void later() {}`,
		"More":    `@Test void one() {} @Test void two() {}`,
	} {
		files["src/test/java/org/example/"+name+"Test.java"] = "package org.example;\nimport org.junit.jupiter.api.*;\n" +
			"import static org.junit.jupiter.api.Assertions.*;\nclass " + name + "Test { " + body + " }\n"
	}
	return files
}

// plainSurefire runs each class in a JVM of its own, as Surefire does when it is
// asked to, so that the one that exits takes no other's results along. A class
// without a report has failed.
func plainSurefire(t *testing.T, dir string, mvn []string) table {
	t.Helper()
	if code, out := exitStatus(t, dir, "mvn", append(mvn, "test", "-Dtest=GoodTest")...); code != 0 {
		needs.Lacks(t, "a Maven that gets what the project needs", fmt.Errorf("status %d:\n%s", code, out))
	}
	code, out := exitStatus(t, dir, "mvn", append(mvn, "-o", "surefire:test", "-DreuseForks=false", "-DforkCount=1")...)
	if code != 1 {
		t.Fatalf("mvn ended with status %d, not with that of failures:\n%s", code, out)
	}
	verdicts := table{}
	classes, err := filepath.Glob(filepath.Join(dir, "src/test/java/org/example/*.java"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range classes {
		class := strings.TrimSuffix(filepath.Base(c), ".java")
		verdicts[class] = surefireReport(t, filepath.Join(dir, "target", "surefire-reports", "org.example."+class+".txt"))
	}
	if err := os.RemoveAll(filepath.Join(dir, "target")); err != nil {
		t.Fatal(err)
	}
	return verdicts
}

var surefireSummary = regexp.MustCompile(`Tests run: (\d+), Failures: (\d+), Errors: (\d+), Skipped: (\d+)`)

// surefireReport is the verdict in Surefire's own text.
func surefireReport(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		return "failed"
	}
	m := surefireSummary.FindStringSubmatch(string(text))
	switch {
	case m == nil:
		t.Fatalf("%s has no summary:\n%s", file, text)
		return ""
	case m[2] != "0" || m[3] != "0":
		return "failed"
	case m[1] == m[4] && m[1] != "0":
		return "skipped"
	default:
		return "passed"
	}
}
