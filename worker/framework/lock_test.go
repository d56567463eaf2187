package framework

import "testing"

func TestPins(t *testing.T) {
	type files map[string]string
	for name, test := range map[string]struct {
		files    files
		commands []string
		added    []string
		pinned   Pinned
		why      string
	}{
		"nothing":                   {},
		"unknown commands":          {commands: []string{"./install.sh", "pip download x"}},
		"unknown files":             {files: files{"deps.cfg": "x"}, commands: []string{"./install.sh"}},
		"a lockfile":                {files: files{"uv.lock": "", "pyproject.toml": ""}, commands: []string{"uv sync --frozen", "uv pip install -e ."}, pinned: Locked},
		"below the project":         {files: files{"web/package-lock.json": "", "web/package.json": ""}, commands: []string{"npm ci"}, pinned: Locked},
		"a lockfile of another":     {files: files{"uv.lock": "", "package.json": ""}, pinned: Loose, why: "package.json, which no lockfile is beside"},
		"go":                        {files: files{"go.sum": "", "go.mod": ""}, pinned: Locked},
		"no lockfile":               {files: files{"pyproject.toml": ""}, commands: []string{"uv pip install ."}, pinned: Loose, why: "pyproject.toml, which no lockfile is beside"},
		"pinned lines":              {files: files{"requirements.txt": "# a\nA==1\nb[x]==2.0 ; python_version>'3'\nc @ https://x/c.whl\nd==1 --hash=x\n-r more.txt\n"}, commands: []string{"uv pip install -r requirements.txt"}, pinned: Locked},
		"a loose line":              {files: files{"requirements/test.txt": "a==1\nb>=2  # new\n"}, pinned: Loose, why: "requirements/test.txt:2 (b>=2)"},
		"a star":                    {files: files{"requirements.txt": "a==1.*\n"}, pinned: Loose, why: "requirements.txt:1 (a==1.*)"},
		"constraints":               {files: files{"requirements.in": "A_b\n", "constraints.txt": "a-b==1\n"}, commands: []string{"pip install -r requirements.in -c constraints.txt"}, pinned: Locked},
		"a name in a command":       {files: files{"requirements.txt": "a==1\n"}, commands: []string{"cd x && python -m pip install -q -r requirements.txt 'b>=1' >log 2>&1"}, pinned: Loose, why: "`b>=1` in a command that installs it"},
		"versions in a command":     {commands: []string{"uv pip install a==1 b@https://x -e git+https://x@y"}},
		"the project itself":        {commands: []string{"uv pip install --no-deps -e . ; pip install -e .[test]"}, pinned: Loose, why: "`.[test]` in a command that installs it"},
		"the project, without more": {commands: []string{"uv pip install --no-deps -e ."}},
		"what is added":             {added: []string{"pytest"}, pinned: Loose, why: "pytest, which is added without a version"},
		"added to what is locked":   {files: files{"poetry.lock": ""}, added: []string{"pytest"}, pinned: Locked},
	} {
		contents := map[string][]byte{}
		for name, text := range test.files {
			contents[name] = []byte(text)
		}
		if p, why := Pins(contents, test.commands, test.added); p != test.pinned || why != test.why {
			t.Errorf("%s: %d, %q; want %d, %q", name, p, why, test.pinned, test.why)
		}
	}
}
