package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/shardyard/shardyard/worker"
	"github.com/shardyard/shardyard/worker/framework/output"
)

// Name is what `framework:` says for commands.
const Name = "command"

// Framework implements [worker.Framework] for commands.
type Framework struct{}

// New returns the framework.
func New() *Framework { return &Framework{} }

// Name implements [worker.Framework].
func (*Framework) Name() string { return Name }

// Run implements [worker.Framework]: it lists the units, and runs batches of
// them until the stream ends. It always lists all.
func (*Framework) Run(ctx context.Context, open worker.Open, stream worker.Stream) (exit worker.Exit, err error) {
	s, err := newSession(open, stream)
	if err != nil {
		return exit, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(s.scratch)) }()
	defer s.output.Close()
	if err := s.discover(ctx); err != nil {
		return exit, err
	}
	if err := s.clearCoverage(); err != nil {
		return exit, err
	}
	if err := s.serve(ctx); err != nil || ctx.Err() != nil {
		return exit, errors.Join(err, ctx.Err())
	}
	exit.Files, err = s.keepCoverage(open.Results)
	exit.Missing = strings.Join(s.missing, "; ")
	return exit, err
}

// A session is one call of Run.
type session struct {
	options Options
	run     template
	args    []string // units that are asked for; none for all
	shell   shell
	stream  worker.Stream
	output  *output.Output
	limit   time.Duration // of a test; 0: none
	scratch string        // a directory of ours
	owner   owner
	missing []string // why coverage is missing
	ran     bool     // a unit
}

func newSession(open worker.Open, stream worker.Stream) (*session, error) {
	options, err := parseOptions(open.Options)
	if err != nil {
		return nil, err
	}
	run, err := options.template()
	if err != nil {
		return nil, usageError("run: " + err.Error())
	}
	scratch, err := os.MkdirTemp("", "shardyard-")
	if err != nil {
		return nil, fmt.Errorf("make a directory for results: %w", err)
	}
	return &session{
		options: options, run: run, args: open.Args, shell: shell{open.Dir, open.Env}, stream: stream,
		output: output.New(open.OutputLimit, stream.Emit), limit: time.Duration(open.TestTimeoutMS) * time.Millisecond, scratch: scratch,
	}, nil
}

// discover lists the units and publishes them. They belong to no file.
func (s *session) discover(ctx context.Context) error {
	s.stream.Emit(worker.Event{Opened: &worker.Opened{Mode: worker.Full, Framework: Name}})
	began := time.Now()
	l, err := s.list(ctx)
	if err != nil {
		return err
	}
	s.owner = newOwner(s.options.Case, l.all)
	for rest := l.units; len(rest) > 0; {
		n := fitting(rest)
		d := worker.Discovered{More: n < len(rest)}
		for _, u := range rest[:n] {
			d.Items = append(d.Items, worker.Item{ID: u})
		}
		s.stream.Emit(worker.Event{Discovered: &d})
		rest = rest[n:]
	}
	s.stream.Emit(worker.Event{Reported: &worker.Reported{Kind: "settings", Data: worker.Raw(map[string]any{"notes": l.notes()})}})
	s.stream.Emit(worker.Event{Collected: &worker.Collected{
		Tests: len(l.units), Deselected: len(l.all) - len(l.units), DurationMS: float64(time.Since(began).Microseconds()) / 1e3,
	}})
	return nil
}

// fitting returns how many of the units go into one message: at least one, and few
// enough for it to be short.
func fitting(units []worker.TestID) (n int) {
	const many, long = 10_000, 1 << 20
	for size := 0; n < min(len(units), many) && (n == 0 || size+len(units[n]) <= long); n++ {
		size += len(units[n])
	}
	return n
}

// serve runs what the stream has, a batch at a time.
func (s *session) serve(ctx context.Context) error {
	for {
		batch := s.next(ctx)
		if len(batch) == 0 {
			return nil
		}
		for len(batch) > 0 {
			n := s.run.fits(names(batch))
			if err := s.batch(ctx, batch[:n]); err != nil {
				return err
			}
			batch = batch[n:]
		}
	}
}

// next takes what waits now, or waits for something. Where a unit is judged by
// its status it is taken alone. None means that the stream has ended.
func (s *session) next(ctx context.Context) (batch []worker.Leased) {
	for {
		t, state := s.stream.Next(ctx, len(batch) == 0)
		if state != worker.Ready {
			return batch
		}
		batch = append(batch, t)
		if !s.options.cased() {
			return batch
		}
	}
}

func names(batch []worker.Leased) []string {
	out := make([]string, len(batch))
	for i, t := range batch {
		out[i] = string(t.ID)
	}
	return out
}

// unitsFile returns the file that $SHARDYARD_UNITS names.
func (s *session) unitsFile() string { return filepath.Join(s.scratch, "units") }

// junitFile returns the file that {junit} names.
func (s *session) junitFile() string { return filepath.Join(s.scratch, "junit.xml") }
