// Package console is what people see of a run in a terminal or a log: live
// views, the closing lines, the table of a forecast. It reads a
// [report.State] or a [report.Report], and knows no more than they do.
package console

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// Console shows a run while it happens. It folds the events that it is given
// into a state of its own, and drops what it cannot write: a closed pipe must
// not stop a run. It may be used concurrently.
type Console struct {
	mu    sync.Mutex
	view  view
	state report.State
	seen  report.Glance
	now   func() time.Time
	start time.Time // of the run; zero until the first event
	open  bool      // the framework's text stopped in the middle of a line
	words *Text     // the framework's text, on its way to the view
}

// A view is one way to show a run.
type view interface {
	// event comes after the state has taken e in.
	event(sc scene, e report.Event)
	// tick comes a few times a second.
	tick(sc scene)
	// text is the framework's own closing text, as it comes.
	text(p []byte)
	// show prints what each worker is at, for somebody who asked.
	show(sc scene)
	// aside takes away what would be in the way of what somebody else writes.
	aside()
}

// Handle takes the next event of the run.
func (c *Console) Handle(e report.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.start.IsZero() {
		c.start = c.now().Add(-e.At)
	}
	c.state.Apply(e)
	_ = c.words.Flush() // a colour of the framework's ends with its text
	if _, over := e.Body.(report.RunFinished); over && c.open {
		c.open = false
		c.view.text([]byte("\n"))
	}
	c.view.event(c.scene(e.At), e)
}

// Watch takes what the scheduler knows besides the events.
func (c *Console) Watch(g report.Glance) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = g
}

// Show prints once what each worker is at.
func (c *Console) Show() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.start.IsZero() {
		c.view.show(c.scene(c.now().Sub(c.start)))
	}
}

// Aside has somebody else write whole lines to the terminal that the console is shown
// on: no live line is there meanwhile.
func (c *Console) Aside(write func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.view.aside()
	write()
}

func (c *Console) scene(at time.Duration) scene { return scene{&c.state, c.seen, at} }

// spoken is a view as a writer of the framework's text.
type spoken struct{ view }

// Write implements io.Writer.
func (s spoken) Write(p []byte) (int, error) {
	s.text(p)
	return len(p), nil
}

// Write shows the framework's own closing text; it never fails.
func (c *Console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(p) > 0 {
		c.open = p[len(p)-1] != '\n'
	}
	return c.words.Write(p)
}

// Run keeps the live part of the console moving until ctx is done.
func (c *Console) Run(ctx context.Context, every time.Duration) {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			c.tick() // what waited for the next frame
			return
		case <-t.C:
			c.tick()
		}
	}
}

func (c *Console) tick() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.start.IsZero() {
		c.view.tick(c.scene(c.now().Sub(c.start)))
	}
}

// Progress is how a console shows a run.
type Progress string

// The ways to show a run. Auto is TTY on a terminal, else Plain.
const (
	Auto  Progress = "auto"
	TTY   Progress = "tty"
	Plain Progress = "plain"
	Quiet Progress = "quiet"
	JSON  Progress = "json"
)

// Screen is where a console writes.
type Screen struct {
	// Out is the terminal or the log itself: a console makes safe what it shows.
	Out      io.Writer
	Terminal bool // Out is a terminal
	Dumb     bool // Out is a terminal that obeys no escape sequences
	// Size is columns and rows now; nil is 80 and 24, as is each that is below 1.
	Size  func() (width, height int)
	Color bool             // see UseColor
	Folds bool             // see NewText
	Now   func() time.Time // nil is time.Now
}

func (s Screen) size() (width, height int) {
	if s.Size != nil {
		width, height = s.Size()
	}
	if width < 1 {
		width = 80
	}
	if height < 1 {
		height = 24
	}
	return width, height
}

// New makes a console. An unknown p is an error that lists the known
// ones.
func New(p Progress, s Screen) (*Console, error) {
	c := &Console{now: s.Now}
	if c.now == nil {
		c.now = time.Now
	}
	if p == Auto || p == "" {
		if p = Plain; s.Terminal {
			p = TTY
		}
	}
	switch p {
	case TTY:
		c.view = &tty{screen: s}
	case Plain:
		c.view = &plain{screen: s}
	case Quiet:
		c.view = quiet{}
	case JSON:
		c.view = jsonLines{out: NewJSON(s.Out)}
	default:
		return nil, fmt.Errorf("unknown progress %q: use auto, tty, plain, quiet or json", p)
	}
	c.words = NewText(spoken{c.view}, s.Folds)
	return c, nil
}

// UseColor decides whether to color. choice is "auto", "always" or "never";
// env looks a variable up as os.Getenv does.
func UseColor(choice string, terminal bool, env func(string) string) (bool, error) {
	switch choice {
	case "always":
		return true, nil
	case "never":
		return false, nil
	case "auto", "":
		if env("NO_COLOR") != "" || env("TERM") == "dumb" {
			return false, nil
		}
		return terminal || (env("FORCE_COLOR") != "" && env("FORCE_COLOR") != "0"), nil
	default:
		return false, fmt.Errorf("unknown color %q: use auto, always or never", choice)
	}
}

// quiet shows nothing while the run happens.
type quiet struct{}

func (quiet) event(scene, report.Event) {}
func (quiet) tick(scene)                {}
func (quiet) text([]byte)               {}
func (quiet) show(scene)                {}
func (quiet) aside()                    {}

// jsonLines prints the record itself.
type jsonLines struct{ out io.Writer }

func (c jsonLines) event(_ scene, e report.Event) {
	if b, err := e.MarshalJSON(); err == nil { // what cannot be encoded fails the record's own writer
		write(c.out, string(b)+"\n")
	}
}

func (jsonLines) tick(scene)  {}
func (jsonLines) text([]byte) {} // it is in the events
func (jsonLines) show(scene)  {}
func (jsonLines) aside()      {}

// write drops the error on purpose: see Console.
func write(w io.Writer, s string) {
	_, _ = io.WriteString(w, s)
}
