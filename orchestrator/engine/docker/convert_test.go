package docker

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/shardyard/shardyard/orchestrator/engine"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestConvert(t *testing.T) {
	labels := map[string]string{labelProject: "p", labelRun: "r1", labelRole: "x", labelOwner: "host:/locks/session"}
	all := traits{Init: true, Memory: true, Swap: true, PIDs: true, CPU: true}
	tree := &treeMount{Volume: "shardyard-p-r1-worker-3", Options: overlayOptions([]string{"/v/prepared", "/v/tree"}, "/v/upper", "/v/work")}
	view := &treeMount{Volume: "view", Options: overlayOptions([]string{"/v/2", "/v/1"}, "/v/upper", "/v/work")}
	image := engine.Base{Image: "python:3.12-slim", ID: "sha256:1", Program: "python3"}
	host := engine.Base{Image: "host", ID: "host:1", Host: true, Program: "/opt/python/bin/python3.12"}

	for name, b := range map[string]blueprint{
		"worker": {
			Spec: engine.Spec{
				Name: "worker-3", Role: engine.Worker, Base: image, Tree: "t1", TreeName: "proj", Env: map[string]string{"TZ": "UTC", "A": "b"},
				Limits: engine.Limits{Memory: 2 << 30, CPUs: 1.5}, Harden: engine.Harden{CapAdd: []string{"NET_RAW"}},
			},
			Who: defaultUser, Path: "/shardyard/env/bin:/usr/local/bin:/usr/bin", Unset: []string{"BUILD_ONLY", "TZ"},
			Agent: "agent", Cache: view, Packages: []string{"1", "2"}, Tree: tree, Upper: "upper", Network: "host", Traits: all,
		},
		"worker-on-host": {
			Spec: engine.Spec{Name: "worker-1", Role: engine.Worker, Base: host, Tree: "t1", TreeName: "proj", Limits: engine.Limits{PIDs: 100}, Network: "container:db"},
			Who:  identity{1234, 99}, Path: defaultPath, Agent: "agent", Tree: tree,
			Binds: []string{"/opt/python", "/usr"}, Traits: traits{PIDs: true, SELinux: true},
		},
		"worker-strict": {
			Spec: engine.Spec{Name: "worker-1", Role: engine.Worker, Base: image, Tree: "t1", TreeName: "proj", Harden: engine.Harden{Strict: true}, Network: "none"},
			Who:  defaultUser, Path: defaultPath, Agent: "agent", Traits: all,
		},
		"builder": {
			Spec: engine.Spec{Name: "builder", Role: engine.Builder, Base: image, TreeName: "proj"},
			Who:  defaultUser, Path: defaultPath, Agent: "agent", Cache: view, Packages: []string{"1"}, CA: "ca", Binds: []string{"/srv/wheels"}, Network: "host", Traits: all,
		},
		"preparer": {
			Spec: engine.Spec{Name: "preparer", Role: engine.Preparer, Base: image, Tree: "t1", TreeName: "proj"},
			Who:  defaultUser, Path: defaultPath, Agent: "agent", Cache: &treeMount{Volume: "cache-user"}, CA: "ca", Tree: tree, Traits: all,
		},
		"finisher-as-root": {
			Spec: engine.Spec{Name: "finisher", Role: engine.Finisher, Base: image, Tree: "t1", TreeName: "proj", User: "root"},
			Who:  identity{0, 0}, Path: defaultPath, Agent: "agent", Tree: tree, Traits: all,
		},
	} {
		t.Run(name, func(t *testing.T) {
			b.Image, b.Labels = "shardyard/p:key", labels
			config, hostConfig := convert(b)
			got, err := json.MarshalIndent(map[string]any{"config": config, "host": hostConfig, "layout": b.layout()}, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join("testdata", "convert", name+".json"), append(got, '\n'))
		})
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got; -update writes it anew):\n%s", name, diff)
	}
}

func TestParseUser(t *testing.T) {
	for in, want := range map[string]identity{"": {1000, 1000}, "root": {0, 0}, "0": {0, 0}, "42": {42, 42}, "42:7": {42, 7}} {
		if got, err := parseUser(in); err != nil || got != want {
			t.Errorf("parseUser(%q) = %v, %v; want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"bob", "-1", "1:", ":1", "1:2:3", "99999999999"} {
		if got, err := parseUser(in); err == nil {
			t.Errorf("parseUser(%q) = %v, want an error", in, got)
		}
	}
}
