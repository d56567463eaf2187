package orchestrator

import (
	"cmp"
	"maps"
	"path"
	"strings"

	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/worker/framework"
)

// fill fills in a toolchain's placeholders, for a place.
func fill(tools framework.Toolchain, base engine.Base, l engine.Layout) *strings.Replacer {
	return strings.NewReplacer(
		"{program}", cmp.Or(base.Program, tools.Program), "{env}", l.Env, "{source}", l.Source, "{cache}", l.Cache, "{home}", l.Home,
		"{ca}", l.CA, "{tools}", toolsDir(l),
	)
}

// toolsDir returns where a builder's own programs are: sealed with the
// environment, since a preparer needs them too, and off the PATH of tests.
func toolsDir(l engine.Layout) string { return path.Join(l.Env, ".tools") }

// searchPath is PATH where there is an environment: what comes first, then the
// toolchain's directories, then the engine's.
func searchPath(tools framework.Toolchain, f *strings.Replacer, rest ...string) string {
	var dirs []string
	for _, dir := range tools.Path {
		dirs = append(dirs, f.Replace(dir))
	}
	return strings.Join(append(dirs, rest...), ":")
}

// bundles are the variables that name a bundle of certificates to programs.
var bundles = []string{"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "NODE_EXTRA_CA_CERTS"}

// environ returns the environment of a builder's commands.
func (s BuilderSettings) environ(tools framework.Toolchain, base engine.Base, l engine.Layout) map[string]string {
	l.CA = cmp.Or(l.CA, s.CA) // where the engine puts no bundle inside, this machine's own file is read
	f := fill(tools, base, l)
	env := map[string]string{}
	for _, values := range []map[string]string{s.Caches, tools.Builder, tools.Env} {
		for name, value := range values {
			absent := l.Cache == "" && strings.Contains(value, "{cache}") || l.CA == "" && strings.Contains(value, "{ca}")
			if !absent {
				env[name] = f.Replace(value)
			}
		}
	}
	if l.CA != "" {
		for _, name := range bundles {
			env[name] = l.CA
		}
	}
	maps.Copy(env, s.Set)
	env["PATH"] = searchPath(tools, f, append([]string{toolsDir(l), l.Path}, s.Path...)...)
	env["HOME"] = l.Home
	return env
}
