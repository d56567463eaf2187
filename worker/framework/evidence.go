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

// Unsupported is what keeps a project from being installed as detected: a tool that
// detection does not know, or something that workers cannot have.
type Unsupported struct {
	Tool   string   // "pixi"; what the project is about: "Go"
	File   string   // where it shows
	Line   int      // 0 for the whole file
	Why    string   // what is in the way; "" when the project installs with Tool
	Config []string // lines of shardyard.yaml that would do
}

// Error says what is not supported, and the lines to write.
func (u *Unsupported) Error() string {
	return Because(u.File, u.Line, u.Reason()).String() + ": write to shardyard.yaml\n  " + strings.Join(u.Config, "\n  ")
}

// Reason returns what is in the way.
func (u *Unsupported) Reason() string {
	if u.Why != "" {
		return u.Why
	}
	return "this project installs with " + u.Tool + ", which is not detected"
}
