package configs

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
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
			got := describeDetection(Detect(dir))
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
func describeDetection(d Detection, err error) string {
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
	line("framework", d.Framework)
	line("python", d.Python)
	for _, e := range d.Evidence {
		line("evidence", e)
	}
	lines("setup", d.Setup)
	lines("prepare", d.Prepare)
	lines("key", d.Key)
	lines("ensure", d.Ensure)
	line("coverage", d.Coverage)
	line("coverage config", d.CoverageConfig)
	line("asks git", d.AsksGit)
	line("empty", d.Empty)
	lines("note", d.Notes)
	if d.Unsupported != nil {
		line("unsupported", d.Unsupported.Error())
	}
	return b.String()
}

// What detection suggests for what it does not know is valid configuration.
func TestUnsupportedSuggestsValidConfig(t *testing.T) {
	archives, err := filepath.Glob("testdata/detect/unsupported-*.txtar")
	if err != nil || len(archives) < 4 {
		t.Fatalf("archives: %q, %v", archives, err)
	}
	for _, name := range archives {
		a, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		for _, f := range a.Files {
			if f.Name != "want" {
				if err := os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
		d, err := Detect(dir)
		if err != nil || d.Unsupported == nil {
			t.Errorf("%s: %+v, %v", name, d, err)
			continue
		}
		c, err := Parse(name, []byte(strings.Join(d.Unsupported.Config, "\n")))
		if err != nil || len(c.Setup) == 0 || len(c.Key) == 0 {
			t.Errorf("%s: %v\n%s", name, err, strings.Join(d.Unsupported.Config, "\n"))
		}
	}
}

func TestPython(t *testing.T) {
	for spec, want := range map[string]string{
		">=3.8": "", ">=3.8,<3.12": "3.11", "<3.12.3": "3.12", "==3.10.*": "3.10", "~=3.9": "", "~=3.9.0": "3.9", "~=3.9.2": "3.9",
		"^3.9": "", "~3.10": "3.10", "!=3.14.*": "3.13", ">=3.11,!=3.14.1": "", "<4": "", ">=3.9,<4.0": "", "<=3.11": "3.11", "3.12": "3.12",
		">=2.7, !=3.0.*": "", "nonsense": "", ">3.10": "", "==3": "",
	} {
		dir := t.TempDir()
		text := "[project]\nname = 'a'\nrequires-python = '" + spec + "'\n"
		if err := os.WriteFile(filepath.Join(dir, "pyproject.toml"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		d, err := Detect(dir)
		if err != nil || d.Python != want {
			t.Errorf("requires-python %q: %q, %v, want %q", spec, d.Python, err, want)
		}
	}
}

func TestPoetryVersions(t *testing.T) {
	for constraint, want := range map[string]string{
		"*": "", "^1.2.3": ">=1.2.3,<2", "^0.3": ">=0.3,<0.4", "^0.0.3": ">=0.0.3,<0.0.4", "^0": ">=0,<1", "^7": ">=7,<8", "~1.2.3": ">=1.2.3,<1.3",
		"~1.2": ">=1.2,<1.3", "~1": ">=1,<2", "1.2.3": "==1.2.3", ">= 1.2, < 2": ">=1.2,<2", "~=1.2": "~=1.2", "^1.0, !=1.5": ">=1.0,<2,!=1.5", "1.*": "==1.*",
	} {
		if got := poetryVersion(constraint); got != want {
			t.Errorf("%s: %q, want %q", constraint, got, want)
		}
	}
}

func FuzzDetect(f *testing.F) {
	f.Add("[project]\nname='a'\n", "[testenv]\ndeps =\n  pytest\n", "setup(extras_require={'test': ['pytest']})", "-e .\n-r other.txt")
	f.Add("[tool.poetry.group.dev.dependencies]\npytest='^8'\n[dependency-groups]\ntest=[{include-group='x'}]", "[pytest]\naddopts=--cov", "", "")
	f.Fuzz(func(t *testing.T, pyproject, tox, setup, requirements string) {
		dir := t.TempDir()
		for name, text := range map[string]string{"pyproject.toml": pyproject, "tox.ini": tox, "setup.py": setup, "requirements-dev.txt": requirements} {
			if text == "" {
				continue
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		d, err := Detect(dir)
		if err != nil {
			return
		}
		if _, err := Parse("init", []byte(Init(d))); err != nil {
			t.Fatalf("Init writes what cannot be loaded: %v\n%s", err, Init(d))
		}
	})
}
