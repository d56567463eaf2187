package worker

import (
	"context"
	"encoding/json"
	"errors"
)

// ErrUsage means that the user's input was at fault, when a Framework's error
// wraps it. The agent sets Failed.Usage then.
var ErrUsage = errors.New("usage")

// A LackError is an error that says what is not there.
type LackError struct {
	error
	Lack Lack
}

// Lacking adds to an error what it says is not there; nil is no such thing.
func Lacking(err error, lack *Lack) error {
	if err == nil || lack == nil {
		return err
	}
	return &LackError{err, *lack}
}

// Unwrap returns the error itself.
func (e *LackError) Unwrap() error { return e.error }

// A Framework runs tests inside a worker. The agent is given one for each
// name that it serves.
type Framework interface {
	// Name returns the name by which Open.Framework chooses the framework.
	Name() string
	// Run runs one process of a session: it takes tests from the stream until
	// the stream closes, and emits Opened, Discovered, Collected, Started,
	// Reported and Finished. It returns the exit of its process; an error
	// means that machinery broke. When the process ends before its time, Run
	// emits Finished for the test that ran, and returns with Exit.Cause set;
	// the agent then calls Run again if tests wait.
	Run(ctx context.Context, open Open, s Stream) (Exit, error)
	// Conclude makes the run's reports.
	Conclude(ctx context.Context, c Conclude, emit func(Event)) (Concluded, error)
}

// Exit is how the process of a session ended.
type Exit struct {
	Code    int
	Signal  string
	Cause   string // "" (as it should), "timeout", "exited", "signal", or Hung
	Test    TestID // that ran when the process ended before its time
	Stop    string
	Files   []string
	Missing string
	// Unexplained is true if Code is not what the outcomes of the tests make it:
	// a plugin, the project, or an error after the last test is not content.
	// Closing is what these said at the end. Notes are sentences for the user.
	Unexplained bool
	Closing     string
	Notes       []string
	// Compiled and Suspects are as in Closed.
	Compiled string
	Suspects []string
}

// A Stream is a session's queue of tests, and the way out for its events.
type Stream interface {
	// Next locks the next test. With wait it blocks until there is one or no
	// more will come, else it returns at once. The State tells which it was.
	Next(ctx context.Context, wait bool) (Leased, State)
	// Unlock puts a test that was locked but never started back at the head.
	Unlock(Leased)
	// Emit sends an event. It may be called concurrently.
	Emit(Event)
}

// Leased is a test with the token under which it runs.
type Leased struct {
	Ref
	Token Token
}

// State is what a Stream has to offer.
type State int

const (
	// Ready means that the test returned is locked.
	Ready State = iota
	// Empty means that there is none now, and more may come.
	Empty
	// Ended means that none will come.
	Ended
)

// Raw encodes v for an Options field. It panics when v cannot be encoded,
// which is a mistake in the program.
func Raw(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
