package configs

import (
	"encoding/json"
	"time"

	"github.com/shardyard/shardyard/worker/framework"
)

// FileName is the name of a project's configuration file.
const FileName = "shardyard.yaml"

// Config is one shardyard.yaml. The field tags are the schema: the key, and
// after it what a value must be one of.
type Config struct {
	Version int `yaml:"version"`
	// Project is the id under which the project's history, cache and runs are
	// kept; "" stands for its remote's address, or else its path.
	Project string `yaml:"project"`
	// Image is a name, "auto" or "host".
	Image string `yaml:"image"`
	// Setup, Prepare and Key are nil when the file leaves them to detection; an
	// empty list says "none".
	Setup   []string `yaml:"setup"`
	Prepare []string `yaml:"prepare"`
	Key     []string `yaml:"key"`
	// Suites are in the file's order.
	Suites Suites `yaml:"suites"`

	Workers    Workers  `yaml:"workers"`
	Pool       Pool     `yaml:"pool"`
	Schedule   string   `yaml:"schedule,dynamic|static"`
	SplitBy    string   `yaml:"split_by,time|file|directory"`
	Collection string   `yaml:"collection,auto|full|lazy"`
	Retries    int      `yaml:"retries"`
	Coverage   Coverage `yaml:"coverage"`
	Env        Env      `yaml:"env"`
	Builder    Builder  `yaml:"builder"`
	Limits     Limits   `yaml:"limits"`
	Source     Source   `yaml:"source"`
	// Cache bounds what is kept for this project between runs.
	Cache Cache `yaml:"cache"`
	// Trust can only narrow what the user of the machine trusts.
	Trust Trust `yaml:"trust"`
	// Artifacts are files that tests write and the user wants.
	Artifacts Artifacts `yaml:"artifacts"`
	// Network is "" for the engine's default, "none", "bridge", "private", or the
	// engine's own name for one.
	Network string `yaml:"network"`
	// User is "" for an unprivileged user, "root", a name or uid[:gid].
	User   string   `yaml:"user"`
	CapAdd []string `yaml:"cap_add"`
	// Profile is Strict for tests that nobody trusts.
	Profile  string   `yaml:"profile,default|strict"`
	Services Reserved `yaml:"services"`

	// File is the path that the configuration was read from; "" without a file.
	File string `yaml:"-"`

	origins   map[string]Origin
	places    map[string]string
	framework string // the framework of a project without named suites
}

// Strict is the profile for tests that nobody trusts.
const Strict = "strict"

// Suites are the named suites of a project.
type Suites []Suite

// Suite is one named suite. A nil pointer, an empty string or an empty list
// means that the value of the whole file holds.
type Suite struct {
	Name      string   `yaml:"-"`
	Framework string   `yaml:"framework,the frameworks"`
	Args      []string `yaml:"args"`
	// Paths are what the framework is told to test, relative to the project.
	Paths   []string `yaml:"paths"`
	Workers *Workers `yaml:"workers"`
	// Keys are the values of the framework's own keys, as JSON.
	Keys       map[string]json.RawMessage `yaml:"-"`
	Schedule   string                     `yaml:"schedule,dynamic|static"`
	SplitBy    string                     `yaml:"split_by,time|file|directory"`
	Collection string                     `yaml:"collection,auto|full|lazy"`
	Retries    *int                       `yaml:"retries"`
	Coverage   *Coverage                  `yaml:"coverage"`
	Env        *Env                       `yaml:"env"`
	Limits     *Limits                    `yaml:"limits"`
	Artifacts  *Artifacts                 `yaml:"artifacts"`
}

// Workers is a number of workers; 0 is "auto".
type Workers int

// Pool is how many places wait for the next run.
type Pool int

// AutoPool leaves as many as the run had workers, behind a run in a terminal.
const AutoPool Pool = -1

// Coverage configures whether and how coverage is measured.
type Coverage struct {
	// Enabled is nil when the project's own configuration and --cov decide.
	Enabled *bool `yaml:"enabled"`
	// FailUnder is in percent; nil leaves it to the project's own configuration.
	FailUnder *float64 `yaml:"fail_under"`
	// Sources are packages or directories to measure.
	Sources []string `yaml:"sources"`
}

// Env is what tests see of an environment.
type Env struct {
	Set  map[string]string `yaml:"set"`
	Pass []string          `yaml:"pass"` // names of this machine's variables
}

// Builder is what only the builder of environments gets.
type Builder struct {
	// CA is "host" (this machine's bundle, when it names one), "none", or the
	// path of a PEM file.
	CA  string `yaml:"ca"`
	Env Env    `yaml:"env"`
}

// Limits bound one worker and the run.
type Limits struct {
	Memory    Size     `yaml:"memory"`    // of one worker
	PIDs      int      `yaml:"pids"`      // processes and threads of one worker
	Test      Duration `yaml:"test"`      // one test; 0: none
	Run       Duration `yaml:"run"`       // the whole run; 0: none
	Output    Size     `yaml:"output"`    // of one worker
	Artifacts Size     `yaml:"artifacts"` // of the whole run
}

// Artifacts are files that tests write. A list is Keep alone.
type Artifacts struct {
	// Keep are patterns like those of a .gitignore, relative to the project.
	Keep []string `yaml:"keep"`
	// Place says that they are placed in the checkout too.
	Place *bool `yaml:"place"`
}

// Source changes what belongs to the source tree.
type Source struct {
	// Include are files that git ignores and tests need.
	Include []string `yaml:"include"`
	// Git is true if the tree carries a small .git, from which builds take the
	// version. Nil leaves it to detection.
	Git *bool `yaml:"git"`
}

// Cache bounds what is kept between runs. It is applied after each run.
type Cache struct {
	MaxSize Size     `yaml:"max_size"` // of all together; 0: no limit
	MaxAge  Duration `yaml:"max_age"`  // since a thing was used last; 0: no limit
	// Refresh is how old an environment may be whose requirements nothing pins.
	Refresh Interval `yaml:"refresh"`
	// Registry is a repository of images from which environments are pulled that are
	// not here: "registry.example.com/team/environments".
	Registry string `yaml:"registry"`
	// Dirs are variables of builders, each with a directory below the package cache.
	Dirs map[string]string `yaml:"dirs"`
}

// Held are the keys of Cache that bound what is kept.
type Held struct {
	MaxSize Size     `yaml:"max_size"`
	MaxAge  Duration `yaml:"max_age"`
}

// Held returns what bounds what is kept.
func (c Cache) Held() Held { return Held{c.MaxSize, c.MaxAge} }

// Trust says which branches a CI system tests in the trusted scope.
type Trust struct {
	// Branches are patterns of names. Nil says nothing; an empty list trusts none.
	Branches []string `yaml:"branches"`
}

// Size is a number of bytes.
type Size int64

// Duration is a time.Duration that is written like one.
type Duration time.Duration

// Interval is a Duration after which something is done again; 0 is "never".
type Interval time.Duration

// Reserved is a key whose meaning comes later: using it is an error.
type Reserved struct{}

// Defaults, where they are not the zero value.
const (
	DefaultPIDs      = 4096
	DefaultRun       = time.Hour
	DefaultTest      = 5 * time.Minute
	DefaultOutput    = 1 << 20
	DefaultArtifacts = 1 << 30
	DefaultRefresh   = 7 * 24 * time.Hour
)

// Default returns the configuration of an empty file. A suite that names no
// framework has the first one.
func Default(frameworks []framework.Description) *Config {
	return &Config{
		framework: (&reader{frameworks: frameworks}).first(),

		Version: 1, Image: "auto", Pool: AutoPool, Schedule: "dynamic", SplitBy: "time", Collection: "auto",
		Builder: Builder{CA: "host"},
		Limits: Limits{
			PIDs: DefaultPIDs, Test: Duration(DefaultTest), Run: Duration(DefaultRun), Output: DefaultOutput, Artifacts: DefaultArtifacts,
		},
		Cache:   Cache{Refresh: Interval(DefaultRefresh)},
		origins: map[string]Origin{},
	}
}

// Origin says where a value came from: "" by default, a place in the file
// ("shardyard.yaml:3"), or what was detected and why.
type Origin string

// Origin of the value at a path like "limits.memory".
func (c *Config) Origin(path string) Origin { return c.origins[path] }

// Place returns the place of the value at a path, as "file:line:column"; "" if
// the file does not give the value. Messages of others, such as an engine that
// cannot honour a value, need it.
func (c *Config) Place(path string) string { return c.places[path] }
