package pytest

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/shardyard/shardyard/worker"
)

func settingsOf(t *testing.T, r result) (s Settings) {
	t.Helper()
	if err := json.Unmarshal(reported(r, "settings"), &s); err != nil {
		t.Fatalf("settings: %v\n%v\n%s", err, r.err, r.stdout)
	}
	return s
}

func reported(r result, kind string) json.RawMessage {
	for _, e := range r.events {
		if e.Reported != nil && e.Reported.Kind == kind {
			return e.Reported.Data
		}
	}
	return nil
}

func TestSettings(t *testing.T) {
	p := load(t, "settings", "8")
	r := p.session(t, newFeed(), worker.Full, 0, "-p", "xdist.plugin", "-n", "2", "-x", "--junitxml=out.xml",
		"-p", "pytest_cov.plugin", "--cov", "--cov-fail-under=90", "--deselect=test_exit.py")
	if r.err != nil {
		t.Fatal(r.err)
	}
	want := map[worker.TestID]worker.Outcome{"test_a.py::test_1": worker.Failing, "test_a.py::test_2": worker.Failing, "test_a.py::test_3": worker.Passed}
	if diff := cmp.Diff(want, r.outcomes); diff != "" {
		t.Error(diff)
	}
	s := settingsOf(t, r)
	if s.MaxFail != 1 || s.JUnitXML == nil || *s.JUnitXML != "out.xml" || !s.Cov || s.CovFailUnder == nil || *s.CovFailUnder != 90 {
		t.Errorf("settings %+v", s)
	}
	if !slices.ContainsFunc(s.Notes, func(note string) bool { return strings.Contains(note, "-n") }) {
		t.Errorf("notes %q say nothing of -n", s.Notes)
	}
	if got := string(reported(r, "xml")); got != `{"attributes":{"assertions":"4"}}` {
		t.Errorf("attributes %s", got)
	}
	if got := string(reported(r, "suite")); got != `{"properties":[["name","value"]]}` {
		t.Errorf("properties %s", got)
	}
	if got := discovered(r)[0].Items[2].Group; got != "g" {
		t.Errorf("group %q", got)
	}
}

func TestGroups(t *testing.T) {
	r := load(t, "groups", "8").session(t, newFeed(), worker.Full, 0)
	if r.err != nil {
		t.Fatal(r.err)
	}
	got := map[worker.TestID]string{}
	for _, item := range discovered(r)[0].Items {
		got[item.ID] = item.Group
	}
	want := map[worker.TestID]string{
		"test_a.py::test_alone": "", "test_a.py::test_named": "g",
		"test_a.py::test_first": "test_a.py", "test_a.py::test_second": "test_a.py",
		"test_a.py::TestSteps::test_1": "test_a.py::TestSteps", "test_a.py::TestSteps::test_2": "test_a.py::TestSteps",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
}

func TestHistoryOptionsCollectInFull(t *testing.T) {
	p := load(t, "settings", "8")
	for _, option := range []string{"--lf", "--nf", "--sw"} {
		r := p.session(t, given(nil), worker.Lazy, 0, option)
		if r.err != nil || mode(r) != "full "+option+" looks at the whole suite" {
			t.Errorf("%s: %s, %v", option, mode(r), r.err)
		}
	}
}

func TestExit(t *testing.T) {
	for _, release := range []string{"7", "8", "9"} {
		r := load(t, "settings", release).session(t, newFeed(), worker.Full, 0, "test_exit.py")
		if r.err != nil || r.exit.Stop != "enough" || r.exit.Code != 5 || r.exit.Cause != "" {
			t.Errorf("exit %+v, error %v", r.exit, r.err)
		}
		if _, ran := r.outcomes["test_exit.py::test_never"]; ran || r.outcomes["test_exit.py::test_4"] != worker.Passed {
			t.Errorf("outcomes %v", r.outcomes)
		}
	}
}

// TestSeed: a plugin that orders tests by chance gets the run's seed, unless the
// user has said another one in the plugin's own words.
func TestSeed(t *testing.T) {
	p := load(t, "settings", "8")
	p.seed = 4711
	for _, test := range []struct {
		args, want string
	}{
		{"-p randomly", "the order of tests is random: every worker uses the seed 4711"},
		{"-p randomly --randomly-seed=7", "the order of tests is random: every worker uses the seed 7"},
		{"-p no:randomly", ""},
	} {
		r := p.session(t, newFeed(), worker.Full, 0, append(strings.Fields(test.args), "test_a.py")...)
		if r.err != nil {
			t.Fatalf("%s: %v", test.args, r.err)
		}
		notes := settingsOf(t, r).Notes
		notes = slices.DeleteFunc(notes, func(note string) bool { return !strings.Contains(note, "order of tests") })
		if got := strings.Join(notes, "\n"); got != test.want {
			t.Errorf("%s: %q, want %q", test.args, got, test.want)
		}
	}
}
