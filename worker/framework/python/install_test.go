package python

import (
	"github.com/google/go-cmp/cmp"

	"github.com/shardyard/shardyard/worker/framework"
	"os"
	"path/filepath"
	"testing"
)

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
		d, err := detect(dir)
		if err != nil || d.Toolchain.Version != want {
			t.Errorf("requires-python %q: %q, %v, want %q", spec, d.Toolchain.Version, err, want)
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
