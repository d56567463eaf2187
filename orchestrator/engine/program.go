package engine

import (
	"cmp"
	"context"
	"debug/elf"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shardyard/shardyard/worker/framework"
)

// FindProgram finds the program of a toolchain on this machine: of its version,
// else of one that it accepts. A toolchain without a Probe needs none. The error is
// a *NoProgramError when there is none that will do.
func FindProgram(ctx context.Context, tools framework.Toolchain) (framework.Found, error) {
	if tools.Probe == nil {
		return framework.Found{}, nil
	}
	missing := &NoProgramError{Tools: tools}
	for _, c := range candidates(tools.Probe.Candidates) {
		found, err := ask(ctx, c, tools.Probe.Args)
		switch {
		case err != nil: // a shim without a version behind it, or no such program
		case matches(found.Version, tools) && tools.Accept.Allow(found.Version):
			return found, nil
		default:
			missing.Others = append(missing.Others, found)
		}
	}
	if err := ctx.Err(); err != nil {
		return framework.Found{}, fmt.Errorf("look for %s: %w", tools.Name, err)
	}
	if tools.Accept != nil {
		for _, found := range missing.Others {
			if Fits(found.Version, tools) {
				return found, nil
			}
		}
	}
	return framework.Found{}, missing
}

// Fits reports whether a version will do, though it may not be the best.
func Fits(version string, tools framework.Toolchain) bool {
	if tools.Accept == nil {
		return matches(version, tools)
	}
	return tools.Accept.Allow(version) && strings.HasPrefix(version, tools.Probe.Series)
}

// Instead says that a program is of another version than the best one; "" when it
// is of that.
func Instead(found framework.Found, tools framework.Toolchain) string {
	if found.Executable == "" || matches(found.Version, tools) {
		return ""
	}
	return fmt.Sprintf("%s %s (%s) instead of %s, which this machine does not have", tools.Name, found.Version, found.Executable, tools.Version)
}

// A NoProgramError reports that a toolchain's program is not on this machine,
// in the wanted version.
type NoProgramError struct {
	Tools  framework.Toolchain
	Others []framework.Found // of other versions
}

// Error names the versions that are there instead, and how to get the wanted one.
func (e *NoProgramError) Error() string {
	if e.Tools.Version == "" && e.Tools.Accept == nil {
		return fmt.Sprintf("this machine has no %s: install it, or name an image", e.Tools.Program)
	}
	return fmt.Sprintf("%s %s is wanted and this machine has %s: %s", e.Tools.Name, Wanted(e.Tools), e.There(), e.Advice())
}

// Advice is what to type.
func (e *NoProgramError) Advice() string {
	return fmt.Sprintf("%s, or name an image that has it (`image: %s`, which the docker engine takes)", e.Tools.Probe.Advice, e.Tools.Image)
}

// There lists the versions of this machine.
func (e *NoProgramError) There() string {
	var versions []string
	for _, f := range e.Others {
		versions = append(versions, f.Version)
	}
	slices.SortFunc(versions, newestFirst)
	return cmp.Or(strings.Join(slices.Compact(versions), ", "), "none")
}

// Wanted returns the versions that a toolchain wants, in the project's words.
func Wanted(tools framework.Toolchain) string { return cmp.Or(tools.Wanted, tools.Version) }

// matches reports whether a version is of the wanted series.
func matches(version string, tools framework.Toolchain) bool {
	if want := tools.Version; want != "" {
		return version == want || strings.HasPrefix(version, want+".")
	}
	return strings.HasPrefix(version, tools.Probe.Series)
}

// askFor bounds the time in which a program must answer.
const askFor = 20 * time.Second

// ask runs a program to describe itself. A shim describes the program behind it.
func ask(ctx context.Context, command string, args []string) (found framework.Found, err error) {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	out, err := exec.CommandContext(ctx, command, args...).Output()
	if err == nil {
		err = json.Unmarshal(out, &found)
	}
	if err != nil {
		return found, fmt.Errorf("ask %s what it is: %w", command, err)
	}
	return found, nil
}

// candidates returns the commands to ask. Patterns of paths are looked up, the
// newest version first; those with a variable that is not set are left out.
func candidates(patterns []string) []string {
	var list []string
	add := func(command string) {
		if !slices.Contains(list, command) {
			list = append(list, command)
		}
	}
	for _, p := range patterns {
		unset := false
		p = os.Expand(p, func(name string) string {
			value := os.Getenv(name)
			unset = unset || value == ""
			return value
		})
		if unset {
			continue
		}
		if !strings.ContainsRune(p, filepath.Separator) {
			add(p)
			continue
		}
		paths, err := filepath.Glob(p)
		if err != nil {
			continue // a version that is no pattern
		}
		slices.SortFunc(paths, newestFirst)
		for _, path := range paths {
			add(path)
		}
	}
	return list
}

// machines are the processors of platforms, as executables of Linux name them.
var machines = map[string]elf.Machine{"linux/amd64": elf.EM_X86_64, "linux/arm64": elf.EM_AARCH64}

// FindBinary returns the first program of this machine, of commands and patterns of
// paths, that is an executable for a platform, and no script; "" for none.
func FindBinary(patterns []string, platform string) string {
	machine, known := machines[platform]
	if !known {
		return ""
	}
	for _, c := range candidates(patterns) {
		file, err := exec.LookPath(c)
		if err != nil {
			continue // there is none
		}
		f, err := elf.Open(file)
		if err != nil {
			continue // a shim, or a program of another system
		}
		fits := f.Machine == machine
		if f.Close() == nil && fits {
			return file
		}
	}
	return ""
}

// newestFirst orders paths by the numbers in them.
func newestFirst(a, b string) int { return slices.Compare(numbers(b), numbers(a)) }

func numbers(s string) []int {
	var list []int
	for _, f := range strings.FieldsFunc(s, func(r rune) bool { return r < '0' || r > '9' }) {
		n, err := strconv.Atoi(f)
		if err != nil {
			n = 0 // too long to be part of a version
		}
		list = append(list, n)
	}
	return list
}
