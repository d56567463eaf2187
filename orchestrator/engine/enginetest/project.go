package enginetest

import (
	"context"
	"errors"

	"github.com/shardyard/shardyard/orchestrator/engine"
)

// What one project has sealed is found by its key alone by another, which may
// neither build it at the same time nor remove it.
func testOtherProject(s *suite) {
	other, key := s.cfg.Other(s.T), s.key("env")
	b := s.start(engine.Spec{Role: engine.Builder})
	b.sh(`echo tool > "$ENV_DIR/tool"`)
	s.locked(other, key)
	layer := b.seal(key)
	found, ok, err := other.Find(s.Context(), key)
	if err != nil || !ok || found != layer {
		s.Fatalf("another project finds %q, %t, %v; want %q", found, ok, err, layer)
	}
	tree, err := other.Load(s.Context(), s.key("tree"), tree{"a": ""}.write)
	if err != nil {
		s.Fatal(err)
	}
	// The base is the same one; what is made of it is the project's.
	spec := s.spec(engine.Spec{Run: s.key("other"), Role: engine.Worker, Layer: found, Tree: tree})
	w := s.startOn(other, spec)
	w.expect("tool\n", `cat "$ENV_DIR/tool"`)
	if removed, err := s.engine.Sweep(s.Context()); err != nil {
		s.Errorf("sweep: removed %q, %v", removed, err)
	}
	w.expect("tool\n", `cat "$ENV_DIR/tool"`)
	w.remove()
	if err := other.ClearAll(s.Context()); err != nil {
		s.Error(err)
	}
	if _, ok, err := s.engine.Find(s.Context(), key); !ok || err != nil {
		s.Errorf("after another project has cleared what it keeps: found %t, %v", ok, err)
	}
}

// locked holds the lock of a key while another project wants it.
func (s *suite) locked(other engine.Engine, key string) {
	s.Helper()
	unlock, err := s.engine.Lock(s.Context(), key, nil)
	if err != nil {
		s.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithCancel(s.Context())
	defer cancel()
	if _, err := other.Lock(ctx, key, cancel); !errors.Is(err, context.Canceled) {
		s.Errorf("another project need not wait for the lock: %v", err)
	}
}
