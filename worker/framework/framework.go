// Package framework is what a coordinator must know of a test framework:
// values and pure functions, shared with the agent. It runs nothing. Each
// framework is a package below this one with two halves: its [Description],
// which the coordinator asks, and its worker.Framework, which an agent runs.
package framework

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shardyard/shardyard/worker"
)

// A Description is what the coordinator knows of one framework. All methods
// are pure, and may be called concurrently.
type Description interface {
	// Name returns what `framework:` says in a config.
	Name() string
	// Keys returns the keys of a suite in the config that only this framework
	// has.
	Keys() []Key
	// Detect looks at a project's files and returns how to install and test it. It
	// returns nil for a framework that files do not show. An error means that a
	// file could not be read or parsed.
	Detect(dir string) (*Detected, error)
	// Suite checks what a user asks for and turns it into a Suite. The error is a
	// mistake of the user's.
	Suite(Ask) (Suite, error)
	// Deliver interprets the conclusion of a suite: its result files, and its
	// coverage.
	Deliver(Suite, worker.Concluded) (Delivery, error)
}

// A Key is a key of a suite in the config.
type Key struct {
	Name string
	Kind Kind
	Doc  string   // one sentence, for the schema and for errors
	Of   []string // the values there are; nil for any
}

// Kind is the type of a Key's value.
type Kind string

// The types of a key's value.
const (
	Text Kind = "string"
	List Kind = "list" // of strings; one string is a list of one
	Map  Kind = "map"  // of strings to strings
	Flag Kind = "bool"
)

// An Ask is what a user asks of a framework: a suite of the config, and flags.
type Ask struct {
	Args  []string                   // of the suite
	Paths []string                   // of the suite: what to test, unless the user says other paths
	User  []string                   // what followed -- on the command line
	Keys  map[string]json.RawMessage // the suite's values of Keys, checked
	Env   map[string]string          // what the user has tests see
	// Ambient looks up a variable of the user's own environment, as os.LookupEnv
	// does: a framework's own tool reads some there. Nil for none.
	Ambient func(name string) (string, bool)
	// Detected is what Detect of this framework has found; nil for nothing.
	Detected *Detected
	// Markers and Keyword are -m and -k; "" for none.
	Markers, Keyword string
	Coverage         Coverage
	Color            bool // what the framework prints goes to a terminal with colours
	// Seed is another one for each run, of 32 bits: for a framework that puts
	// tests into a random order, which must be the same on all workers.
	Seed uint32
}

// Coverage is what a user asks of coverage.
type Coverage struct {
	Enabled   *bool    // nil: the project's own settings decide
	Sources   []string // packages or directories to measure
	FailUnder *float64 // percent; nil: the project's own limit
}

// A Suite is how a suite is run, as plain data: it can be stored and read by
// another process.
type Suite struct {
	Framework string            `json:"framework"`
	Args      []string          `json:"args,omitempty"`    // what sessions and the conclusion get
	Notes     []string          `json:"notes,omitempty"`   // what became of the other arguments, for the user
	Options   json.RawMessage   `json:"options,omitempty"` // of sessions and of the conclusion
	Env       map[string]string `json:"env,omitempty"`     // variables of tests; {env}, {source}, {cache}, {home} stand for where things are inside
	Toolchain Toolchain         `json:"toolchain"`
	// Ensure are packages that must be in the environment in the end. Those
	// that are not are installed with Toolchain.Install, and the user is told.
	Ensure  []string `json:"ensure,omitempty"`
	Prepare []string `json:"prepare,omitempty"` // commands in the tree, after the user's
	// Include are patterns of files, relative to the project, that the sources
	// need besides what git knows: where they are missing, nothing is.
	Include []string `json:"include,omitempty"`
	// Lazy is true if sessions may be asked to collect lazily.
	Lazy bool `json:"lazy,omitempty"`
	// Ordered is true if a test may depend on those before it in its file: what
	// fails in another order is settled by the whole file.
	Ordered bool `json:"ordered,omitempty"`
	// Cut is how a file's tests may be spread over workers.
	Cut Cut `json:"cut,omitempty"`
	// Batch is what one process for each batch costs until history knows it;
	// 0 means that tests stream into one process.
	Batch time.Duration `json:"batch,omitempty"`
	// OwnTree is true if sessions write files into the tree that others must not see.
	OwnTree bool `json:"own_tree,omitempty"`
	// Compiled is nil if sessions leave no compiled form of sources behind.
	Compiled *Compiled `json:"compiled,omitempty"`
}

// Compiled is what the compiled form of a source depends on besides its content.
type Compiled struct {
	Files    []string `json:"files,omitempty"` // relative to the project
	Settings []string `json:"settings,omitempty"`
}

// Cut is how the tests of one file may be spread over workers.
type Cut string

// The ways to cut a file.
const (
	Freely Cut = ""      // any test may run anywhere
	Heavy  Cut = "heavy" // only heavy files are cut; a failure in a part is tentative
	Never  Cut = "never" // a file stays whole
)

// A Toolchain describes the programs that an environment is made with, as data.
// The zero Toolchain needs nothing. In the values of Make, Install, Installed,
// List, Own, Path, Env and Builder, {program} stands for the toolchain's program, {env}
// for the environment, {cache} for the shared cache, {ca} for a bundle of
// certificates, and {tools} for a directory of the builder's own programs, sealed
// with the environment.
type Toolchain struct {
	Name    string `json:"name,omitempty"`    // "python"; "" needs nothing
	Version string `json:"version,omitempty"` // the best one: "3.12"; "" for none
	// Accept are the versions that will do where Version is not there. Nil is any,
	// where Version is "", and else none.
	Accept Versions `json:"accept,omitempty"`
	// Wanted is what the project says of versions, and where: ">=3.12
	// (pyproject.toml:4)"; "" where it says nothing.
	Wanted string `json:"wanted,omitempty"`
	// Image is what `image: auto` means; "" when that is `host`.
	Image string `json:"image,omitempty"`
	// Program is what an image calls the toolchain's program: "python3".
	Program string `json:"program,omitempty"`
	// Probe finds the program on this machine; nil when nothing is looked for.
	Probe *Probe `json:"probe,omitempty"`
	// Make are shell commands that make an empty environment; nil when an
	// environment is what setup leaves in {env}.
	Make []Command `json:"make,omitempty"`
	// Installed succeeds when {package} is there; Install installs it.
	Installed string `json:"installed,omitempty"`
	Install   string `json:"install,omitempty"`
	// Query are arguments of Program that print the version of {package}, and fail
	// where it is not there; Advice is what a user types to get it.
	Query  []string `json:"query,omitempty"`
	Advice string   `json:"advice,omitempty"`
	// List prints what is installed, a line each: its name and its version. "" where
	// that cannot be told.
	List string `json:"list,omitempty"`
	// Tidy removes what commands that sync leave of packages that are gone. "" where they
	// leave nothing.
	Tidy string `json:"tidy,omitempty"`
	// Own is the program of the environment: "{env}/bin/python".
	Own string `json:"own,omitempty"`
	// Path are directories that come first on PATH where there is an
	// environment. Builders have {tools} there too.
	Path []string `json:"path,omitempty"`
	// Env are variables of everything that runs in the environment, Builder
	// those of builders besides. One that names {cache} or {ca} is left out where
	// there is none.
	Env     map[string]string `json:"env,omitempty"`
	Builder map[string]string `json:"builder,omitempty"`
	// Reads is nil if nothing is known of what prepare reads: then it is all.
	Reads *Reads `json:"reads,omitempty"`
}

// Reads is what commands that install a project in place read of its sources. What it
// names is content; of other files of Named they see no more than that they are there.
type Reads struct {
	// Commands are regular expressions: each command must match one of them.
	Commands []string `json:"commands"`
	// Build are patterns of the files that say how to build. A file that is named in
	// one is read.
	Build []string `json:"build"`
	// Locks are patterns of further files that say what is installed.
	Locks []string `json:"locks,omitempty"`
	// Named are patterns of files that are not read, unless a file of Build names them.
	Named []string `json:"named"`
	// Any is a regular expression: a command, or a file of Build or Locks, that it
	// matches may have any file read.
	Any string `json:"any"`
	// Compiled are patterns of sources that builds compile, and Compiles is a regular
	// expression: where there is one, or a file of Build matches, no files are left
	// unread but those of Tests, in place of Named.
	Compiled []string `json:"compiled,omitempty"`
	Compiles string   `json:"compiles"`
	Tests    []string `json:"tests,omitempty"`
	// Stale are patterns of files that are made from sources which are not read: where
	// commands leave one, they have read them.
	Stale []string `json:"stale,omitempty"`
}

// A Command is a shell command, and what it is for.
type Command struct {
	Unless string `json:"unless,omitempty"` // a shell command; when it succeeds, Run is left out
	// Bring are a program's names and patterns of paths on this machine, the likeliest
	// first. One that builders can run is copied to {tools} where Unless fails; when
	// that succeeds then, nothing is run.
	Bring []string `json:"bring,omitempty"`
	Say   string   `json:"say,omitempty"` // progress: "putting uv into the builder"
	Run   string   `json:"run"`
	Fail  string   `json:"fail,omitempty"` // what failed, when it does: "make the environment"
}

// A Probe finds a program on this machine.
type Probe struct {
	// Candidates are commands and patterns of paths, the likeliest first.
	Candidates []string `json:"candidates"`
	// Args make a candidate print a [Found], as JSON.
	Args []string `json:"args"`
	// Series is what an unwanted version must at least begin with: "3.".
	Series string `json:"series,omitempty"`
	// Advice tells the user how to get a version that will do.
	Advice string `json:"advice,omitempty"`
}

// Found is a program's description of itself.
type Found struct {
	Version    string   `json:"version"`    // "3.11.7"
	Executable string   `json:"executable"` // absolute, no link
	Prefixes   []string `json:"prefixes"`   // directories that it needs, besides the system's
	Build      string   `json:"build"`      // changes when what is installed for it must be installed anew
}

// Detected is how to install and test a project, as its files show it.
type Detected struct {
	// Framework is the name of the description that detected it: see
	// configs.Detect.
	Framework string
	// Kind names the rule that matched: "uv", "requirements", "plain"; "" when
	// there is nothing to test here, or Unsupported says why not.
	Kind string
	// Tests is true if tests, or settings of the framework, were seen.
	Tests bool
	// Evidence is what it was concluded from, in order.
	Evidence []Evidence
	// Toolchain is what Setup and Prepare are run with.
	Toolchain Toolchain
	// Setup, Prepare and Key are the config's.
	Setup, Prepare, Key []string
	// Ensure are packages that tests need beside what setup and prepare install.
	Ensure []string
	// Options are arguments that the project's own configuration adds.
	Options []string
	// Args and Paths are what the project's own tool (tox, nox) tells the framework:
	// options, and what to test.
	Args, Paths []string
	// Env are variables that this tool sets for tests, and Pass the names and
	// patterns of those of the user's own that it lets through.
	Env  map[string]string
	Pass []string
	// Coverage is true if the project measures coverage by itself.
	Coverage bool
	// CoverageConfig is the file with the project's coverage settings, or "".
	CoverageConfig string
	// AsksGit is true if the build asks git for the version: the source tree
	// must then carry what git needs to answer.
	AsksGit bool
	// Nothing is the reason why the framework, left to itself, is sure to find no
	// test here, as the end of a sentence for the user: "no test_*.py". "" if it
	// may find some.
	Nothing string
	// Remotes are hosts from which the environment's packages are cloned.
	Remotes []Remote
	// Hint is how the project's CI system or Makefile runs the tests, where that differs
	// from this. Nil if nothing is known.
	Hint *Hint
	// Notes are for the user: what was guessed, what may be missing.
	Notes []string
	// Suggested is the config with which another framework might run tests here, where
	// Nothing says that there are none for this one. Nil if nothing is known.
	Suggested *Unsupported
	// Unsupported names a tool that this project uses and detection does not
	// support, with the config that would help. Nil if there is none.
	Unsupported *Unsupported
}

// A Remote is a host of repositories, and the first line of a file that names it. Web
// hosts may be behind a proxy.
type Remote struct {
	Host, Port string
	Web        bool
	File       string
	Line       int
}

// A Hint is a command of a CI system's file or a Makefile that runs the tests. It is told
// to the user, and nothing is taken from it.
type Hint struct {
	File        string
	Line        int
	Call        string   // the line itself
	Args, Paths []string // what it tells the framework
	Env         map[string]string
	Services    []string // images of the servers beside it
}

// String says where the command is, and what tests have there that they have not here.
func (h *Hint) String() string {
	text := fmt.Sprintf("%s:%d runs `%s`", h.File, h.Line, h.Call)
	for i, name := range slices.Sorted(maps.Keys(h.Env)) {
		text += [...]string{", with ", " and "}[min(i, 1)] + name + "=" + h.Env[name]
	}
	if len(h.Services) > 0 {
		text += ", beside " + strings.Join(h.Services, ", ")
	}
	return text
}

// Config returns the lines of a config that say the same.
func (h *Hint) Config() (lines []string) {
	list := func(items []string) string {
		quoted := make([]string, len(items))
		for i, item := range items {
			quoted[i] = strconv.Quote(item)
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	}
	if len(h.Args)+len(h.Paths) > 0 {
		lines = append(lines, "suites: { tests: { args: "+list(h.Args)+", paths: "+list(h.Paths)+" } }")
	}
	if len(h.Env) > 0 {
		var set []string
		for _, name := range slices.Sorted(maps.Keys(h.Env)) {
			set = append(set, name+": "+strconv.Quote(h.Env[name]))
		}
		lines = append(lines, "env: { set: { "+strings.Join(set, ", ")+" } }")
	}
	if len(h.Services) > 0 {
		lines = append(lines, "network: host")
	}
	return lines
}

// Delivery is a conclusion's results for the user.
type Delivery struct {
	Files    []File
	Notes    []string // sentences for the user
	Warnings []string // likewise: something was not done that was asked for
	Coverage *Covered // nil when nothing was measured
}

// A File is a result file of the conclusion.
type File struct {
	Name string // as worker.Concluded.Files calls it
	As   string // where it is kept below the run's directory, with slashes
	// To is where the user's own arguments want a copy, absolute or relative to
	// the project; "" for nowhere.
	To string
	// New: To is not what the user typed, but what the project named as it ran.
	// Nothing that is there is replaced, unless an earlier run made it.
	New bool
}

// Covered is combined coverage.
type Covered struct {
	Percent   float64 // as the framework's own tool shows it
	FailUnder float64 // 0 for no limit
	Under     bool    // the framework's own tool says that the limit is missed
	Complete  bool
	Reason    string // why it is not complete
}

// A Chooser is a Description of a framework whose arguments can choose a single test.
type Chooser interface {
	// Choose returns the argument that chooses a test, and a command that runs it in a
	// checkout where the project is installed.
	Choose(test string) (argument string, command []string)
}
