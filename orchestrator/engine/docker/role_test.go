package docker

import (
	"archive/tar"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/worker/framework/python"
)

func mustBase(t testing.TB, e *Engine) engine.Base {
	t.Helper()
	base, err := e.Base(t.Context(), "host", python.Toolchain(""), nil)
	if err != nil {
		t.Fatal(err)
	}
	return base
}

func mustLoad(t testing.TB, e *Engine, id string) engine.Tree {
	t.Helper()
	tree, err := e.Load(t.Context(), id, func(w io.Writer) error {
		tw := tar.NewWriter(w)
		if err := file(tw, "pkg/a.py", 0o644, []byte("A = 1\n")); err != nil {
			return err
		}
		return tw.Close()
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// Builders get what they need, and none of it reaches workers.
func TestBuilderSettings(t *testing.T) {
	wheels := t.TempDir()
	if err := os.WriteFile(filepath.Join(wheels, "a.whl"), []byte("wheel"), 0o644); err != nil {
		t.Fatal(err)
	}
	for p := wheels; p != "/tmp" && p != "/"; p = filepath.Dir(p) {
		if err := os.Chmod(p, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	opts := project(t)
	opts.Builder = engine.BuilderOptions{CA: []byte("a certificate\n"), Mounts: []string{wheels}}
	e := open(t, opts)
	base, tree := mustBase(t, e), mustLoad(t, e, "t1")

	b := start(t, e, engine.Spec{Name: "builder", Role: engine.Builder, Base: base, Env: map[string]string{"BUILD_ONLY": "1"}})
	b.expect("0", "id -u")
	b.expect("a certificate", "cat "+b.Layout().CA)
	b.expect("wheel", "cat "+wheels+"/a.whl")
	b.sh("touch /tmp/in-temp /shardyard/cache/all/by-root; mkdir /shardyard/env/bin; ln -s /usr/bin/env /shardyard/env/bin/link")
	env := b.seal("env")

	p := start(t, e, engine.Spec{Name: "preparer", Role: engine.Preparer, Base: base, Layer: env, Tree: tree, TreeName: "proj"})
	p.expect("1000", "id -u")
	p.expect("a certificate", "cat "+p.Layout().CA)
	p.expect("shardyard shardyard", "stat -c %U /shardyard/env/bin /shardyard/env/bin/link | paste -sd' '")
	p.sh("touch /shardyard/cache/all/by-user /shardyard/env/bin/more; test ! -e /tmp/in-temp")
	prepared := p.seal("prepared")

	w := start(t, e, engine.Spec{Name: "worker", Role: engine.Worker, Base: base, Layer: prepared, Tree: tree, TreeName: "proj"})
	if l := w.Layout(); l.CA != "" || l.UID != 1000 {
		t.Errorf("a worker's layout is %+v", l)
	}
	w.expect("", "echo $BUILD_ONLY")
	w.expect("no", "test -e /shardyard/ca/bundle.pem || test -e "+wheels+"/a.whl || echo no")
	w.expect("", "ls -A /shardyard/cache")
	w.expect("1", "echo $PATH | tr : '\\n' | grep -cx /shardyard/env/bin")
	w.expect("shardyard", base.Program+" -c 'import getpass; print(getpass.getuser())'")
	w.expect("0000000000000000", "sed -n 's/^CapBnd:\\t//p' /proc/self/status")
	w.expect("1", "sed -n 's/^NoNewPrivs:\\t//p' /proc/self/status")

	f := start(t, e, engine.Spec{Name: "finisher", Role: engine.Finisher, Base: base, Layer: prepared, Tree: tree, TreeName: "proj"})
	f.expect("lo", "ls /sys/class/net")
	f.expect("", "ls -A /shardyard/cache")
}

// Whoever runs tests owns the tree.
func TestUsers(t *testing.T) {
	for _, way := range []TreeWay{Overlay, ImageLayer} {
		t.Run(string(way), func(t *testing.T) {
			opts := project(t)
			opts.Trees = way
			e := open(t, opts)
			base, tree := mustBase(t, e), mustLoad(t, e, "t1")
			for _, user := range []string{"", "root", "1234:99"} {
				name := "worker-" + slug(user)
				w := start(t, e, engine.Spec{Name: name, Role: engine.Worker, Base: base, Tree: tree, TreeName: "proj", User: user})
				who, err := parseUser(user)
				if err != nil {
					t.Fatal(err)
				}
				w.expect(fmt.Sprint(who.UID, " ", who.GID), `echo "$(id -u) $(id -g)"`)
				w.expect(strings.TrimSpace(strings.Repeat(who.String()+" ", 3)), "stat -c %u:%g . pkg pkg/a.py | paste -sd' '")
				w.sh(base.Program + " -c 'import getpass; print(getpass.getuser())'")
				w.sh("echo B >pkg/b.py; rm pkg/a.py; echo x >top; echo x >$HOME/x")
			}
		})
	}
}

// A worker that takes more memory than it may is known as such.
func TestOutOfMemory(t *testing.T) {
	e := open(t, project(t))
	if !e.traits.Memory {
		t.Skip("SKIPPED, the engine does not bound memory")
	}
	base := mustBase(t, e)
	w := start(t, e, engine.Spec{Name: "worker", Role: engine.Worker, Base: base, TreeName: "proj", Limits: engine.Limits{Memory: 64 << 20}})
	w.expect("137", "exec 2>/dev/null; "+base.Program+" -c 'b = bytearray(256 << 20)' 2>/dev/null || echo $?")
	w.client.Close()
	exit, err := w.Wait(t.Context())
	if err != nil || !exit.OOMKilled {
		t.Errorf("exit %+v, %v", exit, err)
	}
}

// Many starts at once give as many workers, each with its own tree.
func TestManyAtOnce(t *testing.T) {
	e := open(t, project(t))
	base, tree := mustBase(t, e), mustLoad(t, e, "t1")
	const n = 8
	instances := make([]engine.Instance, n)
	var g errgroup.Group
	for k := range n {
		g.Go(func() (err error) {
			instances[k], err = e.Start(t.Context(), engine.Spec{Run: "r", Name: fmt.Sprint("worker-", k), Role: engine.Worker, Base: base, Tree: tree, TreeName: "proj"})
			return err
		})
	}
	err := g.Wait()
	for _, i := range instances {
		if i != nil {
			g.Go(func() error { return i.Remove(t.Context()) })
		}
	}
	if err != nil {
		t.Error(err)
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
	if left := leftovers(t, e, "r"); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// A strict worker writes its tree, HOME and TMPDIR, and nothing else, and has no
// network, whichever way the tree is placed.
func TestStrict(t *testing.T) {
	for _, trees := range []TreeWay{Overlay, ImageLayer} {
		opts := project(t)
		opts.Trees = trees
		e := open(t, opts)
		w := start(t, e, engine.Spec{
			Name: "worker", Role: engine.Worker, Base: mustBase(t, e), Tree: mustLoad(t, e, "strict"), TreeName: "proj",
			Harden: engine.Harden{Strict: true}, Network: "none",
		})
		for _, dir := range []string{"/src/proj/pkg", "$HOME", "/tmp", "/dev/shm"} {
			w.expect("written", "echo written >"+dir+"/x && cat "+dir+"/x")
		}
		for _, dir := range []string{"/", "/etc", "/home", "/shardyard", "/shardyard/cache", "/shardyard/agent", "/src", "/usr/local", "/var/tmp", "/run"} {
			w.expect("no", "touch "+dir+"/x 2>/dev/null || echo no")
		}
		w.expect("lo", "ls /sys/class/net")
		w.expect("A = 1", "cat /src/proj/pkg/a.py")
		w.remove()
	}
}
