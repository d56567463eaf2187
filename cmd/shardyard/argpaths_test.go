package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestPathsInTheTree(t *testing.T) {
	base := unlinked(t.TempDir())
	project := filepath.Join(base, "project")
	for _, dir := range []string{"tests", "sub/tests"} {
		if err := os.MkdirAll(filepath.Join(project, dir), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(project, dir, "test_a.py"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(project, "sub", "test_b.py"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(project, filepath.Join(base, "link")); err != nil {
		t.Fatal(err)
	}
	sub := filepath.Join(project, "sub")
	for _, test := range []struct {
		name, cwd, arg, want string
	}{
		{"absolute", base, project + "/tests/test_a.py", "tests/test_a.py"},
		{"a test of it", base, project + "/tests/test_a.py::test_x[a::/b]", "tests/test_a.py::test_x[a::/b]"},
		{"the project", base, project, "."},
		{"an option's value", base, "--junitxml=" + project + "/out/j.xml", "--junitxml=out/j.xml"},
		{"through a link", base, base + "/link/tests", "tests"},
		{"elsewhere", base, "/etc/hosts", "/etc/hosts"},
		{"beside it", base, project + "-other/x.py", project + "-other/x.py"},
		{"relative to the project", sub, "tests/test_a.py", "tests/test_a.py"},
		{"relative to a folder of it", sub, "test_b.py::test_y", "sub/test_b.py::test_y"},
		{"above that folder", sub, "../tests", "tests"},
		{"no file", sub, "slow and not db", "slow and not db"},
		{"an option", sub, "-x", "-x"},
		{"nothing", sub, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := inTree([]string{test.arg}, project, test.cwd); !slices.Equal(got, []string{test.want}) {
				t.Errorf("%q becomes %q, not %q", test.arg, got, test.want)
			}
		})
	}
}
