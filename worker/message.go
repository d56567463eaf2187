package worker

import (
	"encoding/json"
	"strings"
)

// Version is the version of the contract. The agent refuses another one.
const Version = 3

// A TestID names a test. It is minted by the framework's adapter in the
// worker, and is opaque to everything else: it is compared and carried, never
// parsed or translated.
type TestID string

// A Token fences a lease: the coordinator never uses one twice in a run, and
// ignores results that carry a token it has withdrawn.
type Token int64

// A Request is one message from the coordinator to the agent. Exactly one
// field is set.
type Request struct {
	Hello    *Greeting `json:"hello,omitempty"`    // the first message of a coordinator
	Ping     *Ping     `json:"ping,omitempty"`     // answered by Pong, ahead of everything that waits
	Exec     *Exec     `json:"exec,omitempty"`     // run a command; answered by Output..., Exited
	Kill     *Kill     `json:"kill,omitempty"`     // end a command and its process group, early
	Put      *Chunk    `json:"put,omitempty"`      // write a file; its last piece is answered by an empty File with Last
	Get      *Get      `json:"get,omitempty"`      // read a file; answered by File...
	Changes  *Changes  `json:"changes,omitempty"`  // list what the session's tests wrote; answered by Changed
	Warm     *Warm     `json:"warm,omitempty"`     // get ready for a session, and wait for another coordinator; answered by Done
	Amend    *Amend    `json:"amend,omitempty"`    // make another tree of a tree; answered by Done
	Open     *Open     `json:"open,omitempty"`     // start a test session; answered by Opened
	Lease    *Lease    `json:"lease,omitempty"`    // append tests to the session's queue
	Revoke   *Revoke   `json:"revoke,omitempty"`   // take waiting tests back; answered by Returned
	Drain    *Drain    `json:"drain,omitempty"`    // no more leases: end the session when the queue is empty; answered by Closed
	Conclude *Conclude `json:"conclude,omitempty"` // make the run's reports; answered by Output..., Concluded
	Quit     *Quit     `json:"quit,omitempty"`     // end the agent; answered by End
}

// An Event is one message from the agent to the coordinator. Exactly one field
// is set. Events of one session arrive in the order in which they happened.
type Event struct {
	Hello      *Greeting   `json:"hello,omitempty"`
	Pong       *Ping       `json:"pong,omitempty"`
	Output     *Output     `json:"output,omitempty"`
	Exited     *Exited     `json:"exited,omitempty"`
	File       *Chunk      `json:"file,omitempty"`
	Changed    *Changed    `json:"changed,omitempty"`
	Done       *Done       `json:"done,omitempty"`
	Opened     *Opened     `json:"opened,omitempty"`
	Discovered *Discovered `json:"discovered,omitempty"`
	Collected  *Collected  `json:"collected,omitempty"`
	Started    *Started    `json:"started,omitempty"`
	Reported   *Reported   `json:"reported,omitempty"`
	Finished   *Finished   `json:"finished,omitempty"`
	Returned   *Returned   `json:"returned,omitempty"`
	Died       *Died       `json:"died,omitempty"`
	Closed     *Closed     `json:"closed,omitempty"`
	Concluded  *Concluded  `json:"concluded,omitempty"`
	Failed     *Failed     `json:"failed,omitempty"`
	End        *End        `json:"end,omitempty"`
}

// Greeting opens the stream in both directions. Where a coordinator has left an
// agent to wait, the next one greets it again, and is answered.
type Greeting struct {
	Version int    `json:"version"`
	Worker  string `json:"worker,omitempty"`
	// Mute is how long the agent waits for any message (pings arrive every
	// few seconds) before it takes the coordinator for lost and ends itself
	// and all its children. Zero means 30 s.
	MuteMS int64 `json:"mute_ms,omitempty"`
	// The agent fills these in.
	PID  int `json:"pid,omitempty"`
	CPUs int `json:"cpus,omitempty"`
}

// Ping measures the round trip.
type Ping struct {
	Seq int64 `json:"seq"`
	// AtMS is the agent's clock when it answered, in milliseconds since 1970.
	AtMS float64 `json:"at_ms,omitempty"`
}

// Exec runs a command to its end. Env is the command's whole environment when
// Clean is set, else it is added to the agent's own. It travels here, on the
// stream, so that secrets stay out of the container's configuration.
type Exec struct {
	ID    int64             `json:"id"`
	Argv  []string          `json:"argv"`
	Dir   string            `json:"dir,omitempty"`
	Env   map[string]string `json:"env,omitempty"`
	Clean bool              `json:"clean,omitempty"`
	// UID and GID, when set and the agent is root, are who runs the command.
	UID, GID *int `json:",omitempty"`
}

// Kill ends the command of an Exec before its time; Exited follows. A command
// that has ended is not an error.
type Kill struct {
	ID int64 `json:"id"`
}

// Exited answers Exec. Code is the exit status, or 128 + Signal.
type Exited struct {
	ID     int64  `json:"id"`
	Code   int    `json:"code"`
	Signal string `json:"signal,omitempty"`
	Error  string `json:"error,omitempty"` // the command could not be started
}

// Output is a piece of the output of a command or a test session.
type Output struct {
	ID     int64  `json:"id,omitempty"` // Exec.ID; 0 for the session's own output
	Stream string `json:"stream"`       // "stdout" or "stderr"
	Data   []byte `json:"-"`            // at most MaxFrame; it travels as it is
	// Dropped counts bytes that were left out here because of a limit.
	Dropped int64 `json:"dropped,omitempty"`
}

// Chunk is a piece of a file. Pieces of one file come in order; Last ends it.
type Chunk struct {
	ID   int64  `json:"id"`
	Path string `json:"path,omitempty"` // with the first piece
	Mode uint32 `json:"mode,omitempty"` // permission bits, with the first piece; 0 means 0644
	Data []byte `json:"-"`              // at most MaxFrame; it travels as it is
	Last bool   `json:"last,omitempty"`
	// Error ends the transfer: the file cannot be read or written.
	Error string `json:"error,omitempty"`
}

// Get asks for a file. With Root, Path is below that directory, no link leads
// out of it, and what is sent ends where the file ended when it was opened.
type Get struct {
	ID   int64  `json:"id"`
	Path string `json:"path"`
	Root string `json:"root,omitempty"`
}

// Changes asks for the regular files below a directory that were written since
// the session was opened. Keep and Skip are lines of [Patterns].
type Changes struct {
	ID   int64    `json:"id"`
	Dir  string   `json:"dir"`            // absolute
	Keep []string `json:"keep,omitempty"` // listed with their sizes
	Skip []string `json:"skip,omitempty"` // not listed, unless Keep says so
}

// Changed answers Changes.
type Changed struct {
	ID    int64         `json:"id"`
	Files []ChangedFile `json:"files,omitempty"` // that Keep matches
	// Others counts what neither Keep nor Skip matches; OtherNames are the first
	// of these.
	Others     int      `json:"others,omitempty"`
	OtherNames []string `json:"other_names,omitempty"`
	// Cut says that there is more than one listing holds.
	Cut   bool   `json:"cut,omitempty"`
	Error string `json:"error,omitempty"` // the directory could not be read
}

// A ChangedFile is a file below Changes.Dir, with slashes.
type ChangedFile struct {
	Path string `json:"path"`
	Size int64  `json:"size"`
	At   int64  `json:"at"` // its last change, in nanoseconds
}

// Warm has the agent get ready for a session like this one. Open's Mode, Args and
// Results count for nothing. Tree is the directory of the sources, absolute, of which
// nothing is loaded.
type Warm struct {
	ID   int64  `json:"id"`
	Open Open   `json:"open"`
	Tree string `json:"tree"`
}

// Amend makes of the tree in Dir another one. Archive is a file that was put before,
// as [AmendTree] reads it; it is removed.
type Amend struct {
	ID      int64  `json:"id"`
	Dir     string `json:"dir"`     // absolute
	Archive string `json:"archive"` // absolute
}

// Done answers Warm and Amend.
type Done struct {
	ID    int64  `json:"id"`
	Error string `json:"error,omitempty"`
}

// Mode is the way in which a session finds its tests.
type Mode string

const (
	// Full collects the whole suite at the start and publishes it.
	Full Mode = "full"
	// Lazy collects a file when one of its tests is handed out.
	Lazy Mode = "lazy"
)

// Open starts a test session.
type Open struct {
	Framework string            `json:"framework"`
	Mode      Mode              `json:"mode"`
	Dir       string            `json:"dir"`  // working directory, absolute
	Args      []string          `json:"args"` // the user's arguments, vetted by the framework
	Env       map[string]string `json:"env,omitempty"`
	// Results is a directory of the agent's machine for files of this worker
	// that the run collects later (coverage data).
	Results string `json:"results"`
	// TestTimeoutMS ends a test, and with it the session's process. 0: none.
	TestTimeoutMS int64 `json:"test_timeout_ms,omitempty"`
	// OutputLimit bounds, per session, what is kept of the process's own
	// output. Bytes; 0 means 1 MiB.
	OutputLimit int64 `json:"output_limit,omitempty"`
	// Options are the framework's own, made by its description.
	Options json.RawMessage `json:"options,omitempty"`
	// Program is the program of the framework's toolchain (an interpreter), of
	// the environment where there is one: absolute, or a name on the PATH; "" is
	// unknown.
	Program string `json:"program,omitempty"`
	// Compiled is an archive of what earlier sessions compiled of sources that
	// are the same here, put before; "" is none. Compile asks for one of what
	// this session compiles. See CompiledSource.
	Compiled string `json:"compiled,omitempty"`
	Compile  bool   `json:"compile,omitempty"`
	// Foresee asks a session that collects everything for Closed.Suspects.
	Foresee bool `json:"foresee,omitempty"`
	// Desk is where the user has the sources.
	Desk Desk `json:"desk,omitzero"`
}

// OfRun reports whether a variable of Open.Env is known only once there is a run:
// SHARDYARD_WORKER, SHARDYARD_WORKERS and SHARDYARD_RUN.
func OfRun(name string) bool { return strings.HasPrefix(name, "SHARDYARD_") }

// Opened reports that the session takes tests. Mode is the one in use: a
// framework may answer a request for Lazy with Full, and says why.
type Opened struct {
	Mode   Mode   `json:"mode"`
	Reason string `json:"reason,omitempty"`
	// Framework and Runtime are what runs, with their versions.
	Framework string `json:"framework,omitempty"`
	Runtime   string `json:"runtime,omitempty"`
}

// An Item is a discovered test.
type Item struct {
	ID    TestID `json:"id"`
	Group string `json:"group,omitempty"` // tests of one group stay on one worker
	// Print is a fingerprint of what else identifies the test (marks, fixture
	// names, line): equal lists of items mean equal discoveries.
	Print string `json:"print,omitempty"`
	// Values is a digest of its parameters' values, as far as they can be told
	// from process to process; "" for none.
	Values string `json:"values,omitempty"`
}

// Discovered is the ordered list of the tests of one file, from a full
// session in the suite's order, or from a lazy one when the file is opened.
type Discovered struct {
	File  string `json:"file"` // the affinity: expensive to open on a further worker
	Items []Item `json:"items"`
	// Reports are the framework's own collect reports of this file.
	Reports []json.RawMessage `json:"reports,omitempty"`
	// DurationMS is how long opening took; a full session tells it of the
	// suite instead.
	DurationMS float64 `json:"duration_ms,omitempty"`
	// More is true if the list goes on in the next Discovered of this file.
	More bool `json:"more,omitempty"`
}

// Collected ends a full session's discovery.
type Collected struct {
	Tests int `json:"tests"`
	// Deselected counts tests that the suite's selection left out.
	Deselected int `json:"deselected,omitempty"`
	// Errors counts files that could not be collected; Stop is set when, as
	// in the framework itself, that means that no test runs. Broken names the
	// first of these files.
	Errors int      `json:"errors,omitempty"`
	Stop   bool     `json:"stop,omitempty"`
	Broken []string `json:"broken,omitempty"`
	// Reports are collect reports that belong to no file.
	Reports []json.RawMessage `json:"reports,omitempty"`
	// Lacks are what files that could not be collected say is not there.
	Lacks []Lack `json:"lacks,omitempty"`
	// DurationMS is how long the full collection took.
	DurationMS float64 `json:"duration_ms"`
	// Changed is the source that changed last of those that the session has
	// loaded, ChangedMS when that was, since 1970; zero if it cannot say.
	Changed   string  `json:"changed,omitempty"`
	ChangedMS float64 `json:"changed_ms,omitempty"`
}

// A Ref is a test to run. File is its Discovered.File.
type Ref struct {
	ID   TestID `json:"id"`
	File string `json:"file"`
}

// Lease hands tests out, in the order in which they run.
type Lease struct {
	Token Token `json:"token"`
	Tests []Ref `json:"tests"`
}

// Revoke asks for tests that wait. Those that already run are kept.
type Revoke struct {
	Tests []TestID `json:"tests"`
}

// Returned gives tests back: asked for by Revoke, or because the session
// ended. Unknown are ids that the session does not have in that file.
type Returned struct {
	Tests   []TestID `json:"tests"`
	Unknown []TestID `json:"unknown,omitempty"`
	// Revoked echoes a Revoke request, also when Tests is empty.
	Revoked bool `json:"revoked,omitempty"`
}

// Started reports that a test is locked: it runs here, or is about to.
type Started struct {
	Test  TestID `json:"test"`
	Token Token  `json:"token"`
	// AtMS is when it started, by the worker's clock, in milliseconds since 1970;
	// 0 is when the agent heard of it.
	AtMS float64 `json:"at_ms,omitempty"`
}

// Reported carries one report of the framework's own, or a piece of a long
// one. A report is JSON without line ends; on its way to the conclusion nobody
// looks into it.
type Reported struct {
	Test TestID `json:"test,omitempty"` // empty: of the session
	Kind string `json:"kind"`           // the framework's: "logstart", "report", "logfinish", "warning", ...
	// Offset is where in its report a piece begins; More says that another one
	// follows. Pieces of a report come in order, and no other report between
	// them. A report that is never finished counts for nothing.
	Offset int64  `json:"offset,omitempty"`
	More   bool   `json:"more,omitempty"`
	Data   []byte `json:"-"` // at most MaxFrame on the wire; an agent cuts what is longer
}

// MaxReport is the length in bytes of the longest report. A worker that sends
// a longer one is lost.
const MaxReport = 1 << 30

// Outcome is the word for how one attempt at a test ended.
type Outcome string

// The outcomes of an attempt. Failing and Errored fail the run: see Fails.
const (
	Passed  Outcome = "passed"
	Failing Outcome = "failed"
	Errored Outcome = "error" // setup or teardown failed
	Skipped Outcome = "skipped"
	XFailed Outcome = "xfailed"
	XPassed Outcome = "xpassed"
)

// Fails reports whether the outcome fails the run.
func (o Outcome) Fails() bool { return o == Failing || o == Errored }

// Finished ends an attempt. It may come again for the same test and token,
// when a fixture of wider scope is torn down later and fails: the later one
// holds.
type Finished struct {
	Test    TestID  `json:"test"`
	Token   Token   `json:"token"`
	Outcome Outcome `json:"outcome"`
	// Message is the failure in one line, for the summary. File and Line are
	// where to look for it: the line, from 1, that the test's file failed at,
	// by its path relative to Open.Dir. They are zero when that is not known.
	Message string `json:"message,omitempty"`
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	// Lack is what the failure says is not there; nil for no such thing.
	Lack       *Lack   `json:"lack,omitempty"`
	SetupMS    float64 `json:"setup_ms"`
	CallMS     float64 `json:"call_ms"`
	TeardownMS float64 `json:"teardown_ms"`
	// Cause is set when the framework had no say: "timeout", "exited",
	// "signal". Code is the process's exit status then.
	Cause string `json:"cause,omitempty"`
	Code  int    `json:"code,omitempty"`
	// Tentative says that the outcome, whatever it is, may be due to a session
	// that collects lazily.
	Tentative bool `json:"tentative,omitempty"`
	// Stray says that something which the test, or one before it, left behind
	// failed when no test ran there: in the suite's order one might have.
	Stray bool `json:"stray,omitempty"`
}

// A Lack is something that a failure says is not there. Name is the framework's or
// the operating system's: a module, a path below Open.Dir or an absolute one.
type Lack struct {
	Kind LackKind `json:"kind"`
	Name string   `json:"name,omitempty"`
}

// LackKind is what kind of thing is not there.
type LackKind string

// The kinds of things that failures say are not there. A framework may have more.
const (
	LackModule      LackKind = "module"      // of the framework's language
	LackFixture     LackKind = "fixture"     // of the framework
	LackMarker      LackKind = "marker"      // likewise
	LackOption      LackKind = "option"      // likewise
	LackProgram     LackKind = "program"     // on the PATH, or a path
	LackLibrary     LackKind = "library"     // a shared one: "libpq.so.5"
	LackFile        LackKind = "file"        // a file or a directory
	LackVariable    LackKind = "variable"    // of the environment
	LackService     LackKind = "service"     // "localhost:5432", or the path of a socket
	LackHost        LackKind = "host"        // a host's name that does not resolve
	LackAddress     LackKind = "address"     // an address of this machine: "::1"
	LackCertificate LackKind = "certificate" // of an authority
	LackLocale      LackKind = "locale"
	LackZone        LackKind = "zone"       // a time zone
	LackSpace       LackKind = "space"      // on a file system, for this file
	LackPermission  LackKind = "permission" // to use this file
	LackRepository  LackKind = "repository" // of git; with the name "history", files of earlier commits
)

// Died reports that the session's process ended before its time. The agent
// starts another one once tests wait; when none come before the session is
// drained, Closed follows. What the process held only in memory
// (coverage) is lost.
type Died struct {
	Test   TestID `json:"test,omitempty"` // that ran, if any; its Finished came before
	Code   int    `json:"code"`           // exit status, or 128 + signal
	Signal string `json:"signal,omitempty"`
	Cause  string `json:"cause"` // "timeout", "exited", "signal", or Hung
	// Again is true if another process will be started when a test waits.
	Again bool `json:"again"`
}

// Hung is the cause of a process that did not end by itself behind its last
// test: it had no test's time to exceed.
const Hung = "hung"

// Closed ends a session. No event of it follows. The counts let the
// coordinator see that nothing was lost.
type Closed struct {
	Code     int `json:"code"` // the framework's own exit status
	Started  int `json:"started"`
	Finished int `json:"finished"`
	// Stop is the framework's reason when it asked for the end of the whole
	// run.
	Stop string `json:"stop,omitempty"`
	// Files are the files of this worker that the run collects (coverage
	// data), absolute. Missing is the reason why some are missing; "" if none are.
	Files   []string `json:"files,omitempty"`
	Missing string   `json:"missing,omitempty"`
	// Unexplained, Closing and Notes are as in Exit.
	Unexplained bool     `json:"unexplained,omitempty"`
	Closing     string   `json:"closing,omitempty"`
	Notes       []string `json:"notes,omitempty"`
	// Compiled is the archive that Open.Compile asked for, absolute; "" when
	// nothing was compiled that Open.Compiled did not have.
	Compiled string `json:"compiled,omitempty"`
	// Suspects are files of which a test ran, and whose tests' outcomes would have been
	// suspect if they had been collected when the first was handed out.
	Suspects []string `json:"suspects,omitempty"`
	// PeakMemory is the most memory, in bytes, that one process of the worker
	// has held; 0 is unknown.
	PeakMemory int64 `json:"peak_memory,omitempty"`
}

// Conclude makes one result out of all workers' results, with the framework's
// own tools: it replays the reports in Dir, writes its report files, and
// combines coverage. The layout of Dir is the framework's, and documented
// there.
type Conclude struct {
	Framework string `json:"framework"`
	Source    string `json:"source"` // working directory, absolute
	Dir       string `json:"dir"`    // what to conclude, and where the results go
	// Project is the directory on the user's own machine that Source is a copy
	// of; "" when the results are not for it.
	Project string `json:"project,omitempty"`
	// Program is as Open.Program.
	Program string            `json:"program,omitempty"`
	Args    []string          `json:"args"`
	Env     map[string]string `json:"env,omitempty"`
	Options json.RawMessage   `json:"options,omitempty"`
	// Await, when set, is a file that the coordinator puts last: Dir is
	// complete once it is there. The framework gets ready meanwhile.
	Await string `json:"await,omitempty"`
	// Desk is as Open.Desk: what is printed, and text of the results, has its path.
	Desk Desk `json:"desk,omitzero"`
}

// Concluded answers Conclude. Files are the result files, relative to Dir.
type Concluded struct {
	Code    int             `json:"code"`
	Files   []string        `json:"files,omitempty"`
	Summary json.RawMessage `json:"summary,omitempty"` // the framework's
	Error   string          `json:"error,omitempty"`
	// Excused are workers whose session no test explains, and whose share of the
	// reports does: it ends the same way when it is concluded by itself, and
	// with all reports nothing is wrong.
	Excused []string `json:"excused,omitempty"`
	// Forgiven is true if tests failed, or there were none, and Code is 0 all the
	// same: hooks of the project have set it so at the end.
	Forgiven bool `json:"forgiven,omitempty"`
}

// Failed reports that the agent could not do what was asked: machinery broke.
type Failed struct {
	What  string `json:"what"` // the request: "open", "lease", ...
	Error string `json:"error"`
	// Usage is set when the user's input was at fault (unknown argument).
	Usage bool `json:"usage,omitempty"`
	// Lack is what the error says is not there; nil for no such thing.
	Lack *Lack `json:"lack,omitempty"`
}

// Drain, Quit carry nothing.
type (
	// Drain reports that no more leases follow.
	Drain struct{}
	// Quit ends the agent.
	Quit struct{}
)

// End is the agent's last message.
type End struct {
	Requests int64 `json:"requests"` // messages received
	Events   int64 `json:"events"`   // messages sent before this one
}
