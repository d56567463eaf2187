package pytest

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/shardyard/shardyard/worker/framework"
)

var update = flag.Bool("update", false, "write the expected results")

// TestDetect runs over testdata/detect: each archive is a project, with its
// expected detection in the file "want".
func TestDetect(t *testing.T) {
	archives, err := filepath.Glob("testdata/detect/*.txtar")
	if err != nil || len(archives) < 20 {
		t.Fatalf("archives: %q, %v", archives, err)
	}
	for _, name := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			dir, want, at := t.TempDir(), "", -1
			for i, f := range a.Files {
				if f.Name == "want" {
					want, at = string(f.Data), i
					continue
				}
				full := filepath.Join(dir, f.Name)
				if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(full, f.Data, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if sub, ok := strings.CutPrefix(strings.TrimSpace(string(a.Comment)), "dir: "); ok {
				dir = filepath.Join(dir, sub)
			}
			got := describeDetection(Description{}.Detect(dir))
			got = strings.ReplaceAll(got, dir, "DIR")
			if *update && got != want {
				f := txtar.File{Name: "want", Data: []byte(got)}
				if at < 0 {
					a.Files = append(a.Files, f)
				} else {
					a.Files[at] = f
				}
				if err := os.WriteFile(name, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("detection (-want +got):\n%s", diff)
			}
		})
	}
}

// describeDetection writes a detection for people to compare.
func describeDetection(d *framework.Detected, err error) string {
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	var b strings.Builder
	line := func(key string, value any) {
		if s := fmt.Sprint(value); s != "" && s != "false" {
			fmt.Fprintf(&b, "%s: %s\n", key, s)
		}
	}
	lines := func(key string, values []string) {
		for _, v := range values {
			line(key, v)
		}
	}
	line("kind", d.Kind)
	line("tests", d.Tests)
	line("python", d.Toolchain.Version)
	if image := d.Toolchain.Image; image != "python:3-slim" {
		line("image", image)
	}
	for _, e := range d.Evidence {
		line("evidence", e)
	}
	lines("setup", d.Setup)
	lines("prepare", d.Prepare)
	lines("key", d.Key)
	lines("ensure", d.Ensure)
	lines("args", d.Args)
	lines("path", d.Paths)
	for _, name := range slices.Sorted(maps.Keys(d.Env)) {
		line("env", name+"="+d.Env[name])
	}
	lines("pass", d.Pass)
	line("coverage", d.Coverage)
	line("coverage config", d.CoverageConfig)
	line("asks git", d.AsksGit)
	line("nothing", d.Nothing)
	lines("note", d.Notes)
	if d.Unsupported != nil {
		line("unsupported", d.Unsupported.Error())
	}
	return b.String()
}
