package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// git runs the git binary in a directory.
type git string

// errNoRepository means that a directory is in no repository.
var errNoRepository = errors.New("not a git repository")

// output runs git and returns what it printed.
func (g git) output(ctx context.Context, args ...string) ([]byte, error) {
	return g.feed(ctx, nil, nil, args...)
}

// feed runs git with input and with additional environment.
func (g git) feed(ctx context.Context, in io.Reader, env []string, args ...string) ([]byte, error) {
	var out, errs bytes.Buffer
	cmd := g.command(ctx, args...)
	cmd.Env = append(cmd.Env, env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, &out, &errs
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, g.explain(args, strings.TrimSpace(errs.String()), err)
	}
	return out.Bytes(), nil
}

func (g git) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-c", "core.quotePath=false"}, args...)...)
	cmd.Dir = string(g)
	cmd.Env = environ()
	return cmd
}

// local are the variables that tie git to one repository (git rev-parse
// --local-env-vars). A hook has them set, and they would win over our directory.
var local = map[string]bool{
	"GIT_ALTERNATE_OBJECT_DIRECTORIES": true, "GIT_CONFIG": true, "GIT_CONFIG_PARAMETERS": true, "GIT_CONFIG_COUNT": true,
	"GIT_OBJECT_DIRECTORY": true, "GIT_DIR": true, "GIT_WORK_TREE": true, "GIT_IMPLICIT_WORK_TREE": true,
	"GIT_GRAFT_FILE": true, "GIT_INDEX_FILE": true, "GIT_NO_REPLACE_OBJECTS": true, "GIT_REPLACE_REF_BASE": true,
	"GIT_PREFIX": true, "GIT_SHALLOW_FILE": true, "GIT_COMMON_DIR": true, "GIT_INTERNAL_SUPER_PREFIX": true, "GIT_NAMESPACE": true,
}

// environ returns our environment with git's answers made predictable: English,
// no prompts, and no refreshing of the user's index.
func environ() []string {
	env := []string{"LC_ALL=C", "GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0"}
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		if !local[name] && name != "LC_ALL" && name != "GIT_OPTIONAL_LOCKS" && name != "GIT_TERMINAL_PROMPT" {
			env = append(env, kv)
		}
	}
	return env
}

// explain returns an error for git's message that names what to do about it.
func (g git) explain(args []string, message string, err error) error {
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return fmt.Errorf("%s is in a git repository, but there is no git on the PATH: install git", g)
	case strings.Contains(message, "dubious ownership"), strings.Contains(message, "unsafe repository"):
		return fmt.Errorf("git does not trust the repository of %s, because another user owns it: "+
			"if you do, run `git config --global --add safe.directory %s`", g, g.top())
	case strings.Contains(message, "not a git repository"):
		return fmt.Errorf("%s: %w", g, errNoRepository)
	}
	first, _, _ := strings.Cut(message, "\n")
	if first == "" {
		first = err.Error()
	}
	return fmt.Errorf("git %s in %s: %s", args[0], g, first)
}

// top returns the nearest directory upwards with a .git, found without git.
func (g git) top() string {
	for dir := string(g); ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil || filepath.Dir(dir) == dir {
			return dir
		}
	}
}

// fields splits the output of a command that ends its records with NUL.
func fields(out []byte) []string {
	if len(out) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}
