package docker

import (
	"archive/tar"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/shardyard/shardyard/orchestrator/engine"
)

// debian is an image made by scripts/base-image.
const debian = "shardyard-test/python:debian"

func bases(t *testing.T) []string {
	if err := exec.Command("docker", "image", "inspect", debian).Run(); err != nil {
		t.Logf("SKIPPED on an image: run scripts/base-image %s first", debian)
		return []string{"host"}
	}
	return []string{"host", debian}
}

// writeTree writes a small source tree.
func writeTree(w io.Writer) error {
	tw := tar.NewWriter(w)
	for name, content := range map[string]string{"a.py": "A = 1\n", "pkg/b.py": "B = 2\n", "gone.py": ""} {
		if err := file(tw, name, 0o644, []byte(content)); err != nil {
			return err
		}
	}
	if err := tw.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: "link.py", Linkname: "a.py"}); err != nil {
		return err
	}
	return tw.Close()
}

func TestWhole(t *testing.T) {
	for _, image := range bases(t) {
		for _, way := range []TreeWay{Overlay, ImageLayer} {
			t.Run(strings.ReplaceAll(image, "/", "-")+"-"+string(way), func(t *testing.T) {
				e := newEngine(t, func(o *Options) { o.Trees = way; o.Builder.CA = []byte("pem\n") })
				base, err := e.Base(t.Context(), image, "", nil)
				if err != nil {
					t.Fatal(err)
				}
				b := start(t, e, engine.Spec{Name: "setup", Role: engine.Builder, Base: base, Env: map[string]string{"SECRETISH": "x"}})
				t.Log(sh(t, b, "id -u; echo $SECRETISH; cat /shardyard/ca/bundle.pem; "+base.Python+" -m venv /shardyard/env; touch /shardyard/cache/root /tmp/not-kept"))
				quit(t, b)
				env, err := b.Seal(t.Context(), "env-key")
				if err != nil {
					t.Fatal(err)
				}
				if err := b.Remove(t.Context()); err != nil {
					t.Fatal(err)
				}
				tree, err := e.Load(t.Context(), "tree-1", writeTree)
				if err != nil {
					t.Fatal(err)
				}
				p := start(t, e, engine.Spec{Name: "prepare", Role: engine.Preparer, Base: base, Layer: env, Tree: tree, TreeName: "proj"})
				t.Log(sh(t, p, "id -u; echo [$SECRETISH]; cd /src/proj; ls -la; python3 -c 'import sys; print(sys.prefix)'; echo built >built.so; rm gone.py; echo x >/shardyard/env/marker; touch /shardyard/cache/user; ls -ld /shardyard/env /tmp/not-kept"+" 2>&1; true"))
				quit(t, p)
				prepared, err := p.Seal(t.Context(), "prep-key")
				if err != nil {
					t.Fatal(err)
				}
				if err := p.Remove(t.Context()); err != nil {
					t.Fatal(err)
				}
				for n := range 2 {
					w := start(t, e, engine.Spec{Name: fmt.Sprintf("worker-%d", n), Role: engine.Worker, Base: base, Layer: prepared, Tree: tree, TreeName: "proj"})
					t.Log(sh(t, w, "id; cd /src/proj; ls -la . ..; cat built.so a.py link.py /shardyard/env/marker; echo mine >a.py; python3 -c 'import sys; print(sys.prefix)'; ls /shardyard /shardyard/cache; touch /shardyard/cache/x; env; cat /proc/self/status | grep Cap; true"))
				}
			})
		}
	}
}

func quit(t *testing.T, i engine.Instance) {
	t.Helper()
	if err := i.Stream().Close(); err != nil {
		t.Fatal(err)
	}
	exit, err := i.Wait(t.Context())
	if err != nil || exit.Code != 0 {
		t.Fatalf("exit %+v, error %v, stderr %s", exit, err, i.Stderr())
	}
}
