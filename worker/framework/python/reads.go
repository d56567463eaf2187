package python

import (
	"slices"

	"github.com/shardyard/shardyard/worker/framework"
)

// compiled are patterns of sources that are compiled, and of what says how.
var compiled = []string{"*.pyx", "*.pxd", "*.c", "*.h", "*.cc", "*.cpp", "*.cxx", "*.hpp", "*.rs", "*.f90", "*.f", "CMakeLists.txt", "meson.build", "Cargo.toml"}

// not takes patterns out of those before them.
func not(patterns []string) (lines []string) {
	for _, p := range patterns {
		lines = append(lines, "!"+p)
	}
	return lines
}

// reads is what an editable install reads. It notes where the sources are, and which
// packages there are; their code is read by tests alone. A build that compiles may read
// all but tests and documents. What is copied or generated from code is another matter,
// and so is code that the build runs or takes the version from.
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
		Any: `no-editable|editable[-_]mode|hooks\.custom|\[tool\.poetry\.build|run[-_]setuptools|directory = "`,
		Compiles: `ext_modules|[Bb]uild_ext|ythoniz|mypyc|cffi_modules|rust_extensions|[Nn]uitka|setuptools[-_]rust|` +
			`maturin|scikit[-_]build|meson|hatch[-_]mypyc|cmdclass`,
		Compiled: append(slices.Clone(compiled), "!test/", "!tests/", "!doc/", "!docs/"),
		Tests:    append([]string{"test/", "tests/", "test_*.py", "*_test.py", "conftest.py", "doc/", "docs/", ".github/"}, not(compiled)...),
		Stale:    []string{"*.pyc"},
	}
}
