package python

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPipfileHash: the hash is the one that Pipenv 2026.10 wrote for this file.
func TestPipfileHash(t *testing.T) {
	const file = `[[source]]
url = "https://pypi.org/simple"
verify_ssl = true
name = "pypi"

[packages]
six = {version = "*", markers = "python_version > '2.7'"}
idna = ">=3,<4"

[dev-packages]
pytest = "*"

[requires]
python_version = "3.11"

[scripts]
t = "pytest"
`
	for _, x := range []struct {
		text, want string
		ok         bool
	}{
		{file, "7d3d3e2f28c98cce749dc50ee0fd229eff8802ff479bcbb96b902c7f82978e81", true},
		{file + "[docs]\nsphinx = '*'\n", "", false}, // versions of Pipenv differ
		{file + "x = 'é'\n", "", false},
		{"[packages]\n", "", false},
		{"[", "", false},
	} {
		if got, ok := pipfileHash(x.text); got != x.want || ok != x.ok {
			t.Errorf("%s: %q, %v", x.text, got, ok)
		}
	}
}

// TestPytestCall: what a command line tells pytest.
func TestPytestCall(t *testing.T) {
	for line, want := range map[string]struct {
		options, paths []string
		not            bool
	}{
		"pytest":                    {},
		"pytest {posargs}":          {},
		"pytest -vv {posargs:test}": {paths: []string{"test"}},
		"{envpython} -m pytest --cov=a --cov-report term -n auto -ra tests -k 'a and b'": {options: []string{"-k", "a and b"}, paths: []string{"tests"}},
		"coverage run -p -m pytest -p no:cacheprovider --ignore=x {args:tests}":          {options: []string{"-p", "no:cacheprovider", "--ignore=x"}, paths: []string{"tests"}},
		"- {envbindir}/py.test --tb short -W error {env:WHAT:unit}":                      {options: []string{"-W", "error"}, paths: []string{"unit"}},
		"PYTHONWARNDEFAULTENCODING=1 python -m pytest -vv {args}":                        {},
		"pytest {envsitepackagesdir}/a":                                                  {},
		"pytest --pyargs a":                                                              {},
		"pytest tests && coverage report":                                                {paths: []string{"tests"}},
		"uv run pytest tests -m 'not db'":                                                {options: []string{"-m", "not db"}, paths: []string{"tests"}},
		"python -m unittest":                                                             {not: true},
		"echo pytest":                                                                    {not: true},
		"pip install pytest":                                                             {not: true},
		"pytest --import-mode importlib --maxfail 1 --junitxml out.xml --doctest-modules src": {options: []string{"--import-mode", "importlib", "--doctest-modules"}, paths: []string{"src"}},
	} {
		got, ok := pytestCall(line)
		if ok == want.not || !slices.Equal(got.options, want.options) || !slices.Equal(got.paths, want.paths) {
			t.Errorf("%s: %+v, %v", line, got, ok)
		}
	}
}

// TestGenerated: tox's lists of environments.
func TestGenerated(t *testing.T) {
	for list, want := range map[string][]string{
		"py3":                    {"py3"},
		"lint, py{310,311}-a":    {"lint", "py310-a", "py311-a"},
		"py{38,39}-dj{3,4},docs": {"py38-dj3", "py38-dj4", "py39-dj3", "py39-dj4", "docs"},
		"a b, c":                 {"a", "b", "c"},
		"":                       nil,
		"{a,b":                   {"{a", "b"},
	} {
		if diff := cmp.Diff(want, generated(list)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", list, diff)
		}
	}
}

// TestCondaVersions: what conda's constraints are as requirements.
func TestCondaVersions(t *testing.T) {
	for item, want := range map[string]string{
		"numpy": "numpy", "numpy=1.26": "numpy==1.26.*", "numpy==1.26.4": "numpy==1.26.4", "numpy=1.26.4=py311h_0": "numpy==1.26.4", "numpy 1.26.*": "numpy==1.26.*",
		"numpy >=1.20,<2": "numpy>=1.20,<2", "conda-forge::scipy>=1": "scipy>=1", "pytorch": "torch", "'h3-py >=4'": "h3>=4", "a=1|2": "a==1.*", "geopandas>=0.9.*": "geopandas>=0.9",
		"pandas  # why": "pandas", "python=3.11": "", "quarto=1.5.57": "", "https://host/a.tar.bz2": "",
	} {
		var e condaEnv
		e.add(item)
		got := ""
		if len(e.packages) > 0 {
			got = e.packages[0]
		}
		if got != want {
			t.Errorf("%s: %q, want %q", item, got, want)
		}
	}
}
