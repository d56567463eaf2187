package pytest

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/shardyard/shardyard/worker"
)

// What is longer than any message costs neither a verdict nor the session: a
// passing test that prints 17 MB, an assertion of 40 MB, 20 MB of ids.
func TestLong(t *testing.T) {
	// Where these are set, pytest itself takes minutes to explain 40 MB line by line.
	for _, name := range []string{"CI", "BUILD_NUMBER"} {
		t.Setenv(name, "")
		if err := os.Unsetenv(name); err != nil { // it is put back all the same
			t.Fatal(err)
		}
	}
	p := load(t, "long", "8")
	r := p.session(t, newFeed(), worker.Full, 0)
	if r.err != nil || r.exit.Cause != "" {
		t.Fatalf("the session ended with %+v: %v", r.exit, r.err)
	}
	counts := map[worker.Outcome]int{}
	for id, outcome := range r.outcomes {
		counts[outcome]++
		if len(id) > 20_000 {
			t.Errorf("an id has %d bytes", len(id))
		}
	}
	if counts[worker.Passed] != 201 || counts[worker.Failing] != 1 || len(counts) != 2 {
		t.Errorf("outcomes %v, want 201 passed and 1 failed", counts)
	}
	printed, failed := 0, 0
	for _, e := range r.events {
		if e.Reported != nil && e.Reported.Kind == "report" {
			printed = max(printed, bytes.Count(e.Reported.Data, []byte("x")))
			failed = max(failed, bytes.Count(e.Reported.Data, []byte("y")))
		}
	}
	if printed < 17_000_000 || failed == 0 {
		t.Errorf("of 17 MB that a test printed %d bytes were reported, and %d of a failure", printed, failed)
	}
	lists := 0
	for _, d := range discovered(r) {
		lists++
		if size := len(worker.Raw(d)); size > worker.MaxMessage {
			t.Errorf("a list of %d bytes", size)
		}
	}
	if lists < 2 {
		t.Error("200 ids of 100 kB came in one list")
	}
}

// What is too long to travel whole has a mark where its middle was.
func TestCut(t *testing.T) {
	script := `
import json, sys
sys.path.insert(0, "py")
import cut
cut.LONGEST, cut.MOST = 100, 1000
encode = lambda value: json.dumps(value).encode()
assert cut.fitting({"a": "x" * 900}, encode) == encode({"a": "x" * 900})
short = json.loads(cut.fitting({"a": ["x" * 3000, "y" * 90], "b": ("z", 1, None)}, encode))
assert short["a"][1] == "y" * 90 and short["b"] == ["z", 1, None], short
assert short["a"][0] == "x" * 50 + "\n[... shardyard left out 2900 characters ...]\n" + "x" * 50, short
many = cut.fitting({"a": ["x" * 90] * 100}, encode)
assert len(many) < 9000
assert list(cut.pieces([], len)) == [[]]
cut.PIECE = 200
assert list(cut.pieces(["a" * 100] * 3, len)) == [["a" * 100] * 2, ["a" * 100]]
`
	if out, err := exec.Command("python3", "-c", script).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, strings.TrimSpace(string(out)))
	}
}
