package command_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/shardyard/shardyard/worker"
	"github.com/shardyard/shardyard/worker/framework"
	"github.com/shardyard/shardyard/worker/framework/command"
)

// Two sessions measure, each in a tree of its own, and the conclusion combines
// what they left.
func TestCoverage(t *testing.T) {
	options := command.Options{
		List: "printf 'a\\nb\\nc\\n'", Run: `mkdir -p cov/deep; for u in {units}; do echo "ran $u" >> cov/deep/lines; done; echo x > cov/other`,
		Case: "name", Coverage: []string{"cov/**/lines", "cov/lines"},
		Combine: `sort {files} > {out}/all; cp "$SHARDYARD_FILES" {out}/list; test "$SHARDYARD_OUT" = {out}; echo combined`,
	}
	dir := t.TempDir()
	for i, units := range [][]string{{"a", "c"}, {"b"}} {
		tree := t.TempDir()
		if err := os.MkdirAll(filepath.Join(tree, "cov", "deep"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(tree, "cov", "deep", "lines"), []byte("of before\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("worker-%d", i+1)
		got := session(t, worker.Open{Dir: tree, Results: filepath.Join(dir, "data", name)}, options, units)
		if got.closed.Missing != "" || len(got.closed.Files) != 1 || filepath.Base(got.closed.Files[0]) != "cov%2Fdeep%2Flines" {
			t.Errorf("%s leaves %v, missing %q", name, got.closed.Files, got.closed.Missing)
		}
	}
	done, text := concluded(t, dir, options)
	all, err := os.ReadFile(filepath.Join(dir, "out", "coverage", "all"))
	if err != nil || string(all) != "ran a\nran b\nran c\n" {
		t.Errorf("combined: %q, %v", all, err)
	}
	list, _ := os.ReadFile(filepath.Join(dir, "out", "coverage", "list"))
	if !strings.Contains(string(list), "worker-1/cov/deep/lines\n") || !strings.Contains(text, "combined") {
		t.Errorf("files %q, printed %q", list, text)
	}
	if want := []string{"out/junit.xml", "out/coverage/all", "out/coverage/list"}; !slices.Equal(done.Files, want) || done.Error != "" || done.Code != 0 {
		t.Errorf("%+v, want the files %v", done, want)
	}
	d, err := command.Description{}.Deliver(framework.Suite{}, done)
	if err != nil || d.Coverage != nil || len(d.Files) != 3 || d.Files[1].As != "coverage/all" {
		t.Errorf("%+v, %v", d, err)
	}
}

// concluded makes the conclusion of a run of which only coverage matters.
func concluded(t *testing.T, dir string, options command.Options, missing ...string) (worker.Concluded, string) {
	t.Helper()
	meta, err := json.Marshal(map[string]any{"missing_coverage": missing})
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string]string{"reports.jsonl": "", "order.jsonl": "[]\n", "run.json": string(meta)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var text strings.Builder
	done, err := command.New().Conclude(t.Context(), worker.Conclude{Dir: dir, Source: t.TempDir(), Options: worker.Raw(options)}, func(e worker.Event) {
		text.Write(e.Output.Data)
	})
	if err != nil {
		t.Fatal(err)
	}
	return done, text.String()
}

// What is missing makes the coverage incomplete, and a combination that fails is
// an error of the conclusion.
func TestCoverageThatIsNotThere(t *testing.T) {
	options := command.Options{List: "echo a", Run: "true", Case: "name", Coverage: []string{"*.cov"}, Combine: "echo no such tool >&2; exit 7"}
	got := session(t, worker.Open{}, options)
	if want := "no file matches *.cov"; got.closed.Missing != want {
		t.Errorf("missing %q, want %q", got.closed.Missing, want)
	}
	done, _ := concluded(t, t.TempDir(), options, "worker-1: no file matches *.cov")
	d, err := command.Description{}.Deliver(framework.Suite{}, done)
	if err != nil || d.Coverage == nil || d.Coverage.Complete || d.Coverage.Reason != "worker-1: no file matches *.cov; no worker left a coverage file" {
		t.Errorf("%+v, %v", d.Coverage, err)
	}

	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "data", "worker-1"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "data", "worker-1", "a.cov"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	done, _ = concluded(t, dir, options)
	if want := "coverage_combine ended with status 7: no such tool"; done.Error != want {
		t.Errorf("%q, want %q", done.Error, want)
	}
}

// A worker must not write outside of the conclusion.
func TestCoverageFilesStayBelow(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "data", "worker-1"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "data", "worker-1", "..%2F..%2F..%2Fescaped"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	done, _ := concluded(t, dir, command.Options{Combine: "true", Coverage: []string{"*"}})
	if !strings.Contains(done.Error, "is not the name of a coverage file") {
		t.Errorf("%q", done.Error)
	}
}
