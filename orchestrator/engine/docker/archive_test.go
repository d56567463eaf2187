package docker

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTransplant(t *testing.T) {
	var in, out bytes.Buffer
	tw := tar.NewWriter(&in)
	for _, h := range []*tar.Header{
		{Name: "./", Typeflag: tar.TypeDir, Mode: 0o700},
		{Name: "a", Typeflag: tar.TypeReg, Uid: 5, Uname: "root", Mode: 0o640},
		{Name: "d/e/f", Typeflag: tar.TypeReg, Mode: 0o755},
		{Name: "d/", Typeflag: tar.TypeDir, Mode: 0o750},
		{Name: "s", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"},
		{Name: "h", Typeflag: tar.TypeLink, Linkname: "d/e/f"},
		{Name: "../../etc/x", Typeflag: tar.TypeReg},
	} {
		if err := tw.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	tw = tar.NewWriter(&out)
	if err := transplant(&in, tw, "src/p", 0, 7, 8); err != nil {
		t.Fatal(err)
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for tr := tar.NewReader(&out); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%c %o %d:%d %s %s%s", h.Typeflag, h.Mode, h.Uid, h.Gid, h.Name, h.Linkname, h.Uname))
	}
	want := []string{
		"5 755 7:8 src/p/ ",
		"0 640 7:8 src/p/a ",
		"5 755 7:8 src/p/d/ ",
		"5 755 7:8 src/p/d/e/ ",
		"0 755 7:8 src/p/d/e/f ",
		"5 750 7:8 src/p/d/ ",
		"2 0 7:8 src/p/s /etc/passwd",
		"1 0 7:8 src/p/h src/p/d/e/f",
		"5 755 7:8 src/p/etc/ ",
		"0 0 7:8 src/p/etc/x ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestInside(t *testing.T) {
	for _, c := range []struct {
		name  string
		strip int
		want  string
		ok    bool
	}{
		{"a/b", 0, "a/b", true}, {"./a/../b", 0, "b", true}, {"../../x", 0, "x", true}, {".", 0, "", false}, {"/", 0, "", false},
		{"v/a", 1, "a", true}, {"v/", 1, "", false}, {"v", 1, "", false},
	} {
		if got, ok := inside(c.name, c.strip); got != c.want || ok != c.ok {
			t.Errorf("inside(%q, %d) = %q, %v; want %q, %v", c.name, c.strip, got, ok, c.want, c.ok)
		}
	}
}
