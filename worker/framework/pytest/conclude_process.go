package pytest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/shardyard/shardyard/worker"
)

// replayFile is what replay.py leaves for us below out.
const replayFile = "replay.json"

// replayed is what that file holds.
type replayed struct {
	Exit    int            `json:"exit"`
	Tests   map[string]int `json:"tests"`
	Error   string         `json:"error"`
	JUnit   string         `json:"junitxml"`
	Partial []string       `json:"partial"`
	Whole   bool           `json:"whole"` // hooks of the end had all that the sessions gathered
	// Forgiven: tests failed, or there were none, and hooks have set Exit to 0.
	Forgiven bool `json:"forgiven"`
}

// A finish is one call of Conclude.
type finish struct {
	worker.Conclude
	options ConcludeOptions
	py      string // where the Python files are
	emit    func(worker.Event)
}

// replay runs one pytest over all reports. It is told apart from a pytest that
// died by the file that it leaves: an exit status says nothing.
func (f finish) replay(ctx context.Context) (r replayed, err error) {
	request := map[string]any{"args": f.arguments(), "dir": f.Dir, "color": f.options.Color, "seed": f.options.Seed}
	how, err := f.python(ctx, "replay.py", request, writer(func(p []byte) { f.print("stdout", p) }))
	if err != nil {
		return replayed{Exit: -1}, fmt.Errorf("replay the reports: %w", err)
	}
	if err := readJSON(filepath.Join(f.Dir, "out", replayFile), &r); err != nil {
		return replayed{Exit: -1}, fmt.Errorf("replay the reports: pytest ended before its end, %s (%w)", how, err)
	}
	if r.Error != "" {
		return r, fmt.Errorf("replay the reports: %s", r.Error)
	}
	return r, nil
}

// excused returns the workers whose session ended as it did because it saw a share
// of the tests only: with its reports alone a replay ends the same way and says
// the same. What a hook found in the worker's process, and not in what its tests
// gathered, it does not find here.
func (f finish) excused(ctx context.Context) ([]string, error) {
	var run struct {
		Sessions []struct {
			Name    string `json:"name"`
			Code    int    `json:"code"`
			Closing string `json:"closing"`
		} `json:"sessions"`
	}
	if err := readJSON(filepath.Join(f.Dir, "run.json"), &run); err != nil {
		return nil, err
	}
	var names []string
	for _, s := range run.Sessions {
		request := map[string]any{"args": f.arguments(), "dir": f.Dir, "color": "no", "seed": f.options.Seed, "share": s}
		aside := f
		aside.emit = func(worker.Event) {}
		if _, err := aside.python(ctx, "replay.py", request, io.Discard); err != nil {
			return nil, fmt.Errorf("replay the reports of %s: %w", s.Name, err)
		}
		var share struct {
			Same bool `json:"same"`
		}
		err := readJSON(filepath.Join(f.Dir, "shares", s.Name+".json"), &share)
		if err == nil && share.Same {
			names = append(names, s.Name)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // it is not there when pytest came to no end
			return nil, err
		}
	}
	return names, nil
}

// arguments returns the user's.
func (f finish) arguments() []string {
	return append([]string{}, f.Args...)
}

// combine makes one coverage of all; table is what there is to print of it.
// Data that is missing or broken is no error: the result says so.
func (f finish) combine(ctx context.Context) (_ *CoverageSummary, table []byte, err error) {
	var text bytes.Buffer
	request := map[string]any{"dir": f.Dir, "coverage": f.options.Coverage, "project": f.Project}
	how, err := f.python(ctx, "combine.py", request, &text)
	if err != nil {
		return nil, nil, fmt.Errorf("combine coverage: %w", err)
	}
	var c CoverageSummary
	if err := readJSON(filepath.Join(f.Dir, "out", "coverage", "total.json"), &c); err != nil {
		c = CoverageSummary{Reason: "coverage.py ended before it had combined the data, " + how.String()}
		return &c, text.Bytes(), fmt.Errorf("combine coverage: %s (%w)", c.Reason, err)
	}
	return &c, text.Bytes(), nil
}

// ended is how a process ended.
type ended struct {
	code   int    // exit status; 128 + the signal's number when there was one
	signal string // its name, or ""
}

// String says it behind a comma: "with status 3", "killed by SIGKILL".
func (e ended) String() string {
	if e.signal != "" {
		return "killed by " + e.signal
	}
	return fmt.Sprintf("with status %d", e.code)
}

// python runs one of our files to its end, and returns how it ended. An error
// means that it could not be run.
func (f finish) python(ctx context.Context, file string, request any, stdout io.Writer) (ended, error) {
	options, err := parseOptions(worker.Raw(Options{Python: f.options.Python, HashSeed: f.options.HashSeed}), f.Program)
	if err != nil {
		return ended{}, err
	}
	env := environ(f.Env, options)
	interpreter, err := lookPath(options.Python, f.Source, env)
	if err != nil {
		return ended{}, err
	}
	order, err := json.Marshal(request)
	if err != nil {
		return ended{}, err
	}
	cmd := exec.CommandContext(ctx, interpreter, filepath.Join(f.py, file))
	cmd.Dir, cmd.Env = f.Source, env
	cmd.Stdout, cmd.Stderr = stdout, writer(func(p []byte) { f.print("stderr", p) })
	cmd.WaitDelay = linger
	worker.Group(cmd)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return ended{}, err
	}
	if err := cmd.Start(); err != nil {
		return ended{}, fmt.Errorf("start %s: %w", interpreter, err)
	}
	// A process that does not read has ended: its state says how.
	_, _ = stdin.Write(append(order, '\n'))
	if f.complete(ctx) {
		_, _ = stdin.Write([]byte("go\n"))
	}
	_ = stdin.Close()
	// How it ended is in its state; that a child of a plugin holds its output
	// open is no matter.
	_ = cmd.Wait()
	code, signal := worker.ExitStatus(cmd.ProcessState)
	return ended{code, signal}, nil
}

// complete waits until the coordinator has laid out what there is to conclude;
// false when it has given up.
func (f finish) complete(ctx context.Context) bool {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for f.Await != "" {
		if _, err := os.Stat(f.Await); err == nil {
			break
		}
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
	return true
}

// print emits text. It keeps nothing of p.
func (f finish) print(stream string, p []byte) {
	for len(p) > 0 {
		n := min(len(p), worker.MaxFrame)
		f.emit(worker.Event{Output: &worker.Output{Stream: stream, Data: bytes.Clone(p[:n])}})
		p = p[n:]
	}
}

// A writer is a function that takes what is written.
type writer func([]byte)

func (w writer) Write(p []byte) (int, error) {
	w(p)
	return len(p), nil
}

func readJSON(path string, v any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}
