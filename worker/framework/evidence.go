package framework

import (
	"fmt"
	"strings"
)

// Evidence is one thing that detection found.
type Evidence struct {
	File string // relative to the project, with slashes; "" for this machine's settings
	Line int    // 0 for the whole file
	Why  string // "dependencies are locked by uv"
}

// Because makes an Evidence of its parts.
func Because(file string, line int, why string) Evidence {
	return Evidence{File: file, Line: line, Why: why}
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

// Unsupported is a tool that a project uses and that detection does not know.
type Unsupported struct {
	Tool   string   // "pdm"
	File   string   // where it shows
	Config []string // lines of shardyard.yaml that would do
}

// Error names the tool that is not supported, and the lines to write.
func (u *Unsupported) Error() string {
	return u.File + ": this project installs with " + u.Tool + ", which is not detected: write to shardyard.yaml\n  " +
		strings.Join(u.Config, "\n  ")
}
