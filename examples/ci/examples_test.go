// Package ci checks the files for CI systems beside it.
package ci

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// job is where a system's file has its jobs, by name.
func jobs(t *testing.T, file string, text []byte) map[string]any {
	t.Helper()
	var doc map[string]any
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	list := doc["steps"]
	switch jobs := doc["jobs"].(type) {
	case map[string]any:
		return jobs
	case []any:
		list = jobs
	}
	steps, ok := list.([]any)
	if !ok {
		return doc
	}
	found := map[string]any{}
	for _, s := range steps {
		step := s.(map[string]any)
		for _, key := range []string{"job", "key", "label"} {
			if name, ok := step[key].(string); ok {
				found[name] = step
				break
			}
		}
	}
	return found
}

// TestExamples: each is what its format's own parser takes, with a job that runs all,
// and a plan, shards and a second job that combines them.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("*.yml")
	if err != nil || len(files) != 5 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all := jobs(t, file, text)
		for _, name := range []string{"tests", "plan", "shard", "combine"} {
			if all[name] == nil {
				t.Errorf("%s has no job %s", file, name)
			}
		}
		complete(t, file, string(text))
		if file != "buildkite.yml" && !strings.Contains(string(text), `curl -fsSL "$SHARDYARD"`) { // its agents are machines of one's own
			t.Errorf("%s gets no shardyard", file)
		}
	}
}

// TestJenkinsfile: braces and brackets are balanced outside of strings.
func TestJenkinsfile(t *testing.T) {
	text, err := os.ReadFile("Jenkinsfile")
	if err != nil {
		t.Fatal(err)
	}
	complete(t, "Jenkinsfile", string(text))
	var open []rune
	quote := rune(0)
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(strings.TrimSpace(line), "//") {
			continue
		}
		for _, r := range line {
			switch {
			case quote != 0:
				if r == quote {
					quote = 0
				}
			case r == '\'' || r == '"':
				quote = r
			case strings.ContainsRune("{[(", r):
				open = append(open, r)
			case strings.ContainsRune("}])", r):
				if len(open) == 0 || strings.IndexRune("{[(", open[len(open)-1]) != strings.IndexRune("}])", r) {
					t.Fatalf("%q closes nothing in %q", r, line)
				}
				open = open[:len(open)-1]
			}
		}
	}
	if len(open) > 0 || quote != 0 {
		t.Errorf("left open: %q %q", open, quote)
	}
}

// complete checks that a file has each step of the two ways.
func complete(t *testing.T, file, text string) {
	t.Helper()
	for _, want := range []string{"shardyard run --cov", "shardyard plan --splits 3 --json", "shardyard plan --splits 3 --group ", "pytest @", "--junitxml=", "shardyard combine "} {
		if !strings.Contains(text, want) {
			t.Errorf("%s does not say %q", file, want)
		}
	}
}
