package cache

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func keep(t *testing.T, f Files, key, text string) {
	t.Helper()
	err := f.Keep(key, func(w io.Writer) (bool, error) {
		_, err := io.WriteString(w, text)
		return true, err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func found(t *testing.T, f Files, key string) string {
	t.Helper()
	file, ok, err := f.Find(key)
	if err != nil {
		t.Fatal(err)
	}
	if !ok {
		return ""
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func keys(t *testing.T, f Files) (list []string) {
	t.Helper()
	kept, err := f.Usage(t.Context(), Own)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range kept {
		if k.Kind != f.Kind || k.Size < 1 || k.Used.IsZero() {
			t.Errorf("kept %+v", k)
		}
		list = append(list, k.Name)
	}
	return list
}

func TestFiles(t *testing.T) {
	now := time.Now()
	root := t.TempDir()
	f := Files{Dir: filepath.Join(root, "mine"), Kind: "things", For: 24 * time.Hour, Now: func() time.Time { return now }}
	other := f
	other.Dir = filepath.Join(root, "other")
	if got := found(t, f, "a"); got != "" || len(keys(t, f)) > 0 {
		t.Errorf("found %q before anything is kept", got)
	}
	keep(t, f, "a", "1")
	keep(t, f, "a", "2")
	keep(t, f, "b", "3")
	keep(t, other, "a", "4")

	// Nothing to keep, and a failure, leave what was there, and nothing else.
	broken := errors.New("broken")
	for _, want := range []error{nil, broken} {
		if err := f.Keep("a", func(io.Writer) (bool, error) { return want != nil, want }); !errors.Is(err, want) {
			t.Errorf("got %v", err)
		}
	}
	if got := found(t, f, "a"); got != "2" || found(t, other, "a") != "4" {
		t.Errorf("found %q", got)
	}
	if got := keys(t, f); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("kept %q", got)
	}

	// What is found is used; what is not used goes, whose ever it is.
	now = now.Add(20 * time.Hour)
	found(t, f, "a")
	now = now.Add(5 * time.Hour)
	if err := f.Expire("", 9); err != nil {
		t.Fatal(err)
	}
	if got := keys(t, f); !slices.Equal(got, []string{"a"}) || len(keys(t, other)) > 0 {
		t.Errorf("after a day without use, kept %q", got)
	}
	keep(t, other, "a", "5")
	for _, key := range []string{"x-1", "x-2", "x-3", "c"} {
		now = now.Add(time.Minute)
		keep(t, f, key, key)
	}
	now = now.Add(time.Minute)
	found(t, f, "x-1")
	if err := f.Expire("x-", 2); err != nil {
		t.Fatal(err)
	}
	if got := keys(t, f); !slices.Equal(got, []string{"a", "c", "x-1", "x-3"}) || found(t, other, "a") != "5" {
		t.Errorf("with two of x, kept %q", got)
	}
	all, err := f.Usage(t.Context(), Everyones)
	if err != nil || len(all) != 5 || all[4].Project != "other" || all[4].Name != "a" {
		t.Errorf("everyone keeps %+v, %v", all, err)
	}
	if dropped, err := other.Drop(t.Context(), append(all[3:4], Kept{Project: "other", Name: "gone"})); err != nil || len(dropped) != 1 || dropped[0] != all[3] {
		t.Errorf("dropped %+v, %v", dropped, err)
	}
	if got := keys(t, f); !slices.Equal(got, []string{"a", "c", "x-1"}) {
		t.Errorf("kept %q", got)
	}
	if err := f.ClearAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(f.Dir); !os.IsNotExist(err) || found(t, other, "a") != "5" {
		t.Errorf("cleared: %v", err)
	}
}
