package docker

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shardyard/shardyard/cache"
	"github.com/shardyard/shardyard/orchestrator/engine"
)

// Of what a project keeps the latest stay, and never goes what a worker uses.
func TestRetention(t *testing.T) {
	opts := project(t)
	e := open(t, opts)
	base := mustBase(t, e)
	var trees []engine.Tree
	for _, id := range []string{"t1", "t2", "t3", "t4", "t5"} {
		trees = append(trees, mustLoad(t, e, id))
		time.Sleep(10 * time.Millisecond) // the times of files order them
	}
	start(t, e, engine.Spec{Name: "worker", Role: engine.Worker, Base: base, Tree: trees[0], TreeName: "proj"})
	held := func() (ids []string) {
		for k, id := range trees {
			if _, err := e.cli.VolumeInspect(t.Context(), e.treeVolume(string(id), defaultUser)); err == nil {
				ids = append(ids, string(trees[k]))
			}
		}
		return ids
	}
	sweep := func(later time.Duration) {
		t.Helper()
		e.now = func() time.Time { return time.Now().Add(later) }
		if removed, err := e.Sweep(t.Context()); err != nil {
			t.Fatalf("%v after %q", err, removed)
		}
	}
	sweep(0)
	if got := held(); len(got) != 5 {
		t.Errorf("at once %q are left", got)
	}
	sweep(2 * time.Hour)
	if got, want := held(), []string{"t1", "t3", "t4", "t5"}; !slices.Equal(got, want) {
		t.Errorf("later %q are left, want %q", got, want)
	}
	sweep(20 * 24 * time.Hour)
	if got, want := held(), []string{"t1"}; !slices.Equal(got, want) {
		t.Errorf("much later %q are left, want %q", got, want)
	}
}

// A live run keeps what it has, whoever sweeps or clears.
func TestClearRefused(t *testing.T) {
	opts := project(t)
	e, other := open(t, opts), open(t, opts)
	mustLoad(t, e, "t1")
	if err := other.ClearAll(t.Context()); err == nil || !strings.Contains(err.Error(), "still going") {
		t.Errorf("cleared under a run that lives: %v", err)
	}
	kept, err := other.Usage(t.Context(), cache.Own)
	if err != nil || !slices.ContainsFunc(kept, func(k engine.Kept) bool { return k.Kind == kindTree && k.Size > 0 && !k.Used.IsZero() }) {
		t.Errorf("kept %+v, %v", kept, err)
	}
}

// What another project keeps is listed and dropped too, but not what a live run may need.
func TestDrop(t *testing.T) {
	opts := project(t)
	opts.LockDir = t.TempDir() // in the other one the engine that clears up lives
	others := opts
	others.Project += "-other"
	other, err := New(t.Context(), Options{Project: others.Project, ProjectName: "other", LockDir: opts.LockDir, Agent: given(testAgent)})
	if err != nil {
		t.Fatal(err)
	}
	// No container that a killed test left has a tree of these names.
	mustLoad(t, other, others.Project)
	e := open(t, opts)
	mustLoad(t, e, opts.Project)
	trees := func(list []engine.Kept, err error) (projects []string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range list {
			if k.Kind == kindTree && (k.Project == opts.Project || k.Project == others.Project) {
				projects = append(projects, k.Project)
			}
		}
		return projects
	}
	if got, want := trees(e.Usage(t.Context(), cache.Own)), []string{opts.Project}; !slices.Equal(got, want) {
		t.Errorf("of its own %q", got)
	}
	all, err := e.Usage(t.Context(), cache.Everyones)
	if got := trees(all, err); len(got) != 2 {
		t.Errorf("of everyone %q", got)
	}
	// Other tests' projects stay.
	all = slices.DeleteFunc(all, func(k engine.Kept) bool { return k.Project != opts.Project && k.Project != others.Project })
	if got, want := trees(e.Drop(t.Context(), all)), []string{opts.Project}; !slices.Equal(got, want) {
		t.Errorf("while a run of the other lives, dropped %q, want %q", got, want)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if got, want := trees(e.Drop(t.Context(), all)), []string{others.Project}; !slices.Equal(got, want) {
		t.Errorf("dropped %q, want %q", got, want)
	}
	if got := trees(e.Usage(t.Context(), cache.Everyones)); len(got) > 0 {
		t.Errorf("left %q", got)
	}
}

func TestLifeOf(t *testing.T) {
	dir := t.TempDir()
	one, err := openSession(dir, "p")
	if err != nil {
		t.Fatal(err)
	}
	two, err := openSession(dir, "p")
	if err != nil {
		t.Fatal(err)
	}
	is := func(owner string, want life) {
		t.Helper()
		if got, err := two.lifeOf(owner); err != nil || got != want {
			t.Errorf("lifeOf(%s) = %v, %v; want %v", owner, got, err, want)
		}
	}
	is(one.owner(), alive)
	is(two.owner(), alive)
	is("another-machine:"+one.file.Path(), elsewhere)
	is("", elsewhere)
	if err := one.close(); err != nil {
		t.Fatal(err)
	}
	is(one.owner(), dead)
	is(one.owner(), dead)
	if err := two.close(); err != nil {
		t.Fatal(err)
	}
}

func TestNames(t *testing.T) {
	for in, want := range map[string]string{"My Project!": "my-project", "": "x", "--": "x", strings.Repeat("ab-", 20): "ab-ab-ab-ab-ab-ab-ab-ab-ab-ab-ab"} {
		if got := slug(in); got != want {
			t.Errorf("slug(%q) = %q, want %q", in, got, want)
		}
	}
	if got := tag("0123abcd"); got != "0123abcd" {
		t.Errorf("a plain key became %q", got)
	}
	if got := tag("a/b:c"); got == tag("a/b:d") || !fitTag.MatchString(got) {
		t.Errorf("an odd key became %q", got)
	}
	if got := runName("2026-01-02T03:04:05.678Z-run-abcdef"); got != "03-04-05-678z-run-abcdef" {
		t.Errorf("got %q", got)
	}
}
