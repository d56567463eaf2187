package process_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/shardyard/shardyard/cache"
	"github.com/shardyard/shardyard/internal/needs"
	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/orchestrator/engine/process"
	"github.com/shardyard/shardyard/worker"
	"github.com/shardyard/shardyard/worker/framework"
	"github.com/shardyard/shardyard/worker/framework/python"
)

func TestOptions(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for say, o := range map[string]process.Options{
		"not a name for a directory": {Project: "a/b", CacheDir: dir, StateDir: dir},
		"are needed":                 {Project: "a", CacheDir: dir},
		"choose another directory":   {Project: "a", CacheDir: file, StateDir: dir},
	} {
		if _, err := process.New(o); err == nil || !strings.Contains(err.Error(), say) {
			t.Errorf("got %v, want %q", err, say)
		}
	}
}

func TestBase(t *testing.T) {
	e, err := open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Base(t.Context(), "python:3.12", python.Toolchain(""), nil); err == nil || !strings.Contains(err.Error(), "has no images") {
		t.Errorf("got %v", err)
	}
	auto, err := e.Base(t.Context(), "auto", python.Toolchain(""), nil)
	if err != nil {
		t.Fatal(err)
	}
	if auto.Program == "" {
		needs.Lacks(t, "python3", errors.New("this machine has none"))
	}
	if !filepath.IsAbs(auto.Program) || auto.Image != "host" || !auto.Host || auto.Note != "" || !strings.HasPrefix(auto.ID, "host-") {
		t.Errorf("got %+v", auto)
	}
	out, err := exec.Command(auto.Program, "-c", `import sys; print("%d.%d" % sys.version_info[:2])`).Output()
	if err != nil {
		t.Fatal(err)
	}
	version := strings.TrimSpace(string(out))
	if same, err := e.Base(t.Context(), "host", python.Toolchain(version), nil); err != nil || same.Note != "" {
		t.Errorf("Python %s: got %+v, %v", version, same, err)
	}
	if none, err := e.Base(t.Context(), "host", framework.Toolchain{}, nil); err != nil || none.Program != "" || none.ID == "" || none.ID == auto.ID {
		t.Errorf("without a toolchain: %+v, %v", none, err)
	}
	if other, err := e.Base(t.Context(), "host", python.Toolchain("2.4"), nil); err != nil || !strings.Contains(other.Note, "instead of 2.4") || other.Program == "" {
		t.Errorf("got %+v, %v", other, err)
	}
}

// place starts an instance, and returns it with a way to run scripts in it.
func place(t *testing.T, e engine.Engine, spec engine.Spec) (engine.Instance, *worker.Client, func(script string) string) {
	t.Helper()
	spec.TreeName = "proj"
	instance, err := e.Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	client := worker.NewClient(instance.Stream(), worker.ClientOptions{})
	t.Cleanup(func() {
		client.Close()
		if err := instance.Remove(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if _, err := client.Hello(t.Context(), worker.Greeting{}); err != nil {
		t.Fatal(err)
	}
	layout := instance.Layout()
	return instance, client, func(script string) string {
		t.Helper()
		var out bytes.Buffer
		exited, err := client.Exec(t.Context(), worker.Exec{
			Argv: []string{"sh", "-ec", script}, Dir: layout.Source,
			Env: map[string]string{"PATH": layout.Path, "E": layout.Env},
		}, func(o worker.Output) { out.Write(o.Data) })
		if err != nil || exited.Code != 0 {
			t.Fatalf("%s: %+v, %v: %s", script, exited, err, out.String())
		}
		return out.String()
	}
}

func seal(t *testing.T, i engine.Instance, c *worker.Client, key string) engine.Layer {
	t.Helper()
	if err := c.Quit(t.Context()); err != nil {
		t.Fatal(err)
	}
	layer, err := i.Seal(t.Context(), key, cache.About{})
	if err != nil {
		t.Fatal(err)
	}
	if err := i.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	return layer
}

func loadTree(t *testing.T, e engine.Engine, id string, files map[string]string) engine.Tree {
	t.Helper()
	tree, err := e.Load(t.Context(), id, func(w io.Writer) error {
		archive := tar.NewWriter(w)
		for name, content := range files {
			if err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content)), Typeflag: tar.TypeReg}); err != nil {
				return err
			}
			if _, err := io.WriteString(archive, content); err != nil {
				return err
			}
		}
		return archive.Close()
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// A real virtual environment with an editable install works in two runs at
// once, each with its own tree.
func TestVirtualEnvironmentInTwoRuns(t *testing.T) {
	e, err := open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	base, err := e.Base(t.Context(), "host", python.Toolchain(""), nil)
	if err != nil {
		t.Fatal(err)
	}
	if base.Program == "" {
		needs.Lacks(t, "python3", errors.New("this machine has none"))
	}
	tree := loadTree(t, e, "tree", map[string]string{"pkg/__init__.py": "where = __file__\n"})

	b, client, sh := place(t, e, engine.Spec{Run: "setup", Name: "builder", Role: engine.Builder, Base: base})
	sh(base.Program + ` -m venv --without-pip "$E"`)
	setup := seal(t, b, client, "setup")

	p, client, sh := place(t, e, engine.Spec{Run: "prepare", Name: "preparer", Role: engine.Preparer, Base: base, Layer: setup, Tree: tree})
	sh(`site=$("$E/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
		pwd -P > "$site/__editable__.pkg.pth"
		printf '#!%s/bin/python\nimport pkg; print(pkg.where)\n' "$E" > "$E/bin/show" && chmod +x "$E/bin/show"
		"$E/bin/show"`)
	prepared := seal(t, p, client, "prepared")

	var layouts []engine.Layout
	for _, run := range []string{"one", "two", "three"} {
		w, _, sh := place(t, e, engine.Spec{Run: run, Name: "worker", Role: engine.Worker, Base: base, Layer: prepared, Tree: tree})
		layout := w.Layout()
		if got, want := sh("cd / && show"), filepath.Join(layout.Source, "pkg/__init__.py")+"\n"; got != want {
			t.Errorf("run %s imports %q, want %q", run, got, want)
		}
		if got := sh(`cd / && python -c 'import sys; print(sys.prefix)'`); got != layout.Env+"\n" {
			t.Errorf("run %s has the environment %q, want %s", run, got, layout.Env)
		}
		layouts = append(layouts, layout)
	}
	if layouts[0].Source != p.Layout().Source {
		t.Errorf("the first run works in %s, not where prepare did, %s", layouts[0].Source, p.Layout().Source)
	}
	if layouts[1].Source == layouts[0].Source || layouts[2].Source == layouts[1].Source {
		t.Errorf("runs share a tree: %+v", layouts)
	}
}

// What was not used for long goes, what was used stays; and ClearAll leaves
// nothing, but not while a run lives.
func TestExpiry(t *testing.T) {
	dir := t.TempDir()
	e, err := open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"old", "new"} {
		b, client, sh := place(t, e, engine.Spec{Run: "run", Name: name, Role: engine.Builder})
		sh(`touch "$E/f"`)
		seal(t, b, client, "layer-"+name)
		loadTree(t, e, "tree-"+name, nil)
	}
	past := time.Now().Add(-15 * 24 * time.Hour)
	for _, path := range []string{"layers/layer-old/layer.json", "layers/layer-new/layer.json", "project/trees/tree-old", "project/trees/tree-new"} {
		if err := os.Chtimes(filepath.Join(dir, "cache", path), past, past); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok, err := e.Find(t.Context(), "layer-new"); !ok || err != nil {
		t.Fatal(ok, err)
	}
	live, client, _ := place(t, e, engine.Spec{Run: "live", Name: "w", Role: engine.Worker, Tree: loadTree(t, e, "tree-new", nil)})
	removed, err := e.Sweep(t.Context())
	if want := []string{"layer layer-old", "tree tree-old"}; err != nil || !slices.Equal(removed, want) {
		t.Errorf("removed %q, %v; want %q", removed, err, want)
	}
	if err := e.ClearAll(t.Context()); err == nil || !strings.Contains(err.Error(), "live") {
		t.Errorf("cleared while a run lives: %v", err)
	}
	client.Close()
	if err := live.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := e.ClearAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*/project/[^l]*/*"))
	if layers, _ := filepath.Glob(filepath.Join(dir, "cache/layers/*")); err != nil || len(left)+len(layers) > 0 {
		t.Errorf("left %q %q, %v", left, layers, err)
	}
}

// Every state of the source makes a tree and a prepared environment: only the
// latest few are kept, and those in use.
func TestSurplus(t *testing.T) {
	dir := t.TempDir()
	e, err := open(dir)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for i, name := range []string{"a", "b", "c", "d", "e"} {
		tree := loadTree(t, e, "tree-"+name, nil)
		p, client, _ := place(t, e, engine.Spec{Run: "run", Name: "preparer", Role: engine.Preparer, Tree: tree})
		layer := seal(t, p, client, "layer-"+name)
		if name == "a" { // the oldest is in use
			place(t, e, engine.Spec{Run: "live", Name: "w", Role: engine.Worker, Layer: layer, Tree: tree})
		}
		at := time.Now().Add(time.Duration(i-100) * time.Hour)
		if err := os.Chtimes(filepath.Join(dir, "cache/layers/layer-"+name, "layer.json"), at, at); err != nil {
			t.Fatal(err)
		}
		if name == "b" {
			want = append(want, "layer layer-"+name)
		}
	}
	removed, err := e.Sweep(t.Context())
	if err != nil || !slices.Equal(removed, want) {
		t.Errorf("removed %q, %v; want %q", removed, err, want)
	}
}

// What a process of this user cannot be given is named, and nothing else.
func TestUnhonoured(t *testing.T) {
	e, err := open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	me, other := strconv.Itoa(os.Getuid()), strconv.Itoa(os.Getuid()+1)
	for _, test := range []struct {
		spec engine.Spec
		want []string
	}{
		{engine.Spec{}, nil},
		{engine.Spec{User: me}, nil},
		{engine.Spec{User: me + ":" + strconv.Itoa(os.Getgid())}, nil},
		{engine.Spec{User: other}, []string{"user"}},
		{engine.Spec{Limits: engine.Limits{Memory: 1, PIDs: 1}}, []string{"limits.memory", "limits.pids"}},
		{engine.Spec{Network: "none", Harden: engine.Harden{CapAdd: []string{"NET_ADMIN"}}}, []string{"network", "cap_add"}},
	} {
		if got := e.Unhonoured(test.spec); !slices.Equal(got, test.want) {
			t.Errorf("%+v: got %q, want %q", test.spec, got, test.want)
		}
	}
}

// What is kept under a name that the project had goes with the next sweep, but
// not while a run of that name lives.
func TestNamesBefore(t *testing.T) {
	dir := t.TempDir()
	old, err := open(dir)
	if err != nil {
		t.Fatal(err)
	}
	live, client, _ := place(t, old, engine.Spec{Run: "live", Name: "w", Role: engine.Worker, Tree: loadTree(t, old, "tree", nil)})
	e, err := process.New(process.Options{
		Project: "renamed", Before: []string{"project", "never"}, CacheDir: filepath.Join(dir, "cache"), StateDir: filepath.Join(dir, "state"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if removed, err := e.Sweep(t.Context()); err != nil || len(removed) > 0 {
		t.Errorf("while a run lives, removed %q, %v", removed, err)
	}
	client.Close()
	if err := live.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	if removed, err := e.Sweep(t.Context()); err != nil || len(removed) != 2 {
		t.Errorf("removed %q, %v", removed, err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*/project")); err != nil || len(left) > 0 {
		t.Errorf("left %q, %v", left, err)
	}
}

// What another project keeps is listed and dropped too, but not what a live run
// uses, or what was found since it was listed.
func TestDrop(t *testing.T) {
	dir := t.TempDir()
	e, err := open(dir)
	if err != nil {
		t.Fatal(err)
	}
	other, err := process.New(process.Options{Project: "other", CacheDir: filepath.Join(dir, "cache"), StateDir: filepath.Join(dir, "state")})
	if err != nil {
		t.Fatal(err)
	}
	past := time.Now().Add(-2 * time.Hour)
	for _, name := range []string{"a", "b", "c"} {
		b, client, sh := place(t, e, engine.Spec{Run: "run", Name: name, Role: engine.Builder})
		sh(`touch "$E/f"`)
		seal(t, b, client, "layer-"+name)
		if err := os.Chtimes(filepath.Join(dir, "cache/layers/layer-"+name, "layer.json"), past, past); err != nil {
			t.Fatal(err)
		}
	}
	loadTree(t, other, "tree", nil)
	if err := os.Chtimes(filepath.Join(dir, "cache/other/trees/tree"), past, past); err != nil {
		t.Fatal(err)
	}
	names := func(list []engine.Kept, err error) (names []string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range list {
			if k.Kind != "slot" {
				names = append(names, k.Project+" "+k.Kind+" "+k.Name)
			}
		}
		return names
	}
	if got, want := names(other.Usage(t.Context(), cache.Own)), []string{"other tree tree"}; !slices.Equal(got, want) {
		t.Errorf("of its own %q, want %q", got, want)
	}
	all, err := other.Usage(t.Context(), cache.Everyones)
	if got, want := names(all, err), []string{"project layer layer-a", "project layer layer-b", "project layer layer-c", "other tree tree"}; !slices.Equal(got, want) {
		t.Fatalf("of everyone %q, want %q", got, want)
	}
	if _, ok, err := e.Find(t.Context(), "layer-b"); !ok || err != nil {
		t.Fatal(ok, err)
	}
	live, client, _ := place(t, e, engine.Spec{Run: "live", Name: "w", Role: engine.Worker, Layer: "layer-c"})
	if got, want := names(other.Drop(t.Context(), all)), []string{"other tree tree"}; !slices.Equal(got, want) {
		t.Errorf("while a run lives, dropped %q, want %q", got, want)
	}
	client.Close()
	if err := live.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := names(other.Drop(t.Context(), all)), []string{"project layer layer-a"}; !slices.Equal(got, want) {
		t.Errorf("dropped %q, want %q", got, want)
	}
}

// A package cache that a project had for itself becomes everyone's, unless there is one.
func TestPackagesOfAProjectBecomeEveryones(t *testing.T) {
	dir := t.TempDir()
	e, err := open(dir)
	if err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(dir, "cache/project/packages")
	for _, wheel := range []string{"first", "second"} {
		if err := errors.Join(os.MkdirAll(own, 0o755), os.WriteFile(filepath.Join(own, wheel), nil, 0o644)); err != nil {
			t.Fatal(err)
		}
		if _, err := e.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Lstat(own); err == nil {
			t.Errorf("%s is there after a sweep", own)
		}
	}
	got, err := filepath.Glob(filepath.Join(dir, "cache/packages/*"))
	if err != nil || len(got) != 1 || filepath.Base(got[0]) != "first" {
		t.Errorf("everyone's package cache holds %q, %v", got, err)
	}
}
