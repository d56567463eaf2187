package docker

import (
	"errors"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/shardyard/shardyard/cache"
	"github.com/shardyard/shardyard/orchestrator/engine"
)

// An environment goes through a real registry, and is there under the key that it is given.
func TestRegistry(t *testing.T) {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	repository := strings.TrimPrefix(server.URL, "http://") + "/team/environments"
	e := open(t, project(t))
	ctx, base := t.Context(), mustBase(t, e)
	key := strings.ToLower(e.opts.Project)
	say := func(string) {}
	if err := e.Push(ctx, key, repository, key, say); !errors.Is(err, cache.ErrNotKept) {
		t.Errorf("what is not there was pushed: %v", err)
	}
	b := start(t, e, engine.Spec{Name: "builder", Role: engine.Builder, Base: base})
	b.sh(`echo tool > "$ENV_DIR/tool"`)
	b.seal(key)
	if err := e.Push(ctx, key, repository, key, say); err != nil {
		t.Fatal(err)
	}

	again := func(cache.About) string { return key + "-again" }
	if there, err := e.Pull(ctx, repository, "unknown", again, say); there || err != nil {
		t.Errorf("what is not there was pulled: %t, %v", there, err)
	}
	if there, err := e.Pull(ctx, repository, key, again, say); !there || err != nil {
		t.Fatalf("pulled %t, %v", there, err)
	}
	layer, found, err := e.Find(ctx, key+"-again")
	if !found || err != nil {
		t.Fatalf("found %t, %v", found, err)
	}
	w := start(t, e, engine.Spec{Name: "worker-1", Role: engine.Worker, Base: base, Layer: layer, Tree: mustLoad(t, e, "tree"), TreeName: "project"})
	w.expect("tool", `cat "$ENV_DIR/tool"`)

	// The digest of what was sealed here is noted behind the sealing, that of what was pulled is with it.
	sound := func(layer engine.Layer, want bool) {
		t.Helper()
		if damage, known, err := e.Verify(ctx, cache.Kept{Name: string(layer), Kind: kindSealed}); len(damage) > 0 || known != want || err != nil {
			t.Errorf("%s: damage %v, known %t, %v", layer, damage, known, err)
		}
	}
	sound(layer, true)
	sealed := engine.Layer(layerName(key))
	sound(sealed, true)
	if err := os.Rename(e.digestFile(string(sealed)), e.digestFile("else")); err != nil {
		t.Fatal(err)
	}
	sound(sealed, false)

	for _, wrong := range []string{"Not A Name", repository + ":tag"} {
		if _, err := e.Pull(ctx, wrong, key, again, say); err == nil || !strings.Contains(err.Error(), "is not a repository of images: write") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	server.Close()
	if there, err := e.Pull(ctx, repository, key, again, say); there || err == nil {
		t.Errorf("pulled from a registry that does not answer: %t, %v", there, err)
	}
}
