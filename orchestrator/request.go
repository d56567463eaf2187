package orchestrator

import (
	"context"
	"io"
	"path/filepath"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/shardyard/shardyard/cache"
	"github.com/shardyard/shardyard/orchestrator/dispatch"
	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/orchestrator/history"
	"github.com/shardyard/shardyard/orchestrator/plan"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/orchestrator/source"
	"github.com/shardyard/shardyard/worker"
	"github.com/shardyard/shardyard/worker/framework"
)

// A Request is one run of one suite, as plain data. Everything in it has been
// validated, and defaults are filled in.
type Request struct {
	Version string // of shardyard
	Project string // the project's directory on this machine, absolute
	// ProjectID names the project in the history, wherever it lies; see source.Identify.
	ProjectID string
	Suite     string // as in the config; "" for a project without named suites
	RunID     string // see NewRunID
	Out       string // the run's result directory, absolute; it exists and is empty

	// Again is the directory of an earlier run: what that has proven need not run
	// again. "" for none.
	Again string
	// Named are tests of that run: if there are any, these run, whatever they came
	// to, and no others. The others keep what they came to where that can be taken
	// over, and are left out where it cannot.
	Named Names
	// Order are tests of that run, too: if there are any, these run on one worker, in this
	// order, and no others. No verdict of it is taken over.
	Order []worker.TestID
	// Invocation is how the user asked for the run, for one that repeats it.
	Invocation []string

	Source source.Options
	// Branch is what is tested, where git does not say it; "" is unknown.
	Branch string

	// Scope is whom the code under test is trusted like. A run that is not trusted
	// needs an engine that keeps it apart, and teaches the history nothing.
	Scope cache.Scope

	Image string // a name, "auto" or "host"

	Setup   Step // sees only the key files
	Prepare Step // sees the tree
	Builder BuilderSettings
	// Remotes are hosts that Setup and Prepare need to reach besides package indexes.
	Remotes []framework.Remote

	Refresh Refresh
	// Registry is a repository of images from which an environment is pulled that is
	// not here; "" for none. A run that is not trusted pulls nothing.
	Registry string

	Session framework.Suite   // how the suite is run
	Env     map[string]string // what the user has tests see
	// Caches are variables of tests that place the caches of tools, below {cache}, where
	// workers have a package cache.
	Caches map[string]string

	Workers     int           // 0: chosen from the estimates and the engine's capacity
	Target      time.Duration // with Workers 0: choose N for this wall clock; 0: none
	Static      bool          // keep the plan as it is
	Split       plan.Split
	Retries     int
	FailOnFlaky bool
	Collection  Collection
	CI          bool // CI runs the suite

	TestTimeout time.Duration // 0: none
	RunTimeout  time.Duration // 0: none
	OutputLimit int64         // bytes of a worker's own output; 0: the default
	Limits      engine.Limits
	Harden      engine.Harden
	Network     string
	User        string
	UserPlace   string // where the config gives User, as "file:line:column"; "" for nowhere
	// ProfilePlace is where the config asks for Harden.Strict, likewise.
	ProfilePlace string

	Pool      Pool
	Compiled  Compiled
	Artifacts Artifacts
}

// registry returns the repository that environments are pulled from. The code under test
// names it, so that it is one only for who is trusted.
func (r *Request) registry() string {
	if r.Scope == cache.Untrusted {
		return ""
	}
	return r.Registry
}

// Refresh is when an environment is built anew that is there.
type Refresh struct {
	Anew bool // in any case
	// Most is how old one may be of which something is not pinned; 0 for any age.
	Most time.Duration
	// Doubtful has Most hold too where nobody knows whether all is pinned.
	Doubtful bool
}

// An age is how old a layer may be; most 0 for any age. why is what nothing pins.
type age struct {
	most time.Duration
	why  string
}

// ages returns how old an environment may be.
func (r Refresh) ages(p framework.Pinned, why string) age {
	switch {
	case p == framework.Loose:
		return age{r.Most, why}
	case p == framework.Unknown && r.Doubtful:
		return age{r.Most, "what its commands install, as far as is known"}
	}
	return age{}
}

// split returns what stays together: as the user asks, and at least whole files if
// the framework never cuts them.
func (r *Request) split() plan.Split {
	if r.Split == plan.ByTime && r.Session.Cut != framework.Freely {
		return plan.ByFile
	}
	return r.Split
}

// within returns a path relative to the project, and whether it is below it.
func (r *Request) within(to string) (rel string, inside bool) {
	if !filepath.IsAbs(to) {
		rel = filepath.Clean(to)
		return rel, filepath.IsLocal(rel)
	}
	rel, err := filepath.Rel(r.Project, to)
	return rel, err == nil && filepath.IsLocal(rel)
}

// reorder returns how long whole files may run again because of their order.
func (r *Request) reorder() time.Duration {
	if !r.Session.Ordered || len(r.Order) > 0 { // the order is what is asked for
		return 0
	}
	return 20 * time.Second
}

// runner returns how workers run the tests that they are handed.
func (r *Request) runner() dispatch.Runner {
	if r.Session.Batch > 0 {
		return dispatch.Atomic
	}
	return dispatch.Stream
}

// Compiled is where runs keep the compiled form of the project's sources. Tests write
// it and later runs execute it: it is not for runs that do not trust each other.
type Compiled struct {
	Dir string // "" keeps nothing
}

// A Step is a list of shell commands, and what their result depends on.
type Step struct {
	Commands []string
	// Key files, relative to the project: Setup sees only these.
	Key []string
	// Ensure are packages that must be in the environment in the end; those that
	// are not are installed, and the user is told.
	Ensure []string
}

func (s Step) empty() bool { return len(s.Commands)+len(s.Ensure) == 0 }

// BuilderSettings reach the places where dependencies are installed, and no
// other. Set may hold secrets: it travels on the agent's stream only.
type BuilderSettings struct {
	// Set are variables of every command.
	Set map[string]string
	// CA is a bundle of certificates on this machine, for engines that put none
	// inside; "" for none.
	CA string
	// Why names the places that the settings come from: shown when something is
	// built.
	Why []string
	// Path are directories of this machine with compilers, behind all others.
	Path []string
	// Caches are variables that place the caches of installers, below {cache}.
	Caches map[string]string
	// Settings are those that change what is installed and are no secrets:
	// part of the environment's key.
	Settings map[string]string
}

// History keeps the facts of runs for later ones. A nil History keeps none.
type History interface {
	Samples(ctx context.Context, suite string) (history.Samples, error)
	Inventory(ctx context.Context, suite, selection string) ([]history.File, error)
	Record(ctx context.Context, run history.Run) error
	Remember(ctx context.Context, suite, key, value string) error
	Recall(ctx context.Context, suite, key string) (string, bool, error)
}

// A Sink takes the events of a run, in order and one at a time.
type Sink interface {
	Handle(report.Event)
}

// A Deliverer is the part of framework.Description that a run needs.
type Deliverer interface {
	Deliver(framework.Suite, worker.Concluded) (framework.Delivery, error)
}

// Deps are the implementations that a run works with.
type Deps struct {
	Engine engine.Engine
	// Framework interprets the results of the conclusion.
	Framework Deliverer
	History   History
	Sinks     []Sink
	// Terminal takes the framework's own closing text (failures, warnings).
	Terminal io.Writer
	Logger   hclog.Logger
	// Desk is what is known of the user's machine, for advice on what tests lack.
	Desk framework.Desk
	// Leave, if set, is told at the end what the next run is likely to start with.
	Leave func(Reserve)
	// Notes are told to the user at the start.
	Notes []string
	Now   func() time.Time
}
