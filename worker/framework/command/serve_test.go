package command_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/shardyard/shardyard/worker"
	"github.com/shardyard/shardyard/worker/framework/cases"
	"github.com/shardyard/shardyard/worker/framework/command"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pipe is one end of a stream in both directions.
type pipe struct {
	io.ReadCloser
	io.WriteCloser
}

func (p pipe) Close() error { return errors.Join(p.ReadCloser.Close(), p.WriteCloser.Close()) }

// serve runs an agent that knows commands, and returns its client, greeted.
func serve(t *testing.T) *worker.Client {
	t.Helper()
	requests, toAgent := io.Pipe()
	fromAgent, events := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- worker.Serve(t.Context(), requests, events, worker.Options{Frameworks: []worker.Framework{command.New()}})
		_ = events.Close()
	}()
	c := worker.NewClient(pipe{fromAgent, toAgent}, worker.ClientOptions{})
	if _, err := c.Hello(t.Context(), worker.Greeting{Version: worker.Version}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		<-done
	})
	return c
}

// A told is what a session has told, put into words.
type told struct {
	units   []string // discovered
	ends    []string // "a passed", in the order of their ends
	started int
	notes   string
	failed  *worker.Failed
	closed  worker.Closed
	output  string
	cases   map[string][]cases.Case
	setup   float64 // of all
}

// session runs one session: its units are leased in batches, all of what is
// listed in one when there are none.
func session(t *testing.T, open worker.Open, options command.Options, batches ...[]string) (got told) {
	t.Helper()
	c := serve(t)
	open.Framework, open.Mode, open.Options = command.Name, worker.Lazy, worker.Raw(options)
	if open.Dir == "" {
		open.Dir = t.TempDir()
	}
	if open.Results == "" {
		open.Results = filepath.Join(t.TempDir(), "results")
	}
	send := func(r worker.Request) {
		if err := c.Send(r); err != nil {
			t.Fatal(err)
		}
	}
	send(worker.Request{Open: &open})
	got.cases = map[string][]cases.Case{}
	for e := range each(c) {
		switch {
		case e.Opened != nil && e.Opened.Mode != worker.Full:
			t.Errorf("opened %s", e.Opened.Mode)
		case e.Discovered != nil:
			for _, it := range e.Discovered.Items {
				got.units = append(got.units, string(it.ID))
			}
		case e.Collected != nil:
			if len(batches) == 0 {
				batches = [][]string{got.units}
			}
			for i, b := range batches {
				l := worker.Lease{Token: worker.Token(i + 1)}
				for _, u := range b {
					l.Tests = append(l.Tests, worker.Ref{ID: worker.TestID(u)})
				}
				send(worker.Request{Lease: &l})
			}
			send(worker.Request{Drain: &worker.Drain{}})
		case e.Started != nil:
			got.started++
		case e.Reported != nil && e.Reported.Kind == "settings":
			got.notes += string(e.Reported.Data)
		case e.Reported != nil:
			got.cases[string(e.Reported.Test)] = append(got.cases[string(e.Reported.Test)], caseOf(t, *e.Reported))
		case e.Finished != nil:
			f := e.Finished
			got.setup += f.SetupMS
			got.ends = append(got.ends, strings.Join(strings.Fields(fmt.Sprintf("%s: %s %s %s", f.Test, f.Outcome, f.Cause, f.Message)), " "))
		case e.Output != nil:
			got.output += string(e.Output.Data)
		case e.Failed != nil:
			got.failed = e.Failed
		case e.Closed != nil:
			got.closed = *e.Closed
			return got
		}
	}
	t.Fatalf("the stream ended: %v", c.Err())
	return got
}

// tool is a suite that the tool of testdata runs.
func tool(t *testing.T, units ...string) command.Options {
	t.Helper()
	script, err := filepath.Abs("testdata/tool.sh")
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(list, []byte(strings.Join(units, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return command.Options{List: "cat " + list, Run: "sh " + script + " {junit} {units}", Case: "name"}
}

func (got told) differs(t *testing.T, want ...string) {
	t.Helper()
	if got.failed != nil {
		t.Errorf("failed: %s", got.failed.Error)
	}
	sorted := slices.Sorted(slices.Values(got.ends))
	slices.Sort(want)
	if diff := cmp.Diff(want, sorted); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEveryTroubleHasItsVerdict(t *testing.T) {
	for name, c := range map[string]struct {
		units []string
		want  []string
	}{
		"all well": {[]string{"a", "fails", "skips", "two"}, []string{
			"a: passed", "fails: failed one is not two", "skips: skipped not today", "two: error late",
		}},
		"a process that ends loses the others' results": {[]string{"a", "b", "leaves", "c"}, []string{
			"a: passed", "b: passed", "c: passed", "leaves: failed exited ended with status 3 and left no result",
		}},
		"a crash": {[]string{"a", "fails", "crashes", "c"}, []string{
			"a: passed", "c: passed", "crashes: failed signal ended with status 139 (segmentation fault) and left no result", "fails: failed one is not two",
		}},
		"one that leaves nothing": {[]string{"a", "none"}, []string{
			"a: passed", "none: failed exited ended with status 0 and left no result",
		}},
		"a status without a failure": {[]string{"a", "odd", "b"}, []string{
			"a: passed", "b: passed", "odd: error exited ended with status 4, and no case of it failed",
		}},
		"a status that a failure explains": {[]string{"odd", "fails"}, []string{
			"fails: failed one is not two", "odd: passed",
		}},
		"a broken file": {[]string{"a", "broken"}, []string{
			"a: passed", "broken: failed exited ended with status 0 and left no result: its JUnit file junit.xml cannot be read: line 2: XML syntax error on line 2: unexpected EOF",
		}},
		"a forged result": {[]string{"forges"}, []string{"forges: failed true"}},
		"names": {[]string{"a b", "it's", `"q" $HOME`, "ä&<", "-x"}, []string{
			"a b: passed", "it's: passed", `"q" $HOME: passed`, "ä&<: passed", "-x: passed",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := session(t, worker.Open{}, tool(t, c.units...))
			got.differs(t, c.want...)
			if got.started != len(c.units) || got.closed.Started != got.closed.Finished {
				t.Errorf("%d started, closed %+v", got.started, got.closed)
			}
			for _, u := range c.units {
				if len(got.cases[u]) == 0 {
					t.Errorf("%s has no case for the conclusion", u)
				}
			}
		})
	}
}

func TestTimeLimit(t *testing.T) {
	began := time.Now()
	got := session(t, worker.Open{TestTimeoutMS: 300}, tool(t, "a", "hangs", "b"))
	got.differs(t, "a: passed", "b: passed", "hangs: failed timeout timed out after 300ms")
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %s: what the tool had started was waited for", took)
	}
}

// Where a tool writes a file for each unit, what is there counts, and a file of
// before does not.
func TestFilesOfATool(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("out/deep/TEST-old.xml", "<testsuite><testcase name='t' classname='x.Stale'/></testsuite>")
	write("out/other.xml", "<testsuite><testcase name='t' classname='x.Other'/></testsuite>")
	write("run.sh", `mkdir -p out/deep
for u in "$@"; do case $u in
Exits) exit 1 ;;
Broken) echo '<testsuite>' > out/deep/TEST-$u.xml ;;
Huge) yes '<testsuite>' | head -c 1000 > out/deep/TEST-$u.xml ;;
*) echo "<testsuite><testcase name='one' classname='x.$u'/><testcase name='two' classname='x.$u\$In'/></testsuite>" > out/deep/TEST-$u.xml ;;
esac; done`)
	got := session(t, worker.Open{Dir: dir}, command.Options{
		List: "printf 'A\\nExits\\nStale\\nBroken\\nHuge\\n'", Run: "sh run.sh {units}", JUnit: []string{"out/**/TEST-*.xml"}, Case: "classname",
	}, []string{"A", "Stale"}, []string{"Exits", "Broken", "Huge"})
	const left = "failed exited ended with status 0 and left no result: its JUnit file TEST-"
	got.differs(t, "A: passed", "Stale: passed", "Exits: failed exited ended with status 1 and left no result",
		"Broken: "+left+"Broken.xml cannot be read: line 2: unexpected EOF",
		"Huge: "+left+"Huge.xml cannot be read: line 65: elements are nested more than 64 deep")
	if n := len(got.cases["A"]); n != 2 {
		t.Errorf("%d cases of A, want 2: of a nested class too", n)
	}
}

func TestExtraCases(t *testing.T) {
	options := tool(t, "a", "fixture")
	got := session(t, worker.Open{}, options)
	if got.failed == nil || !got.failed.Usage || !strings.Contains(got.failed.Error, `name="up"`) || !strings.Contains(got.failed.Error, "extra: ignore") {
		t.Errorf("%+v, want a mistake of the user's that names the case and what to write", got.failed)
	}
	options.IgnoreExtra = true
	session(t, worker.Open{}, options).differs(t, "a: passed", "fixture: passed")
}

func TestByStatus(t *testing.T) {
	dir := t.TempDir()
	for name, script := range map[string]string{
		"good.sh": "echo fine", "bad.sh": "echo 'one is not two'; exit 3", "gone.sh": "kill -SEGV $$", "slow.sh": "sleep 300", "it's bad.sh": "exit 1",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got := session(t, worker.Open{Dir: dir, TestTimeoutMS: 500}, command.Options{List: "ls *.sh", Run: "sh {units}", Case: "name"})
	got.differs(t, "good.sh: passed", "bad.sh: failed ended with status 3", "it's bad.sh: failed ended with status 1",
		"gone.sh: failed signal ended with status 139 (segmentation fault)", "slow.sh: failed timeout timed out after 500ms")
	if c := got.cases["bad.sh"]; len(c) != 1 || c[0].Output != "one is not two\n" {
		t.Errorf("%+v, want what the script printed", c)
	}
	if !strings.Contains(got.output, "fine") {
		t.Errorf("the worker's log has %q", got.output)
	}
}

// A unit that is judged by its status has a process of its own, also when many
// wait; a unit with cases shares one.
func TestProcesses(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	run := "echo x >> " + log + "; cp $SHARDYARD_UNITS " + log + ".units"
	count := func() int {
		data, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(data), "x")
	}
	session(t, worker.Open{}, command.Options{List: "seq 5", Run: run, Case: "name"})
	if n := count(); n != 5 {
		t.Errorf("%d processes for 5 units", n)
	}
	os.Remove(log)
	options := tool(t, "a", "b", "c")
	options.Run = run + ";" + options.Run
	got := session(t, worker.Open{}, options, []string{"c", "a"}, []string{"b"})
	got.differs(t, "a: passed", "b: passed", "c: passed")
	if n := count(); n > 2 {
		t.Errorf("%d processes for 2 batches", n)
	}
	if got.setup <= 0 {
		t.Error("no unit tells of what a batch costs besides its units")
	}
}

func TestLists(t *testing.T) {
	for name, c := range map[string]struct {
		list, args string
		units      string
		failed     string // a mistake of the user's
		notes      string
	}{
		"nothing":                  {list: "true"},
		"blank lines, and Windows": {list: `printf 'a\r\n\n  \n b\n'`, units: "a| b"},
		"no line feed at the end":  {list: "printf a", units: "a"},
		"twice":                    {list: `printf 'a\nb\na\na\n'`, units: "a|b", notes: `list prints \"a\" more than once`},
		"it fails":                 {list: "echo a; echo 'no such file' >&2; exit 4", failed: "list ended with status 4: no such file"},
		"it is not there":          {list: "no-such-program", failed: "list ended with status 127"},
		"no text":                  {list: `printf 'a\n\377\n'`, failed: "line 2"},
		"too long":                 {list: `head -c 20000 /dev/zero | tr '\0' x`, failed: "20000 bytes"},
		"it hangs":                 {list: "sleep 60", failed: "took longer than 2s"},
		"some, by name":            {list: `printf 'a\nb\nc\n'`, args: "c|a", units: "a|c"},
		"one that is not there":    {list: `printf 'a\nb\n'`, args: "x", failed: `does not print the unit "x"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			open := worker.Open{TestTimeoutMS: 2000}
			if c.args != "" {
				open.Args = strings.Split(c.args, "|")
			}
			got := session(t, open, command.Options{List: c.list, Run: "true", Case: "name"})
			if units := strings.Join(got.units, "|"); units != c.units {
				t.Errorf("units %q, want %q", units, c.units)
			}
			switch {
			case c.failed == "" && got.failed != nil:
				t.Error(got.failed.Error)
			case c.failed != "" && (got.failed == nil || !got.failed.Usage || !strings.Contains(got.failed.Error, c.failed)):
				t.Errorf("failed: %+v, want a mistake of the user's with %q", got.failed, c.failed)
			}
			if !strings.Contains(got.notes, c.notes) {
				t.Errorf("notes %s, want %s", got.notes, c.notes)
			}
		})
	}
}

// More units than a command line takes are run by several, and each once.
func TestTenThousandUnits(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	got := session(t, worker.Open{}, command.Options{
		List: "seq -f 'a/directory/with/a/unit named %g' 10000",
		Run:  `for u in {units}; do echo "<testcase name='$u'/>"; done >body; (echo "<testsuite>"; cat body; echo "</testsuite>") >{junit}; echo x >> ` + log,
		Case: "name",
	})
	if got.failed != nil || len(got.ends) != 10_000 {
		t.Fatalf("%d ends, failed: %+v", len(got.ends), got.failed)
	}
	for _, end := range got.ends {
		if !strings.HasSuffix(end, ": passed") {
			t.Fatal(end)
		}
	}
	if data, _ := os.ReadFile(log); len(data) < 4 || len(data) > 40 {
		t.Errorf("%d processes", len(data)/2)
	}
}

func TestSessionEndsWithItsAgent(t *testing.T) {
	c := serve(t)
	dir := t.TempDir()
	open := worker.Open{Framework: command.Name, Dir: dir, Results: dir, Options: worker.Raw(command.Options{
		List: "echo a", Run: "echo $$ >pid; sleep 300", Case: "name",
	})}
	for _, r := range []worker.Request{{Open: &open}, {Lease: &worker.Lease{Token: 1, Tests: []worker.Ref{{ID: "a"}}}}} {
		if err := c.Send(r); err != nil {
			t.Fatal(err)
		}
	}
	for events := range c.Events() {
		if events[0].Started != nil {
			break
		}
	}
	c.Close() // and serve's clean-up waits for the agent
}

// caseOf is the case that a report carries.
func caseOf(t *testing.T, r worker.Reported) (c cases.Case) {
	t.Helper()
	if r.Kind != cases.Kind {
		t.Fatalf("a report of kind %s", r.Kind)
	}
	if err := json.Unmarshal(r.Data, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// each are the events of a session, one by one.
func each(c *worker.Client) iter.Seq[worker.Event] {
	return func(yield func(worker.Event) bool) {
		for events := range c.Events() {
			for _, e := range events {
				if !yield(e) {
					return
				}
			}
		}
	}
}
