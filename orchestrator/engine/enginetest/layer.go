package enginetest

import (
	"path/filepath"
	"slices"
	"time"

	"github.com/shardyard/shardyard/cache"
	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/worker/framework"
)

func testInfo(s *suite) {
	info, err := s.engine.Info(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	if info.Name == "" || info.Platform == "" || info.CPUs < 1 || info.Memory < 1<<20 {
		s.Errorf("info is not complete: %+v", info)
	}
	base, err := s.engine.Base(s.Context(), s.cfg.Image, framework.Toolchain{}, func(string) {})
	if err != nil {
		s.Fatal(err)
	}
	if base.Image == "" || base.ID == "" {
		s.Errorf("base is not complete: %+v", base)
	}
	if again, err := s.engine.Base(s.Context(), s.cfg.Image, framework.Toolchain{}, func(string) {}); err != nil || again.ID != base.ID {
		s.Errorf("the same image is %q and then %q, %v", base.ID, again.ID, err)
	}
}

// Each role has its directories, and its agent runs commands.
func testRoles(s *suite) {
	id := s.load(s.key("tree"), tree{"a.txt": "a"})
	for _, role := range []engine.Role{engine.Builder, engine.Preparer, engine.Worker, engine.Finisher} {
		spec := engine.Spec{Role: role}
		if role != engine.Builder {
			spec.Tree = id
		}
		p := s.start(spec)
		layout := p.instance.Layout()
		for name, dir := range map[string]string{"source": layout.Source, "env": layout.Env, "home": layout.Home, "temp": layout.Temp} {
			if !filepath.IsAbs(dir) {
				s.Errorf("%s: its %s is %q, which is not absolute", role, name, dir)
			}
		}
		if got := filepath.Base(layout.Source); got != "project" {
			s.Errorf("%s: the tree's name is %q", role, got)
		}
		p.expect("ok\n", `touch "$HOME/f" "$TMPDIR/f" && echo ok`)
		if role == engine.Builder || role == engine.Preparer {
			p.expect("ok\n", `touch "$ENV_DIR/f" && { test -z "$CACHE_DIR" || touch "$CACHE_DIR/f"; } && echo ok`)
		}
		if role != engine.Builder {
			p.expect("a", `touch new && cat a.txt`)
		}
		p.expect(layout.Source+"\n", `pwd -P`)
		p.quit()
		if exit := p.wait(); exit.Code != 0 {
			s.Errorf("%s: its agent was asked to quit, and ended %+v", role, exit)
		}
		p.remove()
	}
	s.nothingLeft(s.run)
}

// sealedAt is when layers say that they were built.
var sealedAt = time.Unix(1_700_000_000, 0)

// What a builder installs is sealed, found again, and there for others.
func testEnvironment(s *suite) {
	key := s.key("env")
	s.notFound(key)
	b := s.start(engine.Spec{Role: engine.Builder})
	b.sh(`mkdir -p "$ENV_DIR/bin" && printf '#!/bin/sh\necho tool\n' > "$ENV_DIR/bin/our-tool" && chmod +x "$ENV_DIR/bin/our-tool"`)
	s.notFound(key)
	layer := b.seal(key)

	found, ok, err := s.cfg.Engine(s.T).Find(s.Context(), key)
	if err != nil || !ok || found != layer {
		s.Fatalf("found %q, %v, %v; sealed as %q", found, ok, err, layer)
	}
	about, err := s.cfg.Engine(s.T).About(s.Context(), layer)
	if err != nil || !about.Built.Equal(sealedAt) || len(about.Packages) != 1 {
		s.Errorf("it says of itself %+v, %v", about, err)
	}
	for _, prefix := range []string{key, key[:len(key)-1]} {
		if keys, err := s.engine.Keys(s.Context(), prefix); err != nil || !slices.Equal(keys, []string{key}) {
			s.Errorf("keys that begin with %s: %q, %v", prefix, keys, err)
		}
	}
	id := s.load(s.key("tree"), tree{"a.txt": "a"})
	for _, role := range []engine.Role{engine.Preparer, engine.Worker, engine.Finisher} {
		p := s.start(engine.Spec{Role: role, Layer: layer, Tree: id})
		p.expect("tool\n", `our-tool`)
		p.expect("tool\n", `"$ENV_DIR/bin/our-tool"`)
		p.remove()
	}
	s.nothingLeft(s.run)
}

func (s *suite) notFound(key string) {
	s.Helper()
	if layer, ok, err := s.engine.Find(s.Context(), key); err != nil || ok {
		s.Fatalf("%s: found %q, %v, %v, though nothing was sealed", key, layer, ok, err)
	}
}

// A failed install is never kept.
func testFailedBuilder(s *suite) {
	key := s.key("env")
	b := s.start(engine.Spec{Role: engine.Builder})
	if exited, _ := b.exec(`touch "$ENV_DIR/half-done"; exit 3`); exited.Code != 3 {
		s.Fatalf("got %+v", exited)
	}
	b.remove()
	s.notFound(key)
	s.nothingLeft(s.run)
	again := s.start(engine.Spec{Role: engine.Builder})
	again.expect("no\n", `test -e "$ENV_DIR/half-done" || echo no`)
}

// Only a builder or preparer whose agent ended in order is sealed.
func testSealRefused(s *suite) {
	key := s.key("env")
	w := s.start(engine.Spec{Role: engine.Worker, Tree: s.load(s.key("tree"), tree{"a": ""})})
	w.quit()
	if _, err := w.instance.Seal(s.Context(), key, cache.About{}); err == nil {
		s.Error("a worker was sealed")
	}
	b := s.start(engine.Spec{Role: engine.Builder})
	s.cfg.Kill(s.T, b.spec, b.hello)
	b.wait()
	if _, err := b.instance.Seal(s.Context(), key, cache.About{}); err == nil {
		s.Error("a builder was sealed whose agent had been killed")
	}
	s.notFound(key)
}

// What prepare writes, in the tree and in the environment, is there for all
// workers, at the same paths; and no worker changes it for others.
func testPrepared(s *suite) {
	id := s.load(s.key("tree"), tree{"pkg/code.py": "code"})
	b := s.start(engine.Spec{Role: engine.Builder})
	b.sh(`echo deps > "$ENV_DIR/deps"`)
	setup := b.seal(s.key("setup"))

	p := s.start(engine.Spec{Role: engine.Preparer, Layer: setup, Tree: id})
	p.expect("deps\n", `cat "$ENV_DIR/deps"`)
	// An editable install: an environment that names the tree, absolutely.
	p.sh(`echo built > pkg/ext.so && pwd -P > "$ENV_DIR/editable.pth" && ln -s "$(pwd -P)/pkg" "$ENV_DIR/link"`)
	prepared := p.seal(s.key("prepared"))

	for _, name := range []string{"first", "second"} { // the second time is another run's, after the first has spoilt what it could
		run := s.key(name)
		one := s.start(engine.Spec{Run: run, Role: engine.Worker, Name: "worker-1", Layer: prepared, Tree: id})
		two := s.start(engine.Spec{Run: run, Role: engine.Worker, Name: "worker-2", Layer: prepared, Tree: id})
		for _, w := range []*site{one, two} {
			w.expect("deps\nbuilt\ncode", `cat "$ENV_DIR/deps" pkg/ext.so pkg/code.py`)
			w.expect("code", `cat "$(cat "$ENV_DIR/editable.pth")/pkg/code.py"`)
			w.expect("built\n", `cat "$ENV_DIR/link/ext.so"`)
			w.expect(w.instance.Layout().Source+"\n", `cat "$ENV_DIR/editable.pth"`)
		}
		one.sh(`echo spoilt > pkg/code.py; rm pkg/ext.so; echo x > extra`)
		one.remove()
		two.remove()
		s.nothingLeft(run)
	}
	// It goes with another tree of the same files, whose content is seen.
	edited := s.load(s.key("edited"), tree{"pkg/code.py": "edit"})
	third := s.start(engine.Spec{Run: s.key("third"), Role: engine.Worker, Layer: prepared, Tree: edited})
	third.expect("deps\nbuilt\nedit", `cat "$ENV_DIR/deps" pkg/ext.so "$(cat "$ENV_DIR/editable.pth")/pkg/code.py"`)
	// The layer beneath is not changed by the one above.
	other := s.start(engine.Spec{Role: engine.Worker, Layer: setup, Tree: id})
	other.expect("no\n", `test -e "$ENV_DIR/editable.pth" || test -e pkg/ext.so || echo no`)
}
