package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/shardyard/shardyard/orchestrator/report/console"
)

// This file owns the terminal: the process's own streams, whether they are
// terminals, how wide, in colour or not, and how progress is shown. All other
// code writes to the streams of its command, which show text that neither a
// terminal nor a CI system obeys.

// A screen is a stream of the process.
type screen struct {
	*console.Text
	file *os.File
	live *atomic.Pointer[console.Console] // what shows a run on the process's terminal; nil for none
}

// A beside is a stream that may be shown on the same terminal as live lines.
type beside struct {
	file *os.File
	live *atomic.Pointer[console.Console]
}

// Write implements io.Writer.
func (b beside) Write(p []byte) (n int, err error) {
	c := b.live.Load()
	if c == nil || !term.IsTerminal(int(b.file.Fd())) {
		return b.file.Write(p)
	}
	c.Aside(func() { n, err = b.file.Write(p) })
	return n, err
}

// attach gives a command, and those below it, the streams of the process. flush
// shows what they hold back.
func attach(root *cobra.Command) (flush func()) {
	live := new(atomic.Pointer[console.Console])
	out, errs := &screen{console.NewText(os.Stdout, folds()), os.Stdout, live}, &screen{console.NewText(beside{os.Stderr, live}, folds()), os.Stderr, live}
	root.SetIn(os.Stdin)
	root.SetOut(out)
	root.SetErr(errs)
	return func() { _ = errors.Join(out.Flush(), errs.Flush()) } // a stream that is gone changes nothing
}

// folds reports whether the log is of a CI system that folds it.
func folds() bool { return os.Getenv("BUILDKITE") == "true" }

// raw returns the stream itself under a command's, for those that know what they
// write.
func raw(w io.Writer) io.Writer {
	if s, ok := w.(*screen); ok {
		return s.file
	}
	return w
}

// data returns a command's stream for what programs read, and is as it is: but
// people who look at it on a terminal see text.
func data(w io.Writer) io.Writer {
	if isTerminal(w) {
		return w
	}
	return raw(w)
}

// jsonTo returns a command's stream for JSON.
func jsonTo(w io.Writer) io.Writer { return console.NewJSON(raw(w)) }

// isTerminal reports whether what is written to w is shown on a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := raw(w).(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// size returns the columns and rows of w's terminal; 0 if they are not known.
func size(w io.Writer) (width, height int) {
	f, ok := raw(w).(*os.File)
	if !ok {
		return 0, 0
	}
	width, height, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0, 0
	}
	return width, height
}

// A palette is --color.
type palette struct {
	color string
	out   func() io.Writer // the command's own output
}

func (p *palette) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.color, "color", "auto", "auto, always or never; NO_COLOR is honoured")
	p.out = cmd.OutOrStdout
}

// check returns an error for an unknown --color.
func (p *palette) check() error {
	_, err := console.UseColor(p.color, false, os.Getenv)
	return err
}

// colored reports whether the command's output has colours. A command without
// --color has none.
func (p *palette) colored() bool {
	if p.out == nil {
		return false
	}
	on, err := console.UseColor(p.color, isTerminal(p.out()), os.Getenv)
	return err == nil && on
}

// A logbook is --log-level.
type logbook struct {
	level string
	to    func() io.Writer
}

func (l *logbook) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&l.level, "log-level", "warn", "what to log to stderr: trace, debug, info, warn, error")
	l.to = cmd.ErrOrStderr
}

// logger returns the log for operators.
func (l *logbook) logger() (hclog.Logger, error) {
	level := hclog.LevelFromString(l.level)
	if level == hclog.NoLevel {
		return nil, fmt.Errorf("--log-level %q: write trace, debug, info, warn or error", l.level)
	}
	return hclog.New(&hclog.LoggerOptions{Name: "shardyard", Output: l.to(), Level: level, Color: hclog.ColorOff}), nil
}

// console shows a run as --progress and --color say. stop ends it.
func (f *runFlags) console(ctx context.Context, out io.Writer) (c *console.Console, stop func(), err error) {
	if err := f.check(); err != nil {
		return nil, nil, err
	}
	return show(ctx, f.progress, out, f.colored(), nil)
}

// show makes a console on a command's output, and keeps it moving until stop. now is
// its clock; nil is time.Now. Where the system has a signal for it, the console says
// what each worker is at when that comes.
func show(ctx context.Context, progress string, out io.Writer, color bool, now func() time.Time) (c *console.Console, stop func(), err error) {
	s := console.Screen{
		Out: raw(out), Terminal: isTerminal(out) && obeys(raw(out)), Dumb: os.Getenv("TERM") == "dumb", Color: color,
		Size: func() (int, int) { return size(out) }, Folds: folds(), Now: now,
	}
	if c, err = console.New(console.Progress(progress), s); err != nil {
		return nil, nil, err
	}
	live := new(atomic.Pointer[console.Console])
	if on, ok := out.(*screen); ok {
		live = on.live
	}
	live.Store(c)
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	asked := make(chan os.Signal, 1)
	if len(statusSignals) > 0 {
		signal.Notify(asked, statusSignals...)
	}
	var all sync.WaitGroup
	all.Go(func() { c.Run(ctx, 100*time.Millisecond) })
	all.Go(func() {
		for {
			select {
			case <-asked:
				c.Show()
			case <-ctx.Done():
				return
			}
		}
	})
	return c, func() { signal.Stop(asked); cancel(); all.Wait(); live.Store(nil) }, nil
}
