package python

import (
	"strings"
	"testing"
)

// TestHintOfCI: how a CI system or a Makefile runs the tests is told, with lines to
// write, and nothing of it is taken.
func TestHintOfCI(t *testing.T) {
	const github = `on: [push]
env: { TZ: UTC, PIP_INDEX_URL: x }
jobs:
  lint:
    steps:
      - run: pip install pytest
  tests:
    services:
      db: { image: "postgres:16" }
    steps:
      - run: echo
      - name: tests
        env: { TOKEN: "${{ secrets.TOKEN }}", MODE: ci }
        run: |
          pip install -e .
          LEVEL=2 uv run --frozen pytest -m "not slow" --cov=a tests
`
	for name, x := range map[string]struct {
		files map[string]string
		want  string
	}{
		"github": {map[string]string{".github/workflows/ci.yml": github},
			`.github/workflows/ci.yml:16 runs ` + "`" + `LEVEL=2 uv run --frozen pytest -m "not slow" --cov=a tests` + "`" + `, with LEVEL=2 and MODE=ci and TZ=UTC, beside postgres:16 | suites: { tests: { args: ["-m", "not slow"], paths: ["tests"] } } | env: { set: { LEVEL: "2", MODE: "ci", TZ: "UTC" } } | network: host`},
		"gitlab": {map[string]string{".gitlab-ci.yml": "variables: { A: b }\nservices: [redis:7]\ntest:\n  script:\n    - pip install .\n    - python -m pytest\n"},
			".gitlab-ci.yml:6 runs `python -m pytest`, with A=b, beside redis:7 | env: { set: { A: \"b\" } } | network: host"},
		"makefile": {map[string]string{"Makefile": "test:\n\t@pytest -p no:randomly unit\n"},
			"Makefile:2 runs `pytest -p no:randomly unit` | suites: { tests: { args: [\"-p\", \"no:randomly\"], paths: [\"unit\"] } }"},
		"the same":   {map[string]string{"Makefile": "test:\n\tpytest -q --cov\n"}, ""},
		"unreadable": {map[string]string{".github/workflows/ci.yml": "jobs: [", ".gitlab-ci.yml": "- a\n"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			x.files["requirements.txt"] = "pytest\n"
			d := detectFiles(t, x.files)
			got := ""
			if d.Hint != nil {
				got = strings.Join(append([]string{d.Hint.String()}, d.Hint.Config()...), " | ")
			}
			if got != x.want {
				t.Errorf("got  %s\nwant %s", got, x.want)
			}
			if len(d.Args)+len(d.Paths)+len(d.Env) > 0 {
				t.Errorf("taken: %q %q %q", d.Args, d.Paths, d.Env)
			}
		})
	}
}
