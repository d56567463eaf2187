package python

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/shardyard/shardyard/worker/framework"
)

// TestPython: the image of a version is chosen by what requires-python allows, and
// this machine's interpreters are judged by all three numbers.
func TestPython(t *testing.T) {
	for spec, want := range map[string]struct {
		image string
		fits  []string
		not   []string
	}{
		">=3.8":              {"3", []string{"3.8.0", "3.14.1"}, []string{"3.7.17"}},
		">=3.8,<3.12":        {"3.11", []string{"3.11.9"}, []string{"3.12.0", "3.7.1"}},
		"<3.12.3":            {"3.11", []string{"3.12.2"}, []string{"3.12.3"}},
		"==3.10.*":           {"3.10", []string{"3.10.1"}, []string{"3.11.0", "3.1.0"}},
		"==3.10.4":           {"3.10.4", []string{"3.10.4"}, []string{"3.10.5"}},
		"~=3.9":              {"3", []string{"3.9.0", "3.12.1"}, []string{"3.8.9"}},
		"~=3.9.0":            {"3.9", []string{"3.9.7"}, []string{"3.10.0"}},
		"~=3.9.2":            {"3.9", []string{"3.9.2"}, []string{"3.9.1"}},
		"^3.9":               {"3", []string{"3.13.0"}, []string{"3.8.1"}},
		"^3.10 || ^3.8,<3.9": {"3", []string{"3.8.1", "3.11.0"}, []string{"3.9.1"}},
		"~3.10":              {"3.10", []string{"3.10.9"}, []string{"3.11.0"}},
		"!=3.14.*":           {"3.13", []string{"3.13.1"}, []string{"3.14.0"}},
		">=3.11,!=3.14.1":    {"3", []string{"3.14.2"}, []string{"3.14.1"}},
		"<4":                 {"3", []string{"3.6.0"}, nil},
		">=3.9,<4.0":         {"3", []string{"3.9.0"}, []string{"3.8.18"}},
		">=3.9 <3.13":        {"3.12", []string{"3.12.1"}, []string{"3.13.0"}},
		"<=3.11":             {"3.11", []string{"3.11.7"}, []string{"3.12.0"}},
		"3.12":               {"3.12", []string{"3.12.9"}, []string{"3.11.0"}},
		">=2.7, !=3.0.*":     {"3", []string{"3.9.1"}, []string{"3.0.1"}},
		"nonsense":           {"3", []string{"3.1.1"}, nil},
		">3.10":              {"3", []string{"3.10.1", "3.11.0"}, []string{"3.10.0", "3.9.2"}},
		"==3":                {"3", []string{"3.9.9"}, nil},
		">=3.99":             {"3.99", nil, []string{"3.14.2"}},
	} {
		d := detectFiles(t, map[string]string{"pyproject.toml": "[project]\nname = 'a'\nrequires-python = '" + spec + "'\n"})
		if tools := d.Toolchain; tools.Version != "" || tools.Image != "python:"+want.image+"-slim" {
			t.Errorf("requires-python %q: %q, image %q", spec, tools.Version, tools.Image)
		}
		for _, v := range want.fits {
			if !d.Toolchain.Accept.Allow(v) {
				t.Errorf("requires-python %q refuses %s", spec, v)
			}
		}
		for _, v := range want.not {
			if d.Toolchain.Accept.Allow(v) {
				t.Errorf("requires-python %q allows %s", spec, v)
			}
		}
	}
}

// TestWhereVersionsAreSaid: every file that says what Python is wanted.
func TestWhereVersionsAreSaid(t *testing.T) {
	for _, x := range []struct {
		files           map[string]string
		version, wanted string
	}{
		{map[string]string{".python-version": "# mine\n3.12.4\n3.11\n"}, "3.12", "3.12 (.python-version:2)"},
		{map[string]string{".python-version": "cpython-3.10.2\n"}, "3.10", "3.10 (.python-version:1)"},
		{map[string]string{".python-version": "pypy3.9\n3.11\n"}, "", ""},
		{map[string]string{".tool-versions": "nodejs 20.1.0\npython 3.11.4 3.10.1\n"}, "3.11", "3.11 (.tool-versions:2)"},
		{map[string]string{"mise.toml": "[tools]\npython = \"3.13\"\n"}, "3.13", "3.13 (mise.toml:2)"},
		{map[string]string{"runtime.txt": "python-3.11.9\n"}, "3.11", "3.11 (runtime.txt:1)"},
		{map[string]string{"Pipfile": "[packages]\na = '*'\n[requires]\npython_version = \"3.9\"\n"}, "3.9", "3.9 (Pipfile:4)"},
		{map[string]string{"environment.yml": "dependencies:\n  - python=3.11\n  - a\n"}, "3.11", "3.11 (environment.yml:2)"},
		{map[string]string{"environment.yml": "dependencies:\n  - python>=3.9\n"}, "", ""},
		{map[string]string{"pyproject.toml": "[tool.poetry.dependencies]\npython = \"^3.9\"\n"}, "", "^3.9 (pyproject.toml:2)"},
		{map[string]string{"setup.cfg": "[metadata]\nname = a\n[options]\npython_requires = >=3.8, <3.10\n"}, "", ">=3.8, <3.10 (setup.cfg:4)"},
		{map[string]string{"setup.py": "setup(\n  name='a',\n  python_requires='>=3.6',\n)"}, "", ">=3.6 (setup.py:3)"},
		{map[string]string{"uv.lock": "version = 1\nrequires-python = \">=3.12\"\n", "pyproject.toml": "[tool.uv.workspace]\nmembers = []\n"}, "", ">=3.12 (uv.lock:2)"},
		{map[string]string{".python-version": "3.12", "pyproject.toml": "[project]\nname='a'\nrequires-python = '>=3.9'\n"}, "3.12", "3.12 (.python-version:1)"},
	} {
		d := detectFiles(t, x.files)
		if d.Toolchain.Version != x.version || d.Toolchain.Wanted != x.wanted {
			t.Errorf("%v: %q, %q, want %q, %q", x.files, d.Toolchain.Version, d.Toolchain.Wanted, x.version, x.wanted)
		}
	}
}

// detectFiles detects a project with these files.
func detectFiles(t *testing.T, files map[string]string) *framework.Detected {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		full := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	d, err := detect(dir)
	if err != nil {
		t.Fatalf("%v: %v", files, err)
	}
	return d
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

func detect(dir string) (*framework.Detected, error) {
	p, err := Look(dir, "runner")
	if err != nil {
		return nil, err
	}
	d := &framework.Detected{}
	p.Install(d)
	p.Complete(d)
	return d, p.Err()
}

func TestKeyOfSettings(t *testing.T) {
	set := map[string]string{
		"PIP_INDEX_URL": "https://user:hunter2@i/simple", "UV_INDEX": "a=https://t0ken@i/a https://i/b", "UV_FIND_LINKS": "/wheels,https://u:p@x/y",
		"HTTPS_PROXY": "http://u:p@proxy", "UV_INDEX_A_PASSWORD": "hunter2", "UV_INDEX_STRATEGY": "first-index", "PIP_DEFAULT_TIMEOUT": "9",
	}
	want := map[string]string{
		"PIP_INDEX_URL": "https://i/simple", "UV_INDEX": "a=https://i/a https://i/b", "UV_FIND_LINKS": "/wheels,https://x/y", "UV_INDEX_STRATEGY": "first-index",
	}
	if diff := cmp.Diff(want, key(set)); diff != "" {
		t.Errorf("key (-want +got):\n%s", diff)
	}
}
