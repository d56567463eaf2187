package cache

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

type member struct {
	kind             byte
	name, link, text string
}

var environmentMembers = []member{
	{tar.TypeDir, "./", "", ""},
	{tar.TypeDir, "bin/", "", ""},
	{tar.TypeReg, "bin/tool", "", strings.Repeat("tool", 50_000)},
	{tar.TypeLink, "bin/other", "bin/tool", ""},
	{tar.TypeSymlink, "bin/link", "../" + strings.Repeat("long/", 60), ""},
	{tar.TypeReg, "empty", "", ""},
}

var memberTime = time.Unix(1_700_000_000, 123456789)

func archiveOf(t *testing.T, members []member) io.Reader {
	t.Helper()
	var b bytes.Buffer
	tw := tar.NewWriter(&b)
	for _, m := range members {
		h := &tar.Header{Typeflag: m.kind, Name: m.name, Linkname: m.link, Size: int64(len(m.text)), Mode: 0o755, ModTime: memberTime, Format: tar.FormatPAX}
		if err := tw.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(tw, m.text); err != nil {
			t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	return &b
}

func membersOf(t *testing.T, archive io.Reader) (list []member) {
	t.Helper()
	for in := tar.NewReader(archive); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		if !h.ModTime.Equal(memberTime) {
			t.Errorf("%s is of %v", h.Name, h.ModTime)
		}
		list = append(list, member{h.Typeflag, h.Name, h.Linkname, string(text)})
	}
}

func bundleOf(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := WriteBundle(&b, Bundle{Engine: "docker", Platform: "linux/amd64", Image: "host", Key: "abc"})
	if err != nil {
		t.Fatal(err)
	}
	packages := []member{{tar.TypeReg, "../../wheel", "", "wheel"}}
	if err := errors.Join(w.Part("layer", archiveOf(t, environmentMembers)), w.Part("packages", archiveOf(t, packages)), w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestBundle(t *testing.T) {
	in, err := ReadBundle(bytes.NewReader(bundleOf(t)))
	if err != nil {
		t.Fatal(err)
	}
	if want := (Bundle{bundleVersion, "docker", "linux/amd64", "host", "abc"}); in.Bundle != want {
		t.Errorf("it is %+v", in.Bundle)
	}
	if in.Part("packages") != nil {
		t.Error("a part is found before its turn")
	}
	got := membersOf(t, in.Part("layer"))
	if len(got) != len(environmentMembers) {
		t.Fatalf("got %d members", len(got))
	}
	for i, want := range environmentMembers {
		if got[i] != want {
			t.Errorf("member %d is %.200v; want %.200v", i, got[i], want)
		}
	}
	// A name cannot lead out of its part.
	if got := membersOf(t, in.Part("packages")); len(got) != 1 || got[0] != (member{tar.TypeReg, "wheel", "", "wheel"}) {
		t.Errorf("got %v", got)
	}
	if in.Part("packages") != nil {
		t.Error("a part is found twice")
	}
	if err := in.Skip(); err != nil {
		t.Error(err)
	}
}

// unpacked returns what is compressed, as far as it can be read.
func unpacked(b []byte) []byte {
	in, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil
	}
	text, _ := io.ReadAll(in) // as far as it goes
	return text
}

// A bundle that is cut short, wherever, or damaged, is seen.
func TestDamagedBundle(t *testing.T) {
	whole := bundleOf(t)
	read := func(b []byte) error {
		in, err := ReadBundle(bytes.NewReader(b))
		if err != nil {
			return err
		}
		return in.Skip()
	}
	if err := read(whole); err != nil {
		t.Fatal(err)
	}
	var bad *BundleError
	for n := range whole {
		if err := read(whole[:n]); !errors.As(err, &bad) {
			t.Errorf("cut to %d of %d bytes: %v", n, len(whole), err)
		}
		if n >= 10 { // after what gzip says of the file, where not all counts
			damaged := bytes.Clone(whole)
			damaged[n] ^= 0x10
			if err := read(damaged); !errors.As(err, &bad) && !bytes.Equal(unpacked(damaged), unpacked(whole)) {
				t.Errorf("with another byte %d: %v", n, err)
			}
		}
	}
	var other bytes.Buffer
	w, err := WriteBundle(&other, Bundle{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), read(other.Bytes())); !errors.As(err, &bad) {
		t.Errorf("a bundle without a key: %v", err)
	}
}
