package python

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/shardyard/shardyard/worker/framework"
)

// hintOfCI returns how the project's CI system, or else its Makefile, runs pytest, where
// that differs from what detection takes: arguments, variables, servers. It is a
// suggestion, and nothing is taken from it.
func (p *Project) hintOfCI(d *framework.Detected) *framework.Hint {
	var all []framework.Hint
	for _, pattern := range []string{".github/workflows/*.yml", ".github/workflows/*.yaml"} {
		for _, file := range p.glob(pattern) {
			all = append(all, githubCalls(file, p.Read(file))...)
		}
	}
	all = append(all, gitlabCalls(".gitlab-ci.yml", p.Read(".gitlab-ci.yml"))...)
	for _, file := range []string{"Makefile", "makefile", "GNUmakefile"} {
		for i, line := range strings.Split(p.Read(file), "\n") {
			if strings.HasPrefix(line, "\t") {
				all = append(all, callsIn(file, i+1, strings.TrimLeft(line, "\t@-"), nil, nil)...)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b framework.Hint) int {
		return strings.Compare(special.FindString(a.File), special.FindString(b.File))
	})
	for _, h := range all {
		if !slices.Equal(h.Args, d.Args) || !slices.Equal(h.Paths, d.Paths) || len(h.Env)+len(h.Services) > 0 {
			return &h
		}
	}
	return nil
}

// special are workflows for something else than the tests of each change.
var special = regexp.MustCompile(`downstream|integration|artifact|lint|doc|release|publish|nightly|bench|cron|wheel`)

// A ciJob has the parts of a job of GitHub's or GitLab's that matter here.
type ciJob struct {
	Env       yaml.Node `yaml:"env"`
	Variables yaml.Node `yaml:"variables"`
	Services  yaml.Node `yaml:"services"`
	Steps     []struct {
		Env yaml.Node `yaml:"env"`
		Run yaml.Node `yaml:"run"`
	} `yaml:"steps"`
	Script yaml.Node `yaml:"script"`
}

// githubCalls returns the calls of pytest in a workflow. One that cannot be read has none.
func githubCalls(file, text string) (calls []framework.Hint) {
	var f struct {
		Env  yaml.Node        `yaml:"env"`
		Jobs map[string]ciJob `yaml:"jobs"`
	}
	if yaml.Unmarshal([]byte(text), &f) != nil {
		return nil
	}
	for _, name := range sortedNames(f.Jobs) {
		job := f.Jobs[name]
		for _, step := range job.Steps {
			env := variablesOf(&f.Env, &job.Env, &step.Env)
			calls = append(calls, scriptCalls(file, &step.Run, env, servicesOf(&job.Services))...)
		}
	}
	slices.SortStableFunc(calls, func(a, b framework.Hint) int { return a.Line - b.Line })
	return calls
}

// gitlabCalls returns the calls of pytest in GitLab's file.
func gitlabCalls(file, text string) (calls []framework.Hint) {
	var jobs map[string]yaml.Node
	if yaml.Unmarshal([]byte(text), &jobs) != nil {
		return nil
	}
	variables, services := jobs["variables"], jobs["services"]
	for _, name := range sortedNames(jobs) {
		node := jobs[name]
		var job ciJob
		if node.Kind != yaml.MappingNode || node.Decode(&job) != nil {
			continue
		}
		lines := []*yaml.Node{&job.Script}
		if job.Script.Kind == yaml.SequenceNode {
			lines = job.Script.Content
		}
		for _, line := range lines {
			calls = append(calls, scriptCalls(file, line, variablesOf(&variables, &job.Variables), append(servicesOf(&services), servicesOf(&job.Services)...))...)
		}
	}
	return calls
}

// scriptCalls returns the calls in a script, with the lines of the file where they stand.
func scriptCalls(file string, script *yaml.Node, env map[string]string, services []string) (calls []framework.Hint) {
	first := script.Line
	if script.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		first++
	}
	for i, line := range strings.Split(script.Value, "\n") {
		calls = append(calls, callsIn(file, first+i, line, env, services)...)
	}
	return calls
}

// callsIn returns the call of pytest in a line of shell.
func callsIn(file string, line int, text string, env map[string]string, services []string) []framework.Hint {
	words := shellWords(strings.TrimSpace(strings.TrimRight(text, `\`)))
	set := map[string]string{}
	maps.Copy(set, env)
	for len(words) > 0 && assignment.MatchString(words[0]) {
		name, value, _ := strings.Cut(words[0], "=")
		set[name], words = value, words[1:]
	}
	for len(words) > 1 && slices.Contains([]string{"uv", "poetry", "pdm", "hatch", "pipenv", "rye", "run", "time", "coverage", "--frozen", "--no-sync", "xvfb-run"}, words[0]) {
		words = words[1:]
	}
	c, ok := pytestWords(words)
	if !ok {
		return nil
	}
	for name, value := range set {
		if ours(name) || strings.Contains(value, "$") {
			delete(set, name)
		}
	}
	return []framework.Hint{{File: file, Line: line, Call: strings.TrimSpace(text), Args: c.options, Paths: c.paths, Env: set, Services: services}}
}

// ours reports whether a variable is about an installer, a CI system or what is shown.
func ours(name string) bool {
	for _, prefix := range []string{"PIP_", "UV_", "POETRY_", "PDM_", "TOX", "NOX", "CI_", "GITHUB_", "COV", "FORCE_COLOR", "PYTHONUNBUFFERED", "PY_COLORS", "HATCH_", "PRE_COMMIT"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// variablesOf returns the variables of mappings, the later ones of which win.
func variablesOf(nodes ...*yaml.Node) map[string]string {
	all := map[string]string{}
	for _, n := range nodes {
		if n.Kind != yaml.MappingNode {
			continue
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i+1].Kind == yaml.ScalarNode {
				all[n.Content[i].Value] = n.Content[i+1].Value
			}
		}
	}
	return all
}

// servicesOf returns the images of the servers beside a job.
func servicesOf(n *yaml.Node) (images []string) {
	of := func(n *yaml.Node) {
		var s struct {
			Image string `yaml:"image"`
			Name  string `yaml:"name"`
		}
		switch {
		case n.Kind == yaml.ScalarNode:
			images = append(images, n.Value)
		case n.Decode(&s) == nil && s.Image+s.Name != "":
			images = append(images, s.Image+s.Name)
		}
	}
	switch n.Kind {
	case yaml.MappingNode:
		for i := 1; i < len(n.Content); i += 2 {
			of(n.Content[i])
		}
	case yaml.SequenceNode:
		for _, item := range n.Content {
			of(item)
		}
	}
	for i := range images {
		images[i] = path.Base(images[i])
	}
	return images
}
