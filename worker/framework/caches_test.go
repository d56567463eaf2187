package framework

import (
	"os"
	"path/filepath"
	"testing"
)

func TestCaches(t *testing.T) {
	dir := t.TempDir()
	if got := Caches(dir); len(got) > 0 {
		t.Errorf("an empty project has %v", got)
	}
	if err := os.Mkdir(filepath.Join(dir, "web"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"go.mod", "web/package.json", "requirements-dev.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got := Caches(dir)
	for name, want := range map[string]string{
		"GOMODCACHE": "{cache}/go/mod", "GOCACHE": "{cache}/go/build", "npm_config_cache": "{cache}/npm", "npm_config_store_dir": "{cache}/pnpm",
		"YARN_CACHE_FOLDER": "{cache}/yarn", "PDM_CACHE_DIR": "{cache}/pdm", "CARGO_HOME": "",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	if got := CachesOfTests(dir); len(got) != 2 || got["GOCACHE"] != "{cache}/go/build" {
		t.Errorf("tests have %v, want those of Go", got)
	}
}
