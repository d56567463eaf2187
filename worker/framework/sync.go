package framework

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// A Sync is what is known of an environment that commands make exactly what a lockfile
// says, whatever it was before: what is not locked, they remove.
type Sync struct {
	// Fixed is what the commands do not carry over into an environment that is there
	// already, by key file: it must be the same.
	Fixed map[string][]byte
	// Packages has a digest of what may be installed of each locked version, by name.
	Packages map[string]map[string]string
}

var (
	// syncing is a command, or a part of one, that makes an environment what uv.lock says.
	syncing = regexp.MustCompile(`^uv sync( (--quiet|-q|--frozen|--locked|--exact|--no-install-project|--no-install-workspace|--no-install-local|--all-extras|--all-groups|` +
		`--dev|--no-dev|--only-dev|--no-default-groups|--all-packages|(--extra|--no-extra|--group|--no-group|--only-group|--package)[ =]'?[A-Za-z0-9._-]+'?))*$`)
	noting = regexp.MustCompile(`^echo "[^"$\\` + "`" + `]*" >>"\$SHARDYARD_NOTES"$`)

	lockName    = regexp.MustCompile(`(?m)^name = "([^"]+)"$`)
	lockVersion = regexp.MustCompile(`(?m)^version = "([^"]+)"$`)
	lockSource  = regexp.MustCompile(`(?m)^source = \{ (\w+) = "([^"]*)"`)
	lockFiles   = regexp.MustCompile(`(?m)^(source|sdist) = .*$|^wheels = \[\n(?: .*\n)*\]$`)
	lockTable   = regexp.MustCompile(`(?m)^\[`)
	tomlTable   = regexp.MustCompile(`^\s*\[+\s*[A-Za-z]`)
	uvSettings  = regexp.MustCompile(`^\s*\[+\s*tool\s*(\]|\.\s*["']?uv\b)`)
)

// local stands for the version of a package that lies in the tree and is not installed.
const local = "local"

// Syncs returns what is known of the environment that commands make of their key files;
// nil where they, or one of these, may do anything else than to make it what uv.lock says.
func Syncs(commands []string, files map[string][]byte) *Sync {
	if len(commands) == 0 || files["uv.lock"] == nil {
		return nil
	}
	for _, c := range commands {
		for _, part := range separate.Split(c, -1) {
			part = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(part), "{"))
			pins := strings.Contains(part, " --frozen") || strings.Contains(part, " --locked")
			if part != "" && part != "}" && !noting.MatchString(part) && (!syncing.MatchString(part) || !pins) {
				return nil
			}
		}
	}
	s := Sync{Fixed: map[string][]byte{}}
	for name, content := range files {
		switch path.Base(name) {
		case "uv.lock":
			if name != "uv.lock" || !s.lock(string(content), commands) {
				return nil
			}
		case "pyproject.toml": // the rest of it chooses from what is locked
			s.Fixed[name] = []byte(settingsOfUV(string(content)))
		default:
			s.Fixed[name] = content
		}
	}
	return &s
}

// lock reads a uv.lock. It returns false for one with a package in the tree that the
// commands may install, or that it does not understand.
func (s *Sync) lock(text string, commands []string) bool {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	blocks := strings.Split(text, "\n[[package]]\n")
	s.Fixed["uv.lock"], s.Packages = []byte(blocks[0]), map[string]map[string]string{}
	for _, block := range blocks[1:] {
		for _, at := range lockTable.FindAllStringIndex(block, -1) {
			if !strings.HasPrefix(block[at[0]:], "[package.") {
				return false
			}
		}
		name, source := lockName.FindStringSubmatch(block), lockSource.FindStringSubmatch(block)
		if name == nil || source == nil {
			return false
		}
		version, digest := lockVersion.FindStringSubmatch(block), ""
		switch kind := source[1]; {
		case kind == "virtual" || kind == "editable" && leftOut(commands, source[2]) || kind == "directory" && leftOut(commands, ""):
			version = []string{"", local}
		case version == nil || !slices.Contains([]string{"registry", "git", "url"}, kind):
			return false
		default:
			sum := sha256.Sum256([]byte(strings.Join(lockFiles.FindAllString(block, -1), "\n")))
			digest = hex.EncodeToString(sum[:8])
		}
		if s.Packages[name[1]] == nil {
			s.Packages[name[1]] = map[string]string{}
		}
		s.Packages[name[1]][version[1]] = digest
	}
	return true
}

// leftOut reports whether every command that syncs leaves out what is at a place in the
// tree: the project at ".", a member of its workspace, or what else is there ("").
func leftOut(commands []string, at string) bool {
	flags := []string{"--no-install-local"}
	if at != "" {
		flags = append(flags, "--no-install-workspace")
	}
	if at == "." {
		flags = append(flags, "--no-install-project")
	}
	for _, c := range commands {
		for _, part := range separate.Split(c, -1) {
			words := strings.Fields(part)
			if slices.Contains(words, "sync") && !slices.ContainsFunc(flags, func(f string) bool { return slices.Contains(words, f) }) {
				return false
			}
		}
	}
	return true
}

// settingsOfUV returns the tables of a pyproject.toml that say how uv installs.
func settingsOfUV(text string) string {
	var b strings.Builder
	inside := false
	for line := range strings.Lines(text) {
		if tomlTable.MatchString(line) {
			inside = uvSettings.MatchString(line)
		}
		if inside || strings.HasPrefix(strings.TrimSpace(line), "tool") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// seeds are packages that an environment may have without a lockfile that names them:
// tools that sync leave them there.
var seeds = []string{"pip", "setuptools", "wheel", "uv"}

// Carries reports whether commands that sync turn an environment of the older packages
// into one of the newer, and how many differ. They leave a package as it is of which
// other files are locked in the same version.
func Carries(older, newer map[string]map[string]string) (differ int, ok bool) {
	for _, seed := range seeds {
		if !maps.Equal(older[seed], newer[seed]) {
			return 0, false
		}
	}
	for name, now := range newer {
		was, there := older[name]
		switch {
		case maps.Equal(was, now):
			continue
		case there:
			for version, digest := range was {
				if is, kept := now[version]; kept && is != digest {
					return 0, false
				}
			}
			if _, here := was[local]; here {
				return 0, false
			}
			if _, here := now[local]; here {
				return 0, false
			}
		}
		differ++
	}
	for name := range older {
		if newer[name] == nil {
			differ++
		}
	}
	return differ, true
}
