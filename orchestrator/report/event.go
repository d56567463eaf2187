package report

import (
	"time"
)

// An Event is something that happened in a run: one line of events.jsonl.
type Event struct {
	Seq  int64         // from 1, without gaps
	At   time.Duration // since the start of the run
	Body Body
}

// A Body is the content of an event. Its Type is the event's name on the wire.
type Body interface{ Type() Type }

// Type names a kind of event.
type Type string

// Level is how much a Note matters.
type Level string

// The levels of a Note.
const (
	Info    Level = "info"
	Warning Level = "warning"
)

// FaultKind names who is at fault when machinery could not go on.
type FaultKind string

const (
	// Usage is the user's: arguments or config (exit code 2).
	Usage FaultKind = "usage"
	// Infrastructure is the engine's, the machine's or ours (exit code 3).
	Infrastructure FaultKind = "infrastructure"
)

// Type implements Body.
func (RunStarted) Type() Type { return "run_started" }

// Type implements Body.
func (Sourced) Type() Type { return "sourced" }

// Type implements Body.
func (Based) Type() Type { return "based" }

// Type implements Body.
func (Gathered) Type() Type { return "artifacts" }

// Type implements Body.
func (Installed) Type() Type { return "installed" }

// Type implements Body.
func (Staffed) Type() Type { return "staffed" }

// Type implements Body.
func (Note) Type() Type { return "note" }

// Type implements Body.
func (StepStarted) Type() Type { return "step_started" }

// Type implements Body.
func (StepProgress) Type() Type { return "step_progress" }

// Type implements Body.
func (StepFinished) Type() Type { return "step_finished" }

// Type implements Body.
func (WorkerStarted) Type() Type { return "worker_started" }

// Type implements Body.
func (WorkerAttached) Type() Type { return "worker_attached" }

// Type implements Body.
func (Stolen) Type() Type { return "stolen" }

// Type implements Body.
func (Curved) Type() Type { return "curve" }

// Type implements Body.
func (WorkerReady) Type() Type { return "worker_ready" }

// Type implements Body.
func (WorkerLost) Type() Type { return "worker_lost" }

// Type implements Body.
func (WorkerClosed) Type() Type { return "worker_closed" }

// Type implements Body.
func (Discovered) Type() Type { return "discovered" }

// Type implements Body.
func (Inventoried) Type() Type { return "inventoried" }

// Type implements Body.
func (Leased) Type() Type { return "leased" }

// Type implements Body.
func (Rejected) Type() Type { return "rejected" }

// Type implements Body.
func (Died) Type() Type { return "died" }

// Type implements Body.
func (Planned) Type() Type { return "planned" }

// Type implements Body.
func (TestStarted) Type() Type { return "test_started" }

// Type implements Body.
func (TestFinished) Type() Type { return "test_finished" }

// Type implements Body.
func (Evidence) Type() Type { return "evidence" }

// Type implements Body.
func (Dropped) Type() Type { return "dropped" }

// Type implements Body.
func (Output) Type() Type { return "output" }

// Type implements Body.
func (Judged) Type() Type { return "verdict" }

// Type implements Body.
func (Carried) Type() Type { return "carried" }

// Type implements Body.
func (Covered) Type() Type { return "coverage" }

// Type implements Body.
func (Concluded) Type() Type { return "concluded" }

// Type implements Body.
func (Stopped) Type() Type { return "stopped" }

// Type implements Body.
func (Fault) Type() Type { return "fault" }

// Type implements Body.
func (Advised) Type() Type { return "advice" }

// Type implements Body.
func (RunFinished) Type() Type { return "run_finished" }

// Type implements Body.
func (u Unknown) Type() Type { return u.Name }
