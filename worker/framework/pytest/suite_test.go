package pytest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/shardyard/shardyard/worker"
)

// A project is a suite on disk, a fresh copy for every run of it.
type project struct {
	archive *txtar.Archive
	args    []string // from the archive's comment, "args: ..."; a + is a space
	only    []string // for plain pytest only: "plain: ..."
	python  string
	seed    int64 // of sessions
	// warm, if set, gets a process ready for a session, and returns what runs it.
	warm func(context.Context, *testing.T, worker.Open) func(context.Context, worker.Open, worker.Stream) (worker.Exit, error)
}

func load(t *testing.T, name, release string) *project {
	t.Helper()
	python := interpreter(t, release)
	archive, err := txtar.ParseFile(filepath.Join("testdata", name+".txtar"))
	if err != nil {
		t.Fatal(err)
	}
	p := &project{archive: archive, python: python}
	for line := range strings.Lines(string(archive.Comment)) {
		if args, ok := strings.CutPrefix(strings.TrimSpace(line), "args:"); ok {
			for _, arg := range strings.Fields(args) {
				p.args = append(p.args, strings.ReplaceAll(arg, "+", " "))
			}
		}
		if args, ok := strings.CutPrefix(strings.TrimSpace(line), "plain:"); ok {
			p.only = strings.Fields(args)
		}
		if names, ok := strings.CutPrefix(strings.TrimSpace(line), "plugins:"); ok {
			for name := range strings.FieldsSeq(names) {
				p.args = append(p.args, "-p", pluginModules[name])
			}
		}
	}
	return p
}

// checkout writes the project to a new directory, always of the same name.
func (p *project) checkout(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "project")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := txtar.Write(p.archive, dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A result is what one way of running a project came to.
type result struct {
	reports  map[string][]string // by node id and phase: what was reported
	collect  []string
	outcomes map[worker.TestID]worker.Outcome // sessions only
	log      []string                         // what the project's tests wrote to $LOG
	code     int
	stdout   string
	events   []worker.Event
	exit     worker.Exit
	err      error
}

// plain runs the project with pytest itself.
func (p *project) plain(t *testing.T, args ...string) result {
	t.Helper()
	dir := p.checkout(t)
	record, log := filepath.Join(t.TempDir(), "record"), filepath.Join(t.TempDir(), "log")
	recorder, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(filepath.Dir(p.python), "pytest"),
		slices.Concat([]string{"-p", "recorder"}, p.args, p.only, args)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PYTHONHASHSEED=0", "RECORD="+record, "LOG="+log, "PYTHONPATH="+recorder, "PYTHONDONTWRITEBYTECODE=1",
		"PYTEST_DISABLE_PLUGIN_AUTOLOAD=1")
	out, err := cmd.CombinedOutput()
	r := result{reports: map[string][]string{}, stdout: string(out), err: err, code: cmd.ProcessState.ExitCode()}
	r.log = lines(t, log)
	for _, line := range lines(t, record) {
		var rec struct {
			Kind string
			Data json.RawMessage
		}
		if err := json.Unmarshal([]byte(line), &rec); err != nil {
			t.Fatal(err)
		}
		if rec.Kind == "collect" {
			r.collect = append(r.collect, describe(t, rec.Data, dir))
		} else {
			r.add(t, rec.Data, dir)
		}
	}
	return r
}

// session runs the project in a session that takes its tests from f.
func (p *project) session(t *testing.T, f *feed, mode worker.Mode, limit time.Duration, args ...string) result {
	t.Helper()
	dir, log := p.checkout(t), filepath.Join(t.TempDir(), "log")
	open := worker.Open{
		Framework: "pytest", Mode: mode, Dir: dir, Args: slices.Concat(p.args, args), Results: t.TempDir(),
		Env:           map[string]string{"LOG": log, "PYTHONDONTWRITEBYTECODE": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
		TestTimeoutMS: limit.Milliseconds(), Foresee: true,
		Options: worker.Raw(Options{Python: p.python, Seed: p.seed}),
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	run := New().Run
	if p.warm != nil {
		run = p.warm(ctx, t, open)
	}
	exit, err := run(ctx, open, f)
	r := result{reports: map[string][]string{}, outcomes: map[worker.TestID]worker.Outcome{}, exit: exit, err: err, events: whole(f.events)}
	r.log = lines(t, log)
	last := map[string]json.RawMessage{} // a report that may be amended
	var order []string
	for _, e := range r.events {
		switch {
		case e.Discovered != nil:
			for _, report := range e.Discovered.Reports {
				r.collect = append(r.collect, describe(t, report, dir))
			}
		case e.Collected != nil:
			for _, report := range e.Collected.Reports {
				r.collect = append(r.collect, describe(t, report, dir))
			}
		case e.Finished != nil:
			r.outcomes[e.Finished.Test] = e.Finished.Outcome
		case e.Output != nil:
			r.stdout += string(e.Output.Data)
		case e.Reported != nil && e.Reported.Kind == "report":
			key := fmt.Sprint(len(order))
			if when(t, e.Reported.Data) == "teardown" {
				key = string(e.Reported.Test)
			}
			order, last[key] = append(order, key), e.Reported.Data
		case e.Reported != nil && e.Reported.Kind == "amend":
			last[string(e.Reported.Test)] = e.Reported.Data
		}
	}
	for _, key := range order {
		r.add(t, last[key], dir)
	}
	return r
}

// whole puts the pieces of reports together.
func whole(events []worker.Event) (all []worker.Event) {
	for _, e := range events {
		if e.Reported == nil || e.Reported.Offset == 0 {
			all = append(all, e)
			continue
		}
		report := *all[len(all)-1].Reported
		if report.More { // the first piece, which is the session's
			report.Data, report.More = slices.Clone(report.Data), false
		}
		report.Data = append(report.Data, e.Reported.Data...)
		all[len(all)-1].Reported = &report
	}
	return all
}

func when(t *testing.T, raw json.RawMessage) string {
	var data struct{ When string }
	if err := json.Unmarshal(raw, &data); err != nil {
		t.Fatal(err)
	}
	return data.When
}

func (r *result) add(t *testing.T, raw json.RawMessage, dir string) {
	var data struct{ NodeID, When string }
	if err := json.Unmarshal(raw, &data); err != nil {
		t.Fatal(err)
	}
	key := data.NodeID + " " + data.When
	r.reports[key] = append(r.reports[key], describe(t, raw, dir))
}

var volatile = regexp.MustCompile(`0x[0-9a-f]+|[0-9.]+ ?m?s\b`)

// describe is a report without what differs from run to run.
func describe(t *testing.T, raw json.RawMessage, dir string) string {
	if len(raw) > 64<<10 {
		return "a long report" // looking for what is volatile takes a minute for 100 MB
	}
	var data map[string]any
	if err := json.Unmarshal(raw, &data); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"duration", "start", "stop", "$report_type", "_hypothesis_stats", "$shardyard_counted"} {
		delete(data, key)
	}
	text, err := json.MarshalIndent(data, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return volatile.ReplaceAllString(strings.ReplaceAll(string(text), dir, "DIR"), "~")
}

func lines(t *testing.T, path string) (all []string) {
	t.Helper()
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	scanner := bufio.NewScanner(f)
	scanner.Buffer(nil, 16<<20)
	for scanner.Scan() {
		all = append(all, scanner.Text())
	}
	if err := scanner.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// equal holds a session's reports against plain pytest's.
func equal(t *testing.T, want, got result) {
	t.Helper()
	if got.err != nil {
		t.Fatalf("session: %v\n%s", got.err, got.stdout)
	}
	keys := maps.Clone(want.reports)
	maps.Copy(keys, got.reports)
	shown := 0
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		slices.Sort(want.reports[key])
		slices.Sort(got.reports[key])
		if diff := cmp.Diff(split(want.reports[key]), split(got.reports[key])); diff != "" {
			if shown++; shown <= 3 {
				t.Errorf("reports of %q (-plain +session):\n%s", key, diff)
			}
		}
	}
	slices.Sort(want.collect)
	slices.Sort(got.collect)
	if diff := cmp.Diff(split(want.collect), split(got.collect)); diff != "" {
		t.Errorf("collect reports (-plain +session):\n%s", diff)
	}
	if t.Failed() {
		t.Logf("%d differ; plain: %s\nsession: %s", shown, want.stdout, got.stdout)
	}
}

func split(reports []string) []string { return strings.Split(strings.Join(reports, "\n"), "\n") }

// sameLog holds the session's fixture log against plain pytest's.
func sameLog(t *testing.T, want, got result) {
	t.Helper()
	if !slices.Equal(want.log, got.log) {
		t.Errorf("fixture log:\nplain:   %q\nsession: %q", want.log, got.log)
	}
}
