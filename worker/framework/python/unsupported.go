package python

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/shardyard/shardyard/worker/framework"
)

// unsupported finds tools that detection does not support, in projects that no
// rule of Install matches.
func (p *Project) unsupported(f *pyproject, d *framework.Detected) bool {
	if r := p.requirements(); len(r.files) > 0 {
		return false
	}
	switch {
	case p.Has("pdm.lock"):
		d.Unsupported = &framework.Unsupported{Tool: "pdm", File: "pdm.lock", Config: []string{
			"setup:",
			"  - uv tool run pdm export --format requirements --group :all --output pdm-export.txt",
			"  - uv pip install -r pdm-export.txt",
			"prepare: [uv pip install --no-deps -e .]",
			"key: [pdm.lock, pyproject.toml]",
		}}
	case p.Has("Pipfile") && f.Project == nil:
		d.Unsupported = &framework.Unsupported{Tool: "Pipenv", File: "Pipfile", Config: []string{
			"setup:",
			"  - uv tool run pipenv requirements --dev > pipenv-export.txt",
			"  - uv pip install -r pipenv-export.txt",
			"key: [Pipfile, Pipfile.lock]",
		}}
	case f.Project != nil || p.Has("setup.py") || p.Has("setup.cfg"):
		return false
	default:
		return p.conda(d) || p.toxOnly(d)
	}
	return true
}

var condaPackage = regexp.MustCompile(`^\s+-\s+(?:[a-z0-9_-]+::)?([A-Za-z0-9][A-Za-z0-9._-]*)\s*([=<>!~][^#\s]*)?`)

// conda suggests to install the packages of conda's file from the package index,
// which has most of them under the same name.
func (p *Project) conda(d *framework.Detected) bool {
	for _, file := range []string{"environment.yml", "environment.yaml", "environment-dev.yml", "conda.yml"} {
		if !p.Has(file) {
			continue
		}
		packages := []string{p.Runner}
		for _, line := range strings.Split(p.Read(file), "\n") {
			m := condaPackage.FindStringSubmatch(line)
			if m == nil || m[1] == "python" || m[1] == "pip" || strings.Contains(line, "channels") || m[1] == "conda-forge" || m[1] == "defaults" || SameName(packages, m[1]) {
				continue
			}
			version := m[2]
			if strings.HasPrefix(version, "=") && !strings.HasPrefix(version, "==") {
				version = "=" + version + ".*"
			}
			packages = append(packages, quote(m[1]+version))
		}
		d.Unsupported = &framework.Unsupported{Tool: "conda", File: file, Config: []string{
			"setup:", `  - "uv pip install ` + strings.Join(packages, " ") + `"   # check the names: these are conda's`, "key: [" + file + "]",
		}}
		return true
	}
	return false
}

// toxOnly reports a project whose only description is a tox.ini that ParseINI and
// toxHint do not understand.
func (p *Project) toxOnly(d *framework.Detected) bool {
	for _, file := range []string{"tox.ini", "tox.toml"} {
		if !p.Has(file) {
			continue
		}
		h := p.toxHint(nil)
		if !h.empty() {
			return false
		}
		d.Unsupported = &framework.Unsupported{Tool: "tox", File: file, Config: []string{
			"setup: [uv pip install " + p.Runner + "]   # and what tests need", fmt.Sprintf("key: [%s]", file),
		}}
		return len(ParseINI(p.Read(file))["testenv"]) > 0 || file == "tox.toml"
	}
	return false
}
