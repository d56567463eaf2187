package framework

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// A lock is a kind of file that pins all that is installed, and what would be found
// anew each time without it.
type lock struct {
	files   []string // patterns of names
	instead []string // names of files that say what is wanted
}

// locks are the lockfiles that are known, of any language.
var locks = []lock{
	{[]string{"uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "pylock.toml", "pylock.*.toml"}, []string{"pyproject.toml", "setup.py", "setup.cfg", "Pipfile"}},
	{[]string{"package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "yarn.lock", "bun.lock", "bun.lockb"}, []string{"package.json"}},
	{[]string{"Cargo.lock"}, []string{"Cargo.toml"}},
	{[]string{"go.sum"}, nil}, // go.mod pins by itself
	{[]string{"Gemfile.lock"}, []string{"Gemfile"}},
	{[]string{"composer.lock"}, []string{"composer.json"}},
	{[]string{"gradle.lockfile"}, nil},
	{[]string{"mix.lock"}, []string{"mix.exs"}},
}

var (
	listName = regexp.MustCompile(`(?i)(requirements|constraints).*\.(txt|in|lock)$|^(requirements|reqs|deps)/.*\.(txt|in)$`)
	pinned   = regexp.MustCompile(`^[^#;]*(===?\s*[^*\s,]+\s*($|[;#\\ ])|@\s*\S+|--hash)`)
	listLine = regexp.MustCompile(`^[A-Za-z0-9]`)
	separate = regexp.MustCompile(`&&|\|\||[;|\n]`)
)

// Pinned says how much of what is installed is pinned.
type Pinned int

// What files and commands show of it.
const (
	Unknown Pinned = iota
	Locked         // the same is installed whenever it is
	Loose          // what is found at that time
)

// Pins judges what commands install with their key files, by name, and packages that
// are added where they are missing. why says where something loose is, for the middle
// of a sentence. A list of requirements counts as locked if each of its lines names one version, though what
// these require may be found anew.
func Pins(files map[string][]byte, commands, added []string) (p Pinned, why string) {
	loose := func(reason string) {
		if why == "" {
			p, why = Loose, reason
		}
	}
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	covered := map[string]bool{} // by a lockfile beside them
	for _, l := range locks {
		if slices.ContainsFunc(names, func(n string) bool { return matches(l.files, n) }) {
			p = Locked
			for _, n := range l.instead {
				covered[n] = true
			}
		}
	}
	known := pinsOf(files)
	for _, name := range names {
		switch base := path.Base(name); {
		case listName.MatchString(name):
			line, text := looseLine(files[name], known)
			if line > 0 {
				loose(fmt.Sprintf("%s:%d (%s)", name, line, text))
			} else if p == Unknown {
				p = Locked
			}
		case !covered[base] && slices.ContainsFunc(locks, func(l lock) bool { return slices.Contains(l.instead, base) }):
			loose(name + ", which no lockfile is beside")
		}
	}
	locked := p == Locked
	for _, c := range commands {
		if what := looseInstall(c); what != "" && (!locked || !isHere(what)) {
			loose("`" + what + "` in a command that installs it")
		}
	}
	if len(files)+len(commands) == 0 && len(added) > 0 {
		loose(added[0] + ", which is added without a version")
	}
	return p, why
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { ok, err := path.Match(p, path.Base(name)); return ok && err == nil })
}

// pinsOf returns the names that lists of requirements or constraints pin.
func pinsOf(files map[string][]byte) map[string]bool {
	names := map[string]bool{}
	for name, content := range files {
		if !listName.MatchString(name) {
			continue
		}
		for line := range strings.Lines(string(content)) {
			if line = strings.TrimSpace(line); listLine.MatchString(line) && pinned.MatchString(line) {
				names[packageName(line)] = true
			}
		}
	}
	return names
}

var nameOf = regexp.MustCompile(`^[A-Za-z0-9._-]*`)

func packageName(requirement string) string {
	return strings.ToLower(strings.NewReplacer("_", "-", ".", "-").Replace(nameOf.FindString(requirement)))
}

// looseLine returns the number of the first line that pins nothing, and what it wants.
func looseLine(content []byte, known map[string]bool) (number int, text string) {
	for line := range strings.Lines(string(content)) {
		number++
		line = strings.TrimSpace(line)
		if listLine.MatchString(line) && !pinned.MatchString(line) && !known[packageName(line)] {
			text, _, _ = strings.Cut(line, "#")
			return number, clip(strings.TrimSpace(text))
		}
	}
	return 0, ""
}

func clip(s string) string {
	if len(s) > 60 {
		return s[:60]
	}
	return s
}

// valued are options of installers that take a value.
var valued = []string{
	"-r", "--requirement", "-c", "--constraint", "-e", "--editable", "-p", "--python", "-t", "--target", "-i", "--index-url", "--extra-index-url",
	"-f", "--find-links", "--group", "--extra",
}

// looseInstall returns what a shell command installs with pip or the like as it is
// found then; "" for nothing. A directory is the project itself, with its requirements.
func looseInstall(command string) string {
	for _, part := range separate.Split(command, -1) {
		words := strings.Fields(part)
		for i := range words {
			words[i] = strings.Trim(words[i], `"'`)
		}
		at := slices.Index(words, "install")
		if at < 1 || !strings.HasPrefix(path.Base(words[at-1]), "pip") || slices.Contains(words, "--no-deps") {
			continue
		}
		constrained := slices.Contains(words, "-c") || slices.Contains(words, "--constraint")
		for i := at + 1; i < len(words); i++ {
			switch w := words[i]; {
			case isHere(w):
				return w
			case slices.Contains(valued, w):
				if i++; strings.HasPrefix(w, "-e") || w == "--editable" {
					i-- // a directory, or a repository at some commit
				}
			case constrained || strings.ContainsAny(w, "@$&{}") || strings.Contains(w, "=="):
			case listLine.MatchString(w):
				return w
			}
		}
	}
	return ""
}

// isHere reports whether an installer takes a word for a directory.
func isHere(w string) bool { return strings.HasPrefix(w, ".") || strings.HasPrefix(w, "/") }
