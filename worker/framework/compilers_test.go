package framework

import (
	"os"
	"path/filepath"
	"testing"
)

// A compiler in a user's home is found for a project that needs it, one of the system is
// seen without that.
func TestCompilers(t *testing.T) {
	dir, home := t.TempDir(), t.TempDir()
	at := func(root string) []Compiler {
		t.Helper()
		script := "#!/bin/sh\n[ \"$1\" = --version ] && echo rustc 1.95.0 || echo " + root + "\n"
		if err := os.WriteFile(filepath.Join(home, "rustc"), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
		return Compilers(t.Context(), dir)
	}
	t.Setenv("PATH", home+":"+os.Getenv("PATH"))
	if found := at("/home/me/rust"); found != nil {
		t.Errorf("a project without Rust: %v", found)
	}
	if err := os.MkdirAll(filepath.Join(dir, "rust"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "rust", "Cargo.toml"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if found := at("/usr"); found != nil {
		t.Errorf("the system's: %v", found)
	}
	if found := at("/home/me/rust"); len(found) != 1 || found[0] != (Compiler{"rust", "/home/me/rust", "/home/me/rust/bin", "rustc 1.95.0"}) {
		t.Errorf("got %v", found)
	}
}
