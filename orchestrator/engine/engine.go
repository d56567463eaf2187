// Package engine is the seam between a run and the place where its workers
// live: a Docker engine, or plain processes. It owns the types of that seam
// and refuses to know any SDK, any framework and any plan.
//
// A place of work is put together from three parts: a base (an image), a
// layer on top of it (a sealed environment with dependencies, or a prepared
// one in which the project is installed too), and a tree (the project's
// source, each worker's own writable copy). Inside it one process runs: the
// agent, which speaks the contract of package worker on its stdin and stdout.
package engine

import (
	"context"
	"io"
	"time"

	"github.com/shardyard/shardyard/cache"
	"github.com/shardyard/shardyard/worker/framework"
)

// An Engine makes places of work. All methods may be called concurrently.
type Engine interface {
	Bases
	Layers
	Trees
	Starter
	Keeper
	// Info describes the engine. An error means that it does not answer, and
	// names what to do about it.
	Info(ctx context.Context) (Info, error)
	// Sweep removes what dead runs of this project left behind, and what has
	// expired. It never touches a run that still lives. It returns what it removed.
	Sweep(ctx context.Context) (removed []string, err error)
	// Close releases the connection, not the things made.
	Close() error
}

// Info describes an engine.
type Info struct {
	Name     string // "docker", "process"
	Version  string
	Platform string // "linux/amd64"
	CPUs     int
	Memory   int64 // bytes
	Isolated bool  // workers cannot see each other's processes, files and ports
	Local    bool  // the engine runs on this machine
	// Starts is how many places are best started at once: the first is there
	// sooner, and works while others start. 0 is no limit. See Queue.
	Starts int
}

// Bases resolves images.
type Bases interface {
	// Base resolves an image: a name, "auto" or "host" (an engine without
	// images has only "host"). tools is the toolchain that will run in it: it
	// chooses the image of "auto", and the program to find on this machine. Base
	// pulls an image that the engine lacks, with progress on notify. Base.Note
	// tells the user if another image was taken.
	Base(ctx context.Context, image string, tools framework.Toolchain, notify func(string)) (Base, error)
	// User returns the user of a Spec as the base has it: "uid:gid" for a name
	// that the base knows, and anything else as it is. A name that the base does
	// not know is a [UserError].
	User(ctx context.Context, base Base, user string) (string, error)
}

// Base is a resolved image.
type Base struct {
	Image string // as the user would write it
	ID    string // content: part of every key
	Host  bool
	Note  string
	// Program is the toolchain's: absolute, or a name on the PATH; "" for none.
	Program string
	// Prefixes are directories of this machine that Program needs there, besides
	// the system's; only with Host.
	Prefixes []string
}

// Layer names a sealed file system. The zero Layer is the bare base.
type Layer string

// Layers finds layers that were sealed before.
type Layers interface {
	// Find looks a sealed layer up by its key, and marks it as used now.
	Find(ctx context.Context, key string) (Layer, bool, error)
	// Keys lists the keys of sealed layers that begin with a prefix.
	Keys(ctx context.Context, prefix string) ([]string, error)
	// About returns what was said of a layer when it was sealed.
	About(ctx context.Context, layer Layer) (cache.About, error)
	// Lock keeps others, of this machine, from building the same key at the
	// same time. It waits; notify is called when it has to.
	Lock(ctx context.Context, key string, notify func()) (unlock func(), err error)
}

// Tree names a source tree that was loaded.
type Tree string

// Trees takes source trees in.
type Trees interface {
	// Load makes the tree with this id available to workers. write is called
	// only when the engine does not hold it yet, and writes it as a tar
	// archive with paths relative to the tree's root.
	Load(ctx context.Context, id string, write func(io.Writer) error) (Tree, error)
}

// Role is the purpose of a place, which decides what it may do.
type Role string

const (
	// Builder installs dependencies: root, network, cache writable. Its
	// Instance can be sealed.
	Builder Role = "builder"
	// Preparer installs the project: like Builder, with the tree, as the
	// workers' user.
	Preparer Role = "preparer"
	// Worker runs tests: unprivileged, hardened.
	Worker Role = "worker"
	// Finisher makes reports from results: like Worker, without network.
	Finisher Role = "finisher"
)

// ProfileKey is the config's key for Harden.Strict.
const ProfileKey = "profile"

// PrivateNetwork is a network of the run's own: its workers reach each other and
// the outside, and nothing else of the engine reaches them. It ends with the run.
const PrivateNetwork = "private"

// Spec is a place of work, as plain data.
type Spec struct {
	Run   string // the run's id; labels everything made for it
	Name  string // "worker-3"; unique within the run
	Role  Role
	Base  Base
	Layer Layer
	Tree  Tree // "" for none
	// TreeName is the last element of the tree's path inside, the same in
	// every role: the project's own directory name.
	TreeName string
	// OwnTree is true if nobody else may see what is written into the tree: not
	// every engine keeps its workers apart otherwise.
	OwnTree bool
	// OwnCache gives a worker what the package cache holds when the run's first one starts,
	// to write over as it likes: nothing of that is kept. Not every engine can, and then
	// workers have no package cache.
	OwnCache bool
	Env      map[string]string // not for secrets: it is visible to the engine
	Limits   Limits
	Harden   Harden
	Network  string // "" the role's default; "none"; "bridge"; PrivateNetwork; or the engine's own name for one
	User     string // "" the default unprivileged user; "root"; or uid[:gid]
}

// Limits bound a place of work. Zero means the engine's default.
type Limits struct {
	Memory int64   // bytes
	PIDs   int64   // processes and threads
	CPUs   float64 // cores
}

// Harden loosens the defaults (no capabilities, no new privileges), or tightens them.
type Harden struct {
	CapAdd []string
	// Strict makes all read-only but the tree, HOME, TMPDIR and what is in memory. It
	// is for the default user.
	Strict bool
}

// Starter starts places of work.
type Starter interface {
	// Start returns once the agent's stream is attached; the agent's greeting
	// is the first thing on it. When it fails it leaves nothing behind.
	Start(ctx context.Context, spec Spec) (Instance, error)
	// Unhonoured returns the config's keys that a spec sets and this engine cannot
	// honour: "limits.memory".
	Unhonoured(spec Spec) []string
}

// An Instance is a running place of work.
type Instance interface {
	// Stream returns the agent's stdin and stdout. Closing it ends the agent.
	Stream() io.ReadWriteCloser
	// Layout returns the paths inside.
	Layout() Layout
	// Host names the machine that it runs on: those of one host share its
	// processors, and its speed is learned.
	Host() string
	// Wait blocks until the agent's process has ended, and returns how it ended.
	Wait(ctx context.Context) (Exit, error)
	// Seal keeps the written files as a layer with this key, and what is said about
	// it. It is for Builder and Preparer only, after the agent has quit.
	Seal(ctx context.Context, key string, about cache.About) (Layer, error)
	// Remove ends the instance if it runs, and removes everything made for it. It
	// may be called more than once.
	Remove(ctx context.Context) error
	// Stderr returns what the agent wrote there, its last few kilobytes.
	Stderr() string
}

// Layout is where things are inside a place of work. All paths are absolute.
type Layout struct {
	Source string // the tree: writable, owned by the user that tests run as
	Env    string // the environment, made by setup, outside the tree
	Cache  string // the package cache; "" where the place has none
	Home   string // writable
	Temp   string // writable, private
	// CA is a PEM bundle for SSL_CERT_FILE, PIP_CERT and their like, in
	// Builder and Preparer when one was configured; else "".
	CA string
	// PATH for commands of the environment.
	Path string
	// Here says that these are paths of this machine: what a lost agent left can
	// be read, and workers of one Source share it.
	Here bool
	// UID and GID are who runs tests; -1 where the engine has no say.
	UID, GID int
}

// Exit is how an instance ended, as the engine tells it.
type Exit struct {
	Code      int
	OOMKilled bool
	Error     string
	At        time.Time
}
