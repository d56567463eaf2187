package pytest

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/shardyard/shardyard/worker"
	"github.com/shardyard/shardyard/worker/framework"
)

var _ framework.Description = Description{}

func TestArguments(t *testing.T) {
	suite := framework.Ask{Args: []string{"-q"}, Paths: []string{"tests/db"}}
	for user, want := range map[string]string{
		"":                           "-q tests/db",
		"-x":                         "-q -x tests/db",
		"-k name":                    "-q -k name tests/db",
		"-p randomly":                "-q -p randomly tests/db",
		"tests/api":                  "-q tests/api",
		"-x tests/api::test_1":       "-q -x tests/api::test_1",
		"--junitxml out.xml --tb no": "-q --junitxml out.xml --tb no tests/db",
	} {
		ask := suite
		ask.User = strings.Fields(user)
		if got := strings.Join(arguments(ask), " "); got != want {
			t.Errorf("%q: %q, want %q", user, got, want)
		}
	}
	suite.Markers, suite.Keyword = "not db", "a or b"
	if diff := cmp.Diff([]string{"-q", "-m", "not db", "-k", "a or b", "tests/db"}, arguments(suite)); diff != "" {
		t.Error(diff)
	}
}

func TestSuiteIsMeasured(t *testing.T) {
	yes, no, limit := true, false, 85.0
	measures := &framework.Detected{Coverage: true, Ensure: []string{"pytest", "pytest-cov"}}
	for name, test := range map[string]struct {
		ask  framework.Ask
		want string // of Options.Coverage
	}{
		"nobody asks":               {framework.Ask{}, ""},
		"the flag":                  {framework.Ask{Coverage: framework.Coverage{Enabled: &yes, Sources: []string{"a"}, FailUnder: &limit}}, `{"sources":["a"],"fail_under":85}`},
		"the project":               {framework.Ask{Detected: measures}, "{}"},
		"the config says no":        {framework.Ask{Detected: measures, Coverage: framework.Coverage{Enabled: &no}}, ""},
		"the arguments":             {framework.Ask{User: []string{"--cov=a"}}, "{}"},
		"an option that looks like": {framework.Ask{User: []string{"--cov-report=xml"}}, ""},
	} {
		s, err := Description{}.Suite(test.ask)
		if err != nil {
			t.Fatal(err)
		}
		var o struct{ Coverage json.RawMessage }
		if err := json.Unmarshal(s.Options, &o); err != nil {
			t.Fatal(err)
		}
		ensured := strings.HasSuffix(strings.Join(s.Ensure, " "), " coverage")
		if string(o.Coverage) != test.want || ensured != (test.want != "") {
			t.Errorf("%s: %s, want %s; ensured are %q", name, o.Coverage, test.want, s.Ensure)
		}
	}
}

func TestSuiteIsData(t *testing.T) {
	s, err := Description{}.Suite(framework.Ask{User: []string{"-W", "error"}, Env: map[string]string{"PYTHONPATH": "src"}, Seed: 7, Color: true})
	if err != nil {
		t.Fatal(err)
	}
	var again framework.Suite
	if err := json.Unmarshal(worker.Raw(s), &again); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s, again); diff != "" {
		t.Errorf("a suite that was stored is another (-made +read):\n%s", diff)
	}
	var o Options
	if err := json.Unmarshal(s.Options, &o); err != nil || o.Seed != 7 {
		t.Errorf("options %s, %v", s.Options, err)
	}
}

func TestSuiteRefusesWhatRunsNoTest(t *testing.T) {
	for _, option := range []string{"--collect-only", "--co", "--setup-plan", "--fixtures"} {
		_, err := Description{}.Suite(framework.Ask{User: []string{"-q", option}})
		if !errors.Is(err, worker.ErrUsage) || !strings.Contains(err.Error(), "shardyard exec -- pytest "+option) {
			t.Errorf("%s: %v", option, err)
		}
	}
}

// TestOptionsOfTheEnvironment: pytest takes those of PYTEST_ADDOPTS before all
// others.
func TestOptionsOfTheEnvironment(t *testing.T) {
	suite := func(value string, env map[string]string) (framework.Suite, error) {
		return Description{}.Suite(framework.Ask{Args: []string{"-q"}, User: []string{"-x"}, Env: env, Ambient: func(name string) (string, bool) {
			return value, name == "PYTEST_ADDOPTS" && value != ""
		}})
	}
	got, err := suite(" -k one  --tb=short", nil)
	if err != nil || strings.Join(got.Args, " ") != "-k one --tb=short -q -x" || len(got.Notes) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err = suite("", nil); err != nil || strings.Join(got.Args, " ") != "-q -x" || len(got.Notes) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err = suite("-k one", map[string]string{"PYTEST_ADDOPTS": "-k two"}); err != nil || strings.Join(got.Args, " ") != "-q -x" {
		t.Errorf("tests see it, and %+v, %v", got, err)
	}
	if _, err = suite("-k 'one or two'", nil); !errors.Is(err, worker.ErrUsage) {
		t.Errorf("quotes: %v", err)
	}
	if _, err = suite("--collect-only", nil); !errors.Is(err, worker.ErrUsage) {
		t.Errorf("no tests: %v", err)
	}
}
