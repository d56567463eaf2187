package python

import (
	"strings"

	"github.com/shardyard/shardyard/worker/framework"
)

// Toolchain returns an interpreter of a version ("3.12", "" for any), with a
// virtual environment that uv fills.
func Toolchain(version string) framework.Toolchain {
	return framework.Toolchain{
		Name: "python", Version: version, Image: image(version), Program: "python3", Probe: probe(version, nil),
		Make: []framework.Command{
			{Unless: "uv --version >/dev/null 2>&1", Say: "putting uv into the builder", Bring: uvs, Run: putUV, Fail: "put uv into the builder"},
			{Unless: "test -x {env}/bin/python", Run: makeVenv, Fail: "make the environment with {program} -m venv"},
		},
		Installed: `{env}/bin/python -c 'import importlib.metadata as m; m.version("{package}")' 2>/dev/null`,
		Install:   "uv pip install {package}",
		List:      `{env}/bin/python -c 'import importlib.metadata as m; [print(d.metadata["Name"], d.version) for d in m.distributions()]'`,
		Tidy:      tidy,
		Query:     []string{"-c", "import importlib.metadata as m; print(m.version('{package}'))"},
		Advice:    "{program} -m pip install {package}",
		Own:       "{env}/bin/python",
		Path:      []string{"{env}/bin"},
		Env:       map[string]string{"VIRTUAL_ENV": "{env}"},
		Builder: map[string]string{
			"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PIP_ROOT_USER_ACTION": "ignore",
			"UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1", "UV_LINK_MODE": "copy", "UV_COMPILE_BYTECODE": "1",
			"POETRY_NO_INTERACTION":  "1",
			"UV_PROJECT_ENVIRONMENT": "{env}", "UV_PYTHON": "{env}/bin/python",
			"PIP_CACHE_DIR": "{cache}/pip", "UV_CACHE_DIR": "{cache}/uv", "POETRY_CACHE_DIR": "{cache}/poetry",
			"PIP_CERT": "{ca}",
		},
		Reads: reads(),
	}
}

// uvs are where this machine keeps uv: where its own installer, cargo and pip put it.
var uvs = []string{
	"uv", "$HOME/.local/bin/uv", "$HOME/.cargo/bin/uv", "$PYENV_ROOT/versions/*/bin/uv", "$HOME/.pyenv/versions/*/bin/uv",
	"$HOME/.local/share/mise/installs/uv/*/uv", "$HOME/.local/share/mise/installs/uv/*/*/uv", "/usr/local/bin/uv", "/usr/bin/uv",
}

// bundled sets $wheels to the directory of the wheels that ensurepip installs: those of
// the interpreter, or of Debian.
const bundled = `wheels=$({program} -c 'import ensurepip, glob, os
dirs = [os.path.join(os.path.dirname(ensurepip.__file__), "_bundled"), "/usr/share/python-wheels"]
print([d for d in dirs if glob.glob(os.path.join(d, "pip-*.whl"))][0])' 2>/dev/null)`

// putUV keeps uv in the cache and copies it to {tools}: the preparer needs it too,
// and it must not be on the PATH of tests. pip runs from its wheel, which is there
// where venv can be used, and needs no environment of its own.
const putUV = `test -x {cache}/tools/bin/uv || { rm -rf {cache}/tools && ` + bundled + `
if [ -n "$wheels" ]; then PYTHONPATH=$(echo "$wheels"/pip-*.whl) {program} -m pip install --quiet --target {cache}/tools uv
else {program} -m venv {cache}/tools && {cache}/tools/bin/python -m pip install --quiet uv; fi; }
mkdir -p {tools} && cp {cache}/tools/bin/uv {tools}/uv`

// makeVenv makes an environment as {program} -m venv does, with the same packages in it.
// uv unpacks these ten times as fast as ensurepip, and compiles none: tests import no pip.
const makeVenv = `{program} -m venv --without-pip {env} && ` + bundled + `
case $(ls "$wheels") in *setuptools-*) set -- pip setuptools ;; *) set -- pip ;; esac
[ -n "$wheels" ] && UV_COMPILE_BYTECODE=0 uv pip install --quiet --offline --no-index --find-links "$wheels" "$@" || {env}/bin/python -m ensurepip --upgrade --default-pip`

// tidy removes bytecode without sources: uv leaves that of modules that lay beside others.
const tidy = `{env}/bin/python -I -c 'import importlib.util, os, sys
for folder, _, files in os.walk(sys.prefix):
    if os.path.basename(folder) == "__pycache__":
        for file in (os.path.join(folder, f) for f in files if f.count(".") > 1 and f.endswith(".pyc")):
            if not os.path.exists(importlib.util.source_from_cache(file)):
                os.remove(file)
        if not os.listdir(folder):
            os.rmdir(folder)'`

// image returns the name of the official image with a version; "" is the newest.
func image(version string) string {
	if version == "" {
		return "python:3-slim"
	}
	return "python:" + version + "-slim"
}

// probe returns how to find an interpreter: `python3` on the PATH comes first, then
// those of the best version, of pyenv, uv, mise, asdf and the system, then those of
// minor versions that will do, and at last all others, to name them when none fits.
func probe(version string, minors []string) *framework.Probe {
	p := &framework.Probe{Candidates: []string{"python3", "python"}, Args: []string{"-I", "-c", tell}, Series: "3."}
	of := func(minor string) {
		p.Candidates = append(p.Candidates, "python"+minor)
		for _, pattern := range managed {
			p.Candidates = append(p.Candidates, strings.Replace(pattern, "V*", minor+"*", 1))
		}
		p.Candidates = append(p.Candidates, "/usr/local/bin/python"+minor, "/usr/bin/python"+minor)
	}
	wanted := minors
	if version != "" {
		wanted = append([]string{version}, minors...)
	}
	for _, minor := range wanted {
		of(minor)
	}
	for _, pattern := range managed {
		p.Candidates = append(p.Candidates, strings.Replace(pattern, "V*", "3.*", 1))
	}
	p.Advice = advice("")
	if len(wanted) > 0 {
		p.Advice = advice(wanted[0])
	}
	return p
}

// managed are where programs that manage versions keep their interpreters.
var managed = []string{
	"$PYENV_ROOT/versions/V*/bin/python3", "$HOME/.pyenv/versions/V*/bin/python3",
	"$UV_PYTHON_INSTALL_DIR/cpython-V*/bin/python3", "$XDG_DATA_HOME/uv/python/cpython-V*/bin/python3", "$HOME/.local/share/uv/python/cpython-V*/bin/python3",
	"$HOME/.local/share/mise/installs/python/V*/bin/python3", "$HOME/.asdf/installs/python/V*/bin/python3",
}

func advice(version string) string {
	return strings.TrimSpace("install it (`uv python install "+version) + "`, or pyenv)"
}

// tell is the program that an interpreter runs to describe itself. It must run on
// every version. In a virtual environment it describes the base interpreter, which
// outlives the environment.
const tell = `
import json, os, sys
exe = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
prefix = getattr(sys, "base_prefix", sys.prefix)
real = os.path.realpath(prefix)
libs = set()
try:
    import ssl, ctypes, zlib
except ImportError:
    pass
try:
    for line in open("/proc/self/maps"):
        name = line.split(None, 5)[5:]
        if name and ".so" in name[0] and name[0].startswith("/"):
            libs.add(os.path.dirname(name[0].strip()))
except (IOError, OSError):
    pass
system = ("/usr/", "/lib/", "/lib64/", "/lib32/", real + "/")
needs = set([prefix, real] + [d for d in libs if not (d + "/").startswith(system)])
if not (exe.startswith(prefix + "/") or exe.startswith(real + "/")):
    needs.add(os.path.dirname(exe))
print(json.dumps({"version": "%d.%d.%d" % sys.version_info[:3], "executable": exe,
    "prefixes": sorted(needs), "build": sys.version}))
`
