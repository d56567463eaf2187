package enginetest

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"github.com/shardyard/shardyard/cache"
	"github.com/shardyard/shardyard/orchestrator/engine"
)

// An environment that was exported, and is found no more, is there again after an import,
// as another project's; so is the package cache.
func testMoved(s *suite) {
	info, err := s.engine.Info(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	b := cache.Bundle{Engine: info.Name, Platform: info.Platform, Image: s.cfg.Image, Key: s.key("moved")}
	if _, err := s.export(b); !errors.Is(err, cache.ErrNotKept) {
		s.Errorf("what is not there was exported: %v", err)
	}
	builder := s.start(engine.Spec{Role: engine.Builder})
	builder.sh(`echo tool > "$ENV_DIR/tool" && ln -s tool "$ENV_DIR/link" && echo wheel > "$CACHE_DIR/wheel"`)
	builder.seal(b.Key)
	file, err := s.export(b)
	if err != nil {
		s.Fatal(err)
	}
	s.lose(b.Key)
	s.notFound(b.Key)

	other := s.cfg.Away(s.T)
	if did := s.importOn(other, file); did != (cache.Imported{Environment: true, Packages: true}) {
		s.Errorf("imported %+v", did)
	}
	if did := s.importOn(other, file); did != (cache.Imported{}) {
		s.Errorf("imported %+v, though it was there", did)
	}
	layer, ok, err := other.Find(s.Context(), b.Key)
	if err != nil || !ok {
		s.Fatalf("found %t, %v", ok, err)
	}
	if about, err := other.About(s.Context(), layer); err != nil || !about.Built.Equal(sealedAt) {
		s.Errorf("it says of itself %+v, %v", about, err)
	}
	again := s.startOn(other, s.spec(engine.Spec{Run: s.key("other"), Role: engine.Builder, Layer: layer}))
	again.expect("tool\ntool\nwheel\n", `cat "$ENV_DIR/tool" "$ENV_DIR/link" "$CACHE_DIR/wheel"`)
	again.remove()
	if kept, err := other.Usage(s.Context(), cache.Own); err != nil || len(kept) == 0 {
		s.Errorf("the other project keeps %v, %v", kept, err)
	}
}

func (s *suite) export(b cache.Bundle) ([]byte, error) {
	mover, ok := s.engine.(cache.Mover)
	if !ok {
		s.Fatal("this engine moves no environments")
	}
	var file bytes.Buffer
	out, err := cache.WriteBundle(&file, b)
	if err == nil {
		err = errors.Join(mover.Export(s.Context(), b, true, out), out.Close())
	}
	return file.Bytes(), err
}

func (s *suite) importOn(e engine.Engine, file []byte) cache.Imported {
	s.Helper()
	in, err := cache.ReadBundle(bytes.NewReader(file))
	if err != nil {
		s.Fatal(err)
	}
	did, err := e.(cache.Mover).Import(s.Context(), in)
	if err := errors.Join(err, in.Skip()); err != nil {
		s.Fatal(err)
	}
	return did
}

// lose has a layer be found no more.
func (s *suite) lose(key string) {
	s.Helper()
	kept, err := s.engine.Usage(s.Context(), cache.Own)
	if err != nil {
		s.Fatal(err)
	}
	v := s.engine.(cache.Verifier)
	i := slices.IndexFunc(kept, func(k cache.Kept) bool { return strings.Contains(k.Name, key) })
	if i < 0 {
		s.Fatalf("%s is not among what is kept: %v", key, kept)
	}
	if _, err := v.SetAside(s.Context(), kept[i]); err != nil {
		s.Fatal(err)
	}
}
