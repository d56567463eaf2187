package configs

import (
	"fmt"
	"strings"
)

// Detection is what a project's files say about how to test it.
type Detection struct {
	// Dir is the project's directory, absolute.
	Dir string
	// Kind names the rule that matched: "uv", "poetry", "requirements",
	// "pyproject", "setup.py", "plain". "" when there is nothing to test here,
	// or Unsupported says why not.
	Kind string
	// Evidence is what it was concluded from, in order.
	Evidence []Evidence
	// Framework runs the tests: "pytest".
	Framework string
	// Python is the wanted version ("3.12"), "" for any.
	Python string
	// Setup, Prepare and Key are the config's.
	Setup, Prepare, Key []string
	// Ensure are packages that must be installed in the end, and are added
	// when they are not: the framework's own.
	Ensure []string
	// Coverage says that the project measures coverage by itself: pytest-cov
	// among its own options.
	Coverage bool
	// CoverageConfig is the file with the project's coverage configuration, or "".
	CoverageConfig string
	// AsksGit says that the build asks git for the version: the source tree
	// must then carry what git needs to answer.
	AsksGit bool
	// Empty says that pytest, left to its defaults, finds nothing here: no file
	// that could hold tests, no conftest.py, and no configuration of pytest.
	Empty bool
	// Notes are for the user: what was guessed, what may be missing.
	Notes []string
	// Unsupported says what this project uses that is not known, with the
	// config that would help. Nil when there is nothing of it.
	Unsupported *Unsupported
}

// Evidence is one thing that was found.
type Evidence struct {
	File string // relative to the project, with slashes; "" for this machine's settings
	Line int    // 0 for the whole file
	Why  string // "uv.lock: dependencies are locked by uv"
}

// String is "pyproject.toml:12: why".
func (e Evidence) String() string {
	switch {
	case e.File == "":
		return e.Why
	case e.Line == 0:
		return e.File + ": " + e.Why
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Why)
}

// Unsupported is a tool that is not known here.
type Unsupported struct {
	Tool   string   // "pdm"
	File   string   // where it shows
	Config []string // lines of shardyard.yaml that would do
}

// Error says what is not known, and which lines to write.
func (u *Unsupported) Error() string {
	return u.File + ": this project installs with " + u.Tool + ", which is not detected: write to " + FileName + "\n  " +
		strings.Join(u.Config, "\n  ")
}
