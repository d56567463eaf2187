package enginetest

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shardyard/shardyard/cache"
	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/worker"
	"github.com/shardyard/shardyard/worker/framework"
)

// patience is how long anything may take here before it counts as hanging.
const patience = time.Minute

// A suite is one test: an engine, and a run of its own.
type suite struct {
	*testing.T
	cfg    Config
	engine engine.Engine
	run    string
}

// A site is a started instance with its agent's client.
type site struct {
	s        *suite
	spec     engine.Spec
	instance engine.Instance
	client   *worker.Client
	hello    worker.Greeting
}

// key makes a key or an id that no other test uses.
func (s *suite) key(name string) string { return s.run + "-" + name }

// spec completes a specification.
func (s *suite) spec(spec engine.Spec) engine.Spec {
	s.Helper()
	base, err := s.engine.Base(s.Context(), s.cfg.Image, framework.Toolchain{}, func(string) {})
	if err != nil {
		s.Fatal(err)
	}
	spec.Base = base
	if spec.Run == "" {
		spec.Run = s.run
	}
	if spec.Name == "" {
		spec.Name = string(spec.Role)
	}
	if spec.TreeName == "" {
		spec.TreeName = "project"
	}
	return spec
}

// start starts an instance, greets its agent, and has both end with the test.
func (s *suite) start(spec engine.Spec) *site {
	s.Helper()
	return s.startOn(s.engine, s.spec(spec))
}

func (s *suite) startOn(e engine.Engine, spec engine.Spec) *site {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	instance, err := e.Start(ctx, spec)
	if err != nil {
		s.Fatal(err)
	}
	p := &site{s: s, spec: spec, instance: instance, client: worker.NewClient(instance.Stream(), worker.ClientOptions{})}
	s.Cleanup(p.remove)
	if p.hello, err = p.client.Hello(ctx, worker.Greeting{Worker: spec.Name}); err != nil {
		s.Fatalf("%v; its stderr: %s", err, instance.Stderr())
	}
	return p
}

// exec runs a shell script in the tree as the role's user, with the variables
// that a coordinator would give.
func (p *site) exec(script string) (worker.Exited, string) {
	p.s.Helper()
	ctx, cancel := context.WithTimeout(p.s.Context(), patience)
	defer cancel()
	layout := p.instance.Layout()
	e := worker.Exec{
		Argv: []string{"sh", "-c", script},
		Dir:  layout.Source,
		Env: map[string]string{
			"PATH": layout.Path, "HOME": layout.Home, "TMPDIR": layout.Temp,
			"ENV_DIR": layout.Env, "CACHE_DIR": layout.Cache,
		},
	}
	if p.spec.Role != engine.Builder && layout.UID >= 0 {
		e.UID, e.GID = &layout.UID, &layout.GID
	}
	var out bytes.Buffer
	exited, err := p.client.Exec(ctx, e, func(o worker.Output) { out.Write(o.Data) })
	if err != nil {
		p.s.Fatalf("%s: %v; stderr of the agent: %s", script, err, p.instance.Stderr())
	}
	if exited.Error != "" {
		p.s.Fatalf("%s: %s", script, exited.Error)
	}
	return exited, out.String()
}

// sh runs a script that must succeed, and returns what it printed.
func (p *site) sh(script string) string {
	p.s.Helper()
	exited, out := p.exec(script)
	if exited.Code != 0 {
		p.s.Fatalf("%s in %s: status %d: %s", script, p.spec.Name, exited.Code, out)
	}
	return out
}

// expect runs a script whose output must be this.
func (p *site) expect(want, script string) {
	p.s.Helper()
	if got := p.sh(script); got != want {
		p.s.Errorf("%s in %s printed %q, want %q", script, p.spec.Name, got, want)
	}
}

// quit ends the agent in order.
func (p *site) quit() {
	p.s.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.s.Context()), patience)
	defer cancel()
	if err := p.client.Quit(ctx); err != nil {
		p.s.Errorf("%v; its stderr: %s", err, p.instance.Stderr())
	}
}

// seal quits and seals.
func (p *site) seal(key string) engine.Layer {
	p.s.Helper()
	p.quit()
	layer, err := p.instance.Seal(p.s.Context(), key, cache.About{Built: sealedAt, Packages: []cache.Package{{Name: "a", Version: "1"}}})
	if err != nil {
		p.s.Fatal(err)
	}
	p.remove()
	return layer
}

// wait returns how the instance ended.
func (p *site) wait() engine.Exit {
	p.s.Helper()
	ctx, cancel := context.WithTimeout(p.s.Context(), patience)
	defer cancel()
	exit, err := p.instance.Wait(ctx)
	if err != nil {
		p.s.Fatal(err)
	}
	return exit
}

func (p *site) remove() {
	p.s.Helper()
	p.client.Close()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.s.Context()), patience)
	defer cancel()
	if err := p.instance.Remove(ctx); err != nil {
		p.s.Error(err)
	}
}

// nothingLeft fails the test when something of a run exists.
func (s *suite) nothingLeft(run string) {
	s.Helper()
	if left := s.cfg.Leftovers(s.T, run); len(left) > 0 {
		s.Errorf("left behind by run %s: %s", run, strings.Join(left, ", "))
	}
}

// A tree is files by path; a path that ends in a slash is a directory, and
// content that begins with "->" is a symbolic link.
type tree map[string]string

func (files tree) write(w io.Writer) error {
	archive := tar.NewWriter(w)
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		content := files[name]
		header := &tar.Header{Name: name, Mode: 0o644, Size: int64(len(content)), Typeflag: tar.TypeReg, ModTime: time.Unix(1_700_000_000, 0)}
		target, link := strings.CutPrefix(content, "->")
		switch {
		case strings.HasSuffix(name, "/"):
			header.Typeflag, header.Mode, header.Size = tar.TypeDir, 0o755, 0
		case link:
			header.Typeflag, header.Linkname, header.Size = tar.TypeSymlink, target, 0
		case strings.HasPrefix(content, "#!"):
			header.Mode = 0o755
		}
		if err := archive.WriteHeader(header); err != nil {
			return err
		}
		if header.Typeflag == tar.TypeReg {
			if _, err := io.WriteString(archive, content); err != nil {
				return err
			}
		}
	}
	return archive.Close()
}

// load makes a tree of the engine.
func (s *suite) load(id string, files tree) engine.Tree {
	s.Helper()
	loaded, err := s.engine.Load(s.Context(), id, files.write)
	if err != nil {
		s.Fatal(err)
	}
	return loaded
}
