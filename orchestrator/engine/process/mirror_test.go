package process

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/shardyard/shardyard/worker"
)

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// Everything that was touched is restored, also where size and time of
// modification hide it; what was not is left alone.
func TestMirrorRestores(t *testing.T) {
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "to")
	write(t, filepath.Join(from, "kept"), "kept")
	write(t, filepath.Join(from, "hidden"), "aaaa")
	write(t, filepath.Join(from, "dir/file"), "f")
	if err := os.Symlink("kept", filepath.Join(from, "link")); err != nil {
		t.Fatal(err)
	}
	if err := mirror(t.Context(), from, "", to, time.Time{}); err != nil {
		t.Fatal(err)
	}
	kept, err := os.Stat(filepath.Join(to, "kept"))
	if err != nil {
		t.Fatal(err)
	}
	// The kernel's clock for files is coarse: only what is strictly older than
	// the mark counts as clean.
	mark := filepath.Join(t.TempDir(), "mark")
	var clean time.Time
	for !clean.After(worker.ChangeTime(kept).Add(20 * time.Millisecond)) {
		write(t, mark, "")
		info, err := os.Stat(mark)
		if err != nil {
			t.Fatal(err)
		}
		clean = worker.ChangeTime(info)
		time.Sleep(time.Millisecond)
	}

	hidden := filepath.Join(to, "hidden")
	info, err := os.Stat(hidden)
	if err != nil {
		t.Fatal(err)
	}
	write(t, hidden, "bbbb")
	if err := os.Chtimes(hidden, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	for _, change := range []error{
		os.RemoveAll(filepath.Join(to, "dir")), os.WriteFile(filepath.Join(to, "dir"), nil, 0o644),
		os.Remove(filepath.Join(to, "link")), os.Symlink("hidden", filepath.Join(to, "link")),
		os.MkdirAll(filepath.Join(to, "extra/deep"), 0o755), os.Chmod(filepath.Join(to, "extra"), 0),
	} {
		if change != nil {
			t.Fatal(change)
		}
	}
	if err := mirror(t.Context(), from, "", to, clean); err != nil {
		t.Fatal(err)
	}
	if got := read(t, hidden) + read(t, filepath.Join(to, "dir/file")) + read(t, filepath.Join(to, "link")); got != "aaaafkept" {
		t.Errorf("restored to %q", got)
	}
	if _, err := os.Lstat(filepath.Join(to, "extra")); !os.IsNotExist(err) {
		t.Errorf("what was added is still there: %v", err)
	}
	after, err := os.Stat(filepath.Join(to, "kept"))
	if err != nil || !os.SameFile(kept, after) {
		t.Errorf("an untouched file was copied again, %v", err)
	}
}

func TestReplacePath(t *testing.T) {
	for in, want := range map[string]string{
		"":                                "",
		"nothing":                         "",
		"/s/10/env":                       "/s/10/env",
		"/s/1":                            "/s/22",
		"#!/s/1/env/bin/python\n":         "#!/s/22/env/bin/python\n",
		"home = /s/1\nx = '/s/1' /s/1-a/": "home = /s/22\nx = '/s/22' /s/1-a/",
		"file:///s/1/src/p":               "file:///s/22/src/p",
		"/s/1/s/1":                        "/s/22/s/22",
	} {
		got := string(replacePath([]byte(in), "/s/1", "/s/22"))
		if got != want && (got != "" || want != in) {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func TestRelocate(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "bin/tool")
	write(t, script, "#!/old/bin/python\n")
	if err := os.Chmod(script, 0o555); err != nil {
		t.Fatal(err)
	}
	past := time.Unix(1_700_000_000, 0)
	if err := os.Chtimes(script, past, past); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "lib.so"), "\x7fELF\x00/old/lib")
	write(t, filepath.Join(dir, "m.pyc"), "\x00/old/m.py")
	write(t, filepath.Join(dir, "large"), string(bytes.Repeat([]byte("/old/x"), maxText/6+1)))
	for name, target := range map[string]string{"in": "/old/lib.so", "out": "/older", "rel": "lib.so"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	binary, err := relocate(dir, "/old", "/new")
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, script); got != "#!/new/bin/python\n" {
		t.Errorf("the script is %q", got)
	}
	if info, err := os.Stat(script); err != nil || info.Mode() != 0o555 || info.ModTime().Equal(past) {
		t.Errorf("the script has %v, %v", info.Mode(), err)
	}
	if len(binary) != 1 || binary[0] != filepath.Join(dir, "lib.so") {
		t.Errorf("files that could not be moved: %q", binary)
	}
	for name, want := range map[string]string{"in": "/new/lib.so", "out": "/older", "rel": "lib.so"} {
		if got, err := os.Readlink(filepath.Join(dir, name)); err != nil || got != want {
			t.Errorf("link %s leads to %s, %v", name, got, err)
		}
	}
}
