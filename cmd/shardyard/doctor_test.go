package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestNeeds: doctor looks for every package that a run would.
func TestNeeds(t *testing.T) {
	for config, want := range map[string][]string{
		"":                           {"pytest"},
		"coverage: {enabled: true}":  {"pytest", "coverage"},
		"coverage: {enabled: false}": {"pytest"},
		"suites: {a: {}, b: {coverage: {enabled: true}}}":    {"pytest", "coverage"},
		"suites: {a: {framework: command, list: x, run: y}}": nil,
	} {
		dir := t.TempDir()
		for name, text := range map[string]string{"shardyard.yaml": "version: 1\nsetup: []\nprepare: []\n" + config + "\n", "test_a.py": "def test_a(): pass\n"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		p, err := loadProject(t.Context(), dir, "")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, (&placeFlags{}).needs(p)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", config, diff)
		}
	}
}
