package python

import (
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/shardyard/shardyard/internal/shell"
	"github.com/shardyard/shardyard/worker/framework"
)

// locked plans the installation from a lockfile that uv does not read by itself, or
// that is nobody's own. It returns false if there is none.
func (p *Project) locked(f *pyproject, d *framework.Detected) bool {
	switch {
	case p.Has("poetry.lock"):
		p.poetry(f, d)
	case p.Has("pdm.lock"):
		p.pdm(f, d)
	case p.pylock(f, d):
	case p.pipenv(f, d):
	default:
		return false
	}
	return true
}

var pdmGroups = regexp.MustCompile(`(?m)^groups = \[([^\]]*)\]`)

// pdm plans the installation of a project with a pdm.lock: every group that is locked
// is exported, with hashes, and uv installs the export.
func (p *Project) pdm(f *pyproject, d *framework.Detected) {
	d.Kind = "pdm"
	d.Evidence = append(d.Evidence, framework.Because("pdm.lock", 0, "PDM has locked the dependencies"))
	d.Key = append(d.Key, "pdm.lock", "pyproject.toml")
	lock := p.Read("pdm.lock")
	groups := " -G :all"
	if m := pdmGroups.FindStringSubmatch(lock); m != nil {
		groups = ""
		for _, s := range pyString.FindAllStringSubmatch(m[1], -1) {
			if name := s[1] + s[2]; name != "default" {
				groups += " -G " + shell.Word(name)
			}
		}
	}
	export := []string{
		"UV_COMPILE_BYTECODE=0 uv tool run pdm export --no-default --format requirements" + groups + " --output pdm-export.txt",
		"uv pip install -r pdm-export.txt",
	}
	if f.Project != nil {
		export[0] = strings.Replace(export[0], " --no-default", "", 1)
	}
	if strings.Contains(lock, "\npath = ") { // lies in the tree
		d.Prepare, d.Key = export, nil
	} else {
		d.Setup = export
	}
	p.installAlone(f, d)
}

// installAlone installs the project itself, whose dependencies are there.
func (p *Project) installAlone(f *pyproject, d *framework.Detected) {
	if installable, _ := p.installable(f); installable && f.tool("pdm")["distribution"] != false {
		d.Prepare = append(d.Prepare, "uv pip install --no-deps -e .")
	}
}

// pylock plans the installation of PEP 751 lockfiles: pylock.toml, and the one for
// tests, or else for development.
func (p *Project) pylock(f *pyproject, d *framework.Detected) bool {
	var files []string
	if p.Has("pylock.toml") {
		files = append(files, "pylock.toml")
	}
	named := func(n string) bool { return p.Has("pylock." + n + ".toml") }
	if name, _ := choose(named); name != "" {
		files = append(files, "pylock."+name+".toml")
	}
	if len(files) == 0 {
		return false
	}
	d.Kind = "pylock"
	var remote, local []string
	for _, file := range files {
		d.Evidence = append(d.Evidence, framework.Because(file, 0, "the dependencies are locked (PEP 751)"))
		if text := p.Read(file); strings.Contains(text, "[packages.directory]") || strings.Contains(text, "directory = {") {
			local = append(local, "uv pip install -r "+file)
		} else {
			remote, d.Key = append(remote, "uv pip install -r "+file), append(d.Key, file)
		}
	}
	d.Setup, d.Prepare = remote, local
	if len(files) == 1 && len(d.Setup) > 0 { // what tests need may be locked, or not
		if h := p.hint(f); !h.empty() && len(h.extras) == 0 {
			d.Evidence = append(d.Evidence, h.evidence)
			p.installHint(f, h, d)
		}
	}
	p.installAlone(f, d)
	return true
}

// pipenv plans the installation of a project with a Pipfile. The lock is exported,
// with hashes, and uv installs the export. A project whose requirements files name
// what its tests need is installed by these.
func (p *Project) pipenv(f *pyproject, d *framework.Detected) bool {
	if !p.Has("Pipfile") || f.Project != nil || p.requirements().tests {
		return false
	}
	d.Kind = "pipenv"
	pipfile, err := readPipfile(p.Read("Pipfile"))
	if err != nil {
		p.errs = append(p.errs, err)
		return true
	}
	if !p.Has("Pipfile.lock") {
		d.Evidence = append(d.Evidence, framework.Because("Pipfile", 0, "the project's dependencies"))
		d.Notes = append(d.Notes, "there is no Pipfile.lock: what Pipfile names is installed as it is found now; `pipenv lock` makes one")
		d.Key = append(d.Key, "Pipfile")
		if wanted := pipfile.requirements(); len(wanted) > 0 {
			d.Setup = []string{"uv pip install " + strings.Join(wanted, " ")}
		}
	} else {
		d.Evidence = append(d.Evidence, framework.Because("Pipfile.lock", 0, "Pipenv has locked the dependencies"))
		d.Key = append(d.Key, "Pipfile", "Pipfile.lock")
		hashes := " --hash"
		if strings.Contains(p.Read("Pipfile.lock"), `"git"`) { // uv wants hashes of all, or of none
			hashes = ""
		}
		d.Setup = []string{
			"UV_COMPILE_BYTECODE=0 uv tool run pipenv requirements --dev" + hashes + " >pipenv-export.txt",
			fmt.Sprintf("grep -vE '%s' pipenv-export.txt | uv pip install -r -", localPattern),
		}
	}
	for _, place := range pipfile.local() {
		if place = path.Clean(place); p.beyond(place) {
			d.Unsupported = p.outside("Pipfile", lineOf(p.Read("Pipfile"), place), place)
			d.Unsupported.Config = []string{"setup: [\"uv pip install " + strings.Join(append([]string{p.Runner}, pipfile.requirements()...), " ") + "\"]   # without " + place + "; and what replaces it", "key: [Pipfile]"}
			continue
		}
		if place != "." {
			place = "./" + place
		}
		d.Prepare = append(d.Prepare, "uv pip install --no-deps -e "+shell.Word(place))
	}
	if len(d.Prepare) == 0 && p.Has("setup.py") {
		d.Prepare = []string{"uv pip install --no-deps -e ."}
	}
	return true
}

// A pipfile has the dependencies of a Pipfile.
type pipfile struct {
	Packages map[string]any `toml:"packages"`
	Dev      map[string]any `toml:"dev-packages"`
}

func readPipfile(text string) (f pipfile, err error) {
	if _, err = toml.Decode(text, &f); err != nil {
		err = fmt.Errorf("Pipfile:%d: it is no TOML", lineOfTOML(err)) //nolint:staticcheck // a file's name
	}
	return f, err
}

// requirements returns the dependencies that come from an index or a repository.
func (f pipfile) requirements() (all []string) {
	for _, table := range []map[string]any{f.Packages, f.Dev} {
		for _, name := range sortedNames(table) {
			version, _ := table[name].(string)
			if t, ok := table[name].(map[string]any); ok {
				version, _ = t["version"].(string)
				if git, ok := t["git"].(string); ok {
					ref, _ := t["ref"].(string)
					all = append(all, shell.Word(strings.TrimSuffix(name+" @ git+"+git+"@"+ref, "@")))
					continue
				}
				if t["path"] != nil || t["file"] != nil {
					continue
				}
				if extras := Words(t["extras"]); len(extras) > 0 {
					name += "[" + strings.Join(extras, ",") + "]"
				}
			}
			if version == "*" {
				version = ""
			}
			all = append(all, shell.Word(name+version))
		}
	}
	return slices.Compact(all)
}

// local returns the paths of dependencies in the source tree.
func (f pipfile) local() (places []string) {
	for _, table := range []map[string]any{f.Packages, f.Dev} {
		for _, name := range sortedNames(table) {
			if t, ok := table[name].(map[string]any); ok {
				if place, ok := t["path"].(string); ok && !slices.Contains(places, place) {
					places = append(places, place)
				}
			}
		}
	}
	return places
}

// stalePipfile reports whether Pipfile.lock was made of another Pipfile: it has the
// hash of its content, as JSON with sorted keys.
func (p *Project) stalePipfile() bool {
	var lock struct {
		Meta struct {
			Hash struct {
				SHA256 string `json:"sha256"`
			} `json:"hash"`
		} `json:"_meta"`
	}
	if json.Unmarshal([]byte(p.Read("Pipfile.lock")), &lock) != nil || lock.Meta.Hash.SHA256 == "" {
		return false
	}
	sum, ok := pipfileHash(p.Read("Pipfile"))
	return ok && sum != lock.Meta.Hash.SHA256
}
