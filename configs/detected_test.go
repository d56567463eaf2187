package configs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/shardyard/shardyard/configs"
	"github.com/shardyard/shardyard/worker/framework/pytest"
)

// TestUnsupportedSuggestsValidConfig: what detection suggests for what it does not know is valid configuration.
func TestUnsupportedSuggestsValidConfig(t *testing.T) {
	archives, err := filepath.Glob("../worker/framework/pytest/testdata/detect/unsupported-*.txtar")
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
				if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, f.Name)), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
		d, err := pytest.Description{}.Detect(dir)
		if err != nil || d.Unsupported == nil {
			t.Errorf("%s: %+v, %v", name, d, err)
			continue
		}
		c, err := configs.Parse(name, []byte(strings.Join(d.Unsupported.Config, "\n")), nil)
		if err != nil || len(c.Setup) == 0 || len(c.Key) == 0 {
			t.Errorf("%s: %v\n%s", name, err, strings.Join(d.Unsupported.Config, "\n"))
		}
	}
}

func FuzzDetect(f *testing.F) {
	f.Add("[project]\nname='a'\n", "[testenv]\ndeps =\n  pytest\n", "setup(extras_require={'test': ['pytest']})", "-e .\n-r other.txt")
	f.Add("[tool.poetry.group.dev.dependencies]\npytest='^8'\n[dependency-groups]\ntest=[{include-group='x'}]", "[pytest]\naddopts=--cov", "", "")
	f.Add("[tool.tox.env_run_base]\nset_env={'A B'='#: x'}\ndeps=['pytest']\ncommands=[['pytest','-k','a: \"b\" # c']]", "[testenv]\ndeps=pytest\nsetenv=A: b = {c}: [\n  X = - 'y\n  Z=\ncommands=pytest -k \"a'b: #\" tests", "", "")
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
		d, err := pytest.Description{}.Detect(dir)
		if err != nil {
			return
		}
		if _, err := configs.Parse("init", []byte(configs.Init(d)), nil); err != nil {
			t.Fatalf("Init writes what cannot be loaded: %v\n%s", err, configs.Init(d))
		}
	})
}
