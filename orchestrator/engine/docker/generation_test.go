package docker

import (
	"archive/tar"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/shardyard/shardyard/cache"
	"github.com/shardyard/shardyard/internal/needs"
)

// A generation of as many volumes as there may be is read, and replaced by one that holds
// the same. One that has lost a volume is none; one of untrusted code stands on what trusted
// code has, and falls when that moves on.
func TestGenerations(t *testing.T) {
	opts := project(t)
	e := open(t, opts)
	opts.Builder.Scope = cache.Untrusted
	stranger := open(t, opts)
	if !must(e.overlays(t.Context())) {
		needs.Lacks(t, "an engine that mounts overlays", errors.ErrUnsupported)
	}
	full := generation{Own: []string{must(e.firstOfCache(t.Context(), func(tw *tar.Writer) error { return file(tw, fillAt+"/"+allOf+"/wheel", 0o644, []byte("wheel")) }))}}
	for len(full.Own) < maxLayers {
		name := e.cacheVolume()
		must(e.emptyVolume(t.Context(), name, e.cacheLabels()))
		full.Own = append(full.Own, name)
	}
	holds := func(volumes []string) {
		t.Helper()
		var text []byte
		err := e.readGeneration(t.Context(), volumes, func(r io.Reader) error {
			for tr := tar.NewReader(r); ; {
				h, err := tr.Next()
				if err != nil || h.Name == allOf+"/wheel" {
					text, _ = io.ReadAll(tr)
					return err
				}
			}
		})
		if err != nil || string(text) != "wheel" {
			t.Errorf("%d volumes hold %q, %v", len(volumes), text, err)
		}
	}
	if err := e.setGeneration(full); err != nil {
		t.Fatal(err)
	}
	holds(full.Own)
	flat := must(e.generationToExtend(t.Context()))
	if len(flat) != 1 || slices.Contains(full.Own, flat[0]) {
		t.Fatalf("of %d volumes there are still %q", len(full.Own), flat)
	}
	holds(flat)

	if err := stranger.setGeneration(generation{Under: flat, Own: full.Own[:1]}); err != nil {
		t.Fatal(err)
	}
	if g := must(stranger.generation(t.Context())); !slices.Equal(g.all(), []string{flat[0], full.Own[0]}) {
		t.Errorf("untrusted code sees %q", g.all())
	}
	if g := must(e.generation(t.Context())); !slices.Equal(g.all(), flat) {
		t.Errorf("trusted code sees %q", g.all())
	}
	if err := e.setGeneration(generation{Own: full.Own[:2]}); err != nil {
		t.Fatal(err)
	}
	if g := must(stranger.generation(t.Context())); !slices.Equal(g.all(), full.Own[:2]) {
		t.Errorf("untrusted code sees %q when trusted code has moved on", g.all())
	}
	if err := e.removeVolume(t.Context(), full.Own[1]); err != nil {
		t.Fatal(err)
	}
	if g := must(e.generation(t.Context())); len(g.all()) > 0 {
		t.Errorf("of a generation that has lost a volume there is %q", g.all())
	}
}

func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}
