package framework

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// A Compiler is one of this machine's that lies where builders see nothing by
// themselves, in a user's home.
type Compiler struct {
	Name string // "rust"
	Dir  string // all of it
	Bin  string // its programs
	Is   string // its version, as it says it
}

// compilerFor bounds the time in which a compiler must answer.
const compilerFor = 10 * time.Second

// Compilers returns those that a project's files show, in its directory or one
// directory below: Rust's, as rustup installs it.
func Compilers(ctx context.Context, dir string) []Compiler {
	if !shows(dir, "Cargo.toml") {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, compilerFor)
	defer cancel()
	ask := func(args ...string) string {
		c := exec.CommandContext(ctx, "rustc", args...)
		c.Dir = "/" // in the project's, a file could have rustup run a program of the project
		out, err := c.Output()
		if err != nil {
			return "" // there is none
		}
		return strings.TrimSpace(string(out))
	}
	root := ask("--print", "sysroot")
	if !filepath.IsAbs(root) || root == "/usr" || strings.HasPrefix(root, "/usr/") {
		return nil
	}
	return []Compiler{{Name: "rust", Dir: root, Bin: filepath.Join(root, "bin"), Is: ask("--version")}}
}

// shows reports whether a directory, or one directly below it, has a file.
func shows(dir, pattern string) bool {
	here, err := filepath.Glob(filepath.Join(dir, pattern))
	if err == nil && len(here) == 0 {
		here, err = filepath.Glob(filepath.Join(dir, "*", pattern))
	}
	return err == nil && len(here) > 0
}
