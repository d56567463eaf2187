package worker

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// A path of the tree is the checkout's for people, and the other way round.
func TestDesk(t *testing.T) {
	d := Desk{Here: "/src/shop", There: "/home/me/src/shop"}
	for inside, want := range map[string]string{
		"test_a.py::test[/src/shop/data/a.txt-1]": "test_a.py::test[/home/me/src/shop/data/a.txt-1]",
		"it is in /src/shop.":                     "it is in /home/me/src/shop.",
		"file:///src/shop/a":                      "file:///home/me/src/shop/a",
		"\x1b[1;31m/src/shop/a\x1b[0m":            "\x1b[1;31m/home/me/src/shop/a\x1b[0m",
		"/src/shop/a:/src/shop":                   "/home/me/src/shop/a:/home/me/src/shop",
		"/src/shopping/a /src/shop-2 /src/shop.d": "/src/shopping/a /src/shop-2 /src/shop.d",
		"/opt/src/shop":                           "/opt/src/shop",
	} {
		if got := d.Show(inside); got != want || d.Inside(got) != inside || d.Show(got) != got {
			t.Errorf("%q is shown as %q, not %q; back it is %q", inside, got, want, d.Inside(got))
		}
	}
}

// Of what is typed only what chooses tests is brought to the tree.
func TestDeskOfArguments(t *testing.T) {
	d := Desk{Here: t.TempDir(), There: "/home/me/shop"}
	if err := os.WriteFile(filepath.Join(d.Here, "test_a.py"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"/home/me/shop/test_a.py", "test_a.py::test[/home/me/shop/a]", "--junitxml", "/home/me/shop/out.xml", "--html=/home/me/shop/test_a.py"}
	want := []string{d.Here + "/test_a.py", "test_a.py::test[" + d.Here + "/a]", args[2], args[3], args[4]}
	if got := d.choice(args); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// Lines reach people whole, whatever the pieces in which they are printed; and a
// file spells a path in its own way.
func TestDeskOfConclusion(t *testing.T) {
	dir := t.TempDir()
	d := Desk{Here: "/src/a&b", There: "/home/a&b"}
	files := map[string]string{"junit.xml": "<a b='/src/a&amp;b/x'/>", "log.txt": "/src/a&b/x", "data.bin": "/src/a&b/x"}
	want := map[string]string{"junit.xml": "<a b='/home/a&amp;b/x'/>", "log.txt": "/home/a&b/x", "data.bin": "/src/a&b/x"}
	var names []string
	for name, text := range files {
		names = append(names, name)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.showFiles(dir, names); err != nil {
		t.Fatal(err)
	}
	for name, text := range want {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != text {
			t.Errorf("%s has %q, not %q (%v)", name, got, text, err)
		}
	}

	var text string
	out := translation{desk: d, emit: func(e Event) { text += string(e.Output.Data) }, rest: map[string][]byte{}}
	for _, piece := range []string{"x /src", "/a&b/x\nend of /src/a", "&b"} {
		out.pass(Event{Output: &Output{Stream: "stdout", Data: []byte(piece)}})
	}
	out.flush()
	if want := "x /home/a&b/x\nend of /home/a&b"; text != want {
		t.Errorf("printed is %q, not %q", text, want)
	}
}
