package testsuites

import (
	"strings"
	"testing"
)

// wholeList looks at what only a full collection has, as a lazy worker cannot
// know: every test that runs on one fails there, and passes on a full one.
const wholeList = `
import time, pytest

@pytest.mark.parametrize("n", range(10))
def test_all(request, n):
    time.sleep(0.1)
    assert {item.path.name for item in request.session.items} == {"test_it.py", "test_other.py"}
`

// A failure on a lazy worker that a full one does not confirm has no verdict
// on laziness by itself: what was seen is said, and the suite is collected in
// full once it was seen again, for a while.
func TestAFailureThatIsNotConfirmedIsDoubtedBeforeItIsBelieved(t *testing.T) {
	bin := build(t)
	dir := project(t, wholeList)
	write(t, dir+"/test_other.py", wholeList)
	for _, want := range []string{
		"and not on worker-1, which had collected everything: it depends on the order of tests, on their whole list, or on chance; the exact order is in workers/worker-2.tests",
		"it is not the first run with such a test: the next 10 runs of this suite collect everything on every worker",
		"every worker collects the whole suite, in this run and 9 more",
	} {
		cmd := start(t, bin, dir, "--engine", "process", "-w", "2", "--collection", "lazy")
		r := finish(t, cmd, 0)
		if r.Totals.Passed != 20 {
			t.Errorf("%+v, want 20 passed", r.Totals)
		}
		log := events(dir)
		if !strings.Contains(log, want) {
			t.Errorf("no run says %q:\n%s", want, notes(log))
		}
		if strings.Count(log, `run_started`) == 1 && strings.Contains(log, "the next 10 runs") {
			t.Error("one such run was enough to collect everything")
		}
	}
}

// notes are the lines of a log that are for the user.
func notes(log string) string {
	var lines []string
	for line := range strings.Lines(log) {
		if strings.Contains(line, `"note"`) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}
