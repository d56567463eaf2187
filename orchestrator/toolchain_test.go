package orchestrator

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/orchestrator/source"
	"github.com/shardyard/shardyard/worker"
	"github.com/shardyard/shardyard/worker/framework"
	"github.com/shardyard/shardyard/worker/framework/pytest"
	"github.com/shardyard/shardyard/worker/framework/python"
)

func TestEnvironmentOfBuilders(t *testing.T) {
	tools, base := python.Toolchain(""), engine.Base{Program: "/usr/bin/python3"}
	s := BuilderSettings{Set: map[string]string{"UV_LINK_MODE": "hardlink", "PIP_INDEX_URL": "https://x/{cache}"}, CA: "/here/ca.pem",
		Caches: map[string]string{"GOMODCACHE": "{cache}/go/mod", "PIP_CACHE_DIR": "{cache}/other"}}
	env := s.environ(tools, base, engine.Layout{Env: "/env", Cache: "/cache", CA: "/ca.pem", Home: "/home", Path: "/usr/bin"})
	for name, want := range map[string]string{
		"VIRTUAL_ENV": "/env", "UV_PROJECT_ENVIRONMENT": "/env", "UV_PYTHON": "/env/bin/python", "UV_PYTHON_DOWNLOADS": "never",
		"UV_CACHE_DIR": "/cache/uv", "PIP_CACHE_DIR": "/cache/pip", "GOMODCACHE": "/cache/go/mod", "SSL_CERT_FILE": "/ca.pem", "PIP_CERT": "/ca.pem", "REQUESTS_CA_BUNDLE": "/ca.pem",
		"UV_LINK_MODE": "hardlink", "PIP_INDEX_URL": "https://x/{cache}", "PATH": "/env/bin:/env/.tools:/usr/bin", "HOME": "/home",
	} {
		if env[name] != want {
			t.Errorf("%s is %q, want %q", name, env[name], want)
		}
	}
	if env := s.environ(tools, base, engine.Layout{Env: "/env"}); env["SSL_CERT_FILE"] != "/here/ca.pem" || env["PIP_CERT"] != "/here/ca.pem" {
		t.Errorf("an engine that puts no bundle inside has builders read %q", env["SSL_CERT_FILE"])
	}
	bare := BuilderSettings{}.environ(tools, base, engine.Layout{Env: "/env"})
	for _, name := range []string{"UV_CACHE_DIR", "PIP_CACHE_DIR", "SSL_CERT_FILE", "PIP_CERT"} {
		if value, set := bare[name]; set {
			t.Errorf("%s is set to %q without a place for it", name, value)
		}
	}
	want := map[string]string{"PATH": "/env/.tools:/usr/bin", "HOME": "/home"}
	got := BuilderSettings{}.environ(framework.Toolchain{}, engine.Base{}, engine.Layout{Env: "/env", Cache: "/cache", Home: "/home", Path: "/usr/bin"})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("without a toolchain (-want +got):\n%s", diff)
	}
}

// A request can be stored in a queue, and read by another process.
func TestARequestIsData(t *testing.T) {
	suite, err := pytest.Description{}.Suite(framework.Ask{Args: []string{"-q"}, User: []string{"--cov=x"}, Seed: 1 << 31})
	if err != nil {
		t.Fatal(err)
	}
	req := Request{
		Version: "v", Project: "/p", Suite: "unit", RunID: "r", Out: "/out", Source: source.Options{Rev: "HEAD", Include: []string{"x"}, Git: true},
		Image: "auto", Setup: Step{Commands: []string{"a"}, Key: []string{"k"}, Ensure: []string{"e"}}, Prepare: Step{Commands: []string{"b"}},
		Builder: BuilderSettings{Set: map[string]string{"A": "b"}, CA: "/ca", Why: []string{"why"}, Settings: map[string]string{"S": "t"}},
		Session: suite, Env: map[string]string{"TZ": "UTC"}, Workers: 3, Target: time.Minute, Static: true, Split: 1, Retries: 2, FailOnFlaky: true,
		Collection: Full, TestTimeout: time.Second, RunTimeout: time.Hour, OutputLimit: 9, Limits: engine.Limits{Memory: 1, PIDs: 2, CPUs: 0.5},
		Harden: engine.Harden{CapAdd: []string{"NET_ADMIN"}}, Network: "none", User: "root", Compiled: Compiled{Dir: "/c"},
	}
	var again Request
	if err := json.Unmarshal(worker.Raw(req), &again); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(req, again); diff != "" {
		t.Errorf("a request that was stored is another (-made +read):\n%s", diff)
	}
}

// A project whose framework has no toolchain gets no environment but what its own
// commands make.
func TestWithoutAToolchainNothingIsMade(t *testing.T) {
	x := try(t, two(), func(x *trial) {
		x.req.Setup = Step{Commands: []string{"echo setup"}}
	})
	x.ends(t, report.ExitGreen, green)
	for _, step := range x.steps {
		if strings.Contains(step, "venv") || strings.Contains(step, "uv") {
			t.Errorf("a builder says %q", step)
		}
	}
}
