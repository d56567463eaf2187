package cache_test

import (
	"strings"
	"testing"

	"github.com/shardyard/shardyard/cache"
)

func TestWhyThereIsNothingUnderAKey(t *testing.T) {
	known := cache.Environment{
		Scope: cache.Trusted, Base: "sha256:1", Platform: "linux/amd64", Commands: []string{"pip install -r a.txt", "pip install x"},
		Files: map[string][]byte{"a.txt": []byte("x==1\n"), "b.txt": nil}, Settings: map[string]string{"PIP_INDEX_URL": "https://user:secret@example.org"},
	}
	for _, c := range []struct {
		want   string
		change func(*cache.Environment)
	}{
		{"what was kept is gone: cleared, or not used for long", func(*cache.Environment) {}},
		{"file a.txt changed", func(e *cache.Environment) { e.Files = map[string][]byte{"a.txt": []byte("x==2\n"), "b.txt": nil} }},
		{"file b.txt is gone", func(e *cache.Environment) { e.Files = map[string][]byte{"a.txt": []byte("x==1\n")} }},
		{"added package 1 is new, setup command 2 is gone", func(e *cache.Environment) { e.Commands, e.Ensure = e.Commands[:1], []string{"pytest"} }},
		{"setting PIP_INDEX_URL changed", func(e *cache.Environment) { e.Settings = map[string]string{"PIP_INDEX_URL": "https://example.org"} }},
		{"base image changed, file a.txt is gone, file b.txt is gone, and 2 more", func(e *cache.Environment) {
			e.Base, e.Platform, e.Files, e.Settings = "sha256:2", "linux/arm64", nil, nil
		}},
	} {
		now := known
		c.change(&now)
		if got := now.Parts().Why(known.Parts()); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
		// What the key says is new, the parts say too.
		if same := cache.EnvironmentKey(now) == cache.EnvironmentKey(known); same != (len(now.Parts().Since(known.Parts())) == 0) {
			t.Errorf("%s: the keys are equal: %v", c.want, same)
		}
	}
	if got := known.Parts().Why(nil); got != "the first for this suite" {
		t.Errorf("%q", got)
	}
	for name, hash := range known.Parts() {
		if len(hash) != 16 || strings.Contains(name+hash, "secret") {
			t.Errorf("%s: %s", name, hash)
		}
	}
	prepared := cache.Prepared{Environment: "e", Tree: "1"}
	after := prepared
	after.Tree = "2"
	if got := after.Parts().Why(prepared.Parts()); got != "sources changed" {
		t.Errorf("%q", got)
	}
}
