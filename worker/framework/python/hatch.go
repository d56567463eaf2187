package python

import (
	"maps"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/shardyard/shardyard/worker/framework"
)

// hatchHint reads the environment of Hatch that tests run in.
func (p *Project) hatchHint(f *pyproject) hint {
	if e, ok := p.hatch(f); ok {
		return e.hint(p)
	}
	return hint{}
}

// hatch returns the environment of Hatch for tests: one with a name for them, else
// one with a script that calls pytest, else the one that others inherit from
// (https://hatch.pypa.io/latest/config/environment/overview/).
func (p *Project) hatch(f *pyproject) (toolEnv, bool) {
	file, prefix, text := "pyproject.toml", "tool.hatch.envs.", f.text
	envs := f.tool("hatch", "envs")
	if own := p.Read("hatch.toml"); own != "" {
		var table map[string]any
		if _, err := toml.Decode(own, &table); err == nil && table["envs"] != nil {
			envs, _ = table["envs"].(map[string]any)
			file, prefix, text = "hatch.toml", "envs.", own
		}
	}
	at := func(name string) toolEnv {
		e := hatchEnv(inherited(envs, name, 0), name == "hatch-test")
		e.evidence = framework.Because(file, lineOf(text, "["+prefix+name), "tests need what ["+prefix+name+"] names")
		return e
	}
	names := append([]string{"hatch-test"}, testNames...)
	for _, name := range slices.Sorted(maps.Keys(envs)) {
		if at(name).tests {
			names = append(names, name)
		}
	}
	for _, name := range append(names, "default", "dev") {
		if envs[name] == nil {
			continue
		}
		if e := at(name); len(e.deps)+len(e.extras)+len(e.groups) > 0 {
			return e, true
		}
	}
	return toolEnv{}, false
}

// inherited returns an environment's options above those of its template. What it
// says itself replaces what the template says.
func inherited(envs map[string]any, name string, depth int) map[string]any {
	own, _ := envs[name].(map[string]any)
	template, said := own["template"].(string)
	if !said {
		template = "default"
	}
	all := map[string]any{}
	if template != name && depth < 8 && name != "hatch-test" {
		all = inherited(envs, template, depth+1)
	}
	maps.Copy(all, own)
	return all
}

// hatchEnv reads an environment's options. Hatch's own environment for tests has
// packages of its own.
func hatchEnv(options map[string]any, own bool) toolEnv {
	e := toolEnv{set: map[string]string{}, extras: Words(options["features"]), groups: Words(options["dependency-groups"])}
	e.deps = append(Words(options["dependencies"]), Words(options["extra-dependencies"])...)
	if own && options["dependencies"] == nil {
		e.deps = append(e.deps, "coverage[toml]", "pytest", "pytest-mock")
	}
	variables, _ := options["env-vars"].(map[string]any)
	for name, value := range variables {
		if s, ok := value.(string); ok {
			e.set[name] = s
		}
	}
	scripts, _ := options["scripts"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(scripts)) {
		lines := Words(scripts[name])
		if s, ok := scripts[name].(string); ok {
			lines = []string{s}
		}
		for _, line := range lines {
			c, ok := pytestCall(line)
			switch {
			case !ok:
			case !e.tests || slices.Contains(testNames, name):
				e.tests, e.call = true, c
			}
		}
	}
	e.deps = slices.DeleteFunc(e.deps, func(line string) bool { return strings.Contains(line, "{") && !treeOption.MatchString(line) })
	return e
}
