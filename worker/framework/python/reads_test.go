package python

import (
	"regexp"
	"slices"
	"testing"
)

// What is detected for projects that are installed in place is known to read little.
func TestDetectedCommandsAreKnown(t *testing.T) {
	r := reads()
	for command, want := range map[string]bool{
		uvCheck: true,
		orElse("uv sync --frozen", " --all-extras --all-groups", " --group test"): true,
		"uv sync --locked --dev":                                  true,
		"uv pip install -e '.[test,dev]'":                         true,
		"python -m pip install --quiet -e . -e libs/a":            true,
		"uv pip install -e .[test] other":                         false,
		"uv pip install -r requirements.txt":                      false,
		"uv sync; make":                                           false,
		"uv sync || make":                                         false,
		"pip install -e . && python setup.py build_ext --inplace": false,
	} {
		known := slices.ContainsFunc(r.Commands, func(re string) bool { return regexp.MustCompile(re).MatchString(command) })
		if known != want {
			t.Errorf("%s: known %t", command, known)
		}
	}
}
