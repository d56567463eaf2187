package cache

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Keys are a promise to layers that were kept: these change only together with
// Version.
func TestKeysAreStable(t *testing.T) {
	environment := EnvironmentKey(Environment{
		Scope: Trusted,
		Base:  "sha256:b", Platform: "linux/amd64", Commands: []string{"uv sync"}, Ensure: []string{"pytest"},
		Files: map[string][]byte{"uv.lock": []byte("x")}, Settings: map[string]string{"UV_INDEX_STRATEGY": "first-index"},
	})
	prepared := PreparedKey(Prepared{Scope: Trusted, Environment: environment, Tree: "t", Dir: "a", Place: "docker/p", Commands: []string{"uv pip install -e ."}})
	for key, want := range map[string]string{
		environment: "388fa1fde6cadbed2b9b44b986bb7373228284db4aa8351408607ce8b844b97f",
		prepared:    "177dce385f8dc54562324bc8a0fe6407c94d35cc7b71a44d5f9b9ca43f55421b",
	} {
		if key != want {
			t.Errorf("key %s, want %s: raise Version if what is hashed changed", key, want)
		}
	}
}

func TestEveryPartIsInTheKey(t *testing.T) {
	seen := map[string]string{}
	add := func(what, key string) {
		t.Helper()
		if was, twice := seen[key]; twice {
			t.Errorf("%s has the key of %s", what, was)
		}
		seen[key] = what
	}
	for what, e := range map[string]Environment{
		"empty":               {},
		"scope":               {Scope: "x"},
		"base":                {Base: "x"},
		"platform":            {Platform: "x"},
		"command":             {Commands: []string{"x"}},
		"two commands":        {Commands: []string{"x", "y"}},
		"the other order":     {Commands: []string{"y", "x"}},
		"one command of both": {Commands: []string{"xy"}},
		"ensure":              {Ensure: []string{"x"}},
		"file":                {Files: map[string][]byte{"x": nil}},
		"content":             {Files: map[string][]byte{"x": []byte("y")}},
		"other name":          {Files: map[string][]byte{"xy": nil}},
		"setting":             {Settings: map[string]string{"x": "y"}},
		"other setting":       {Settings: map[string]string{"xy": ""}},
	} {
		add(what, EnvironmentKey(e))
	}
	for what, p := range map[string]Prepared{
		"prepared": {}, "scope of prepared": {Scope: "x"}, "environment": {Environment: "x"}, "tree": {Tree: "x"}, "dir": {Dir: "x"}, "place": {Place: "x"},
		"prepare": {Commands: []string{"x"}}, "ensure in prepare": {Ensure: []string{"x"}},
	} {
		add(what, PreparedKey(p))
	}
}

// Different parts have different keys, wherever the same letters are cut.
func TestKeysDoNotCollide(t *testing.T) {
	words := rapid.SliceOfN(rapid.StringMatching(`[ab\x00]{0,3}`), 0, 4)
	rapid.Check(t, func(t *rapid.T) {
		a, b := words.Draw(t, "a"), words.Draw(t, "b")
		c, d := words.Draw(t, "c"), words.Draw(t, "d")
		same := strings.Join(a, "|") == strings.Join(b, "|") && len(a) == len(b) && strings.Join(c, "|") == strings.Join(d, "|") && len(c) == len(d)
		equal := EnvironmentKey(Environment{Commands: a, Ensure: c}) == EnvironmentKey(Environment{Commands: b, Ensure: d})
		if same != equal {
			t.Fatalf("%q %q and %q %q: same %t, equal keys %t", a, c, b, d, same, equal)
		}
	})
}
