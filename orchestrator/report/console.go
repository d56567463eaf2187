package report

import (
	"fmt"
	"io"
	"time"
)

// A Console shows a run while it happens. It has one caller at a time, and
// drops what it cannot write: a closed pipe must not stop a run.
type Console interface {
	// Event comes after the state has taken e in.
	Event(s *State, e Event)
	// Tick comes a few times a second, with the time since the start.
	Tick(s *State, elapsed time.Duration)
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
	Out      io.Writer
	Terminal bool       // Out is a terminal
	Width    func() int // columns now; nil or below 1 is 80
	Color    bool
}

func (s Screen) width() int {
	if s.Width != nil {
		if w := s.Width(); w > 0 {
			return w
		}
	}
	return 80
}

// NewConsole makes a console. An unknown p is an error that lists the known
// ones.
func NewConsole(p Progress, s Screen) (Console, error) {
	switch p {
	case Auto, "":
		if s.Terminal {
			return newTTY(s), nil
		}
		return &plain{screen: s}, nil
	case TTY:
		return newTTY(s), nil
	case Plain:
		return &plain{screen: s}, nil
	case Quiet:
		return quiet{}, nil
	case JSON:
		return &jsonLines{out: s.Out}, nil
	default:
		return nil, fmt.Errorf("unknown progress %q: use auto, tty, plain, quiet or json", p)
	}
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

func (quiet) Event(*State, Event)        {}
func (quiet) Tick(*State, time.Duration) {}

// jsonLines prints the log itself.
type jsonLines struct{ out io.Writer }

func (c *jsonLines) Event(_ *State, e Event) {
	b, err := encode(e)
	if err != nil {
		b, err = encode(Event{Seq: e.Seq, At: e.At, Body: Note{Text: err.Error(), Level: Warning}})
	}
	if err == nil {
		write(c.out, string(b)+"\n")
	}
}

func (*jsonLines) Tick(*State, time.Duration) {}

// write drops the error on purpose: see Console.
func write(w io.Writer, s string) {
	_, _ = io.WriteString(w, s)
}
