package python

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/shardyard/shardyard/worker/framework"
)

var (
	gitPlus   = regexp.MustCompile(`git\+((?:https?|ssh|git)://[^\s"'#;,]+)`)
	gitValue  = regexp.MustCompile(`\bgit"?\s*[=:]\s*"((?:https?|ssh|git)://[^"]+|[\w.-]+@[\w.-]+:[^"]+)"`)
	poetryURL = regexp.MustCompile(`^url = "((?:https?|ssh|git)://[^"]+|[\w.-]+@[\w.-]+:[^"]+)"`)
	scp       = regexp.MustCompile(`^(?:[\w.-]+@)?([\w.-]+):`)
)

// remotes returns the hosts of the repositories from which dependencies come, each once,
// with the first line that names it.
func (p *Project) remotes(d *framework.Detected) (found []framework.Remote) {
	for _, file := range p.namingRepositories(d) {
		before := ""
		for i, line := range strings.Split(p.Read(file), "\n") {
			if strings.HasPrefix(strings.TrimSpace(line), "#") {
				continue
			}
			for _, pattern := range []*regexp.Regexp{gitPlus, gitValue, poetryURL} {
				m := pattern.FindStringSubmatch(line)
				if m == nil || pattern == poetryURL && before != `type = "git"` {
					continue
				}
				r := hostOf(m[1])
				r.File, r.Line = file, i+1
				if r.Host != "" && !slices.ContainsFunc(found, func(o framework.Remote) bool { return o.Host == r.Host && o.Port == r.Port }) {
					found = append(found, r)
				}
			}
			before = strings.TrimSpace(line)
		}
	}
	return found
}

// namingRepositories returns the files that name what is installed: a lockfile, or else
// requirements files and the project's own.
func (p *Project) namingRepositories(d *framework.Detected) []string {
	switch d.Kind {
	case "uv", "poetry", "pdm":
		return []string{d.Kind + ".lock"}
	case "pipenv":
		return []string{"Pipfile.lock", "Pipfile"}
	case "requirements":
		return append(p.requirements().all, "pyproject.toml")
	case "pyproject", "setup.py", "pylock":
		return []string{"pylock.toml", "pyproject.toml", "setup.cfg", "setup.py"}
	}
	return nil
}

// hostOf returns the host of a repository's address; the zero Remote if it names none.
func hostOf(address string) framework.Remote {
	if !strings.Contains(address, "://") {
		if m := scp.FindStringSubmatch(address); m != nil {
			return framework.Remote{Host: m[1], Port: "22"}
		}
		return framework.Remote{}
	}
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || strings.ContainsAny(u.Hostname(), "${}") {
		return framework.Remote{}
	}
	r := framework.Remote{Host: u.Hostname(), Port: u.Port(), Web: u.Scheme == "https" || u.Scheme == "http"}
	if r.Port == "" {
		r.Port = map[string]string{"https": "443", "http": "80", "ssh": "22", "git": "9418"}[u.Scheme]
	}
	return r
}
