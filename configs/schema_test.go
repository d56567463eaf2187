package configs

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
)

// compiled is the schema, in a validator that others wrote.
func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := Schema(known)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("shardyard.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("shardyard.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// document is YAML as a validator takes it.
func document(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestSchemaTakesSamples(t *testing.T) {
	s := compiled(t)
	files, err := filepath.Glob("samples/*.yaml")
	if err != nil || len(files) < 5 {
		t.Fatalf("samples: %q, %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(document(t, string(text))); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// TestSchemaAgrees holds the schema against the reader: what one refuses, the
// other refuses.
func TestSchemaAgrees(t *testing.T) {
	s := compiled(t)
	for text, valid := range map[string]bool{
		"version: 1": true, "version: 2": false,
		"version: 1\nworkers: auto": true, "version: 1\nworkers: 3": true, "version: 1\nworkers: 0": false, "version: 1\nworkers: many": false,
		"version: 1\nworkrs: 3":           false,
		"version: 1\nschedule: static":    true,
		"version: 1\nschedule: sometimes": false,
		"version: 1\nretries: -1":         false,
		"artifacts: ['*.log', shots/]":    true, "artifacts: {keep: [a], place: true}": true, "artifacts: {kept: [a]}": false,
		"suites: {u: {artifacts: [a]}}": true,
		"version: 1\nlimits: {memory: 2g, test: 90s, run: 1h30m, output: 1MiB, pids: 10}": true,
		"version: 1\nlimits: {memory: 1.5 GiB, test: 0}":                                  true,
		"version: 1\nlimits: {memory: lots}":                                              false,
		"version: 1\nlimits: {test: 5}":                                                   false,
		"version: 1\ncoverage: {fail_under: 85.5, enabled: true, sources: [a]}":           true,
		"version: 1\ncoverage: {fail_under: 101}":                                         false,
		"version: 1\nenv: {set: {A: 1.10, B: yes}, pass: [C]}":                            true,
		"version: 1\nenv: {pass: C}":                                                      false,
		"version: 1\nsuites:\n  unit:\n  db: {paths: [tests/db], workers: 2}":             true,
		"version: 1\nsuites: {unit: {nothing: 1}}":                                        false,
		"version: 1\nsuites: {'a b': {}}":                                                 false,
		"version: 1\nsuites: {unit: {framework: none}}":                                   false,
		"version: 1\nuser: 1000":                                                          true,
		"version: 1\ncache: {max_size: 20g, max_age: 7d}":                                 true, "version: 1\ncache: {max_age: 7 days}": false, "version: 1\ncache: {refresh: never, dirs: {A: a}}": true, "version: 1\ncache: {refresh: often}": false,
		"version: 1\nservices: {db: {}}": false,
	} {
		_, refused := Parse("f", []byte(text), known)
		if (refused == nil) != valid {
			t.Errorf("the reader, of %q: %v", text, refused)
		}
		if err := s.Validate(document(t, text)); (err == nil) != valid {
			t.Errorf("the schema, of %q: %v", text, err)
		}
	}
}

// TestEveryMeaningHasItsKey: a sentence about a key that there is not is old.
func TestEveryMeaningHasItsKey(t *testing.T) {
	text, err := Schema(known)
	if err != nil {
		t.Fatal(err)
	}
	for path, meaning := range meanings {
		sentence, err := json.Marshal(meaning)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), string(sentence)) {
			t.Errorf("there is no key %s", path)
		}
	}
}
