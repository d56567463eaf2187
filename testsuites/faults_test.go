package testsuites

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/shardyard/shardyard/testsuites/venv"
)

// A fault is a small project on which a sharded run once differed from plain
// pytest. Its archive's comment says in lines "key: value" what is special:
//
//	requires: pytest==8.4.2 ...   what its environment holds
//	args: -p no:terminal          what follows --, of both; each such line is a run of its own;
//	                              PROJECT stands for the project's directory
//	flags: --rev HEAD             of shardyard only
//	exit: 1                       where plain pytest's own status is another one
//	says: REGEXP                  in what shardyard prints; or "not: REGEXP"
//	cases: no                     the test cases of both JUnit files are not compared
//	holds: FILE REGEXP            in a file that the run leaves in the project
//	hangs: yes                    plain pytest never ends, and is not run
//	config: LINE                  of shardyard.yaml, besides
//	warm: N                       runs of shardyard before the one that is judged
//	before: COMMAND               run in the project first, in its environment
type fault struct {
	name     string
	archive  *txtar.Archive
	requires []string
	variants [][]string
	flags    []string
	exit     int // -1: plain pytest's is decisive, as green or not green
	says     []*regexp.Regexp
	not      []*regexp.Regexp
	holds    []holding
	before   string
	warm     int
	config   string
	cases    bool
	hangs    bool
}

type holding struct {
	file string
	text *regexp.Regexp
}

func readFault(t *testing.T, path string) fault {
	t.Helper()
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f := fault{name: strings.TrimSuffix(filepath.Base(path), ".txtar"), archive: archive, exit: -1, cases: true}
	for line := range strings.Lines(string(archive.Comment)) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok || strings.Contains(key, " ") {
			continue // prose
		}
		switch key {
		case "requires":
			f.requires = strings.Fields(value)
		case "args":
			f.variants = append(f.variants, strings.Fields(value))
		case "flags":
			f.flags = strings.Fields(value)
		case "exit":
			if f.exit, err = strconv.Atoi(value); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
		case "says":
			f.says = append(f.says, regexp.MustCompile(value))
		case "not":
			f.not = append(f.not, regexp.MustCompile(value))
		case "holds":
			file, text, _ := strings.Cut(value, " ")
			f.holds = append(f.holds, holding{file, regexp.MustCompile(text)})
		case "hangs":
			f.hangs, f.cases = true, false
		case "config":
			f.config += value + "\n"
		case "warm":
			if f.warm, err = strconv.Atoi(value); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
		case "before":
			f.before = value
		case "cases":
			f.cases = value != "no"
		default:
			t.Fatalf("%s: %q is no key", path, key)
		}
	}
	if len(f.variants) == 0 {
		f.variants = [][]string{nil}
	}
	return f
}

// TestFaults runs each fault by plain pytest and on three workers that are
// processes, and compares.
func TestFaults(t *testing.T) {
	bin := build(t)
	paths, err := filepath.Glob(filepath.Join("testdata", "faults", "*.txtar"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("faults: %v %v", paths, err)
	}
	for _, path := range paths {
		f := readFault(t, path)
		python, err := venv.Make(f.requires...)
		if err != nil {
			t.Fatal(err)
		}
		for i, args := range f.variants {
			t.Run(fmt.Sprintf("%s/%d", f.name, i), func(t *testing.T) { f.try(t, bin, python, args) })
		}
	}
}

func (f fault) try(t *testing.T, bin, python string, args []string) {
	plain, ours := f.unpack(t), f.unpack(t)
	env := append(os.Environ(), "PATH="+filepath.Dir(python)+":"+os.Getenv("PATH"), "PYTHONHASHSEED=0", "PYTHONDONTWRITEBYTECODE=1", "CI=")
	if f.before != "" {
		for _, dir := range []string{plain, ours} {
			status(t, dir, env, "sh", "-c", f.before)
		}
	}
	site, err := filepath.Glob(filepath.Join(filepath.Dir(python), "..", "lib", "python*", "site-packages"))
	if err != nil || len(site) != 1 {
		t.Fatalf("site-packages of %s: %v %v", python, site, err)
	}
	write(t, filepath.Join(ours, "shardyard.yaml"), hostConfig+"env: {set: {PYTHONPATH: "+site[0]+"}}\n"+f.config)

	of := func(project string) []string {
		return strings.Fields(strings.ReplaceAll(strings.Join(args, " "), "PROJECT", project))
	}
	want, plainText := 0, "it hangs"
	if !f.hangs {
		want, plainText = status(t, plain, env, "pytest", append([]string{"--junitxml=" + filepath.Join(plain, "plain.xml")}, of(plain)...)...)
	}
	argv := append([]string{"run", "--engine", "process", "-w", "3", "--progress", "plain"}, f.flags...)
	home := filepath.Dir(ours)
	env = append(env, "XDG_STATE_HOME="+filepath.Join(home, "state"), "XDG_CACHE_HOME="+filepath.Join(home, "cache"))
	argv = append(append(argv, "--"), of(ours)...)
	for range f.warm {
		status(t, ours, env, bin, argv...)
	}
	code, text := status(t, ours, env, bin, argv...)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("plain pytest, status %d:\n%s\nshardyard, status %d:\n%s", want, plainText, code, text)
		}
	})
	switch {
	case f.exit >= 0 && code != f.exit:
		t.Errorf("exit status %d, not %d", code, f.exit)
	case f.exit < 0 && (code == 0) != (want == 0):
		t.Errorf("exit status %d where plain pytest's is %d", code, want)
	}
	for _, says := range f.says {
		if !says.MatchString(text) {
			t.Errorf("does not say %s", says)
		}
	}
	for _, not := range f.not {
		if found := not.FindString(text); found != "" {
			t.Errorf("says %q", found)
		}
	}
	for _, h := range f.holds {
		content, err := os.ReadFile(filepath.Join(ours, h.file))
		if err != nil || !h.text.Match(content) {
			t.Errorf("%s does not hold %s: %v\n%s", h.file, h.text, err, content)
		}
	}
	if f.cases {
		wanted, got := cases(t, filepath.Join(plain, "plain.xml")), cases(t, filepath.Join(ours, ".shardyard", "runs", "latest", "junit.xml"))
		if !slices.Equal(wanted, got) {
			t.Errorf("test cases\nplain  %q\nours   %q", wanted, got)
		}
	}
}

// unpack lays the project out, in a repository of its own.
func (f fault) unpack(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), f.name)
	for _, file := range f.archive.Files {
		path := filepath.Join(dir, filepath.FromSlash(file.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, path, string(file.Data))
	}
	for _, args := range [][]string{
		{"init", "--quiet"}, {"add", "--all"}, {"-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "--quiet", "--message", "import"},
	} {
		command(t, dir, nil, "git", args...)
	}
	return dir
}

// status runs a command to its end and returns its exit status and what it
// printed.
func status(t *testing.T, dir string, env []string, name string, args ...string) (int, string) {
	t.Helper()
	path := name
	if !filepath.IsAbs(name) {
		for _, kv := range env { // the last one holds
			if list, ok := strings.CutPrefix(kv, "PATH="); ok {
				for _, folder := range slices.Backward(filepath.SplitList(list)) {
					if file := filepath.Join(folder, name); isFile(file) {
						path = file
					}
				}
			}
		}
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, env, &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v", name, err)
	}
	return cmd.ProcessState.ExitCode(), out.String()
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// cases are the test cases of a JUnit file with their outcomes, sorted; none
// when there is no file.
func cases(t *testing.T, path string) (list []string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Errorf("JUnit: %v", err)
		return nil
	}
	var suites struct {
		Cases []struct {
			Class   string     `xml:"classname,attr"`
			Name    string     `xml:"name,attr"`
			Failure []struct{} `xml:"failure"`
			Error   []struct{} `xml:"error"`
			Skipped []struct{} `xml:"skipped"`
		} `xml:"testsuite>testcase"`
	}
	if err := xml.Unmarshal(data, &suites); err != nil {
		t.Fatal(err)
	}
	for _, c := range suites.Cases {
		list = append(list, fmt.Sprintf("%s::%s %d %d %d", c.Class, c.Name, len(c.Failure), len(c.Error), len(c.Skipped)))
	}
	slices.Sort(list)
	return list
}
