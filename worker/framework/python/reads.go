package python

import "github.com/shardyard/shardyard/worker/framework"

// reads is what an editable install reads. It notes where the sources are, and which
// packages there are; their code is read by tests alone. What is compiled, copied or
// generated from code is another matter, and so is code that the build runs or takes
// the version from.
func reads() *framework.Reads {
	return &framework.Reads{
		Commands: []string{
			`^uv lock --check( \|\| echo '[^']*' >>"\$SHARDYARD_NOTES")?$`,
			`^uv sync\b[^&|;]*( \|\| \{ (echo "[^"]*" >>"\$SHARDYARD_NOTES"; )?uv sync\b.*\})?$`,
			`^((uv|python3? -m) )?pip install( -q| --quiet| --no-deps| --no-build-isolation)*( (-e|--editable) \S+)+$`,
		},
		Build: []string{
			"pyproject.toml", "setup.py", "setup.cfg", "MANIFEST.in", "uv.toml", "hatch.toml", "hatch_build.py", "pdm_build.py", "_custom_build.py",
		},
		Locks: []string{"uv.lock"},
		Named: []string{
			"*.py", "*.pyi", "test/", "tests/", "testing/", "doc/", "docs/", ".github/",
			"!*version*.py", "!*about*.py", "!*release*.py", "!*meta*.py", "!_ver*.py", "!*versioneer.py",
		},
		Any: `no-editable|editable[-_]mode|ext_modules|[Bb]uild_ext|ythoniz|mypyc|cffi_modules|rust_extensions|[Nn]uitka|setuptools[-_]rust|` +
			`maturin|scikit[-_]build|meson|hatch[-_]mypyc|hooks\.custom|\[tool\.poetry\.build|run[-_]setuptools|cmdclass|directory = "`,
		Compiled: []string{"*.pyx", "*.pxd", "*.c", "*.cc", "*.cpp", "*.cxx", "*.rs", "*.f90", "*.f", "CMakeLists.txt", "meson.build", "Cargo.toml", "!test/", "!tests/", "!doc/", "!docs/"},
		Stale:    []string{"*.pyc"},
	}
}
